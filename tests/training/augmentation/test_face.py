"""Each change of the face by what can be read off the pixels."""

import numpy as np
import pytest

from modeling_emert.recording_emert import FaceTrack, Recording
from training.augmentation import Example
from training.augmentation.face import Cover, FaceMove, LowResolution, _moved


def _example(frames: np.ndarray) -> Example:
    return Example(Recording(face=FaceTrack(frames, np.arange(len(frames)) * 40.0, np.ones(len(frames), bool))))


def _dot(x: int, y: int) -> np.ndarray:
    """A white square of 5 pixels around (x, y) in one black frame of 41 pixels."""
    frames = np.zeros((1, 41, 41, 3), np.uint8)
    frames[:, y - 2 : y + 3, x - 2 : x + 3] = 255
    return frames


def _centre(frames: np.ndarray) -> list[float]:
    light = frames[0, ..., 0].astype(float)
    rows, columns = np.indices(light.shape)
    return [float((places * light).sum() / light.sum()) for places in (columns, rows)]


@pytest.mark.parametrize(
    ("size", "angle", "shift", "expected"),
    [
        (1.0, 0.0, (0.0, 0.0), (30, 20)),
        (1.5, 0.0, (0.0, 0.0), (35, 20)),
        (1.0, 0.0, (-5 / 41, 10 / 41), (25, 30)),
        (1.0, np.pi / 2, (0.0, 0.0), (20, 10)),  # a quarter turn to the left
    ],
)
def test_a_point_goes_where_scale_turn_and_shift_say(size, angle, shift, expected):
    np.testing.assert_allclose(_centre(_moved(_dot(30, 20), size, angle, *shift)), expected, atol=0.3)


def test_move_continues_the_edge_and_treats_all_frames_alike():
    frames = np.repeat(np.random.default_rng(0).integers(100, 256, (1, 20, 20, 3)).astype(np.uint8), 3, axis=0)
    found = FaceMove(scale=0.3, shift=0.2)(_example(frames), np.random.default_rng(0)).recording.face.frames
    assert found.min() >= 100  # no black corners
    assert not np.array_equal(found, frames)
    np.testing.assert_array_equal(found[0], found[2])


def test_low_resolution_keeps_brightness_and_loses_detail():
    frames = np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3)).astype(np.uint8)
    found = LowResolution(chance=1, least=0.1)(_example(frames), np.random.default_rng(3)).recording.face.frames
    assert found.shape == frames.shape
    assert abs(found.mean() - frames.mean()) < 3
    assert found.std() < 0.7 * frames.std()
    untouched = LowResolution(chance=0)(_example(frames), np.random.default_rng(3)).recording.face.frames
    np.testing.assert_array_equal(untouched, frames)


def test_cover_hides_one_rectangle_of_that_size():
    frames = np.tile(np.arange(1600, dtype=np.int64).reshape(40, 40, 1) % 251, (1, 1, 1, 3)).astype(np.uint8)
    found = Cover(chance=1, least=0.25, most=0.25)(_example(frames), np.random.default_rng(1)).recording.face.frames
    rows, columns = np.nonzero((found != frames).any(axis=(0, 3)))
    assert np.ptp(rows) + 1 <= 10
    assert np.ptp(columns) + 1 <= 10
    assert len(rows) > 80
    assert len(np.unique(found[0, rows, columns])) == 1
