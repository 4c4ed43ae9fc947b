"""Gaze as a less accurate tracker would record it: drifting points, and eyes lost for a while."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from dataset_scripts.common.settings import number, settings, whole
from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES

from .parts import Example, first_sample

_KNOTS = 32  # of the drift: about one for each step of the network, so that the mean over a step does not remove it
# Points on the screen that move together, and the column in mm of the same point.
_POINTS = {"gaze": "gaze_mm", "gaze_left": "gaze_left_mm", "gaze_right": "gaze_right_mm"}
_POINTS |= dict.fromkeys(("gaze_stimulus", "fixation"))
# Still recorded while both eyes are lost.
_VALIDITY = [COLUMN_INDEX[f"validity_{side}"] for side in ("left", "right")]
_LOST = [index for index in range(len(COLUMN_NAMES)) if index not in _VALIDITY]


@settings
class GazeJitter:
    """Adds a slow random drift to every point on the screen, independent in x and y, the same for both eyes and fixations.

    `strength`: its standard deviation as a fraction of the screen; 0.01 is about half a degree, the error of a good tracker.
    Columns in mm move with the same points, by the recording's own scale. Missing points stay missing.
    """

    strength: number(0, 0.5) = 0.01
    changes_face: ClassVar[bool] = False

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        drift = generator.normal(scale=self.strength, size=(_KNOTS, 2))
        gaze = example.recording.gaze
        if gaze is None:
            return example
        begin = first_sample(gaze)
        knots = np.linspace(begin, max(gaze.duration_ms, begin + 1), _KNOTS)

        def shift_at(times: np.ndarray) -> np.ndarray:
            return np.stack([np.interp(times, knots, drift[:, axis]) for axis in range(2)], axis=1)

        eye, fixations = gaze.eye_movements, gaze.fixations
        if eye is not None:
            eye = move_points(eye, shift_at(gaze.times_ms))
        if fixations is not None:
            middles = fixations[:, 2] + fixations[:, 3] / 2
            fixations = np.column_stack([fixations[:, :2] + shift_at(middles), fixations[:, 2:]])
        return example.with_gaze(replace(gaze, eye_movements=eye, fixations=fixations))


def move_points(eye: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Eye movements `(samples, 39)` with every point on the screen moved by `shift` `(samples, 2)`, fractions of the screen."""
    moved = eye.copy()
    for point, in_mm in _POINTS.items():
        for axis, letter in enumerate("xy"):
            column = COLUMN_INDEX[f"{point}_{letter}"]
            moved[:, column] += shift[:, axis]
            if in_mm is not None:
                other = COLUMN_INDEX[f"{in_mm}_{letter}"]
                moved[:, other] += shift[:, axis] * _screen_in_mm(eye[:, column], eye[:, other])
    return moved


def _screen_in_mm(fractions: np.ndarray, millimetres: np.ndarray) -> float:
    """Slope of the regression line of mm on fractions of the screen; 0 where the recording does not determine it."""
    known = np.isfinite(fractions) & np.isfinite(millimetres)
    if known.sum() < 2:
        return 0.0
    x, y = (values[known].astype(np.float64) - values[known].mean() for values in (fractions, millimetres))
    spread = float(x @ x)
    return float(x @ y) / spread if spread > 0 else 0.0


@settings
class Blinks:
    """Removes both eyes for a few intervals, as in a blink or a look away: all columns are missing there, the pupil too.

    `runs`: number of intervals. `longest`: upper bound of their length as a fraction of the recording's time. A tracker's
    validity columns become 0 in an interval, as trackers write it; without them nothing of these samples is left and the
    mask is False. Fixations with their middle in an interval are removed.
    """

    runs: whole(1, 100) = 2
    longest: number(0, 1) = 0.1
    changes_face: ClassVar[bool] = False

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        lengths = generator.uniform(0, self.longest, self.runs)
        starts = generator.uniform(0, 1, self.runs) * (1 - lengths)
        gaze = example.recording.gaze
        if gaze is None:
            return example
        begin = first_sample(gaze)
        edges = begin + np.stack([starts, starts + lengths]) * (gaze.duration_ms - begin)  # (2, runs), ms
        eye, fixations = gaze.eye_movements, gaze.fixations
        if eye is not None:
            eye = eye.copy()
            lost = _within(gaze.times_ms, edges)
            eye[np.ix_(lost, _LOST)] = np.nan
            eye[np.ix_(lost, _VALIDITY)] *= 0  # NaN stays NaN
        if fixations is not None:
            fixations = fixations[~_within(fixations[:, 2] + fixations[:, 3] / 2, edges)]
        return example.with_gaze(replace(gaze, eye_movements=eye, fixations=fixations))


def _within(times: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`(n,)` bool: at or after the start of an interval and before its end."""
    return ((edges[0] <= times[:, None]) & (times[:, None] < edges[1])).any(axis=1)
