"""A benchmark gives the same numbers twice, goes on where it was killed, and its tables say what the predictions say."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_training import tiny_benchmark

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS
from training import statistics
from training.benchmark import benchmarking, measuring
from training.benchmark.benchmarking import run_benchmark, write_report
from training.benchmark.jobs import cell_name, plan_cells
from training.benchmark.predictions import read_run, read_stored
from training.benchmark.recipe import BenchmarkRecipe
from training.benchmark.tables import make_tables
from training.methods.registry import get_method
from training.metrics import score
from training.metrics.predictions import to_arrays

# What is measured with a clock differs from run to run; everything else must not.
_TIMES = {"seconds", "training_seconds", "samples_per_second", "peak_memory_mb"}


@pytest.fixture(scope="module")
def recipe() -> BenchmarkRecipe:
    return tiny_benchmark(100, ("majority", "logistic_regression", "emert"), ("er7", "fer7"))


@pytest.fixture(scope="module")
def finished(recipe: BenchmarkRecipe, data: EmertData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest benchmark, done."""
    out = tmp_path_factory.mktemp("benchmark") / "first"
    run_benchmark(recipe, data.folder, out, 1, "emert benchmark tiny")
    return out


def _without_times(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in _TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _json(path: Path) -> object:
    return _without_times(json.loads(path.read_text()))


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_numbers_everywhere(
    finished: Path, recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path
):
    again = tmp_path / "again"
    run_benchmark(recipe, data.folder, again, 1, "emert benchmark tiny")
    for name in ("run.json", "table.json"):
        assert _json(finished / name) == _json(again / name)
    pd.testing.assert_frame_equal(read_stored(finished), read_stored(again))


def test_a_finished_cell_is_not_done_again(
    finished: Path, recipe: BenchmarkRecipe, data: EmertData, monkeypatch: pytest.MonkeyPatch
):
    before = {path: path.stat().st_mtime_ns for path in (finished / "cells").glob("*/*")}
    monkeypatch.setattr(measuring, "measure_cell", lambda *_: pytest.fail("a finished cell was done again"))
    run_benchmark(recipe, data.folder, finished, 1, "emert benchmark tiny")
    assert {path: path.stat().st_mtime_ns for path in (finished / "cells").glob("*/*")} == before


def test_what_decides_a_cell_changes_its_name(recipe: BenchmarkRecipe, data: EmertData):
    cell = next(cell for cell in plan_cells(recipe) if cell.method == "emert")
    name = cell_name(cell, recipe, data)
    others = [
        replace(recipe, training={**recipe.training, "epochs": 2}),
        replace(recipe, normalisation="participant"),
        replace(recipe, robustness=("emert",)),
    ]
    assert name not in [cell_name(cell, other, data) for other in others]
    assert name != cell_name(replace(cell, seed=1), recipe, data)
    assert name == cell_name(cell, replace(recipe, n_resamples=7, methods=("emert",)), data), (
        "other cells were none of its business"
    )


def test_every_figure_follows_from_the_stored_predictions(finished: Path, recipe: BenchmarkRecipe):
    results = json.loads((finished / "table.json").read_text())
    predictions = read_stored(finished)
    assert list(results["versions"]) == ["plain"]
    for key in recipe.methods:
        entries = results["versions"]["plain"]["scores"][get_method(key).name]
        assert list(entries) == ["er7", "fer7"]
        for name, entry in entries.items():
            own = predictions[(predictions["method"] == key) & (predictions["task"] == name)]
            expected = score(TASKS[name], *to_arrays(TASKS[name], own))
            assert {metric: figure["value"] for metric, figure in entry["metrics"].items()} == pytest.approx(expected)


def test_differences_are_those_to_emert(finished: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (statistics.intervals, statistics.comparisons):  # its test has two participants
        monkeypatch.setattr(module, "FEWEST_PARTICIPANTS", 2)
    scores = make_tables(read_run(finished), read_stored(finished))["versions"]["plain"]["scores"]
    for task in ("er7", "fer7"):
        rows = {method: entries[task] for method, entries in scores.items()}
        assert rows["EMERT"]["against"] is None
        for name in ("Majority", "Logistic regression"):
            against = rows[name]["against"]
            difference = rows[name]["metrics"]["uar"]["value"] - rows["EMERT"]["metrics"]["uar"]["value"]
            assert against["difference"] == pytest.approx(difference)
            assert against["p"] <= against["p_holm"] <= 1
            assert against["p_folds"] is None, "one fold is no test over folds"


def test_tables_and_page_are_made_again_from_predictions_alone(finished: Path, tmp_path: Path):
    for name in ("run.json", "predictions.parquet"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    write_report(tmp_path)
    for name in ("table.json", "table.md", "report.html"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def test_the_page_needs_nothing_from_elsewhere_and_names_its_data(finished: Path):
    page = (finished / "report.html").read_text()
    addresses = re.findall(r'(?:src|href|srcset|action)\s*=\s*"([^"]*)"|url\(([^)]*)\)|@import\s+(\S+)', page)
    for address in filter(None, (part for found in addresses for part in found)):
        assert address.startswith(("#", "data:")), address
    assert "<script" not in page
    assert "synthetic" in page[: page.index("</header>")]
    assert str(Path.home()) not in page
    for name in ("Majority", "Logistic regression", "EMERT"):
        assert f'<th scope="row">{name}</th>' in page


def test_a_failed_cell_is_shown_and_the_rest_goes_on(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ours = measuring.measure_cell

    def fails_once(cell, *rest):
        if cell.method == "stimulus_majority" and cell.tasks == ("er7",):
            raise ZeroDivisionError("planted <b>")
        return ours(cell, *rest)

    recipe = replace(recipe, methods=("majority", "stimulus_majority"))
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_cell", fails_once)
        results = run_benchmark(recipe, data.folder, tmp_path, 1, "emert benchmark tiny")
    assert results["versions"]["plain"]["failed"] == {"Stimulus majority": {"er7": ["ZeroDivisionError: planted <b>"]}}
    assert set(results["versions"]["plain"]["scores"]["Stimulus majority"]) == {"fer7"}
    assert "ZeroDivisionError: planted &lt;b&gt;" in (tmp_path / "report.html").read_text()
    assert "ZeroDivisionError" in (tmp_path / "table.md").read_text()
    mended = run_benchmark(recipe, data.folder, tmp_path, 1, "emert benchmark tiny")
    assert mended["header"]["failed_cells"] == 0


def test_all_cells_failing_is_an_error(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(*_):
        raise EmertInputError("planted")

    monkeypatch.setattr(measuring, "measure_cell", fails)
    with pytest.raises(EmertInputError, match="all 2 cells have failed; the first: planted"):
        run_benchmark(replace(recipe, methods=("majority",)), data.folder, tmp_path, 1, "emert benchmark tiny")


def test_a_table_of_no_benchmark_is_refused(tmp_path: Path):
    with pytest.raises(EmertInputError, match=re.escape(benchmarking.RUN_FILE)):
        write_report(tmp_path)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(
    finished: Path, recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path
):
    """SIGKILL to the run when a cell is done; with two processes, whose children must end with it."""
    file, out = tmp_path / "tiny.yaml", tmp_path / "out"
    file.write_text(recipe.to_yaml())
    line = f"import sys; from training.commands import benchmark; import argparse; p = argparse.ArgumentParser(); \
benchmark.add_arguments(p); benchmark.run(p.parse_args(['{file}', '--data', '{data.folder}', '--out', '{out}']))"
    process = subprocess.Popen([sys.executable, "-c", line], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not list((out / "cells").glob("*/cell.json")) and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)
    done = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*/cell.json")}
    assert done
    assert not (out / "run.json").exists(), "the run was over before it was killed"
    subprocess.run([sys.executable, "-c", line], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    pd.testing.assert_frame_equal(read_stored(out), read_stored(finished))
    assert np.isfinite(
        json.loads((out / "table.json").read_text())["versions"]["plain"]["scores"]["EMERT"]["er7"]["metrics"]["uar"]["value"]
    )


@pytest.mark.slow
def test_an_interrupted_run_says_so_in_one_line(recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path):
    """As Ctrl-C does it: the run and its cells' processes are all told."""
    file, out = tmp_path / "tiny.yaml", tmp_path / "out"
    file.write_text(recipe.to_yaml())
    command = [sys.executable, "-m", "training.cli", "benchmark", str(file), "--data", str(data.folder), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list((out / "cells").glob("*.partial")) and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)  # until its cells' processes have ended as well
    assert process.returncode == 130
    assert told.splitlines()[-1] == "emert: stopped; the same command resumes it"
    assert "Traceback" not in told
    assert not (out / "run.json").exists()
