"""Adaptation to a person: it learns only from what was given, scores the same recordings, and leaves the model as it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS
from training.adaptation import adapt as adaptation
from training.adaptation.adapt import adapt, adapt_all, open_model, predict_person, split_participants
from training.adaptation.recipe import AdaptationRecipe, load_adaptation_recipe
from training.cli import main
from training.data.dataset import RecordingDataset, collate
from training.evaluation.evaluate import evaluate_model
from training.fit.fit import fit
from training.recipes.recipe import Recipe

RECIPE = AdaptationRecipe(recordings=(0, 1, 3), tasks=("er7", "fer_va"), rank=2, steps=3, learning_rate=0.05, n_resamples=100)


def _predictions(table: pd.DataFrame, method: str) -> np.ndarray:
    rows = table[(table["method"] == method) & (table["task"] == "er7")].sort_values("recording_id")
    return np.stack(rows["prediction"])


def _with_labels(data: EmertData, monkeypatch: pytest.MonkeyPatch, rows: np.ndarray) -> None:
    """Gives these rows another class and other numbers, where they have labels."""
    labels = EmertData.labels

    def planted(self: EmertData, task) -> np.ndarray:
        found = labels(self, task).copy()
        if task.kind == "classification":
            found[rows] = np.where(found[rows] == ABSENT_CLASS, ABSENT_CLASS, (found[rows] + 1) % task.size)
        else:
            found[rows] = -found[rows]
        return found

    monkeypatch.setattr(EmertData, "labels", planted)


def test_splits_are_nested_apart_from_each_other_and_of_test_participants(model: Path, data: EmertData):
    adapting = open_model(model, data, RECIPE)
    tested = set(data.select(1)["test"].tolist())
    assert {split.participant for split in adapting.splits} == {str(data.ids["participant_id"][row]) for row in tested}
    for split in adapting.splits:
        own = {*split.given.tolist(), *split.scored.tolist()}
        assert len(split.given) == 3
        assert len(own) == len(split.given) + len(split.scored)
        assert own == {row for row in tested if data.ids["participant_id"][row] == split.participant}
    fewer = open_model(model, data, replace(RECIPE, recordings=(0, 1, 2)))
    for split, small in zip(adapting.splits, fewer.splits, strict=True):
        assert split.given[:2].tolist() == small.given.tolist()
    other = open_model(model, data, replace(RECIPE, seed=1))
    assert any(a.given.tolist() != b.given.tolist() for a, b in zip(adapting.splits, other.splits, strict=True))


def test_a_stimulus_that_was_given_is_not_scored(data: EmertData):
    rows = data.select(1)["test"]
    stimuli = data.ids["stimulus_id"].copy()
    plain, _ = split_participants(data, rows, ["er7"], RECIPE)
    twice = plain[0].scored[0]
    data.ids["stimulus_id"][twice] = stimuli[plain[0].given[0]]
    try:
        found, _ = split_participants(data, rows, ["er7"], RECIPE)
    finally:
        data.ids["stimulus_id"][:] = stimuli
    assert found[0].given.tolist() == plain[0].given.tolist()
    assert set(plain[0].scored) - set(found[0].scored) == {twice}


def test_labels_of_scored_recordings_change_no_prediction_and_those_given_do(
    model: Path, data: EmertData, monkeypatch: pytest.MonkeyPatch
):
    adapting = open_model(model, data, RECIPE)
    split = adapting.splits[0]
    honest = predict_person(data, adapting, split, RECIPE)
    for rows, reached in ((split.scored, False), (split.given, True)):
        with monkeypatch.context() as patch:
            _with_labels(data, patch, rows)
            found = predict_person(data, open_model(model, data, RECIPE), split, RECIPE)
        for method in found["method"].unique():
            same = np.array_equal(_predictions(found, method), _predictions(honest, method))
            assert same == (not reached or method == "EMERT"), (method, reached)


def test_without_adaptation_the_answers_are_those_of_the_evaluation(model: Path, data: EmertData):
    adapting = open_model(model, data, RECIPE)
    expected = evaluate_model(model, data, progress=False).query("method == 'EMERT'")
    for split in adapting.splits:
        found = predict_person(data, adapting, split, replace(RECIPE, recordings=(0, 1)))
        ids = set(found["recording_id"])
        assert ids == set(data.ids["recording_id"][split.scored])
        own = expected[expected["recording_id"].isin(ids)]
        np.testing.assert_allclose(_predictions(found, "EMERT"), _predictions(own, "EMERT"), atol=1e-5)


def test_the_model_stays_bit_for_bit_and_the_adapter_learns_what_it_was_given(model: Path, data: EmertData):
    adapting = open_model(model, data, RECIPE)
    before = {name: value.clone() for name, value in adapting.model.state_dict().items()}
    rows = RecordingDataset(data, adapting.splits[0].given, adapting.processor, ["er7"])
    batch = collate([rows[index] for index in range(3)])
    state = torch.random.get_rng_state()
    adapted, again = (adapt(adapting.model, batch, replace(RECIPE, steps=30), seed=1) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in adapting.model.state_dict().items())
    with torch.no_grad():
        plain, found, twice = (network(**batch) for network in (adapting.model, adapted, again))
    assert torch.equal(found.logits["er7"], twice.logits["er7"])
    assert found.losses["er7"] < 0.8 * plain.losses["er7"]


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_the_next_person(
    model: Path, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = replace(RECIPE, recordings=(0, 1), steps=1)
    whole, done = adapt_all([model], data, recipe, tmp_path / "whole", progress=False)
    calls: list[str] = []
    predict = adaptation.predict_person

    def stop_at_second(data, adapting, split, recipe):
        calls.append(split.participant)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return predict(data, adapting, split, recipe)

    with monkeypatch.context() as patch:
        patch.setattr(adaptation, "predict_person", stop_at_second)
        with pytest.raises(KeyboardInterrupt):
            adapt_all([model], data, recipe, tmp_path / "kept", progress=False)
        continued, again = adapt_all([model], data, recipe, tmp_path / "kept", progress=False)
    assert calls[2:] == sorted(done["participants"])[1:], "the first participant was adapted to again"
    assert again == done
    pd.testing.assert_frame_equal(continued, whole)


def test_the_command_writes_all_and_a_second_call_refuses(
    model: Path, data: EmertData, tmp_path: Path, capsys: pytest.CaptureFixture
):
    out = tmp_path / "adapted"
    changes = ["recordings=[0,2]", "tasks=[er7,fer_va]", "steps=1", "n_resamples=100"]
    assert main(["adapt", str(model), str(data.folder), "lora", *changes, "--out", str(out)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapted"], "a partial folder was left"
    assert sorted(path.name for path in out.iterdir()) == [
        "adaptation.json",
        "adaptation.md",
        "curve.png",
        "predictions.parquet",
    ]
    report = json.loads((out / "adaptation.json").read_text())
    assert list(report["curve"]) == ["er7", "fer_va"]
    for points in report["curve"].values():
        assert [point["recordings"] for point in points] == [0, 2]
        assert len({point["n"] for point in points}) == 1
        assert points[0]["difference"] is None
        assert points[1]["difference"] is not None
    page = (out / "adaptation.md").read_text()
    assert "synthetic" in page
    assert "steps=1" in page
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert main(["adapt", str(model), str(data.folder), "--out", str(out)]) == 2
    assert "already holds" in capsys.readouterr().err


def test_a_strict_model_is_adapted_on_strict_test_recordings(
    recipe: Recipe, data: EmertData, tmp_path: Path, capsys: pytest.CaptureFixture
):
    model = fit(replace(recipe, epochs=1, tasks=("er7",)), data, tmp_path / "model", fold=1, strict=True)
    rows = data.select(1, strict=True)
    out = tmp_path / "adapted"
    command = ["adapt", str(model), str(data.folder), "recordings=[0,1]", "steps=1", "n_resamples=100"]
    assert main([*command, "--out", str(out)]) == 0
    report = json.loads((out / "adaptation.json").read_text())
    assert report["header"]["strict"] is True
    ids, tested = data.ids["recording_id"], set(data.ids["recording_id"][rows["test"]])
    scored = set(pd.read_parquet(out / "predictions.parquet")["recording_id"])
    assert scored <= tested < set(ids[data.select(1)["test"]]), "strict splits test fewer stimuli"
    seen = {str(name) for split in ("train", "validation") for name in data.ids["stimulus_id"][rows[split]]}
    assert not seen & set(data.ids["stimulus_id"][np.isin(ids, list(scored))])


@pytest.mark.filterwarnings("error::FutureWarning")
def test_adapting_says_nothing_of_what_the_libraries_have_renamed(model: Path, data: EmertData):
    adapting = open_model(model, data, RECIPE)
    rows = RecordingDataset(data, adapting.splits[0].given, adapting.processor, ["er7"])
    adapt(adapting.model, collate([rows[0], rows[1]]), replace(RECIPE, steps=1), seed=1)


def test_too_few_recordings_are_told(model: Path, data: EmertData):
    with pytest.raises(EmertInputError, match="no test participant has more than 7 with labels"):
        open_model(model, data, replace(RECIPE, recordings=(0, 10)))
    with pytest.raises(EmertInputError, match="perceived3 is no task of both"):
        open_model(model, data, replace(RECIPE, tasks=("perceived3",)))


def test_the_shipped_recipe_is_the_default():
    assert load_adaptation_recipe() == AdaptationRecipe()
    expected = {"recordings": [0, 1, 5, 10], "tasks": [], "rank": 4, "alpha": 8.0, "steps": 30, "learning_rate": 1e-4}
    assert AdaptationRecipe().to_dict() == expected | {"n_resamples": 1000, "seed": 0}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("recordings=[1,5]", "recordings is"),
        ("recordings=[0]", "recordings is"),
        ("recordings=[0,5,1]", "recordings is"),
        ("recordings=5", "recordings is 5"),
        ("recordings=[0,1.5]", "recordings is"),
        ("tasks=[ER9]", "ER9"),
        ("tasks=er7", "tasks is 'er7'"),
        ("rank=0", "rank is 0"),
        ("steps=true", "steps is True"),
        ("learning_rate=fast", "learning_rate is 'fast'"),
        ("epochs=3", r"unknown key epochs \(3\)"),
        ("steps", "key=value"),
    ],
)
def test_a_wrong_value_is_named(change: str, named: str):
    with pytest.raises(EmertInputError, match=named):
        load_adaptation_recipe("lora", [change])


def test_what_was_kept_and_then_damaged_is_done_again(model: Path, data: EmertData, tmp_path: Path):
    recipe = replace(RECIPE, recordings=(0, 1), steps=1)
    first, _ = adapt_all([model], data, recipe, tmp_path / "kept", progress=False)
    next((tmp_path / "kept").glob("*.parquet")).write_bytes(b"")
    again, _ = adapt_all([model], data, recipe, tmp_path / "kept", progress=False)
    pd.testing.assert_frame_equal(first, again)


def test_where_nothing_can_be_written_it_says_so(model: Path, data: EmertData, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EmertInputError, match=r"file/kept/fingerprint: can't be written \(Not a directory\)"):
        adapt_all([model], data, RECIPE, tmp_path / "file" / "kept", progress=False)
