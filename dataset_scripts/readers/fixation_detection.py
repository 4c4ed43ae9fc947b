"""Fixations for recordings whose export has samples and no list of fixations.

If the tracker marks the samples of its fixations, their runs are the fixations. Otherwise they are detected by dispersion
(I-DT: Salvucci and Goldberg 2000, "Identifying fixations and saccades in eye-tracking protocols"): a fixation is an interval of
at least 100 ms in which the ranges of x and of y add up to at most a threshold. Not by velocity (I-VT), which needs smoothing
first: it takes the noise of a fast tracker for movement. The search is our own and finds what pymovements finds, with which a
test compares it: that library brings polars, 200 MB and over a second of imports into every answer, for this one call.

The threshold is 1.5 degrees if the file gives gaze in mm on the screen and the eyes' distance. Few do; otherwise it is 0.03 of
the frame: a 24-inch screen is 53 cm wide and spans 45 degrees at 65 cm, so 0.03 of it is 1.4 degrees.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from modeling_emert.recording_emert import Gaze

MIN_RATE = 20.0  # Hz; below, 100 ms are fewer than three samples
MIN_DURATION_MS = 100.0
DISPERSION_DEGREES = 1.5
DISPERSION_NORMALISED = 0.03
# A shorter loss of tracking (part of a blink) doesn't end a fixation; Tobii's filter uses the same value.
MAX_GAP_MS = 75.0
# Neighbouring samples of fast trackers are averaged to about this rate: less noise and shorter computation.
WORKING_RATE = 100.0
# Points searched at once, ten seconds. A longer piece would find the same but for a fixation across its border; data sets that
# were built before have it cut there.
MAX_SEARCHED = 1000

FROM_EVENTS = "from the export's events"
_POINTS = (("gaze_x", "gaze_y"), ("gaze_left_x", "gaze_left_y"), ("gaze_right_x", "gaze_right_y"))


def with_fixations(gaze: Gaze) -> Gaze:
    """The recording with fixations detected in its samples, if it had none; `fixation_method` and a note say how.

    Without a gaze point, below `MIN_RATE`, or if none is found, `fixations` stays None, with a note.
    """
    if gaze.fixations is not None or gaze.eye_movements is None or len(gaze.eye_movements) < 2:
        return gaze
    if (gaze.column("in_fixation") == 1).any():
        return _add(
            gaze, _from_marks(gaze), FROM_EVENTS, "The fixations are the runs of samples that the tracker marks as such."
        )
    trace = _trace(gaze)
    if trace is None:
        return gaze
    if trace.rate < MIN_RATE:
        note = f"No fixations were detected: {trace.rate:.1f} samples a second are too few, at least {MIN_RATE:g} are needed."
        return replace(gaze, notes=[*gaze.notes, note])
    method = f"I-DT, dispersion {trace.threshold:g} {trace.unit}, at least {MIN_DURATION_MS:g} ms"
    return _add(gaze, _detect(trace), method, f"The export has no fixations; they were detected: {method}.")


def _add(gaze: Gaze, fixations: np.ndarray, method: str, note: str) -> Gaze:
    if len(fixations) == 0:
        return replace(gaze, notes=[*gaze.notes, "The export has no fixations, and none were found in its samples."])
    on_screen = all(np.isnan(gaze.column(name)).all() for name in ("gaze_stimulus_x", "fixation_x"))
    found = {"fixations": fixations, "fixation_method": method, "fixations_on_screen": on_screen}
    return replace(gaze, notes=[*gaze.notes, note], **found)


def _from_marks(gaze: Gaze) -> np.ndarray:
    """`(fixations, 4)`; a change of the event's point or duration starts another fixation."""
    marked = np.flatnonzero(gaze.column("in_fixation") == 1)
    event = np.stack([gaze.column(name)[marked] for name in ("fixation_x", "fixation_y", "event_duration")])
    times = gaze.times_ms[marked].astype(np.float64)
    other = ~((event[:, 1:] == event[:, :-1]) | (np.isnan(event[:, 1:]) & np.isnan(event[:, :-1]))).all(axis=0)
    starts = np.flatnonzero(np.r_[True, other | (np.diff(marked) > 1) | (np.diff(times) > MAX_GAP_MS)])
    ends = np.r_[starts[1:], len(marked)] - 1
    means = _means(_points(gaze)[1][marked].astype(np.float64), starts)
    points = np.where(np.isnan(event[:2, starts].T), means, event[:2, starts].T)
    duration = np.where(np.isnan(event[2, starts]), times[ends] - times[starts], event[2, starts])
    fixations = np.column_stack([points, times[starts], duration])
    return fixations[np.isfinite(fixations).all(axis=1) & (duration > 0)]


