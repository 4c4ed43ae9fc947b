"""Damaged files, full disks, settings that make no network, killed processes: a benchmark reports them and resumes."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from killed_cells import kill_cell
from tiny_training import TINY_OVERRIDES, tiny_benchmark

from dataset_scripts.dataset.reader import EmertData
from modeling_emert import EmertInputError
from training.benchmark import benchmarking, measuring, running
from training.benchmark.benchmarking import run_benchmark, write_report
from training.benchmark.jobs import CellJob, cell_name, plan_cells
from training.benchmark.predictions import RUN_FILE
from training.benchmark.recipe import BenchmarkRecipe
from training.cli import main

COMMAND = "emert benchmark tiny"


@pytest.fixture(scope="module")
def recipe() -> BenchmarkRecipe:
    return tiny_benchmark(50, ("majority", "stimulus_majority"))


@pytest.fixture(scope="module")
def _finished(recipe: BenchmarkRecipe, data: EmertData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("running") / "out"
    run_benchmark(recipe, data.folder, out, 1, COMMAND)
    return out


@pytest.fixture
def out(_finished: Path, tmp_path: Path) -> Path:
    """A finished benchmark, to be damaged."""
    return Path(shutil.copytree(_finished, tmp_path / "out"))


def _jobs(recipe: BenchmarkRecipe, data: EmertData, out: Path) -> list[CellJob]:
    return [CellJob(cell, recipe, data.folder, cell_name(cell, recipe, data), out / "cells") for cell in plan_cells(recipe)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("predictions.parquet", b""),
        ("predictions.parquet", None),
        ("cell.json", b"{"),
        ("cell.json", b"{}"),
        ("cell.json", None),
    ],
)
def test_a_damaged_cell_is_done_again_and_said(
    recipe: BenchmarkRecipe,
    data: EmertData,
    out: Path,
    name: str,
    content: bytes | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
):
    table = (out / "table.md").read_text().partition("## Cost")[0]
    file = _jobs(recipe, data, out)[1].folder / name
    file.unlink() if content is None else file.write_bytes(content)
    done, measure = [], measuring.measure_cell
    monkeypatch.setattr(measuring, "measure_cell", lambda cell, *rest: done.append(cell.method) or measure(cell, *rest))
    run_benchmark(recipe, data.folder, out, 1, COMMAND)
    assert done == ["stimulus_majority"]
    told = capsys.readouterr().err
    assert f"damaged, so it is repeated: stimulus_majority, er7, fold 1, plain, seed 0 ({file}: " in told
    assert (out / "table.md").read_text().partition("## Cost")[0] == table


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "Expecting property name"),
        ("[]", "found list"),
        ("{}", "cells is missing"),
        ({"cells": [{}]}, "cells: failed is missing"),
        ({"cells": 3}, "cells: found NoneType"),
        ({"data": {}}, "data: folds is missing"),
        ({"recipe": "name: a"}, "recipe: faces is missing"),
        ({"recipe": "{"}, "while parsing"),
    ],
)
def test_a_damaged_run_file_is_told_in_a_sentence(out: Path, content: str | dict, told: str, capsys: pytest.CaptureFixture):
    path = out / RUN_FILE
    whole = json.loads(path.read_text())
    path.write_text(content if isinstance(content, str) else json.dumps(whole | content))
    assert main(["benchmark", "table", str(out)]) == 2
    assert f"emert: {path}: not as `emert benchmark` wrote it ({told}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "method", "told"),
    [
        ({**TINY_OVERRIDES, "nonsense": 1}, "emert", r"method emert: unknown key training\.overrides\.nonsense \(1\)"),
        ({"head_dim": -1}, "emert", "method emert: training.overrides: head_dim must be at least 1, got -1"),
        ({"nonsense": 1}, "face_only", "method face_only: .*nonsense"),
    ],
)
def test_overrides_that_no_network_takes_are_refused_with_the_recipe(recipe: BenchmarkRecipe, overrides, method, told):
    with pytest.raises(EmertInputError, match=told):
        replace(recipe, methods=("majority", method), training={**recipe.training, "overrides": overrides})


@pytest.mark.parametrize(
    ("training", "methods", "told"),
    [
        ({"overrides": {"backbone_config": {"model_type": "bert"}}}, ("majority", "emert"), "method emert, task er7: "),
        ({"overrides": {"hierarchical": True}}, ("majority", "face_only"), "method face_only, task er7: .*er3"),
    ],
)
def test_a_network_that_can_not_be_is_refused_before_the_first_cell(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training, methods, told
):
    monkeypatch.setattr(running, "run_cell", lambda _: pytest.fail("a cell was run"))
    wrong = replace(recipe, methods=methods, training={**recipe.training, **training})
    with pytest.raises(EmertInputError, match=f"benchmark recipe tiny: {told}"):
        run_benchmark(wrong, data.folder, tmp_path / "out", 1, COMMAND)
    assert not (tmp_path / "out").exists()


def test_a_failed_cell_makes_the_exit_code_and_is_named(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    file, out = tmp_path / "tiny.yaml", tmp_path / "out"
    file.write_text(recipe.to_yaml())
    words = ["benchmark", str(file), "--data", str(data.folder), "--out", str(out), "--processes", "1"]
    measure = measuring.measure_cell

    def fails(cell, *rest):
        return measure(cell, *rest) if cell.method == "majority" else 1 // 0

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_cell", fails)
        assert main(words) == 1
    told = capsys.readouterr()
    assert "failed: ZeroDivisionError" in told.out, "the table is printed all the same"
    last = told.err.strip().splitlines()[-2:]
    assert last[0].startswith("1 of 2 cells failed")
    assert last[1].startswith("stimulus_majority, er7, fold 1, plain, seed 0: ZeroDivisionError")
    assert main(words) == 0


def _fill_disk(job: CellJob) -> None:
    """Whatever the cell says goes where there is no room."""
    job.partial.mkdir(parents=True)
    (job.partial / "log.txt").symlink_to("/dev/full")


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_full_disk_ends_the_run_in_a_sentence(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, processes: int, capfd: pytest.CaptureFixture
):
    other = replace(recipe, methods=("majority", "emert"))  # whose training has something to say
    for job in _jobs(other, data, tmp_path):
        _fill_disk(job)
    with pytest.raises(EmertInputError, match=r"cells: can't be written \(.*\); choose another folder or make room"):
        run_benchmark(other, data.folder, tmp_path, processes, COMMAND)
    assert "Traceback" not in capfd.readouterr().err


def test_a_failure_that_can_not_be_noted_ends_the_run(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    job = _jobs(recipe, data, tmp_path)[0]
    job.failure.mkdir(parents=True)
    monkeypatch.setattr(measuring, "measure_cell", lambda *_: 1 // 0)
    with pytest.raises(EmertInputError, match=r"cells: can't be written"):
        run_benchmark(recipe, data.folder, tmp_path, 1, COMMAND)


def test_results_in_the_place_of_a_file_are_refused(recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EmertInputError, match=r"out: the folder above it can't be written \(File exists\)"):
        run_benchmark(recipe, data.folder, tmp_path / "file" / "out", 1, COMMAND)


@pytest.mark.slow
def test_a_cell_whose_process_is_killed_is_told_and_done_by_the_next_run(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(running, "run_cell", kill_cell)
        with pytest.raises(EmertInputError, match=r"all 2 cells have failed; .* its process ended with code -9 \(killed"):
            run_benchmark(recipe, data.folder, tmp_path, 2, COMMAND)
    assert run_benchmark(recipe, data.folder, tmp_path, 2, COMMAND)["header"]["failed_cells"] == 0


def test_a_probe_that_was_not_measured_says_why_on_the_page(out: Path):
    path = out / RUN_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"clip_probe": "no recording has fixations"}))
    write_report(out)
    page = (out / "report.html").read_text()
    assert re.search(r"Which clip is it\?</strong> Not measured: no recording has fixations\.", page)
    assert "Who is it?" not in page, "there is no EMERT of which it could be asked"


def test_data_of_which_no_probe_can_learn_keep_their_report(
    recipe: BenchmarkRecipe, data: EmertData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def learns_nothing(*_):
        raise EmertInputError("too few clips")

    monkeypatch.setattr("training.evaluation.probes.clip_probe", learns_nothing)
    results = run_benchmark(recipe, data.folder, tmp_path, 1, COMMAND)
    assert results["probes"]["clip"] == "too few clips"
    assert (tmp_path / "table.md").is_file()
    assert benchmarking.failed_cells(tmp_path) == []
