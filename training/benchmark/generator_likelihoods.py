"""How probable a generated recording's eyes and face are under each emotion: the generator's own model, read backwards.

What is random in a recording (each emotion's deviations, the direction of a look away, a wave's phase) is integrated out on
grids, fine enough for clips of up to a minute. Constants that are the same for all emotions are left out.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp, softmax
from scipy.stats import norm

from dataset_scripts.generator import face_drawing, gaze_simulation
from dataset_scripts.generator.face_drawing import frame_count
from dataset_scripts.generator.gaze_simulation import SimulatedGaze
from dataset_scripts.generator.truth import GeneratorSettings, Truth
from modeling_emert.tasks_emert import EMOTIONS

_EYES = np.array([gaze_simulation._EYES[emotion] for emotion in EMOTIONS])  # (7, 6)
_FACES = np.array([face_drawing._EXPRESSIONS[emotion] for emotion in EMOTIONS])  # (7, 7) at full strength
_PUPIL, _FIXATION, _SPREAD, _BELOW, _AVOIDANCE, _BLINKS = range(6)  # columns of _EYES
_LEAST_NOISE = 0.01  # below, every posterior is certain, and densities would be infinite
_CHUNK = 500  # recordings at once, for memory's sake

GRID = np.linspace(-5, 5, 101)  # standard deviations
LOG_WEIGHTS = np.log(softmax(-(GRID**2) / 2))
_COARSE = slice(0, None, 4)  # where a second grid comes on top
_ANGLES = np.linspace(0, 2 * np.pi, 64, endpoint=False)
_PHASES = np.linspace(0, 6, 128)


def log_likelihood_of_eyes(truths: Sequence[Truth], gazes: Sequence[SimulatedGaze], settings: GeneratorSettings) -> np.ndarray:
    """`(recordings, 7)` by felt emotion, up to a constant for each recording."""
    spread = np.array(gaze_simulation._DEVIATIONS) * max(settings.noise, _LEAST_NOISE)
    parts = []
    for start in range(0, len(truths), _CHUNK):
        people, eyes = truths[start : start + _CHUNK], gazes[start : start + _CHUNK]
        fixations = [gaze.events[gaze.events[:, 0] == 0] for gaze in eyes]  # kind, start, end, x, y
        parts.append(
            _blinks(people, eyes, spread[_BLINKS], settings)
            + _durations(people, fixations, spread[_FIXATION])
            + _places(people, fixations, spread)
            + _pupils(people, eyes, spread[_PUPIL], settings)
        )
    return np.concatenate(parts)


def _habits(column: int, deviation: float) -> np.ndarray:
    """`(7, 101)`: what a deviation of the grid makes of each emotion's value."""
    return _EYES[:, column, None] + deviation * GRID


def _blinks(
    people: Sequence[Truth], eyes: Sequence[SimulatedGaze], deviation: float, settings: GeneratorSettings
) -> np.ndarray:
    """Their number is Poisson."""
    counts = np.array([len(gaze.blinks) for gaze in eyes])[:, None, None]
    scale = np.array([truth.person.blink_scale for truth in people])[:, None, None]
    expected = np.maximum(0.5, _habits(_BLINKS, deviation)) * scale * settings.seconds / 60
    return logsumexp(counts * np.log(expected) - expected + LOG_WEIGHTS, axis=2)


def _durations(people: Sequence[Truth], fixations: Sequence[np.ndarray], deviation: float) -> np.ndarray:
    """Log-normal, kept within 80..2000 ms: those at a bound tell only that they would have gone beyond it."""
    scale = np.array([truth.person.fixation_scale for truth in people])[:, None, None]
    middle = np.log(np.maximum(90, _habits(_FIXATION, deviation) * scale)) - 0.08  # (n, 7, 101)
    logs = [np.log(events[:, 2] - events[:, 1]) for events in fixations]
    low, high = np.log(80), np.log(2000)
    inside = [values[(values > low + 1e-6) & (values < high - 1e-6)] for values in logs]
    count = np.array([len(values) for values in inside])[:, None, None]
    total = np.array([values.sum() for values in inside])[:, None, None]
    below = np.array([(values <= low + 1e-6).sum() for values in logs])[:, None, None]
    above = np.array([(values >= high - 1e-6).sum() for values in logs])[:, None, None]
    likelihood = (total * middle - count * middle**2 / 2) / 0.4**2
    likelihood += below * norm.logcdf((low - middle) / 0.4) + above * norm.logsf((high - middle) / 0.4)
    return logsumexp(likelihood + LOG_WEIGHTS, axis=2)


