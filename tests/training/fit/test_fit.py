"""Training moves every parameter, repeats itself bit for bit, goes on where it was stopped, and writes whole folders."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import set_seed

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError, GazeStatistics
from modeling_emert.constants_emert import RECORD_FILE
from modeling_emert.licences_emert import hash_participants
from training.data.dataset import RecordingDataset, collate, statistics_by_participant
from training.fit.fit import fit
from training.fit.prepare import choose_tasks, make_model, prepare, prepare_processor
from training.recipes.recipe import Recipe


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_every_parameter_moves(recipe: Recipe, data: EmertData, tmp_path: Path):
    set_seed(recipe.seed)
    before, _ = make_model(recipe, choose_tasks(recipe, data))
    after = _weights(fit(recipe, data, tmp_path / "model", fold=1))
    still = [name for name, parameter in before.named_parameters() if torch.equal(parameter, after[name])]
    assert not still


def test_the_same_seed_gives_the_same_weights_and_another_does_not(recipe: Recipe, data: EmertData, tmp_path: Path):
    once = replace(recipe, epochs=1)
    first, second = (_weights(fit(once, data, tmp_path / name, fold=1)) for name in ("a", "b"))
    other = _weights(fit(replace(once, seed=1), data, tmp_path / "c", fold=1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_folder_is_whole_and_says_whom_the_model_has_seen(model: Path, data: EmertData):
    record = json.loads((model / RECORD_FILE).read_text())
    tested = set(data.ids["participant_id"][data.select(1)["test"]])
    assert record["seen_participants"]
    assert not set(hash_participants("synthetic", tested)) & set(record["seen_participants"])
    assert set(hash_participants("synthetic", set(data.ids["participant_id"]))) > set(record["seen_participants"])
    assert not [path for path in model.parent.iterdir() if path.name.startswith(".")], "a partial folder was left"
    assert not list(model.glob("*.bin")) + list(model.glob("*.pt*"))


def test_statistics_come_from_the_training_participants_only(recipe: Recipe, data: EmertData):
    rows = data.select(1)
    _, processor = make_model(recipe, ["er7"])
    prepare_processor(processor, data, rows["train"])
    expected = GazeStatistics.of(item.gaze for item in data.gaze_only(rows["train"])).eye_scale[0]
    everyone = GazeStatistics.of(item.gaze for item in data.gaze_only(range(len(data)))).eye_scale[0]
    np.testing.assert_allclose(processor.feature_extractor.eye_mean, expected)
    assert not np.allclose(processor.feature_extractor.eye_mean, everyone)


def test_participant_statistics_are_each_participants_own(data: EmertData):
    statistics = statistics_by_participant(data, range(len(data)))
    name = str(data.ids["participant_id"][0])
    own = np.flatnonzero(data.ids["participant_id"] == name)
    expected = GazeStatistics.of(item.gaze for item in data.gaze_only(own))
    np.testing.assert_allclose(statistics[name].eye, expected.eye)


def test_a_batch_holds_zeros_and_a_false_mask_for_what_one_item_lacks(recipe: Recipe, data: EmertData):
    _, processor = make_model(recipe, ["er7"])
    items = [RecordingDataset(data, [0, 1], processor, ["er7"])[index] for index in (0, 1)]
    del items[1]["inputs"]["pixel_values"], items[1]["inputs"]["face_mask"]
    batch = collate(items)
    assert batch["face_mask"].tolist() == [[True, True], [False, False]]
    assert not batch["pixel_values"][1].any()


def test_a_task_without_labels_is_refused(recipe: Recipe, data: EmertData, tmp_path: Path):
    with pytest.raises(EmertInputError, match="perceived3"):
        fit(replace(recipe, tasks=("perceived3",)), data, tmp_path / "model", fold=1)
    assert not any(tmp_path.iterdir())


def test_a_network_that_can_not_be_is_refused(recipe: Recipe, data: EmertData, tmp_path: Path):
    with pytest.raises(EmertInputError, match="head_dim"):
        fit(replace(recipe, overrides={"head_dim": 0}), data, tmp_path / "model", fold=1)
    assert not any(tmp_path.iterdir())


def test_a_model_that_another_run_has_finished_meanwhile_is_not_replaced(
    recipe: Recipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def slow(*given):
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text("of the other run")
        return prepare(*given)

    monkeypatch.setattr("training.fit.fit.prepare", slow)
    with pytest.raises(EmertInputError, match="model: already holds something"):
        fit(recipe, data, tmp_path / "model", fold=1, overwrite=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "config.json"]
