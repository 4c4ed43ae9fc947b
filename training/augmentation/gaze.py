"""Gaze as a worse tracker would have recorded it: points that wander, eyes that are lost for a while."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES
from modeling_emert.recording_emert import Gaze

from .parts import Example, check_fields

_KNOTS = 32  # of the wandering: about one a step of the network, so that the mean over a step does not take it out again
# Points on the screen that move together, and the column in mm that tells the same point.
_POINTS = {"gaze": "gaze_mm", "gaze_left": "gaze_left_mm", "gaze_right": "gaze_right_mm"}
_POINTS |= dict.fromkeys(("gaze_stimulus", "fixation"))
# What a tracker still tells while both eyes are lost: that it has lost them.
_VALIDITY = [COLUMN_INDEX[f"validity_{side}"] for side in ("left", "right")]
_LOST = [index for index in range(len(COLUMN_NAMES)) if index not in _VALIDITY]


@dataclass(frozen=True)
class GazeJitter:
    """Moves every point on the screen by a slow wandering around nought, x and y apart, both eyes and fixations alike.

    `strength`: its standard deviation in shares of the screen; 0.01 is about half a degree, a good tracker's error. Columns
    in mm move with the points that they tell, by the recording's own scale. A point that is missing stays missing.
    """

    strength: float = 0.01
    changes_face: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, strength=(0, 0.5))

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        wander = generator.normal(scale=self.strength, size=(_KNOTS, 2))
        gaze = example.recording.gaze
        if gaze is None:
            return example
        begin = float(gaze.times_ms[0]) if gaze.times_ms is not None and len(gaze.times_ms) else 0.0
        knots = np.linspace(begin, max(gaze.duration_ms, begin + 1), _KNOTS)

        def moved_by(times: np.ndarray) -> np.ndarray:
            return np.stack([np.interp(times, knots, wander[:, axis]) for axis in range(2)], axis=1)

        eye, fixations = gaze.eye_movements, gaze.fixations
        if eye is not None:
            eye = move_points(eye, moved_by(gaze.times_ms))
        if fixations is not None:
            middles = fixations[:, 2] + fixations[:, 3] / 2
            fixations = np.column_stack([fixations[:, :2] + moved_by(middles), fixations[:, 2:]])
        return with_gaze(example, replace(gaze, eye_movements=eye, fixations=fixations))


def move_points(eye: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Eye movements `(samples, 39)` with every point on the screen moved by `shift` `(samples, 2)`, shares of the screen."""
    moved = eye.copy()
    for share, millimetres in _POINTS.items():
        for axis, letter in enumerate("xy"):
            column = COLUMN_INDEX[f"{share}_{letter}"]
            moved[:, column] += shift[:, axis]
            if millimetres is not None:
                other = COLUMN_INDEX[f"{millimetres}_{letter}"]
                moved[:, other] += shift[:, axis] * _millimetres_a_screen(eye[:, column], eye[:, other])
    return moved


def _millimetres_a_screen(shares: np.ndarray, millimetres: np.ndarray) -> float:
    """The slope of the line between the two; 0 where the recording does not tell it."""
    known = np.isfinite(shares) & np.isfinite(millimetres)
    if known.sum() < 2:
        return 0.0
    x, y = (values[known].astype(np.float64) - values[known].mean() for values in (shares, millimetres))
    spread = float(x @ x)
    return float(x @ y) / spread if spread > 0 else 0.0


@dataclass(frozen=True)
class Blinks:
    """Loses both eyes for a few runs, as in a blink or a look away: everything is missing there, the pupil too.

    `runs`: how many. `longest`: the longest of them as a share of the recording's time. Where the tracker tells how sure it
    is of the eyes, it says 0 in a run, as trackers do; elsewhere nothing is left of these samples and the mask says so.
    Fixations with their middle in a run are lost.
    """

    runs: int = 2
    longest: float = 0.1
    changes_face: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, runs=(1, 100), longest=(0, 1))

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        lengths = generator.uniform(0, self.longest, self.runs)
        starts = generator.uniform(0, 1, self.runs) * (1 - lengths)
        gaze = example.recording.gaze
        if gaze is None:
            return example
        begin = float(gaze.times_ms[0]) if gaze.times_ms is not None and len(gaze.times_ms) else 0.0
        edges = begin + np.stack([starts, starts + lengths]) * (gaze.duration_ms - begin)  # (2, runs), ms
        eye, fixations = gaze.eye_movements, gaze.fixations
        if eye is not None:
            eye = eye.copy()
            lost = _within(gaze.times_ms, edges)
            eye[np.ix_(lost, _LOST)] = np.nan
            eye[np.ix_(lost, _VALIDITY)] *= 0  # what is not told, NaN, stays so
        if fixations is not None:
            fixations = fixations[~_within(fixations[:, 2] + fixations[:, 3] / 2, edges)]
        return with_gaze(example, replace(gaze, eye_movements=eye, fixations=fixations))


def _within(times: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """`(n,)` bool: at or after a run's start and before its end."""
    return ((edges[0] <= times[:, None]) & (times[:, None] < edges[1])).any(axis=1)


def with_gaze(example: Example, gaze: Gaze) -> Example:
    return replace(example, recording=replace(example.recording, gaze=gaze))
