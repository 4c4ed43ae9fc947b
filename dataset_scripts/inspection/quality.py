"""The quality of a recording: measurements, and a verdict with its reasons."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES, COLUMNS, GAZE_COLUMNS
from modeling_emert.recording_emert import MILLIMETRES, OWN_UNITS, Gaze, Recording

# A blink hides the pupil for 75 to 500 ms; shorter gaps are noise of the tracker, longer ones a lost eye.
BLINK_MS = (75.0, 500.0)
# Below this rate the shortest blink lasts two samples, too few to find it by gaps.
BLINK_MIN_HZ = 30.0
PUPILS = ("pupil_left", "pupil_right")
PUPIL_RANGE = COLUMNS[COLUMN_INDEX["pupil_left"]].range  # mm
_EVEN = 0.9  # fraction of steps near their median, for a tracker that samples evenly
# Without any row for so long (and so many steps) nothing was recorded; a lost eye has rows, or comes back earlier.
_PAUSE_MS, _PAUSE_STEPS = 1000.0, 10.0
_BCEA_FRACTION = 0.6827
_GAP = 3.0  # times a long step: a gap of a tracker that does not
# How blinks were found -> in words.
BLINK_SOURCES = {"tracker": "the tracker", "pupil gaps": "gaps in the pupil", "gaze gaps": "gaps in the gaze"}


def usual_step(times: np.ndarray) -> float:
    """Time in ms from one sample to the next where none is left out; `times` `(samples,)`, at least two.

    The mean of all steps near the median: the median alone is 17 ms where a tracker at 60 Hz writes whole ms. Where a tenth
    or more of the steps are not near it, as with two eyes that are sampled in turn, the mean of all that are no gaps.
    """
    steps = np.diff(times)
    median = float(np.median(steps))
    near = (steps >= 0.5 * median) & (steps <= 1.5 * median)
    if near.mean() < _EVEN:
        near = steps <= _GAP * np.percentile(steps, 100 * _EVEN)
    return float(steps[near].mean())


def gap_lengths(times: np.ndarray, seen: np.ndarray, interval: float) -> np.ndarray:
    """Lengths in ms of all blocks without a valid sample, also at both ends; 0 where valid samples follow each other.

    `times` `(samples,)` ms, `seen` `(samples,)` bool. Rows that the tracker left out count as empty ones.
    """
    bounds = np.concatenate([[times[0] - interval], times[seen], [times[-1] + interval]])
    return np.maximum(np.diff(bounds) - interval, 0)


def gaze_points(gaze: Gaze) -> tuple[np.ndarray, str]:
    """`(samples, 2)` normalised x and y, and the frame: `stimulus`, else `screen` (the mean of both eyes at need)."""
    for part, frame in (("gaze_stimulus", "stimulus"), ("gaze", "screen")):
        points = np.stack([_finite(gaze, f"{part}_{axis}") for axis in "xy"], axis=1)
        if not np.isnan(points).all():
            return points, frame
    eyes = [np.stack([_finite(gaze, f"gaze_{eye}_{axis}") for axis in "xy"], axis=1) for eye in ("left", "right")]
    return _mean_of_known(*eyes), "screen"


def pupil_unit(sizes: np.ndarray, stated: str = MILLIMETRES) -> str | None:
    """`stated`, or `tracker's own units` where the median is no size of a pupil: EyeLink exports an area without a unit.

    None where no size is known. `sizes` `(samples,)`.
    """
    known = sizes[~np.isnan(sizes)]
    if len(known) == 0:
        return None
    return stated if PUPIL_RANGE[0] <= np.median(known) <= PUPIL_RANGE[1] else OWN_UNITS


def pupil(gaze: Gaze) -> np.ndarray:
    """`(samples,)` in [`pupil_unit`]: the mean of the eyes that are known, NaN where neither is."""
    return _mean_of_known(*(_finite(gaze, name) for name in PUPILS))


def known_fixations(gaze: Gaze | None) -> np.ndarray:
    """`(fixations, 4)` as in `Gaze`: those without missing numbers."""
    if gaze is None or gaze.fixations is None:
        return np.zeros((0, 4), np.float32)
    return gaze.fixations[np.isfinite(gaze.fixations).all(axis=1)]


def _finite(gaze: Gaze, name: str) -> np.ndarray:
    """`(samples,)` float64; infinite numbers become NaN."""
    values = gaze.column(name).astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _mean_of_known(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(first), second, np.where(np.isnan(second), first, (first + second) / 2))


def blink_spans(gaze: Gaze) -> tuple[np.ndarray, str] | None:
    """`(blinks, 2)` start and end in ms, and how they were found: a key of `BLINK_SOURCES`.

    None where they are unknown: the tracker reports no blinks, and gives fewer than `BLINK_MIN_HZ` samples a second or none
    in which the eyes are known.
    """
    if gaze.eye_movements is None or gaze.times_ms is None or len(gaze.eye_movements) < 2:
        return None
    times = gaze.times_ms.astype(np.float64)
    interval = float(np.median(np.diff(times)))
    reported = gaze.column("blink")
    if not np.isnan(reported).all():
        edges = np.diff(np.concatenate([[0], (reported == 1).astype(int), [0]]))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
        return np.stack([times[starts], times[ends]], axis=1), "tracker"
    if interval * BLINK_MIN_HZ > 1000 * (1 + 1e-3):
        return None
    seen, source = ~np.isnan(pupil(gaze)), "pupil gaps"
    if not seen.any():
        seen, source = ~np.isnan(gaze_points(gaze)[0]).any(axis=1), "gaze gaps"
    if not seen.any():
        return None
    known = times[seen]
    length = np.diff(known) - interval
    blinks = (length >= BLINK_MS[0]) & (length <= BLINK_MS[1])
    return np.stack([known[:-1][blinks] + interval / 2, known[1:][blinks] - interval / 2], axis=1), source


Verdict = Literal["good", "usable", "poor"]
VERDICTS: tuple[Verdict, ...] = ("good", "usable", "poor")


@dataclass(frozen=True)
class Limit:
    """One number of `Quality` with the values beyond which a recording is only usable, or poor."""

    number: str
    above: bool  # larger is worse
    usable: float
    poor: float | None  # None: this alone makes no recording poor
    sentence: str  # with the number as {}
    title: str  # for counting


LIMITS = (
    # With half of the samples missing, the rest does not show where the person looked. Blinks take 5 %, not a fifth.
    Limit("missing_fraction", True, 0.2, 0.5, "{:.0%} of the samples have no gaze point", "gaze missing"),
    # A gap of a quarter of the time is no blink: what was felt then was not recorded.
    Limit("largest_gap_fraction", True, 0.25, 0.5, "one gap takes {:.0%} of the time", "one long gap"),
    # Saccades last 30 to 80 ms: below 30 Hz they can't be seen. Fixations last 200 to 400 ms: below 10 Hz nor can they.
    Limit("rate_hz", False, 30, 10, "{:.1f} samples a second are few", "low rate"),
    # Some gaze beside the stimulus is natural; most of it there means wrong calibration or coordinates.
    Limit("outside_fraction", True, 0.2, 0.5, "{:.0%} of the gaze points are beside the screen", "gaze beside the screen"),
    # A point that never moves is a frozen tracker or a fill value; an eye drifts by more than this fraction of the screen.
    Limit("gaze_spread", False, 1e-4, 1e-6, "the gaze hardly moves (spread {:.1g} of the screen)", "gaze frozen"),
    Limit("pupil_missing_fraction", True, 0.5, None, "{:.0%} of the samples have no pupil", "pupil missing"),
    Limit("pupil_outside_fraction", True, 0.05, None, "{:.0%} of the pupils are outside of 1..9 mm", "pupil out of range"),
    # People make 2 to 4 fixations a second.
    Limit("fixations_per_second", False, 0.5, None, "{:.2f} fixations a second are few", "few fixations"),
    # Blinks, fixations and a mean over 32 steps need some samples.
    Limit("samples", False, 32, 8, "it has {} samples", "few samples"),
    # Two fixations hardly fit into half a second.
    Limit("duration_s", False, 2, 0.5, "{:.2f} s is short", "short"),
    # The network takes 8 frames; fewer than four with a face do not show an expression over time.
    Limit("face_found_fraction", False, 0.8, 0.5, "a face was found in {:.0%} of the frames", "face not found"),
)


@dataclass(frozen=True)
class FaceCheck:
    """In which frames of a video a face was found: `(frames,)` bool, and the frames' times from the start."""

    found: np.ndarray
    times_ms: np.ndarray


