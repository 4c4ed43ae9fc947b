"""Left and right mirrored: gaze, fixations, both eyes and the face together."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from dataset_scripts.common.settings import number, settings
from modeling_emert.columns_emert import COLUMN_INDEX, COLUMN_NAMES
from modeling_emert.recording_emert import FaceTrack, Gaze

from .parts import Example

if TYPE_CHECKING:
    from modeling_emert.feature_extraction_emert import GazeStatistics

# Mirrored value = offset + sign * value. Fractions are in 0..1; the tracker's own coordinates (mm) have x = 0 in the middle of
# a tracker below the middle of the screen.
_FRACTIONS_X = [f"{name}_x" for name in ("fixation", "gaze_left", "gaze_right", "gaze", "gaze_stimulus")]
_FRACTIONS_X += ["camera_left_x", "camera_right_x"]
_MILLIMETRES_X = [f"{name}_x" for name in ("gaze_left_mm", "gaze_right_mm", "gaze_mm", "eye_left", "eye_right")]
_DIRECTION = COLUMN_INDEX["saccade_direction"]  # degrees from the horizontal
_TURN = COLUMN_INDEX["saccade_turn"]  # degrees from the previous saccade


def _other_side(name: str) -> str:
    swapped = {"left": "right", "right": "left"}
    return "_".join(swapped.get(word, word) for word in name.split("_"))


# Column -> the column of its mirrored value: the other eye's.
_SOURCE = np.array([COLUMN_INDEX[_other_side(name)] for name in COLUMN_NAMES])
_OFFSET, _SIGN = np.zeros(len(COLUMN_NAMES)), np.ones(len(COLUMN_NAMES))
for _name in _FRACTIONS_X:
    _OFFSET[COLUMN_INDEX[_name]], _SIGN[COLUMN_INDEX[_name]] = 1, -1
for _name in _MILLIMETRES_X:
    _SIGN[COLUMN_INDEX[_name]] = -1


@settings
class Flip:
    """Mirrors everything with probability `chance`: x of gaze and fixations, the two eyes, faces.

    A participant's own statistics are mirrored as well, so that standardisation by them still fits.
    """

    chance: number(0, 1) = 0.5
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        return mirrored(example) if generator.random() < self.chance else example


def mirrored(example: Example) -> Example:
    """Applied twice, it gives the example again, up to rounding."""
    recording = example.recording
    face = None if recording.face is None else _mirror_face(recording.face)
    gaze = None if recording.gaze is None else _mirror_gaze(recording.gaze)
    statistics = None if example.statistics is None else _mirror_statistics(example.statistics)
    return Example(replace(recording, face=face, gaze=gaze), statistics)


def _mirror_face(face: FaceTrack) -> FaceTrack:
    return FaceTrack(np.ascontiguousarray(face.frames[:, :, ::-1]), face.times_ms, face.detected)


def _mirror_gaze(gaze: Gaze) -> Gaze:
    eye, fixations = gaze.eye_movements, gaze.fixations
    if eye is not None:
        eye = _OFFSET + _SIGN * eye[:, _SOURCE]
        eye[:, _DIRECTION] = np.mod(180 - eye[:, _DIRECTION], 360)
        eye[:, _TURN] = np.mod(360 - eye[:, _TURN], 360)
    if fixations is not None:
        fixations = np.column_stack([1 - fixations[:, 0], fixations[:, 1:]])
    return replace(gaze, eye_movements=eye, fixations=fixations)


def _mirror_statistics(statistics: "GazeStatistics") -> "GazeStatistics":
    """Sums of the mirrored values, from the sums of the values.

    Those of the saccades' angles stay as they are: angles are periodic, and their mean and standard deviation mean little.
    """
    eye = _mirror_sums(statistics.eye[:, _SOURCE], _OFFSET, _SIGN)
    fixations = _mirror_sums(statistics.fixations, np.array([1.0, 0.0]), np.array([-1.0, 1.0]))
    return replace(statistics, eye=eye, fixations=fixations)


def _mirror_sums(sums: np.ndarray, offset: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """`sums` `(3, columns)`: count, sum, sum of squares of x; gives those of offset + sign * x."""
    count, total, squares = sums
    return np.stack([count, offset * count + sign * total, offset**2 * count + 2 * offset * sign * total + squares])
