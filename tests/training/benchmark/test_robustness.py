"""Worse recordings are as bad as they say, the same seed gives the same, and the curves are those of the predictions."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tiny_emert import face_track, gaze

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError, Recording
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.recording_emert import ActionUnits
from training.benchmark.corruption import ChangedData, blur_gaze, has_frames_to_lose, lose_frames, lose_gaze
from training.benchmark.gap import gap
from training.benchmark.robustness import CURVES, _conditions, robustness
from training.evaluation.evaluate import modalities_of

LEVELS = (0.1, 0.5, 0.9)


def _recording(**changes) -> Recording:
    return Recording(face=face_track(frames=10), gaze=replace(gaze(samples=600), **changes))


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("level", LEVELS)
def test_so_much_of_the_gaze_is_lost_in_runs_as_long_as_blinks(level: float):
    eye = lose_gaze(_recording(), level, _rng()).gaze.eye_movements
    lost = np.isnan(eye[:, COLUMN_INDEX["pupil_left"]])
    assert level <= lost.mean() < level + 0.1
    if level == 0.1:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(int)))
        assert max(edges[1::2] - edges[::2]) * 10 <= 2 * 500  # 10 ms a sample; two runs may touch


def test_a_lost_eye_has_validity_0_only_where_the_tracker_tells_one():
    given = gaze(samples=600)
    given.eye_movements[:, COLUMN_INDEX["validity_left"]] = 1
    given.eye_movements[:, COLUMN_INDEX["validity_right"]] = np.nan
    eye = lose_gaze(Recording(gaze=given), 0.5, _rng()).gaze.eye_movements
    lost = np.isnan(eye[:, COLUMN_INDEX["pupil_left"]])
    np.testing.assert_array_equal(eye[:, COLUMN_INDEX["validity_left"]], np.where(lost, 0, 1))
    assert np.isnan(eye[:, COLUMN_INDEX["validity_right"]]).all()


def test_more_loss_loses_what_less_lost_and_fixations_go_with_it():
    kept = []
    for level in LEVELS:
        worse = lose_gaze(_recording(), level, _rng()).gaze
        kept.append((~np.isnan(worse.eye_movements[:, 0]), len(worse.fixations)))
    for (more, many), (less, few) in pairwise(kept):
        assert not (less & ~more).any()
        assert few <= many
    assert kept[-1][1] < len(_recording().gaze.fixations) / 2


@pytest.mark.parametrize("level", LEVELS)
def test_of_fixations_alone_one_is_always_left(level: float):
    few = gaze(samples=600).fixations[:2]
    alone = replace(gaze(samples=600), eye_movements=None, times_ms=None, fixations=few)
    left = [len(lose_gaze(Recording(gaze=alone), level, np.random.default_rng(seed)).gaze.fixations) for seed in range(40)]
    assert min(left) == 1
    with_samples = replace(gaze(samples=600), fixations=few)
    gone = [len(lose_gaze(Recording(gaze=with_samples), 0.9, np.random.default_rng(seed)).gaze.fixations) for seed in range(40)]
    assert min(gone) == 0


def test_noise_has_the_deviation_that_it_says_and_moves_points_only():
    clean = _recording()
    noisy = blur_gaze(clean, 0.05, _rng()).gaze.eye_movements - clean.gaze.eye_movements
    for name in ("gaze_x", "gaze_left_y", "gaze_stimulus_x"):
        assert noisy[:, COLUMN_INDEX[name]].std() == pytest.approx(0.05, rel=0.15)
    assert not noisy[:, COLUMN_INDEX["pupil_left"]].any()


def test_without_samples_fixations_move_by_the_whole_noise():
    alone = _recording(eye_movements=None, times_ms=None, fixations=np.tile([0.5, 0.5, 0, 100], (400, 1)))
    moved = blur_gaze(alone, 0.1, _rng()).gaze.fixations[:, :2]
    assert moved.std() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(("level", "left"), [(0.1, 9), (0.5, 5), (0.9, 1), (1.0, 1)])
def test_so_many_frames_are_left(level: float, left: int):
    face = lose_frames(_recording(), level, _rng()).face
    assert len(face.frames) == len(face.times_ms) == left
    assert (np.diff(face.times_ms) > 0).all()


def test_rows_of_action_units_are_lost_as_frames_are_and_frames_alone_as_before():
    units = ActionUnits(np.arange(170).reshape(10, 17) / 34, np.arange(10) * 40)
    both = lose_frames(replace(_recording(), action_units=units), 0.7, _rng())
    alone = lose_frames(Recording(action_units=units), 0.7, _rng()).action_units
    assert len(both.action_units.times_ms) == len(both.face.frames) == len(alone.times_ms) == 3
    np.testing.assert_array_equal(both.face.times_ms, lose_frames(_recording(), 0.7, _rng()).face.times_ms)
    kept = (alone.times_ms / 40).astype(int)
    np.testing.assert_array_equal(alone.intensities, units.intensities[kept])
    assert has_frames_to_lose(Recording(action_units=units))
    assert not has_frames_to_lose(Recording(action_units=lose_frames(Recording(action_units=units), 1.0, _rng()).action_units))


def test_a_face_is_hidden_in_whichever_form_it_is_given_and_one_frame_is_not_lost():
    given = [modalities_of(inputs) for inputs in ({"action_units": 0, "eye_movements": 0}, {"pixel_values": 0, "fixations": 0})]
    assert given == [{"face", "eye_movements"}, {"face", "fixations"}]
    names = {condition.name for condition in _conditions(given, moving=True)}
    assert names == {"nothing", "face", "eye_movements", "fixations", *CURVES}
    assert {condition.name for condition in _conditions([{"face"}], moving=True)} == {"nothing", "video frames lost"}
    assert [condition.name for condition in _conditions([{"face"}], moving=False)] == ["nothing"]


@pytest.mark.parametrize("change", [lose_gaze, blur_gaze, lose_frames])
def test_what_is_absent_stays_absent_and_the_recording_itself_is_not_touched(change):
    assert change(Recording(), 0.5, _rng()) == Recording()
    clean = _recording()
    change(clean, 0.9, _rng())
    np.testing.assert_array_equal(clean.gaze.eye_movements, _recording().gaze.eye_movements)
    assert len(clean.face.frames) == 10


def test_a_recording_is_changed_alike_in_whatever_order_it_is_read(data: EmertData):
    first, second = (ChangedData.of(data, lose_gaze, 0.5, seed) for seed in (0, 0))
    forwards = [first.recording(row).gaze.eye_movements for row in range(3)]
    backwards = [second.recording(row).gaze.eye_movements for row in reversed(range(3))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        np.testing.assert_array_equal(one, other)
    other_seed = ChangedData.of(data, lose_gaze, 0.5, 1).recording(0).gaze.eye_movements
    assert not np.array_equal(np.isnan(forwards[0]), np.isnan(other_seed))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One level a curve."""
    for name, curve in CURVES.items():
        monkeypatch.setitem(CURVES, name, replace(curve, levels=curve.levels[-1:]))