@dataclass(frozen=True)
class Quality:
    """Measurements of one recording; unknown ones are None.

    - `duration_s`; `samples`; `rate_hz`: one over the mean of the steps that are no gaps.
    - `pauses_s`: of the duration, when nothing was recorded: between the blocks of a recording, or trials of a stimulus.
    - `data_loss`: of the samples expected at `rate_hz`, those that are not there or have no gaze point, 0..1.
    - `rms_s2s`: root mean square of the steps from sample to sample; `bcea`: area of the ellipse that holds 68.27 % of the
      points; both of the gaze on the stimulus or else the screen, in its fractions, over all of the recording.
    - `missing_fraction`: of the samples, 0..1. `largest_gap_ms`: the longest time without a gaze point, including rows
      that the tracker left out; `largest_gap_fraction`: of the duration.
    - `outside_fraction`: of the gaze points, beside the screen. `gaze_spread`: standard deviation, the larger of x and y.
    - `blinks`, `blinks_per_minute`, `blinks_from`: a key of `BLINK_SOURCES`.
    - `pupil_median`, `pupil_range`: of both eyes' mean, in `pupil_unit`. `pupil_missing_fraction`: of the samples with gaze.
    - `verdict`, and `reasons` for less than good.
    """

    duration_s: float | None = None
    samples: int = 0
    rate_hz: float | None = None
    pauses_s: float | None = None
    data_loss: float | None = None
    rms_s2s: float | None = None
    bcea: float | None = None
    missing_fraction: float | None = None
    largest_gap_ms: float | None = None
    largest_gap_fraction: float | None = None
    outside_fraction: float | None = None
    gaze_spread: float | None = None
    blinks: int | None = None
    blinks_per_minute: float | None = None
    blinks_from: str | None = None
    fixations: int | None = None
    fixations_per_second: float | None = None
    fixation_mean_ms: float | None = None
    fixation_median_ms: float | None = None
    fixation_method: str | None = None
    pupil_unit: str | None = None
    pupil_median: float | None = None
    pupil_range: tuple[float, float] | None = None
    pupil_missing_fraction: float | None = None
    pupil_outside_fraction: float | None = None
    face_frames: int | None = None
    face_found_fraction: float | None = None
    columns: tuple[str, ...] = ()
    verdict: Verdict = "good"
    reasons: tuple[str, ...] = ()
    reason_titles: tuple[str, ...] = field(default=())


