"""The benchmark's `predictions.parquet`: the table of predictions of `training.evaluation.predictions`, with two columns more.

`method` holds keys of `METHODS`; `version` is plain or strict; `seed` that of the network (and of what a classical method
draws). Every figure on the page is computed from this table alone, but for what is measured on models (see `facts`).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_scripts.common.output import atomic_file
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import Task
from training.evaluation.predictions import COLUMNS, SCHEMA, find_problem, to_arrays
from training.metrics import score

PREDICTIONS_FILE = "predictions.parquet"
_OWN = [("version", pa.string()), ("seed", pa.int64())]
_SCHEMA = pa.schema([*(field for field in SCHEMA if field.name != "groups"), *_OWN])
_ORDER = ["version", "task", "method", "seed", "fold", "recording_id"]


def write_benchmark_predictions(folder: Path, frame: pd.DataFrame) -> None:
    """Sorted, so that equal predictions make equal files. Raises `ValueError` for a table that is not right."""
    if problem := _find_problem(frame):
        raise ValueError(problem)
    ordered = frame.sort_values(_ORDER, kind="stable")
    if "uncalibrated" not in ordered:
        ordered["uncalibrated"] = None
    with atomic_file(folder / PREDICTIONS_FILE) as temporary:
        table = pa.Table.from_pydict({name: _plain(ordered[name]) for name in _SCHEMA.names}, schema=_SCHEMA)
        pq.write_table(table, temporary, compression="zstd")


def _plain(column: pd.Series) -> list:
    """Arrow takes a cell without a list for a number: NaN there means that there is none."""
    return [None if isinstance(cell, float) and np.isnan(cell) else cell for cell in column.tolist()]


def read_benchmark_predictions(folder: Path) -> pd.DataFrame:
    """Raises `EmertInputError` where there is no such table, or it is not right."""
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        raise EmertInputError(f"{path}: no such file; expected the folder that `emert benchmark` wrote")
    try:
        with pq.ParquetFile(path) as file:
            table = file.read().cast(_SCHEMA)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise EmertInputError(f"{path}: not the predictions of a benchmark ({reason}); run it again") from error
    frame = pd.DataFrame({name: table[name].to_pylist() for name in _SCHEMA.names})
    if problem := _find_problem(frame):
        raise EmertInputError(f"{path}: {problem}; run the benchmark again")
    return frame


def _find_problem(frame: pd.DataFrame) -> str | None:
    """A recording is tested once by each method, task, version and seed."""
    missing = [name for name in (*COLUMNS, "version", "seed") if name not in frame.columns]
    if missing:
        return f"the column {missing[0]!r} is missing; expected {', '.join(_SCHEMA.names)}"
    problems = (find_problem(rows[list(COLUMNS)]) for _, rows in frame.groupby(["version", "seed"]))
    return next((problem for problem in problems if problem), None)


def choose(frame: pd.DataFrame, version: str, task: str, method: str) -> pd.DataFrame:
    """The rows of one method on one protocol, all folds and seeds."""
    return frame[(frame["version"] == version) & (frame["task"] == task) & (frame["method"] == method)]


def scores_by(task: Task, rows: pd.DataFrame, column: str) -> dict[int, float]:
    """The task's primary metric for each seed, or fold, of these rows; NaN where the truth does not vary."""
    parts = rows.groupby(column, sort=True)
    return {int(number): score(task, *to_arrays(task, part))[task.primary_metric] for number, part in parts}
