"""Scores come from people whom the model has never seen, and hiding a modality hides it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from everyday import others_slow

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import open_source
from modeling_emert import EmertInputError
from modeling_emert.constants_emert import RECORD_FILE
from modeling_emert.licences_emert import hash_participants
from modeling_emert.tasks_emert import TASKS
from training.cli import main
from training.evaluation.evaluate import ABLATIONS, evaluate_baselines, evaluate_model, evaluate_models
from training.evaluation.load_model import load_model
from training.evaluation.model_folder import find_models, read_record
from training.evaluation.protocols import parse_protocols, unseen_rows
from training.fit.fit import fit
from training.methods.registry import get_method, load_class
from training.recipes.recipe import Recipe

METHODS_OF_EMERT = {name.format("EMERT") for name in ABLATIONS}


def test_each_test_recording_and_task_has_one_row_a_method(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False)
    assert set(table["method"]) == METHODS_OF_EMERT
    assert len(table) == len(ABLATIONS) * len(data.tasks) * len(data.select(1)["test"])


def test_nobody_in_the_table_was_seen_in_training_or_validation(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False)
    seen = read_record(model)["seen_participants"]
    assert set(hash_participants("synthetic", set(data.ids["participant_id"]))) > set(seen)
    assert not set(hash_participants("synthetic", set(table["participant_id"]))) & set(seen)


def test_hiding_the_eyes_changes_er_predictions_and_hiding_nothing_does_not(model: Path, data: EmertData):
    table = evaluate_model(model, data, progress=False).query("task == 'er7'")
    whole, blind = (np.stack(table[table["method"] == name]["prediction"]) for name in ("EMERT", "EMERT, eyes hidden"))
    again = evaluate_model(model, data, progress=False).query("task == 'er7' and method == 'EMERT'")
    assert not np.allclose(whole, blind)
    np.testing.assert_array_equal(whole, np.stack(again["prediction"]))


def test_other_folds_of_the_same_people_leave_the_seen_ones_out(model: Path, recordings: Path, tmp_path: Path):
    other = EmertData.open(build(open_source("synthetic", recordings), tmp_path / "other", num_workers=1, faces=2, seed=1))
    record = read_record(model)
    assert other.assignment.sha256 != record["splits_sha256"]
    rows = unseen_rows(other, record)
    assert len(rows)
    tested = hash_participants("synthetic", set(other.ids["participant_id"][rows]))
    assert not set(tested) & set(record["seen_participants"])


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


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("processor_config.json", "{", "not JSON"),
        ("processor_config.json", "{}", "holds nothing"),
        ("processor_config.json", '{"video_processor": {}}', "can't be used"),
        ("config.json", "[]", "holds list"),
        ("config.json", '{"model_type": "emert", "encoder_size": "a"}', "can't be used"),
        ("config.json", '{"model_type": "emert"}', "it asks for [\\d,]+ weights"),
        ("training_record.json", "[]", "holds list"),
    ],
)
def test_a_file_of_a_model_that_is_broken_is_named(model: Path, tmp_path: Path, file: str, content: str, told: str):
    broken = Path(shutil.copytree(model, tmp_path / "model"))
    (broken / file).write_text(content)
    with pytest.raises(EmertInputError, match=told) as caught:
        load_model(broken)
    assert str(broken) in str(caught.value)


@pytest.mark.parametrize("name", ["data", "fold", "strict", "splits_sha256", "seen_participants", "recipe"])
def test_a_record_that_does_not_tell_whom_the_model_has_seen_is_refused(
    model: Path, tmp_path: Path, data: EmertData, capsys: pytest.CaptureFixture, name: str
):
    record = read_record(model)
    broken = Path(shutil.copytree(model, tmp_path / "model"))
    for content, told in (({}, "data is missing"), (record | {name: None}, f"{name} is None")):
        (broken / RECORD_FILE).write_text(json.dumps(content))
        with pytest.raises(EmertInputError, match=told):
            evaluate_model(broken, data)
        for command in (["evaluate"], ["adapt"], ["benchmark", "gap"]):
            assert main([*command, str(broken), str(data.folder), "--out", str(tmp_path / "out")]) == 2
            assert told in capsys.readouterr().err
        assert main(["probe", "--model", str(broken), "--data", str(data.folder)]) == 2
        assert told in capsys.readouterr().err
    (broken / RECORD_FILE).write_text(json.dumps(record | {"recipe": {}}))
    with pytest.raises(EmertInputError, match="recipe lacks normalisation"):
        find_models(broken)


def test_baselines_answer_for_the_same_recordings_as_the_model(model: Path, data: EmertData):
    ours = evaluate_model(model, data, progress=False)
    theirs = evaluate_baselines(data, ["er7", "er_va"], fold=1, strict=False, normalisation="training")
    assert set(theirs["recording_id"]) == set(ours["recording_id"])
    assert set(theirs["method"]) == {"majority", "logistic regression"}


def test_a_shuffled_label_in_the_test_set_changes_no_baseline(data: EmertData, monkeypatch: pytest.MonkeyPatch):
    def predictions() -> np.ndarray:
        return np.stack(evaluate_baselines(data, ["er7"], fold=1, strict=False, normalisation="participant")["prediction"])

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


def _copy(model: Path, to: Path, **changes) -> Path:
    """The same model with another record."""
    shutil.copytree(model, to)
    (to / RECORD_FILE).write_text(json.dumps(read_record(model) | changes))
    return to


def test_one_protocol_is_one_task_on_its_test_recordings(model: Path, data: EmertData):
    table = evaluate_model(model, data, False, parse_protocols(["er7-fold1"]))
    assert set(table["task"]) == {"er7"}
    assert set(table["recording_id"]) == set(data.ids["recording_id"][data.select(1)["test"]])
    whole = evaluate_model(model, data, progress=False).query("task == 'er7'")
    np.testing.assert_array_equal(np.stack(table["prediction"]), np.stack(whole["prediction"]))


def test_the_temperature_is_in_the_answers_and_the_answers_before_it_are_kept(model: Path, data: EmertData, tmp_path: Path):
    """Dividing by T is raising to the power 1/T and scaling to a sum of 1; numbers and other tasks have no temperature."""
    warm = Path(shutil.copytree(model, tmp_path / "warm"))
    config = json.loads((warm / "config.json").read_text())
    (warm / "config.json").write_text(json.dumps(config | {"temperatures": {"er7": 3.0}}))
    table = evaluate_model(warm, data, False).query("method == 'EMERT'")
    rows = table[table["task"] == "er7"]
    before, after = np.stack(rows["uncalibrated"]), np.stack(rows["prediction"])
    expected = before ** (1 / 3)
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    assert table[table["task"].isin(["fer7", "er_va"])]["uncalibrated"].isna().all()


def test_models_of_several_folds_are_pooled_each_on_its_own_people(model: Path, data: EmertData, tmp_path: Path):
    rows = data.select(2)
    seen = {str(name) for split in ("train", "validation") for name in data.ids["participant_id"][rows[split]]}
    _copy(model, tmp_path / "run" / "model")
    _copy(model, tmp_path / "run" / "model-fold2", fold=2, seen_participants=sorted(seen))
    folders = find_models(tmp_path / "run")
    assert [folder.name for folder in folders] == ["model", "model-fold2"]
    table = evaluate_models(folders, data, progress=False)
    for fold in (1, 2):
        own = set(table[table["fold"] == fold]["recording_id"])
        assert own == set(data.ids["recording_id"][data.select(fold)["test"]])
    only = evaluate_models(folders, data, parse_protocols(["er7-fold2"]), progress=False)
    assert set(only["fold"]) == {2}
    with pytest.raises(EmertInputError, match="the models are of the folds 1, 2"):
        evaluate_models(folders, data, parse_protocols(["er7-fold3"]), progress=False)


def test_models_that_were_not_trained_in_one_way_are_not_pooled(model: Path, tmp_path: Path):
    _copy(model, tmp_path / "run" / "a")
    _copy(model, tmp_path / "run" / "b", fold=2, strict=True)
    with pytest.raises(EmertInputError, match="not trained in one way"):
        find_models(tmp_path / "run")
    _copy(model, tmp_path / "other" / "a")
    _copy(model, tmp_path / "other" / "b")
    with pytest.raises(EmertInputError, match="of one fold"):
        find_models(tmp_path / "other")


@pytest.mark.parametrize("key", others_slow(["late_fusion", "eye_movements_only"], ["eye_movements_only"]))
def test_any_network_is_opened_by_the_method_of_its_record(data: EmertData, recipe: Recipe, tmp_path: Path, key: str):
    method = get_method(key)
    trained = fit(replace(recipe, method=key, epochs=1, tasks=("er7",)), data, tmp_path / "model", fold=1)
    model, _ = load_model(trained)
    assert type(model) is load_class(method)
    table = evaluate_model(trained, data, progress=False)
    assert method.name in set(table["method"])
    if method.modalities == ("eye_movements",):  # nothing else is given, so nothing can be hidden
        assert set(table["method"]) == {method.name}


def test_a_modality_that_the_method_is_not_given_changes_nothing(model: Path, data: EmertData, tmp_path: Path):
    blind = _copy(model, tmp_path / "blind", method="emert_no_face")
    ours = evaluate_model(blind, data, False).query("method == 'EMERT trained without face' and task == 'er7'")
    hidden = evaluate_model(model, data, False).query("method == 'EMERT, face hidden' and task == 'er7'")
    np.testing.assert_allclose(np.stack(ours["prediction"]), np.stack(hidden["prediction"]), atol=1e-6)


@pytest.mark.slow
def test_other_test_labels_change_nothing_that_was_chosen(
    data: EmertData, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Epoch, temperature and weights come from training and validation: with the test labels reversed all stay the same."""
    chosen = replace(recipe, tasks=("er7",), epochs=2)
    honest = fit(chosen, data, tmp_path / "honest", fold=1)
    labels, test_rows = EmertData.labels, data.select(1)["test"]

    def planted(self: EmertData, task) -> np.ndarray:
        changed = labels(self, task).copy()
        changed[test_rows] = changed[test_rows][::-1]
        return changed

    monkeypatch.setattr(EmertData, "labels", planted)
    cheated = fit(chosen, data, tmp_path / "cheated", fold=1)
    assert (honest / "model.safetensors").read_bytes() == (cheated / "model.safetensors").read_bytes()
    for name in ("temperatures", "class_weights"):
        values = [json.loads((folder / "config.json").read_text()).get(name) for folder in (honest, cheated)]
        assert values[0] == values[1]
    for name in ("validation_score", "epochs"):
        assert read_record(honest)[name] == read_record(cheated)[name]
    first, second = (evaluate_model(folder, data, False) for folder in (honest, cheated))
    np.testing.assert_array_equal(np.stack(first["prediction"]), np.stack(second["prediction"]))
    true = labels(data, TASKS["er7"])[test_rows]
    assert not np.array_equal(true, planted(data, TASKS["er7"])[test_rows])  # else nothing was planted