def _places(people: Sequence[Truth], fixations: Sequence[np.ndarray], deviations: np.ndarray) -> np.ndarray:
    """Scattered about a centre, which lies below what draws the eye and beside it in any direction.

    Given scatter and direction, the mean of the points is normal with the 2 x 2 covariance [[a, b], [b, d]].
    """
    count = np.array([len(events) for events in fixations])[:, None, None]  # (n, scatter, angle) throughout
    drawn_to = np.array([truth.stimulus.centre for truth in people])
    mean = np.array([events[:, 3:].mean(axis=0) for events in fixations]) - drawn_to
    around = np.array([((events[:, 3:] - events[:, 3:].mean(axis=0)) ** 2).sum() for events in fixations])[:, None, None]
    cos, sin = np.cos(_ANGLES), np.sin(_ANGLES)
    result = []
    for habits in _EYES:
        scatter = np.maximum(0.02, habits[_SPREAD] + deviations[_SPREAD] * GRID[_COARSE])[:, None]
        rest = scatter**2 / count
        a = deviations[_AVOIDANCE] ** 2 * cos**2 + rest
        b = deviations[_AVOIDANCE] ** 2 * cos * sin
        d = deviations[_AVOIDANCE] ** 2 * sin**2 + deviations[_BELOW] ** 2 + rest
        x = (mean[:, :1] - habits[_AVOIDANCE] * cos)[:, None]
        y = (mean[:, 1:] - habits[_AVOIDANCE] * sin - habits[_BELOW])[:, None]
        determinant = a * d - b**2
        likelihood = -((d * x**2 - 2 * b * x * y + a * y**2) / determinant + np.log(determinant)) / 2
        likelihood = likelihood - 2 * (count - 1) * np.log(scatter) - around / (2 * scatter**2)
        result.append(logsumexp(likelihood + LOG_WEIGHTS[_COARSE, None], axis=(1, 2)))
    return np.stack(result, axis=1)


def _pupils(
    people: Sequence[Truth], eyes: Sequence[SimulatedGaze], deviation: float, settings: GeneratorSettings
) -> np.ndarray:
    """A sum of the feeling's rise, a slow wave and an offset, each of normal size, and noise; the wave's phase is a grid.

    With both eyes' mean (nothing is in their difference), precision matrix P of the three sizes given the samples, and
    information vector h, the log-likelihood is (h' P^-1 h - log det P - prior) / 2.
    """
    noise = max(settings.noise, _LEAST_NOISE)
    variance = (0.03 * noise) ** 2 / 2
    sizes = 1 / np.array([deviation**2, (0.05 * noise) ** 2, 0.04**2 / 2])  # prior precisions
    gram, product = np.zeros((len(people), 4, 4)), np.zeros((len(people), 4))
    for row, (truth, gaze) in enumerate(zip(people, eyes, strict=True)):
        times = gaze.times[~gaze.lost]
        rise = 1 - np.exp(-np.clip(times - gaze_simulation._REACTION_MS, 0, None) / 700)
        shapes = np.stack([truth.person.pupil_gain * rise, np.sin(times / 1500), np.cos(times / 1500), np.ones(len(times))])
        habit = truth.person.pupil - 0.25 * truth.stimulus.luminance
        gram[row] = shapes @ shapes.T / variance
        product[row] = shapes @ (gaze.pupil[~gaze.lost].mean(axis=1) - habit) / variance
    turn = np.zeros((len(_PHASES), 3, 4))
    turn[:, 0, 0] = turn[:, 2, 3] = 1
    turn[:, 1, 1], turn[:, 1, 2] = np.cos(_PHASES), np.sin(_PHASES)
    precision = turn @ gram[:, None] @ turn.transpose(0, 2, 1) + np.diag(sizes)  # (n, phases, 3, 3)
    covariance, log_determinant = np.linalg.inv(precision), np.linalg.slogdet(precision)[1]
    seen = (turn @ product[:, None, :, None])[..., 0]  # (n, phases, 3)
    # By emotion only the information on the first size differs: h = seen + (mean / deviation^2, 0, 0).
    added = _EYES[:, _PUPIL] * sizes[0]
    of_seen = np.einsum("npi,npij,npj->np", seen, covariance, seen)[..., None]
    crossed = np.einsum("npi,npi->np", covariance[..., 0, :], seen)[..., None]
    likelihood = of_seen + 2 * added * crossed + added**2 * covariance[..., 0, 0, None] - log_determinant[..., None]
    return logsumexp((likelihood - added * _EYES[:, _PUPIL]) / 2, axis=1)