def measure_loaded(recording: Recording) -> Quality:
    """The quality of a recording that `EmertProcessor.load` made; at best usable where video and gaze hardly fit each other."""
    face = None if recording.face is None else FaceCheck(recording.face.detected, recording.face.times_ms)
    return measure(recording.gaze, face, lengths_differ=recording.lengths_differ is not None)


def measure(gaze: Gaze | None, face: FaceCheck | None = None, lengths_differ: bool = False) -> Quality:
    """The quality of one recording. `face` is None where there is no video. `lengths_differ`: see [`Recording`]."""
    numbers: dict = {}
    if face is not None and len(face.found):
        numbers |= {"face_frames": len(face.found), "face_found_fraction": float(np.mean(face.found))}
        if len(face.found) > 1:  # a photograph has no duration
            numbers["duration_s"] = float(face.times_ms[-1]) / 1000
    if gaze is not None:
        sampled = gaze.eye_movements is not None and len(gaze.eye_movements) > 0
        if (sampled or gaze.duration_ms > 0) and gaze.duration_ms < np.inf:
            numbers["duration_s"] = gaze.duration_ms / 1000  # 0 of a single sample
        if sampled:
            numbers |= _samples(gaze)
        if gaze.fixations is not None:
            recorded_s = numbers["duration_s"] - (numbers.get("pauses_s") or 0.0) if "duration_s" in numbers else None
            numbers |= _fixations(gaze, recorded_s)
    return Quality(**numbers, **_judge(numbers, gaze, lengths_differ))


def _judge(numbers: dict, gaze: Gaze | None, lengths_differ: bool) -> dict:
    """Verdict and reasons: the worst of all limits that are exceeded."""
    found: list[tuple[int, str, str]] = []
    for limit in LIMITS:
        if level := _level(limit, numbers.get(limit.number)):
            found.append((level, limit.sentence.format(numbers[limit.number]), limit.title))
    if gaze is not None and numbers.get("samples", 0) == 0:
        found.append((1, "it has no samples, so gaps, pupils and blinks are unknown", "no samples"))
    if lengths_differ:
        found.append((1, "the video and the gaze do not cover the same time", "lengths differ"))
    if not numbers:
        found.append((2, "it holds nothing that can be measured", "empty"))
    found.sort(key=lambda reason: -reason[0])
    worst = found[0][0] if found else 0
    _, reasons, titles = zip(*found, strict=True) if found else ((), (), ())
    return {"verdict": VERDICTS[worst], "reasons": reasons, "reason_titles": titles}