@pytest.mark.slow
def test_the_command_writes_all_files_and_makes_them_again_without_the_model(
    model: Path, data: EmertData, tmp_path: Path, capsys: pytest.CaptureFixture
):
    out, again = tmp_path / "out", tmp_path / "again"
    command = ["evaluate", str(model), str(data.folder), "--protocol", "er7-fold1", "--protocol", "fer7-fold1"]
    assert main([*command, "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    assert set(results["scores"]["EMERT"]) == {"er7", "fer7"}
    assert results["header"]["command"].endswith("--protocol er7-fold1 --protocol fer7-fold1 --out DIR")
    assert {"majority", "logistic regression"} <= set(results["methods"])
    assert results["gap"]["methods"]["EMERT"]["scores"]
    assert main(["evaluate", "--predictions", str(out / "predictions.parquet"), "--out", str(again)]) == 0
    assert (again / "results.json").read_bytes() == (out / "results.json").read_bytes()
    refused = [
        (["evaluate", "--out", str(tmp_path / "x")], "give MODEL and DATA"),
        ([*command, "--predictions", "x", "--out", str(tmp_path / "x")], "needs no MODEL"),
        (["evaluate", str(model), str(data.folder), "--protocol", "er7-fold2", "--out", str(tmp_path / "x")], "has seen"),
        ([*command, "--out", str(out)], "already holds"),
    ]
    for arguments, reason in refused:
        capsys.readouterr()
        assert main(arguments) == 2
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
