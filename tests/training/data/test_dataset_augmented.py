"""Augmented rows: by seed and epoch, after the cache, masks right; and rows without what a method is not given."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from everyday import others_slow
from tiny_emert import face_track
from torch.utils.data import DataLoader

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Recording
from training.augmentation import make_augmentation
from training.data.dataset import RecordingDataset, collate, statistics_by_participant
from training.data.joined import JoinedRecordings
from training.fit.fit import fit
from training.fit.prepare import make_model, prepare_processor
from training.recipes.recipe import Recipe

ALL = make_augmentation([{"name": name} for name in ("time_crop", "time_warp", "gaze_jitter", "blinks", "flip", "colour")])
GAZE_ONLY = make_augmentation([{"name": "gaze_jitter"}, {"name": "blinks"}])
NOTHING = make_augmentation([{"name": "flip", "chance": 0.0}])
FLIP = make_augmentation([{"name": "flip", "chance": 1.0}])


@pytest.fixture
def processor(recipe: Recipe, data: EmertData):
    made = make_model(recipe, ["er7"])[1]
    prepare_processor(made, data, data.select(1)["train"])
    return made


def _same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_an_epoch_draws_its_own_changes_and_the_same_ones_again(data: EmertData, processor):
    rows, again = (RecordingDataset(data, [3, 4], processor, ["er7"], augmentation=ALL, seed=1) for _ in range(2))
    first = rows[0]["inputs"]
    rows.set_epoch(1)
    second = rows[0]["inputs"]
    assert not _same(first, second)
    again.set_epoch(1)  # a run that goes on at its second epoch, in another order
    again[1]
    assert _same(again[0]["inputs"], second)
    rows.set_epoch(0)
    assert _same(rows[0]["inputs"], first)
    other = RecordingDataset(data, [3, 4], processor, ["er7"], augmentation=ALL, seed=2)
    assert not _same(other[0]["inputs"], first)
    elsewhere = RecordingDataset(data, [7, 3], processor, ["er7"], augmentation=ALL, seed=1)
    assert _same(elsewhere[1]["inputs"], first), "what is drawn depends on the recording, not on its place"


def test_a_recording_is_read_once_and_kept_as_it_is(data: EmertData, processor, monkeypatch: pytest.MonkeyPatch):
    for augmentation in (ALL, GAZE_ONLY, None):
        calls, read = [], EmertData.recording
        with monkeypatch.context() as patch:
            patch.setattr(EmertData, "recording", lambda *given, read=read, calls=calls: calls.append(1) or read(*given))
            rows = RecordingDataset(data, [0], processor, ["er7"], augmentation=augmentation)
            for epoch in range(4):
                rows.set_epoch(epoch)
                rows[0]
        assert len(calls) == 1
        if augmentation is not None:
            rows.augmentation = NOTHING
            plain = RecordingDataset(data, [0], processor, ["er7"])[0]["inputs"]
            assert _same(rows[0]["inputs"], plain)


def test_parts_that_leave_faces_alone_leave_them_bit_for_bit(data: EmertData, processor):
    plain = RecordingDataset(data, [0], processor, ["er7"])[0]["inputs"]
    found = RecordingDataset(data, [0], processor, ["er7"], augmentation=GAZE_ONLY)[0]["inputs"]
    assert torch.equal(found["pixel_values"], plain["pixel_values"])
    assert not torch.equal(found["eye_movements"], plain["eye_movements"])


def test_a_flip_reaches_the_network_in_its_own_units(data: EmertData, processor):
    plain, found = (RecordingDataset(data, [0], processor, ["er7"], augmentation=part)[0]["inputs"] for part in (None, FLIP))
    torch.testing.assert_close(found["pixel_values"], plain["pixel_values"].flip(-1), rtol=0, atol=0.02)
    extractor = processor.feature_extractor
    for name, other in (("gaze_x", "gaze_x"), ("gaze_left_x", "gaze_right_x")):
        values = []
        for inputs, key in ((plain, other), (found, name)):
            column = COLUMN_INDEX[key]
            steps = inputs["eye_movements"][:, column].numpy()
            here = (steps != 0) & (np.abs(steps) < extractor.clip)
            values.append(np.where(here, steps * extractor.eye_std[column] + extractor.eye_mean[column], np.nan))
        assert np.isfinite(values[0]).sum() > 5
        np.testing.assert_allclose(values[1], 1 - values[0], atol=1e-4)
    assert torch.equal(found["eye_movements_mask"], plain["eye_movements_mask"])
    assert torch.equal(found["fixations_mask"], plain["fixations_mask"])


@pytest.mark.parametrize("start", others_slow(["fork", "spawn"], ["fork"]))  # spawn: macOS, Windows; imports torch again
def test_workers_that_outlive_an_epoch_hear_of_the_next(data: EmertData, processor, start):
    rows = RecordingDataset(data, range(4), processor, ["er7"], augmentation=GAZE_ONLY)
    assert rows[0]  # the data files are open
    loader = DataLoader(rows, 2, collate_fn=collate, num_workers=1, persistent_workers=True, multiprocessing_context=start)
    for epoch in range(2):
        rows.set_epoch(epoch)
        found = torch.cat([batch["eye_movements"] for batch in loader])
        expected = torch.stack([rows[index]["inputs"]["eye_movements"] for index in range(4)])
        assert torch.equal(found, expected)


def test_a_change_that_would_leave_nothing_is_not_made(data: EmertData, processor):
    blind = make_augmentation([{"name": "blinks", "runs": 100, "longest": 1.0}])
    rows = RecordingDataset(data, range(6), processor, ["er7"], augmentation=blind, modalities=("fixations",))
    assert all(rows[index]["inputs"]["fixations_mask"].any() for index in range(6))


def test_a_participants_statistics_are_mirrored_with_them(recipe: Recipe, data: EmertData):
    _, processor = make_model(replace(recipe, normalisation="participant"), ["er7"])
    statistics = statistics_by_participant(data, range(len(data)))
    plain, found = (
        RecordingDataset(data, [0], processor, ["er7"], statistics, augmentation=part)[0]["inputs"]["eye_movements"]
        for part in (None, FLIP)
    )
    column = COLUMN_INDEX["gaze_x"]
    torch.testing.assert_close(found[:, column], -plain[:, column], rtol=0, atol=1e-3)


@pytest.mark.parametrize("augmentation", [None, ALL, GAZE_ONLY], ids=["plain", "all", "gaze"])
@pytest.mark.parametrize("modalities", [("face",), ("eye_movements",), ("fixations",), ("face", "fixations")])
def test_a_method_gets_its_modalities_and_no_other(data: EmertData, processor, modalities, augmentation):
    rows = RecordingDataset(data, [0, 1], processor, ["er7"], modalities=modalities, augmentation=augmentation)
    names = {"face": "pixel_values", "eye_movements": "eye_movements", "fixations": "fixations"}
    expected = {names[name] for name in modalities} | {f"{name}_mask" for name in modalities}
    assert set(rows[0]["inputs"]) == set(rows[1]["inputs"]) == expected
    if augmentation is None:
        whole = RecordingDataset(data, [0, 1], processor, ["er7"])[0]["inputs"]
        assert all(torch.equal(rows[0]["inputs"][name], whole[name]) for name in expected)


def test_a_recording_without_a_methods_modality_is_answered_for_from_the_mean(
    recipe: Recipe, data: EmertData, processor, monkeypatch: pytest.MonkeyPatch
):
    read = EmertData.recording
    monkeypatch.setattr(EmertData, "recording", lambda *given: replace(read(*given), face=None))
    model, _ = make_model(recipe, ["er7"])
    items = [RecordingDataset(data, [0, 1], processor, ["er7"], modalities=("face",))[index] for index in (0, 1)]
    batch = collate(items)
    assert batch["face_mask"].all()
    assert not batch["pixel_values"].any()
    assert torch.isfinite(model.eval()(**batch).logits["er7"]).all()


@pytest.mark.slow
def test_a_training_with_augmentation_repeats_itself_and_differs_from_one_without(
    recipe: Recipe, data: EmertData, tmp_path: Path
):
    augmented = replace(recipe, augmentation=({"name": "flip"}, {"name": "gaze_jitter"}), epochs=1)
    first, second, plain = (
        (fit(one, data, tmp_path / name, fold=1) / "model.safetensors").read_bytes()
        for name, one in (("a", augmented), ("b", augmented), ("c", replace(augmented, augmentation=())))
    )
    assert first == second
    assert first != plain


def test_photographs_of_a_batch_are_the_same_together_and_alone(data: EmertData, processor: EmertProcessor, monkeypatch):
    photo = lambda _, row, __=None: Recording(face=face_track(1, side=40, seed=int(row)))  # noqa: E731
    monkeypatch.setattr(EmertData, "recording", photo)
    augmentation = make_augmentation([{"name": "face_move"}, {"name": "cover", "chance": 1}])
    rows = JoinedRecordings([RecordingDataset(data, range(4), processor, ["fer7"], augmentation=augmentation) for _ in "ab"])
    together, alone = rows.__getitems__([6, 0, 3]), [rows[index] for index in (6, 0, 3)]
    for first, second in zip(together, alone, strict=True):
        assert first["inputs"].keys() == second["inputs"].keys()
        assert len(first["inputs"]["pixel_values"]) == 1
        for name, values in first["inputs"].items():
            torch.testing.assert_close(values, second["inputs"][name])
        assert first["labels"] == second["labels"]
