"""Planted cheats are caught: shared participants or stimuli, a label among the inputs, selection on the test."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damaged_dataset import edit
from tiny_training import TINY_OVERRIDES

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.adaptation.adapt import adapt_all
from training.adaptation.recipe import AdaptationRecipe
from training.benchmark import open_data as opening
from training.benchmark.benchmarking import run_benchmark
from training.benchmark.gap import gap
from training.benchmark.jobs import Cell
from training.benchmark.measuring import measure_cell
from training.benchmark.open_data import find_leak
from training.benchmark.recipe import BenchmarkRecipe
from training.benchmark.robustness import robustness
from training.evaluation.evaluate import evaluate_model
from training.evaluation.protocols import Protocol
from training.fit.fit import fit
from training.methods.summaries import SummaryTable
from training.recipes.recipe import Recipe


@pytest.fixture
def recipe() -> BenchmarkRecipe:
    return BenchmarkRecipe(
        name="tiny",
        methods=("majority", "logistic_regression", "emert"),
        tasks=("er7",),
        training={"recipe": "laptop", "image_size": 32, "epochs": 2, "overrides": TINY_OVERRIDES},
        folds=(1,),
        split_versions=("plain",),
        n_resamples=50,
    )


@pytest.fixture
def leaking(data: EmertData, tmp_path: Path) -> EmertData:
    """A copy in which one recording of a participant of fold 1 is put into fold 3: tested there, and in training."""
    folder = Path(shutil.copytree(data.folder, tmp_path / "leaking"))
    edit(folder, participant_fold=3)
    return EmertData.open(folder)


@pytest.mark.parametrize("step", ["train", "evaluate", "protocol", "robustness", "gap", "adapt", "benchmark"])
def test_a_participant_on_both_sides_stops_every_step_before_anything_is_written(
    step: str, recipe: BenchmarkRecipe, leaking: EmertData, model: Path, tmp_path: Path
):
    out = tmp_path / "out"
    steps = {
        "train": lambda: fit(Recipe(image_size=32, overrides=TINY_OVERRIDES), leaking, out, 1),
        "evaluate": lambda: evaluate_model(model, leaking, progress=False),
        "protocol": lambda: evaluate_model(model, leaking, False, [Protocol.parse("er7-fold1")]),
        "robustness": lambda: robustness(model, leaking, out, progress=False),
        "gap": lambda: gap(model, leaking, out, progress=False),
        "adapt": lambda: adapt_all([model], leaking, AdaptationRecipe(recordings=(0, 1)), out, progress=False),
        "benchmark": lambda: run_benchmark(recipe, leaking.folder, out, 1, "emert benchmark tiny"),
    }
    with pytest.raises(EmertInputError, match=r"1 recordings have another participant_fold than in splits\.json"):
        steps[step]()
    assert not out.exists()


def test_a_label_among_the_inputs_stops_the_run(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    honest = opening.summary_table(data)
    leaking = np.column_stack([honest.features["fixations"], data.labels(TASKS["fer3"]) * 0.5 + 3])
    planted = SummaryTable({**honest.features, "fixations": leaking}, honest.recordings, honest.participants, honest.stimuli)
    three = replace(recipe, tasks=("fer3",))
    opening.check_inputs(data, three.tasks)
    monkeypatch.setattr(opening, "summary_table", lambda _: planted)
    monkeypatch.setattr(opening, "_ENOUGH", 3)  # there are only 42 recordings
    with pytest.raises(EmertInputError, match="determines the label of task fer3 for every recording"):
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