def draw_movements(truths: Sequence[Truth], settings: GeneratorSettings) -> tuple[np.ndarray, np.ndarray]:
    """What the frames together tell of the expression at its height: best estimate of the seven movements
    `(recordings, 7)` and its variance `(recordings,)` in squares of their deviations.

    A frame's movements are the expression times its share of the height, the recording's own habit, and the frame's
    tremor; so this estimate by least squares loses nothing of what they tell of the expression.
    """
    times = np.arange(frame_count(settings))
    estimates, variances = np.zeros((len(truths), 7)), np.zeros(len(truths))
    for row, truth in enumerate(truths):
        rng = np.random.default_rng((*truth.seed, 2))  # 0 and 1 are the generator's
        variances[row] = estimate_variance(face_drawing._envelope(times / times[-1], rng))
        estimates[row] = _FACES[EMOTIONS.index(truth.shown)] * truth.intensity / face_drawing._FULL_STRENGTH
        deviation = face_drawing._DEVIATIONS * settings.noise * np.sqrt(variances[row])
        estimates[row] += deviation * rng.standard_normal(7)
    return estimates, variances


def estimate_variance(strength: np.ndarray) -> float:
    """Of the expression's height, from frames that show these shares of it `(frames,)`; habit 1, tremor 0.3 of a deviation."""
    design = np.stack([strength, np.ones(len(strength))])
    return float(np.linalg.inv(design @ design.T / 0.3**2 + np.diag([0, 1]))[0, 0])


def log_likelihood_of_face(
    truths: Sequence[Truth], estimates: np.ndarray, variances: np.ndarray, settings: GeneratorSettings
) -> tuple[np.ndarray, np.ndarray]:
    """By shown emotion, up to a constant for each recording, and the expected intensity given that one: `(recordings, 7)`."""
    noise = max(settings.noise, _LEAST_NOISE)
    shares = (np.arange(40) + 0.5) / 40
    extra = 0.15 * settings.noise * norm.isf((np.arange(15) + 0.5) / 30)  # the positive half
    expressivity = np.array([truth.person.expressivity for truth in truths])[:, None, None]
    strengths = (1.3 + 1.4 * shares[:, None]) * expressivity + extra  # (n, 40, 15), all equally probable
    strong = np.clip(strengths, 0, 3).reshape(len(truths), -1)
    weak = np.broadcast_to(np.tile(np.clip(extra, 0, 3), 40), strong.shape)
    scale = face_drawing._DEVIATIONS * noise
    likelihoods, intensities = [], []
    for emotion, face in zip(EMOTIONS, _FACES, strict=True):
        levels = weak if emotion == "neutral" else strong  # (n, 600)
        direction = face / face_drawing._FULL_STRENGTH / scale
        # (estimate - level * direction)^2 without the part that is the same for all emotions
        likelihood = levels * (2 * (estimates / scale) @ direction)[:, None] - levels**2 * (direction @ direction)
        likelihood = likelihood / (2 * variances[:, None])
        likelihoods.append(logsumexp(likelihood, axis=1))
        intensities.append((softmax(likelihood, axis=1) * levels).sum(axis=1))
    return np.stack(likelihoods, axis=1), np.stack(intensities, axis=1)