def _means(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """`(groups, 2)`: the mean of each group's known points; NaN for a group without any. Groups begin at `starts`."""
    known = ~np.isnan(points).any(axis=1)
    sums = np.add.reduceat(np.where(known[:, None], points, 0.0), starts, axis=0)
    counts = np.add.reduceat(known.astype(np.float64), starts)[:, None]
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _points(gaze: Gaze) -> tuple[np.ndarray, np.ndarray]:
    """`(samples, 2)` twice: the point on the screen, of both eyes or of the one present, and that on the stimulus."""
    both, left, right = (np.column_stack([gaze.column(name) for name in names]) for names in _POINTS)
    either = np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
    screen = both if np.isfinite(both).any() else either
    stimulus = np.column_stack([gaze.column(f"gaze_stimulus_{axis}") for axis in "xy"])
    if not np.isfinite(stimulus).all(axis=1).any():
        return screen, screen
    return (screen if np.isfinite(screen).all(axis=1).any() else stimulus), stimulus


class _Trace(NamedTuple):
    """The samples with a gaze point."""

    times: np.ndarray  # (n,) ms
    path: np.ndarray  # (n, 2), in which dispersion is measured
    place: np.ndarray  # (n, 2) normalised to the stimulus
    rate: float  # Hz
    threshold: float
    unit: str  # of path and threshold


def _trace(gaze: Gaze) -> _Trace | None:
    """None for a recording without two gaze points."""
    screen, place = (points.astype(np.float64) for points in _points(gaze))
    times, degrees = gaze.times_ms.astype(np.float64), _degrees(gaze)
    path = screen if degrees is None else degrees
    known = np.isfinite(path).all(axis=1) & np.isfinite(place).all(axis=1) & np.isfinite(times)
    if known.sum() < 2:
        return None
    limit = (DISPERSION_NORMALISED, "of the frame") if degrees is None else (DISPERSION_DEGREES, "degrees")
    return _Trace(times[known], path[known], place[known], 1000 / float(np.median(np.diff(times))), *limit)


def _degrees(gaze: Gaze) -> np.ndarray | None:
    """`(samples, 2)`: angles of the gaze point from the median gaze point; None without mm and distance."""
    distance = np.stack([gaze.column(f"distance_{side}") for side in ("left", "right")])
    usual = np.nanmedian(distance) if np.isfinite(distance).any() else np.nan
    on_screen = np.column_stack([gaze.column(f"gaze_mm_{axis}") for axis in "xy"]).astype(np.float64)
    known = np.isfinite(on_screen).all(axis=1)
    # If only a few points have mm, the normalised ones are used, so that the others are not lost.
    if not np.isfinite(usual) or known.sum() < np.isfinite(gaze.column("gaze_x")).sum() / 2 or not known.any():
        return None
    return np.degrees(np.arctan2(on_screen - np.median(on_screen[known], axis=0), usual))


def _detect(trace: _Trace) -> np.ndarray:
    """`(fixations, 4)`: mean place, start and duration in ms; the intervals between gaps are searched one by one."""
    size = max(1, int(trace.rate // WORKING_RATE))
    borders = np.flatnonzero(np.diff(trace.times) > MAX_GAP_MS) + 1
    rows = []
    for begin, end in zip(np.r_[0, borders], np.r_[borders, len(trace.times)], strict=True):
        for first, last in _search(trace, begin, end, size):
            a, b = begin + first * size, min(begin + last * size, end)
            rows.append((*trace.place[a:b].mean(axis=0), trace.times[a], trace.times[b - 1] - trace.times[a]))
    return np.array(rows).reshape(-1, 4)


def _search(trace: _Trace, begin: int, end: int, size: int) -> Iterator[tuple[int, int]]:
    """First and one past the last block of `size` samples of every fixation between two samples.

    No fixation contains a jump over the threshold, so the search goes from jump to jump. If the gaze stays within the
    threshold from one jump to the next, that is a fixation without a search.
    """
    shortest = max(3, math.ceil(MIN_DURATION_MS * trace.rate / (1000 * size) - 0.01) + 1)
    if end - begin < (shortest - 1) * size + 1:
        return
    offsets = np.arange(0, end - begin, size)
    path = np.add.reduceat(trace.path[begin:end], offsets, axis=0) / np.diff(np.r_[offsets, end - begin])[:, None]
    jumps = np.flatnonzero(np.abs(np.diff(path, axis=0)).sum(axis=1) > trace.threshold) + 1
    for first, last in zip(np.r_[0, jumps], np.r_[jumps, len(path)], strict=True):
        if np.ptp(path[first:last], axis=0).sum() <= trace.threshold:
            if last - first >= shortest:
                yield first, last
            continue
        for start in range(first, last, MAX_SEARCHED):
            for a, b in _by_dispersion(path[start : min(last, start + MAX_SEARCHED)], trace.threshold, shortest):
                yield start + a, start + b


def _by_dispersion(path: np.ndarray, threshold: float, shortest: int) -> Iterator[tuple[int, int]]:
    """First and one past the last point of every fixation of at least `shortest` points on `path` `(n, 2)`, without NaN.

    A window of `shortest` points moves on until it stays within the threshold, then grows by one point at a time until it
    reaches or breaks the threshold. The point that breaks it belongs to no fixation.
    """
    xs, ys = path.T.tolist()
    start, end = 0, shortest
    while end <= len(xs):
        (left, right), (top, bottom) = ((min(part), max(part)) for part in (xs[start:end], ys[start:end]))
        spread = (right - left) + (bottom - top)
        if spread > threshold:
            start, end = start + 1, end + 1
            continue
        while spread < threshold and end < len(xs):
            x, y = xs[end], ys[end]
            left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
            spread = (right - left) + (bottom - top)
            end += 1
        yield start, end - (spread > threshold)
        start, end = end, end + shortest
