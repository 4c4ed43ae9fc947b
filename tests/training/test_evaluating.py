"""Scores come from people whom the model has never seen, and hiding a modality hides it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dataset_scripts.building import build
from dataset_scripts.reading import EmertData
from dataset_scripts.sources import open_source
from modeling_emert import EmertInputError
from training.evaluating import (
    ABLATIONS,
    evaluate_baselines,
    evaluate_model,
    load_model,
    read_record,
    unseen_rows,
)
from training.fitting import RECORD_FILE


def test_each_test_recording_and_task_has_one_row_a_method(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False)
    assert set(table["method"]) == set(ABLATIONS)
    assert len(table) == len(ABLATIONS) * len(data.tasks) * len(data.select(1)["test"])


def test_nobody_in_the_table_was_seen_in_training_or_validation(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False)
    assert not set(table["participant_id"]) & set(read_record(model)["seen_participants"])


def test_hiding_the_eyes_changes_er_predictions_and_hiding_nothing_does_not(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False).query("task == 'er7'")
    whole, blind = (np.stack(table[table["method"] == name]["prediction"]) for name in ("EMERT", "EMERT without eyes"))
    again = evaluate_model(model, data, progress=False).query("task == 'er7' and method == 'EMERT'")
    assert not np.allclose(whole, blind)
    np.testing.assert_array_equal(whole, np.stack(again["prediction"]))


def test_other_folds_of_the_same_people_leave_the_seen_ones_out(model: Path, recordings: Path, tmp_path: Path):
    other = EmertData.open(build(open_source("synthetic", recordings), tmp_path / "other", workers=1, faces=2, seed=1))
    record = read_record(model)
    assert other.assignment.sha256 != record["splits_sha256"]
    rows = unseen_rows(other, record)
    assert len(rows)
    assert not set(other.ids["participant_id"][rows]) & set(record["seen_participants"])


def test_a_model_that_has_seen_everyone_is_refused(model: Path, data: EmertData):
    record = read_record(model) | {"splits_sha256": "another", "seen_participants": sorted(set(data.ids["participant_id"]))}
    with pytest.raises(EmertInputError, match="seen every participant"):
        unseen_rows(data, record)


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "processor_config.json"])
def test_a_folder_that_is_not_whole_is_refused(model: Path, tmp_path: Path, missing: str):
    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    (broken / missing).unlink()
    with pytest.raises(EmertInputError, match=missing):
        load_model(broken)


def test_another_kind_of_model_is_refused(model: Path, tmp_path: Path):
    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    (broken / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EmertInputError, match="bert"):
        load_model(broken)


def test_weights_that_are_no_safetensors_are_refused(model: Path, tmp_path: Path):
    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(EmertInputError, match="safetensors"):
        load_model(broken)


def test_a_model_without_a_record_is_not_scored(model: Path, tmp_path: Path, data: EmertData):
    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    (broken / RECORD_FILE).unlink()
    with pytest.raises(EmertInputError, match=RECORD_FILE):
        evaluate_model(broken, data)


def test_baselines_answer_for_the_same_recordings_as_the_model(model: Path, data: EmertData):
    ours = evaluate_model(model, data, progress=False)
    theirs = evaluate_baselines(data, ["er7", "er_va"], fold=1, strict=False, by_participant=False)
    assert set(theirs["recording_id"]) == set(ours["recording_id"])
    assert set(theirs["method"]) == {"majority", "logistic regression"}


def test_a_shuffled_label_in_the_test_set_changes_no_baseline(data: EmertData, monkeypatch: pytest.MonkeyPatch):
    def predictions() -> np.ndarray:
        return np.stack(evaluate_baselines(data, ["er7"], fold=1, strict=False, by_participant=True)["prediction"])

    honest, labels = predictions(), EmertData.labels
    test_rows = data.select(1)["test"]

    def planted(self: EmertData, task) -> np.ndarray:
        changed = labels(self, task).copy()
        changed[test_rows] = changed[test_rows][::-1]
        return changed

    monkeypatch.setattr(EmertData, "labels", planted)
    np.testing.assert_array_equal(honest, predictions())


def test_without_faces_nothing_is_compared_with_hiding_them(model: Path, data: EmertData, monkeypatch: pytest.MonkeyPatch):
    recording = EmertData.recording

    def faceless(self: EmertData, row: int, num_frames: int | None = None):
        whole = recording(self, row, num_frames)
        whole.face = None
        return whole

    monkeypatch.setattr(EmertData, "recording", faceless)
    assert set(evaluate_model(model, data, progress=False)["method"]) == {"EMERT"}
