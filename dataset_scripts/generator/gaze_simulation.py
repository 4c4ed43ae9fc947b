"""Simulated eye movements that depend on the felt emotion: fixations, saccades, pupil, blinks, lost samples."""

from dataclasses import dataclass

import numpy as np

from .truth import GeneratorSettings, Truth

# By felt emotion: pupil change in mm, mean fixation in ms, spread of the gaze (fraction of the screen), its distance below the
# middle and from what attracts it (the same unit), blinks a minute. Plausible values, not fitted to people.
_EYES = {
    "happiness": (0.22, 270, 0.105, 0.00, 0.00, 18),
    "sadness": (-0.12, 390, 0.070, 0.11, 0.04, 24),
    "fear": (0.42, 210, 0.150, -0.02, 0.10, 9),
    "surprise": (0.36, 340, 0.060, -0.07, 0.00, 7),
    "disgust": (0.02, 230, 0.110, 0.05, 0.16, 27),
    "anger": (0.26, 350, 0.060, 0.02, -0.01, 11),
    "neutral": (-0.05, 300, 0.115, 0.00, 0.02, 16),
}
_DEVIATIONS = np.array([0.06, 22, 0.009, 0.016, 0.016, 3])
_SACCADE_MS = 40
_REACTION_MS = 400  # delay of the pupil's reaction


@dataclass
class SimulatedGaze:
    """What the tracker recorded. Positions are normalised to the screen, NaN where the eye is lost.

    - `times` `(samples,)` ms; `gaze` `(samples, 2, 2)` left and right eye, x and y; `pupil` `(samples, 2)` mm.
    - `event` `(samples,)` index into `events`; `events` `(events, 5)`: kind (0 fixation, 1 saccade), start and end in ms,
      x, y of the fixation or of the saccade's end.
    - `blinks` `(blinks, 2)` start and end in ms; `lost` `(samples,)` bool.
    """

    times: np.ndarray
    gaze: np.ndarray
    pupil: np.ndarray
    event: np.ndarray
    events: np.ndarray
    blinks: np.ndarray
    lost: np.ndarray


def simulate_gaze(truth: Truth, settings: GeneratorSettings) -> SimulatedGaze:
    """The eyes of one recording; the same truth gives the same eyes."""
    rng = np.random.default_rng((*truth.seed, 0))
    habits = np.array(_EYES[truth.felt]) + _DEVIATIONS * settings.noise * rng.standard_normal(len(_DEVIATIONS))
    pupil_change, fixation_ms, spread, below, avoidance, blinks_a_minute = habits
    duration = settings.seconds * 1000
    times = np.arange(0, duration, 1000 / settings.gaze_rate)
    centre = _resting_place(truth, below, avoidance, rng)
    events = _scan_path(centre, max(0.02, spread), max(90, fixation_ms * truth.person.fixation_scale), duration, rng)
    blinks = _blinks(max(0.5, blinks_a_minute) * truth.person.blink_scale, duration, rng)
    event = np.clip(np.searchsorted(events[:, 1], times, side="right") - 1, 0, len(events) - 1)
    lost = _inside(times, blinks) | _inside(times, _dropouts(truth.person.dropout_rate, duration, rng))
    gaze = _gaze_points(times, event, events, np.array(truth.person.offset), settings.noise, rng)
    pupil = _pupil(times, pupil_change, truth, settings, rng)
    gaze[lost], pupil[lost] = np.nan, np.nan
    return SimulatedGaze(times, gaze, pupil, event, events, blinks, lost)


def gaze_at(simulated: SimulatedGaze, times: np.ndarray) -> np.ndarray:
    """The true gaze point at these times, also where samples are lost: `(times, 2)`."""
    index = np.clip(np.searchsorted(simulated.events[:, 1], times, side="right") - 1, 0, len(simulated.events) - 1)
    return simulated.events[index, 3:5]


def _resting_place(truth: Truth, below: float, avoidance: float, rng: np.random.Generator) -> np.ndarray:
    """The mean gaze point: near what attracts the gaze in the stimulus, or away from it for emotions with avoidance."""
    angle = rng.uniform(0, 2 * np.pi)
    away = avoidance * np.array([np.cos(angle), np.sin(angle)])
    return np.array(truth.stimulus.centre) + away + np.array([0, below])


def _scan_path(
    centre: np.ndarray, spread: float, mean_fixation: float, duration: float, rng: np.random.Generator
) -> np.ndarray:
    """Fixations and the saccades between them until the end: `(events, 5)`, see [`SimulatedGaze`]."""
    events, moment = [], 0.0
    while moment < duration:
        length = float(np.clip(mean_fixation * rng.lognormal(-0.08, 0.4), 80, 2000))
        x, y = centre + spread * rng.standard_normal(2)
        if events:
            events.append((1, moment, moment + _SACCADE_MS, x, y))
            moment += _SACCADE_MS
        events.append((0, moment, moment + length, x, y))
        moment += length
    return np.array(events)


def _blinks(a_minute: float, duration: float, rng: np.random.Generator) -> np.ndarray:
    starts = np.sort(rng.uniform(0, duration, rng.poisson(a_minute * duration / 60_000)))
    return np.stack([starts, starts + rng.uniform(100, 240, len(starts))], axis=1)


def _dropouts(a_second: float, duration: float, rng: np.random.Generator) -> np.ndarray:
    starts = rng.uniform(0, duration, rng.poisson(a_second * duration / 1000))
    return np.stack([starts, starts + rng.uniform(50, 600, len(starts))], axis=1)


def _inside(times: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """`(times,)` bool: within any of the spans `(spans, 2)`."""
    return ((spans[:, 0] <= times[:, None]) & (times[:, None] <= spans[:, 1])).any(axis=1)


def _gaze_points(
    times: np.ndarray, event: np.ndarray, events: np.ndarray, offset: np.ndarray, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """`(samples, 2 eyes, 2)`: the fixation point, in a saccade between two of them; with calibration offset and noise."""
    kind, start, end = events[event, 0], events[event, 1], events[event, 2]
    target = events[event, 3:5]
    origin = events[np.maximum(event - 1, 0), 3:5]
    progress = np.where(kind == 1, np.clip((times - start) / (end - start), 0, 1), 1.0)[:, None]
    point = origin + (target - origin) * progress + offset
    return point[:, None, :] + 0.006 * noise * rng.standard_normal((len(times), 2, 2))


def _pupil(times: np.ndarray, change: float, truth: Truth, settings: GeneratorSettings, rng: np.random.Generator) -> np.ndarray:
    """`(samples, 2 eyes)` mm: the person's own size, the stimulus's luminance, the emotion's slow rise, drift, noise."""
    rise = 1 - np.exp(-np.clip(times - _REACTION_MS, 0, None) / 700)
    light = -0.25 * truth.stimulus.luminance
    drift = 0.05 * settings.noise * rng.standard_normal() * np.sin(times / 1500 + rng.uniform(0, 6))
    both = truth.person.pupil + light + truth.person.pupil_gain * change * rise + drift
    left_right = 0.04 * rng.standard_normal(2)
    noise = 0.03 * settings.noise * rng.standard_normal((len(times), 2))
    return np.clip(both[:, None] + left_right + noise, 1.5, 8.5)
