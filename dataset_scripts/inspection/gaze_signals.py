"""Signals from the samples of one recording: gaze points, pupil sizes, blinks, gaps."""

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, COLUMNS
from modeling_emert.recording_emert import Gaze

# A blink hides the pupil for 75 to 500 ms; shorter gaps are noise of the tracker, longer ones a lost eye.
BLINK_MS = (75.0, 500.0)
# Below this rate the shortest blink lasts two samples, too few to find it by gaps.
BLINK_MIN_HZ = 30.0
PUPILS = ("pupil_left", "pupil_right")
PUPIL_RANGE = COLUMNS[COLUMN_INDEX["pupil_left"]].range  # mm
_EVEN = 0.9  # fraction of steps near their median, for a tracker that samples evenly
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


def pupil_unit(sizes: np.ndarray) -> str | None:
    """`mm`, or `tracker's own units` where the median is no size of a pupil: EyeLink exports an area without a unit.

    None where no size is known. `sizes` `(samples,)`.
    """
    known = sizes[~np.isnan(sizes)]
    if len(known) == 0:
        return None
    return "mm" if PUPIL_RANGE[0] <= np.median(known) <= PUPIL_RANGE[1] else "tracker's own units"


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
