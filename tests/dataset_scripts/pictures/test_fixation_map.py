"""The heat map against what it is made of."""

import time

import numpy as np
import pytest

from dataset_scripts.pictures.scan_path import SIGMA_FRACTION, fixation_density, fixation_map
from modeling_emert.recording_emert import Gaze, Recording


def recording(*rows, frame=None) -> Recording:
    """Rows are x, y, duration."""
    fixations = np.array([(x, y, 300 * i, duration) for i, (x, y, duration) in enumerate(rows)]).reshape(-1, 4)
    return Recording(gaze=Gaze(fixations=fixations), stimulus_frame=frame)


def test_one_fixation_is_a_round_bell_of_the_stated_width():
    density = fixation_map(recording((0.25, 0.6, 300)), (200, 400))
    assert (density.shape, density.dtype) == ((200, 400), np.float32)
    assert density.max() == 1
    rows, columns = np.mgrid[0:200, 0:400] + 0.5
    mass = density.sum()
    assert (density * columns).sum() / mass == pytest.approx(100, abs=0.1)
    assert (density * rows).sum() / mass == pytest.approx(120, abs=0.1)
    sigma = SIGMA_FRACTION * 400
    assert mass == pytest.approx(2 * np.pi * sigma**2, rel=0.01)
    assert np.sqrt((density * (rows - 120) ** 2).sum() / mass) == pytest.approx(sigma, rel=0.01)
    assert np.sqrt((density * (columns - 100) ** 2).sum() / mass) == pytest.approx(sigma, rel=0.01)


def test_longer_fixations_weigh_more():
    density = fixation_map(recording((0.25, 0.5, 100), (0.75, 0.5, 400)), (100, 200))
    assert density[50, 150] == pytest.approx(1, abs=0.02)
    assert density[50, 50] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("rows", [(), ((1.2, 0.5, 300), (0.5, -0.1, 300)), ((np.nan, 0.5, 300), (0.5, 0.5, np.nan))])
def test_without_a_fixation_inside_the_map_is_all_zeros(rows):
    assert not fixation_map(recording(*rows), (20, 30)).any()


def test_fixations_outside_leave_no_trace():
    inside = recording((0.5, 0.5, 300))
    both = recording((0.5, 0.5, 300), (1.01, 0.5, 9000))
    assert np.array_equal(fixation_map(inside, (40, 40)), fixation_map(both, (40, 40)))


def test_a_recording_without_fixations_has_a_map_too():
    assert not fixation_map(Recording(), (4, 4)).any()


@pytest.mark.parametrize("given", ["argument", "recording"])
def test_over_a_frame_the_map_is_a_picture(given):
    frame = np.full((50, 100, 3), 200, np.uint8)
    one = recording((0.5, 0.5, 300), frame=frame if given == "recording" else None)
    picture = fixation_map(one, (60, 120), frame if given == "argument" else None)
    assert (picture.shape, picture.dtype) == ((60, 120, 3), np.uint8)
    assert (picture[0, 0] == 200).all()
    assert (picture[30, 60] != 200).any()
    assert (fixation_map(recording(frame=frame), (60, 120)) == 200).all()


def test_many_batches_are_one_sum():
    rng = np.random.default_rng(0)
    fixations = np.concatenate([rng.uniform(0, 1, (9000, 2)), np.zeros((9000, 1)), np.full((9000, 1), 200)], axis=1)
    whole = fixation_density(fixations, (16, 16))
    doubled = fixation_density(np.concatenate([fixations, fixations]), (16, 16))
    assert np.allclose(whole, doubled, atol=1e-4)


@pytest.mark.slow
def test_500_fixations_take_under_50_ms():
    fixations = np.random.default_rng(0).uniform(0, 1, (500, 4))
    took = []
    for _ in range(5):
        start = time.perf_counter()
        fixation_density(fixations, (256, 256))
        took.append(time.perf_counter() - start)
    assert min(took) < 0.05


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (10,)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="size must be"):
        fixation_map(Recording(), size)


def test_a_frame_that_is_none_is_refused():
    with pytest.raises(ValueError, match="stimulus frame"):
        fixation_map(recording((0.5, 0.5, 300)), (10, 10), np.zeros((10, 10), np.uint8))
