"""A benchmark that is killed at any of its steps goes on; its cells on dask workers give what they give on one machine."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from dask_cluster import dask_cluster
from everyday import others_slow
from killed import run_in_child
from pages import TINY_RECIPE
from tiny_training import tiny_benchmark

from dataset_scripts.common.output import lock_output
from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.benchmark.benchmarking import run_benchmark, write_report
from training.benchmark.predictions import RUN_FILE, read_stored
from training.benchmark.recipe import BenchmarkRecipe
from training.cli import main

# What a run with one cell to do does, in order: the function that is called, and in which call the run is killed.
_STEPS = {
    "a cell's predictions are written": ("training.benchmark.running.write_sorted", 1),
    "a cell is named": ("training.benchmark.running.replace_folder", 1),
    "what a cell leaves is removed": ("shutil.rmtree", 3),
    "the older run is removed": ("training.benchmark.benchmarking.write_sorted", 1),
    "the predictions are there": ("training.benchmark.benchmarking._write_json", 1),
    "the run is there": ("training.benchmark.benchmarking._write_json", 2),
}
_WITHOUT_RUN = ("the older run is removed", "the predictions are there")
_CASES = others_slow(_STEPS, ["the predictions are there"])


@pytest.fixture(scope="module")
def recipe() -> BenchmarkRecipe:
    return tiny_benchmark(20, ("majority", "stimulus_majority"))


@pytest.fixture(scope="module")
def whole(recipe: BenchmarkRecipe, data: EmertData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    run_benchmark(recipe, data.folder, out, 1, "tiny")
    return out


@pytest.mark.parametrize("step", _CASES)
def test_killed_at_each_step_it_goes_on_and_no_table_is_of_half_a_run(
    recipe: BenchmarkRecipe, data: EmertData, whole: Path, tmp_path: Path, step: str
):
    out = tmp_path / "out"
    run_benchmark(replace(recipe, methods=("majority",)), data.folder, out, 1, "tiny")
    more = partial(run_benchmark, recipe, data.folder, out, 1, "tiny")
    assert run_in_child(more, tmp_path / "reason", *_STEPS[step]) == -9
    if step in _WITHOUT_RUN:
        with pytest.raises(EmertInputError, match=f"{RUN_FILE} is missing"):
            write_report(out)
    else:
        methods = write_report(out)["versions"]["plain"]["scores"]
        assert len(methods) == len(json.loads((out / RUN_FILE).read_text())["cells"])
    more()
    pd.testing.assert_frame_equal(read_stored(out), read_stored(whole))
    assert [path.name for path in (out / "cells").iterdir() if path.name.startswith(".")] == []


def test_two_runs_do_not_write_one_benchmark(recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path):
    with lock_output(tmp_path / "out"), pytest.raises(EmertInputError, match="another run is writing it"):
        run_benchmark(recipe, data.folder, tmp_path / "out", 1, "tiny")


@pytest.mark.slow
def test_cells_and_folds_on_the_workers_of_a_scheduler_give_the_same_as_here(
    recipe: BenchmarkRecipe, data: EmertData, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = replace(recipe, methods=("majority", "emert"), tasks=("er7", "fer7"))
    run_benchmark(recipe, data.folder, tmp_path / "here", 1, "tiny")
    (tmp_path / "workers").mkdir()
    monkeypatch.chdir(tmp_path)  # where no worker was started
    with dask_cluster(tmp_path / "workers") as scheduler:
        results = run_benchmark(recipe, data.folder, Path("there"), 1, "tiny", scheduler)
        words = ["quickstart", "--path", str(recordings), "--out", "quick", "--folds", "2", "--scheduler", scheduler]
        assert main([*words, *TINY_RECIPE]) == 0
    assert {path.name for path in (tmp_path / "quick").iterdir()} == {"dataset", "model", "model-fold2", "scores"}
    assert results["header"]["failed_cells"] == 0
    pd.testing.assert_frame_equal(read_stored(tmp_path / "there"), read_stored(tmp_path / "here"))