def _level(limit: Limit, value: float | None) -> int:
    """0 good, 1 usable, 2 poor."""
    if value is None:
        return 0
    worse = (lambda bound: value > bound) if limit.above else (lambda bound: value < bound)
    return 2 if limit.poor is not None and worse(limit.poor) else int(worse(limit.usable))


def _samples(gaze: Gaze) -> dict:
    """All measurements of the samples."""
    times = gaze.times_ms.astype(np.float64)
    duration = float(times[-1])
    interval = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    seen = np.isfinite(gaze.eye_movements[:, [COLUMN_INDEX[name] for name in GAZE_COLUMNS]]).any(axis=1)
    gap = float(gap_lengths(times, seen, interval).max(initial=0.0))
    present = ~np.isnan(gaze.eye_movements).all(axis=0)
    numbers: dict = {
        "samples": len(times),
        "rate_hz": 1000 / usual_step(times) if interval > 0 else None,
        "pauses_s": float(np.diff(times)[np.diff(times) > max(_PAUSE_MS, _PAUSE_STEPS * interval)].sum() / 1000),
        "missing_fraction": float(1 - seen.mean()),
        "largest_gap_ms": gap,
        "largest_gap_fraction": gap / duration if duration > 0 else None,
        "columns": tuple(name for name, known in zip(COLUMN_NAMES, present, strict=True) if known),
    }
    numbers |= _precision(gaze, times, numbers["rate_hz"])
    return numbers | _gaze_points(gaze) | _pupils(gaze, seen) | _blinks(gaze, duration)


def _precision(gaze: Gaze, times: np.ndarray, rate_hz: float | None) -> dict:
    """As pymovements measures them (`rms_s2s`, `bcea`, `data_loss`), the second of the known points."""
    points, _ = gaze_points(gaze)
    seen = ~np.isnan(points).any(axis=1)
    found = {}
    if rate_hz is not None:
        expected = int((times[-1] - times[0]) * rate_hz / 1000 + 1e-6) + 1
        found["data_loss"] = (max(expected - len(times), 0) + int((~seen).sum())) / max(expected, 1)
    steps = (np.diff(points, axis=0) ** 2).sum(axis=1)
    steps = steps[~np.isnan(steps)]
    if len(steps):
        found["rms_s2s"] = float(np.sqrt(steps.mean()))
    if seen.sum() > 2:
        (xx, xy), (_, yy) = np.cov(points[seen].T)
        if xx > 0 and yy > 0:
            found["bcea"] = float(-2 * np.log(1 - _BCEA_FRACTION) * np.pi * np.sqrt(max(xx * yy - xy**2, 0.0)))
    return found


def _gaze_points(gaze: Gaze) -> dict:
    points, _ = gaze_points(gaze)
    known = points[~np.isnan(points).any(axis=1)].astype(np.float64)
    if len(known) == 0:
        return {}
    outside = ((known < 0) | (known > 1)).any(axis=1)
    spread = float(known.std(axis=0).max()) if len(known) > 1 else None
    return {"outside_fraction": float(outside.mean()), "gaze_spread": spread}


def _pupils(gaze: Gaze, seen: np.ndarray) -> dict:
    sizes = pupil(gaze)
    known = sizes[~np.isnan(sizes)]
    if len(known) == 0:
        return {}
    low, high = PUPIL_RANGE
    unit = pupil_unit(sizes, gaze.pupil_unit)
    return {
        "pupil_unit": unit,
        "pupil_median": float(np.median(known)),
        "pupil_range": (float(known.min()), float(known.max())),
        "pupil_missing_fraction": float(np.isnan(sizes[seen]).mean()) if seen.any() else None,
        "pupil_outside_fraction": float(((known < low) | (known > high)).mean()) if unit == MILLIMETRES else None,
    }


def _blinks(gaze: Gaze, duration_ms: float) -> dict:
    found = blink_spans(gaze)
    if found is None or duration_ms <= 0:
        return {}
    spans, source = found
    return {"blinks": len(spans), "blinks_per_minute": len(spans) * 60_000 / duration_ms, "blinks_from": source}


def _fixations(gaze: Gaze, duration_s: float | None) -> dict:
    lengths = known_fixations(gaze)[:, 3]
    numbers = {"fixations": len(lengths), "fixation_method": gaze.fixation_method}
    if duration_s:
        numbers["fixations_per_second"] = len(lengths) / duration_s
    if len(lengths):
        numbers |= {"fixation_mean_ms": float(lengths.mean()), "fixation_median_ms": float(np.median(lengths))}
    return numbers
