"""`emert benchmark`: from a recipe to predictions, and from predictions to tables and the page.

```
OUT/
  recordings/ dataset/     generated, where the recipe's source is synthetic
  cells/                   see `jobs`; a stopped run resumes with them
  run.json                 recipe, data, the cost of every cell, and probes; see `predictions`
  predictions.parquet      of all cells
  table.json table.md report.html
```
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from dataset_scripts.common.output import atomic_file, lock_output, report_os_errors
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.reports.results import data_kind, to_json

from .jobs import Cell, CellJob, cell_name, plan_cells, read_cell
from .measuring import check_networks
from .open_data import open_data
from .predictions import RUN_FILE, read_run, read_stored, write_sorted
from .recipe import BenchmarkRecipe
from .running import find_waiting, run_cells

_VERSIONS_OF = ("emert", "torch", "transformers", "scikit-learn", "numpy")


def run_benchmark(
    recipe: BenchmarkRecipe, given: Path | None, out: Path, processes: int, command: str, scheduler: str | None = None
) -> dict:
    """Runs all cells and writes all files; gives the results (see `tables`). Called again it resumes where it stopped.

    `processes`, `scheduler`: as `run_parallel`.

    Raises:
        EmertInputError: the data is not what the recipe is for or its splits leak; a network can't be made from the recipe;
            every cell has failed; `out` can't be written, or another run writes it.
    """
    with lock_output(out):
        return _run_locked(recipe, given, out, processes, command, scheduler)


def _run_locked(
    recipe: BenchmarkRecipe, given: Path | None, out: Path, processes: int, command: str, scheduler: str | None
) -> dict:
    data = open_data(recipe, given, out, processes, scheduler)
    cells = plan_cells(recipe)
    out_cells = out / "cells"
    jobs = [CellJob(cell, recipe, data.folder, cell_name(cell, recipe, data), out_cells) for cell in cells]
    waiting = find_waiting(jobs)
    check_networks([job.cell for job in waiting], recipe, data)
    with report_os_errors(out):
        out_cells.mkdir(parents=True, exist_ok=True)
    run_cells(waiting, len(jobs), processes, scheduler)
    outcomes, tables = _collect(jobs)
    if not tables:
        raise EmertInputError(f"{out}: all {len(jobs)} cells have failed; the first: {outcomes[0]['failed']}")
    with report_os_errors(out):  # so that an older run is never read with the predictions of this one
        (out / RUN_FILE).unlink(missing_ok=True)
    write_sorted(out, pd.concat(tables, ignore_index=True))
    run = {
        "recipe": recipe.to_yaml(),
        "command": command,
        "data": _describe(data, recipe),
        "versions": {name: version(name) for name in _VERSIONS_OF},
        "cells": outcomes,
        "clip_probe": _probe_clips(recipe, data),
    }
    _write_json(out / RUN_FILE, run)
    return write_report(out)


def write_report(out: Path) -> dict:
    """`table.json`, `table.md` and `report.html` from the stored run; no model and no data set is needed."""
    from .page import to_markdown, to_page
    from .tables import make_tables

    results = make_tables(read_run(out), read_stored(out))
    _write_json(out / "table.json", results)
    for name, text in (("table.md", to_markdown(results)), ("report.html", to_page(results))):
        with atomic_file(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return results


def failed_cells(out: Path) -> list[str]:
    """A line for each cell of the stored run that has failed: which, and why."""
    named = {item.name for item in fields(Cell)}
    return [
        f"{Cell(**{name: cell[name] for name in named})}: {cell['failed']}" for cell in read_run(out)["cells"] if cell["failed"]
    ]


def _collect(jobs: Sequence[CellJob]) -> tuple[list[dict], list[pd.DataFrame]]:
    """The record of every cell, and the predictions of those that are finished."""
    outcomes, tables = [], []
    for job in jobs:
        if job.folder.is_dir():
            table, record = read_cell(job)
            tables.append(table)
            outcomes.append({**record, "failed": None})
        else:
            outcomes.append(json.loads(job.failure.read_text(encoding="utf-8")))
    return outcomes, tables


def _describe(data: EmertData, recipe: BenchmarkRecipe) -> dict:
    source = data.metadata.source
    return {
        "source": source,
        "kind": data_kind(data),
        "licence": data.metadata.licence,
        "recordings": len(data),
        "participants": len(data.assignment.participants),
        "stimuli": len(data.assignment.stimuli),
        "folds": data.assignment.folds,
        "stimulus_groups": data.assignment.groups,
        "fingerprint": data.metadata.fingerprint,
        "splits_sha256": data.assignment.sha256,
        "split_sizes": {name: _split_sizes(data, recipe.folds[0], name == "strict") for name in recipe.split_versions},
    }


def _split_sizes(data: EmertData, fold: int, strict: bool) -> dict[str, int]:
    """Recordings in train, validation and test of one fold; the others are about as large."""
    return {name: len(rows) for name, rows in data.select(fold, strict).items()}


def _probe_clips(recipe: BenchmarkRecipe, data: EmertData) -> dict | str:
    """Fields of `ClipProbe`, or the reason why it can't be measured."""
    from training.evaluation.probes import clip_probe

    try:
        return asdict(clip_probe(data, recipe.folds))
    except EmertInputError as error:
        return str(error)


def _write_json(path: Path, content: dict) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(to_json(content), encoding="utf-8")
