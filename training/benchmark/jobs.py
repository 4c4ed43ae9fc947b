"""One cell of the benchmark: a method, trained and tested on one fold of one version with one seed.

```
OUT/cells/HASH/                 whole or not at all; one that was damaged later is done again
  cell.json                     what decides it, and what was measured (`Measured`)
  predictions.parquet           see `stored`; one row for each test recording and protocol
OUT/cells/HASH.failed.json      why it could not be done; tried again by the next run
OUT/cells/.HASH.partial/        while it runs: the model, its checkpoints, and a log of what it said
```
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from dataset_scripts.common.output import atomic_file
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import Method, get_method

from .code_fingerprint import code_hash
from .predictions import read_benchmark_predictions, write_benchmark_predictions
from .recipe import BenchmarkRecipe, Version

RECORD, LOG = "cell.json", "log.txt"


@dataclass(frozen=True)
class Cell:
    """`tasks` are the protocols that it answers: one, or all where the method learns them together."""

    method: str
    tasks: tuple[str, ...]
    fold: int
    version: Version
    seed: int

    @property
    def strict(self) -> bool:
        return self.version == "strict"

    def __str__(self) -> str:
        return f"{self.method}, {' and '.join(self.tasks)}, fold {self.fold}, {self.version}, seed {self.seed}"


@dataclass(frozen=True)
class CellJob:
    """What a process needs to do one cell."""

    cell: Cell
    recipe: BenchmarkRecipe
    data: Path
    name: str
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / self.name

    @property
    def partial(self) -> Path:
        return self.out / f".{self.name}.partial"

    @property
    def failure(self) -> Path:
        return self.out / f"{self.name}.failed.json"


def plan_cells(recipe: BenchmarkRecipe) -> list[Cell]:
    """Every cell of the recipe, in the order of its methods."""
    return [
        Cell(key, tasks, fold, version, seed)
        for key in recipe.methods
        for tasks in _tasks_of(get_method(key), recipe)
        for version in recipe.split_versions
        for fold in recipe.folds
        for seed in recipe.seeds
    ]


def _tasks_of(method: Method, recipe: BenchmarkRecipe) -> list[tuple[str, ...]]:
    return [recipe.tasks] if method.tasks == "all" else [(task,) for task in recipe.tasks]


def cell_name(cell: Cell, recipe: BenchmarkRecipe, data: EmertData) -> str:
    """A hash of everything that decides the cell's predictions: settings, data, splits, and the code that it runs."""
    method = get_method(cell.method)
    content = [
        asdict(cell),
        asdict(method),
        recipe.training_recipe(method, cell.tasks, cell.seed).to_yaml(),
        cell.method in recipe.robustness,
        data.metadata.fingerprint,
        data.assignment.sha256,
        code_hash(),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def read_cell(job: CellJob) -> tuple[pd.DataFrame, dict]:
    """Predictions and record of a finished cell. Raises `EmertInputError` where they are not as they were written."""
    from .measuring import Measured

    path = job.folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmertInputError(f"{path}: can't be read ({error})") from error
    expected = {item.name for item in (*fields(Cell), *fields(Measured))}
    if not isinstance(record, dict) or set(record) != expected:
        raise EmertInputError(f"{path}: holds no record of a cell")
    return read_benchmark_predictions(job.folder), record


def run_cell(job: CellJob) -> None:
    """Does the cell and gives its folder its name; what is said meanwhile goes into a log. One thread.

    A cell that was stopped goes on from its last checkpoint. An exception becomes the file `failure`, since the table says
    what failed and the rest goes on; but where nothing can be written, `EmertInputError`: no other cell could be.
    """
    with told_if_unwritable(job.out):
        job.partial.mkdir(parents=True, exist_ok=True)
        failed = _do_logged(job)
    if failed is not None:
        note_failure(job, failed)
        return
    with told_if_unwritable(job.out):
        job.failure.unlink(missing_ok=True)
        shutil.rmtree(job.folder, ignore_errors=True)
        os.replace(job.partial / "finished", job.folder)
        shutil.rmtree(job.partial)


def _do_logged(job: CellJob) -> str | None:
    """What to tell of the exception, if there was one."""
    with (job.partial / LOG).open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            _do(job)
        except Exception as error:
            import traceback

            traceback.print_exc()
            return sentence_of(error)
    return None


def note_failure(job: CellJob, sentence: str) -> None:
    """Raises `EmertInputError` where it can't be written."""
    with atomic_file(job.failure) as temporary:
        temporary.write_text(json.dumps({**asdict(job.cell), "failed": sentence}, indent=2), encoding="utf-8")


@contextmanager
def told_if_unwritable(folder: Path) -> Iterator[None]:
    """Turns what the operating system refuses, such as a write to a full disk, into an `EmertInputError`."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, f"{error.strerror or error}") from error


def unwritable(folder: Path, reason: str) -> EmertInputError:
    """To be raised; says that nothing is lost."""
    return EmertInputError(
        f"{folder}: can't be written ({reason}); make room or give another --out; the same command goes on where it was"
    )


def sentence_of(error: BaseException) -> str:
    """What to tell of it in a table: the user's mistake as it is, a programmer's with its kind."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, EmertInputError) else f"{type(error).__name__}: {text}"


def _do(job: CellJob) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    from .measuring import measure_cell

    torch.set_num_threads(1)
    with threadpool_limits(1):
        table, measured = measure_cell(job.cell, job.recipe, EmertData.open(job.data), job.partial)
    finished = job.partial / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    write_benchmark_predictions(finished, table)
    content = {**asdict(job.cell), **asdict(measured)}
    (finished / RECORD).write_text(json.dumps(content, indent=2, allow_nan=False), encoding="utf-8")