@pytest.mark.slow
def test_the_whole_step_writes_its_files_and_repeats(model: Path, data: EmertData, tmp_path: Path, short: None, monkeypatch):
    first = robustness(model, data, tmp_path / "a", n_resamples=20, progress=False)
    assert {file.name for file in (tmp_path / "a").iterdir()} == {"robustness.json", "robustness.md", "robustness.png"}
    assert json.loads((tmp_path / "a" / "robustness.json").read_text()) == first
    assert list(first["hidden"]) == ["nothing", "face", "eye_movements", "fixations"]
    for curve in first["curves"].values():
        for entry in curve["tasks"].values():
            start, end = (point["value"] for point in entry["points"])
            assert entry["area"] == pytest.approx((start + end) / 2)
            assert entry["as_recorded"] == start
    page = (tmp_path / "a" / "robustness.md").read_text()
    assert "(synthetic)" in page
    assert "emert benchmark robustness" in page
    for name in ("gaze noise", "video frames lost"):
        monkeypatch.delitem(CURVES, name)
    again = robustness(model, data, tmp_path / "b", n_resamples=20, progress=False)
    assert again["curves"]["gaze lost"] == first["curves"]["gaze lost"]
    assert again["hidden"] == first["hidden"]


def test_the_gap_step(model: Path, data: EmertData, tmp_path: Path):
    results = gap(model, data, tmp_path / "gap", n_resamples=20, progress=False)
    assert {file.name for file in (tmp_path / "gap").iterdir()} == {"gap.json", "gap.md", "gap.png"}
    assert json.loads((tmp_path / "gap" / "gap.json").read_text()) == results
    assert results["gap"]["methods"]["EMERT"]["scores"]["0"]["n_agree"] > 0


def test_without_both_views_there_is_no_gap_step(model: Path, data: EmertData, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(data.__dict__, "tasks", ["er7", "er_va"])  # a cached property
    with pytest.raises(EmertInputError, match="needs er7 and fer7"):
        gap(model, data, tmp_path / "gap", n_resamples=20, progress=False)
    assert not (tmp_path / "gap").exists()
