"""Planted cheats are caught: shared participants or stimuli, a label among the inputs, selection on the test."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_training import TINY_OVERRIDES

from dataset_scripts.reading import EmertData
from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.benchmark import cells, guards
from training.benchmark.benchmarking import run_benchmark
from training.benchmark.cells import Cell
from training.benchmark.clip_probe import clip_probe
from training.benchmark.guards import check_splits, find_leak
from training.benchmark.measuring import measure_cell
from training.benchmark.recipe import BenchmarkRecipe
from training.methods.summaries import SummaryTable


@pytest.fixture
def recipe() -> BenchmarkRecipe:
    return BenchmarkRecipe(
        name="tiny",
        methods=("majority", "logistic_regression", "emert"),
        protocols=("er7",),
        training={"recipe": "laptop", "image_size": 32, "epochs": 2, "overrides": TINY_OVERRIDES},
        folds=(1,),
        versions=("plain",),
        draws=50,
    )


def test_honest_splits_pass(data: EmertData):
    for fold in range(1, data.assignment.folds + 1):
        check_splits(data, fold, strict=False)
        check_splits(data, fold, strict=True)


def test_a_participant_on_both_sides_stops_the_run_before_anything_is_trained(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    honest = EmertData.select

    def cheats(self, fold: int, strict: bool = False) -> dict[str, np.ndarray]:
        rows = honest(self, fold, strict)
        return {**rows, "train": np.append(rows["train"], rows["test"][:1]), "test": rows["test"][1:]}

    monkeypatch.setattr(EmertData, "select", cheats)
    monkeypatch.setattr(cells, "run_cell", lambda _: pytest.fail("something was trained"))
    with pytest.raises(EmertInputError, match=r"participant_id \S+ is in train and in test"):
        run_benchmark(recipe, data.folder, tmp_path, 1, "emert benchmark tiny")


def test_a_stimulus_on_both_sides_of_a_strict_split_is_found(data: EmertData, monkeypatch: pytest.MonkeyPatch):
    plain = data.select(1)
    monkeypatch.setattr(EmertData, "select", lambda self, fold, strict=False: plain)
    check_splits(data, 1, strict=False)
    with pytest.raises(EmertInputError, match="stimulus_id"):
        check_splits(data, 1, strict=True)


def test_a_label_among_the_inputs_stops_the_run(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    honest = guards.summary_table(data)
    leaking = np.column_stack([honest.features["fixations"], data.labels(TASKS["fer3"]) * 0.5 + 3])
    planted = SummaryTable({**honest.features, "fixations": leaking}, honest.recordings, honest.participants, honest.stimuli)
    three = replace(recipe, protocols=("fer3",))
    guards.check_inputs(data, three.protocols)
    monkeypatch.setattr(guards, "summary_table", lambda _: planted)
    monkeypatch.setattr(guards, "_ENOUGH", 3)  # there are only 42 recordings
    with pytest.raises(EmertInputError, match="tells the label of task fer3 for every recording"):
        run_benchmark(three, data.folder, tmp_path, 1, "emert benchmark tiny")


def test_a_leak_is_found_for_classes_and_numbers_and_noise_is_none():
    rng = np.random.default_rng(0)
    labels, numbers, noise = rng.integers(3, size=90), rng.normal(size=90), rng.normal(size=(90, 50))
    assert find_leak(noise, labels) is None
    assert find_leak(noise, numbers) is None
    assert find_leak(np.column_stack([noise, (labels + 1) % 3 + 0.6 * noise[:, 0]]), labels) is None
    assert find_leak(np.column_stack([noise, (labels + 1) % 3 + 0.01 * rng.random(90)]), labels) == 50
    assert find_leak(np.column_stack([noise, -2 * numbers + 1]), numbers) == 50
    hidden = np.where(np.arange(90) < 30, ABSENT_CLASS, labels)
    assert find_leak(np.column_stack([noise, np.where(hidden < 0, rng.normal(size=90), labels)]), hidden) == 50


@pytest.mark.slow
@pytest.mark.parametrize("method", ["majority", "logistic_regression", "emert"])
def test_other_test_labels_change_no_prediction_and_no_choice(
    method: str, recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither the epoch, nor a setting, nor the temperature may come from the test; nor may a label be an input."""
    cell = Cell(method, ("er7",), fold=1, version="plain", seed=0)
    honest, first = measure_cell(cell, recipe, data, tmp_path / "honest")
    test, labels = data.select(1)["test"], EmertData.labels

    def planted(self, task):
        found = labels(self, task).copy()
        found[test] = (found[test] + 1) % task.size
        return found

    monkeypatch.setattr(EmertData, "labels", planted)
    other, second = measure_cell(cell, recipe, data, tmp_path / "other")
    assert honest["target"].tolist() != other["target"].tolist(), "nothing was planted"
    assert honest["prediction"].tolist() == other["prediction"].tolist()
    assert (first.validation_score, first.epochs) == (second.validation_score, second.epochs)


def test_the_clip_probe_reads_the_clip_where_the_eyes_tell_it(data: EmertData, monkeypatch: pytest.MonkeyPatch):
    assert clip_probe(data, (1,)) == clip_probe(data, (1,))
    honest = EmertData.gaze_only

    def looks_at_its_own_place(self, rows):
        found = honest(self, rows)
        for row, recording in zip(rows, found, strict=True):
            place = sorted(set(self.ids["stimulus_id"])).index(self.ids["stimulus_id"][row])
            recording.gaze.fixations[:, :2] = [0.1 + 0.27 * (place % 4), 0.1 + 0.27 * (place // 4)]
        return found

    monkeypatch.setattr(EmertData, "gaze_only", looks_at_its_own_place)
    probe = clip_probe(data, tuple(range(1, data.assignment.folds + 1)))
    assert probe.accuracy > 0.9
    assert probe.shuffled < 0.5
    assert probe.chance == pytest.approx(1 / 7)
