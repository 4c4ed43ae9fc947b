"""The table of predictions: one row for each recording, method, task, version and seed, and the file it is kept in.

`emert evaluate`, `emert adapt` and `emert benchmark` write it, and every score can be computed again from it. Its columns:

| column | type | meaning |
|---|---|---|
| recording_id, participant_id, stimulus_id | str | whose recording, of what |
| version | str | "plain" (new participants) or "strict" (participants and stimuli both new) |
| fold | int | the fold in whose test set the recording was |
| seed | int | random seed of the training |
| method | str | "EMERT", "EMERT, eyes hidden", "majority", ...; a key of `METHODS` in a benchmark |
| task | str | a name in `TASKS` |
| target | list of float64 | `[class index]`, or the numbers (NaN: that number is absent) |
| prediction | list of float64 | class probabilities in label order, or the numbers |
| uncalibrated | list of float64 | the probabilities before the model's temperature; null where it has none |
| groups | map of str to str | what is known of the recording, such as `gaze_format`; used for scores by subgroup |
| votes | list of float64 | the fraction of the judges who chose each class; null where nobody judged. Only in files with any |

Older files lack `version`, `seed`, `uncalibrated` or `groups`; they are read as "plain", 0, null and null. The file's own
metadata hold the header of the results (see `reports.results.Header`), and the definitions of own tasks.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset_scripts.common.output import atomic_file, first_line
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS, Task, own_definitions, register_tasks

from .sums import as_predictions, as_targets

SCHEMA = pa.schema(
    [
        ("recording_id", pa.string()),
        ("participant_id", pa.string()),
        ("stimulus_id", pa.string()),
        ("version", pa.string()),
        ("fold", pa.int64()),
        ("seed", pa.int64()),
        ("method", pa.string()),
        ("task", pa.string()),
        ("target", pa.list_(pa.float64())),
        ("prediction", pa.list_(pa.float64())),
        ("uncalibrated", pa.list_(pa.float64())),
        ("groups", pa.map_(pa.string(), pa.string())),
        ("votes", pa.list_(pa.float64())),
    ]
)
PREDICTIONS_FILE = "predictions.parquet"
# What a file without the column means.
_ABSENT = {"version": "plain", "seed": 0, "uncalibrated": None, "groups": None, "votes": None}
COLUMNS: tuple[str, ...] = tuple(name for name in SCHEMA.names if name not in _ABSENT)
_HEADER = b"emert_results_header"
_OWN_TASKS = b"emert_own_tasks"

# A second row of the same recording would count twice in the pooled score.
_KEY = ["version", "task", "method", "seed", "recording_id"]

# Half precision softmax does not sum to one exactly.
_SUM_TOLERANCE = 0.01


def to_rows(
    task: Task,
    recording_ids: Sequence[str],
    participant_ids: Sequence[str],
    stimulus_ids: Sequence[str],
    targets: np.ndarray,
    predictions: np.ndarray,
    method: str,
    fold: int | Sequence[int] | np.ndarray,
    uncalibrated: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of the table from arrays, of version "plain" and seed 0; a recording whose label is absent (`ABSENT_CLASS`, all
    NaN) gets no row.

    `targets`: `(n,)` class indices or `(n, size)` numbers. `predictions`: `(n, size)`. `fold`: one, or `(n,)`.
    `uncalibrated`: `(n, size)` probabilities, where a temperature has made the predictions of them.
    Raises `ValueError` for arrays of different lengths, unknown classes and predictions that are not finite
    probabilities or numbers.
    """
    truth = as_targets(task, targets)
    predicted = as_predictions(task, predictions, len(truth))
    for name, ids in (("recording", recording_ids), ("participant", participant_ids), ("stimulus", stimulus_ids)):
        if len(ids) != len(truth):
            raise ValueError(f"{len(truth)} targets need as many {name} ids, got {len(ids)}")
    kept = np.flatnonzero(~np.isnan(truth).all(axis=1))
    folds = np.broadcast_to(np.asarray(fold, np.int64), len(truth))
    frame = pd.DataFrame(
        {
            "recording_id": [str(recording_ids[i]) for i in kept],
            "participant_id": [str(participant_ids[i]) for i in kept],
            "stimulus_id": [str(stimulus_ids[i]) for i in kept],
            "version": ["plain"] * len(kept),
            "fold": folds[kept],
            "seed": np.zeros(len(kept), np.int64),
            "method": [method] * len(kept),
            "task": [task.name] * len(kept),
            "target": truth[kept].tolist(),
            "prediction": predicted[kept].tolist(),
            "uncalibrated": [None] * len(kept) if uncalibrated is None else uncalibrated[kept].astype(np.float64).tolist(),
            "groups": [None] * len(kept),
            "votes": [None] * len(kept),
        },
        columns=SCHEMA.names,
    )
    if problem := find_problem(frame):
        raise ValueError(problem)
    return frame


def to_arrays(task: Task, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Targets `(n, 1)` class indices or `(n, size)` numbers, and predictions `(n, size)`, of rows of one task."""
    width = 1 if task.kind == "classification" else task.size
    targets = np.array(rows["target"].tolist(), np.float64).reshape(-1, width)
    return targets, np.array(rows["prediction"].tolist(), np.float64).reshape(-1, task.size)


def votes_of(task: Task, rows: pd.DataFrame) -> np.ndarray:
    """The judges' votes `(n, size)` of rows of one task; NaN where nobody judged, or the table knows of none."""
    cells = rows.get("votes", [None] * len(rows))
    return np.array([cell if isinstance(cell, list) else [np.nan] * task.size for cell in cells], np.float64)


def find_problem(frame: pd.DataFrame) -> str | None:
    """The first problem of a table of predictions, as one sentence that names the column; None if there is none."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        return f"the column {missing[0]!r} is missing; expected {', '.join(COLUMNS)}"
    empty = [name for name in COLUMNS if frame[name].isna().any()]
    if empty:
        return f"the column {empty[0]!r} has empty cells; every row needs a value"
    unknown = sorted(set(frame["task"]) - set(TASKS))
    if unknown:
        return f"the column 'task' holds {unknown[0]!r}; known tasks: {', '.join(TASKS)}"
    twice = frame[frame.duplicated([name for name in _KEY if name in frame.columns])]
    if len(twice):
        method, task, recording = twice.iloc[0][["method", "task", "recording_id"]]
        return f"recording_id {recording!r} is there twice for method {method!r} and task {task!r}; keep one row"
    problems = (_find_task_problem(TASKS[str(name)], rows) for name, rows in frame.groupby("task", sort=True))
    return next((problem for problem in problems if problem), None)


def _find_task_problem(task: Task, rows: pd.DataFrame) -> str | None:
    width = 1 if task.kind == "classification" else task.size
    for column, expected in (("target", width), ("prediction", task.size)):
        lengths = rows[column].map(len)
        if (lengths != expected).any():
            found = lengths[lengths != expected].iloc[0]
            return f"the column {column!r} holds {found} values for task {task.name}, expected {expected}"
    targets, predictions = to_arrays(task, rows)
    try:
        targets = as_targets(task, targets)
    except ValueError as error:
        return f"the column 'target' is wrong: {error}"
    if np.isnan(targets).all(axis=1).any():
        return f"the column 'target' holds absent labels for task {task.name}; such recordings have no row"
    if not np.isfinite(predictions).all():
        return f"the column 'prediction' holds NaN or infinity for task {task.name}; the model has diverged"
    if task.kind == "classification":
        worst = np.abs(predictions.sum(axis=1) - 1).max(initial=0)
        if worst > _SUM_TOLERANCE or predictions.min(initial=0) < 0:
            return f"the column 'prediction' must hold probabilities for task {task.name}, 0..1 with sum 1"
    return _find_votes_problem(task, rows)


def _find_votes_problem(task: Task, rows: pd.DataFrame) -> str | None:
    given = [cell for cell in rows.get("votes", ()) if isinstance(cell, list)]
    if not given:
        return None
    expected = f"for task {task.name}, expected fractions for {task.size} classes, with sum 1"
    if task.kind != "classification":
        return f"the column 'votes' holds some for task {task.name}, which has no classes"
    if wrong := [len(cell) for cell in given if len(cell) != task.size]:
        return f"the column 'votes' holds {wrong[0]} values {expected}"
    values = np.array(given, np.float64)
    if not (np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE).all() or values.min() < 0:
        return f"the column 'votes' holds others {expected}"
    return None


def write_predictions(path: str | Path, frame: pd.DataFrame) -> None:
    """Atomic write of the table as Parquet (zstd). Raises `EmertInputError` if it can't be written there, `ValueError` for a
    table with a problem.
    """
    if problem := find_problem(frame):
        raise ValueError(problem)
    with atomic_file(path) as temporary:
        write_table(temporary, frame)


def write_table(path: Path, frame: pd.DataFrame, header: dict | None = None) -> None:
    """Write a table without a check to a path that nobody reads yet. `header`: JSON content for the file's metadata."""
    columns: dict[str, list] = {name: frame[name].tolist() for name in COLUMNS}
    for name, absent in _ABSENT.items():
        given = frame[name].tolist() if name in frame.columns else [absent] * len(frame)
        columns[name] = [None if isinstance(cell, float) else cell for cell in given]  # pandas fills gaps with NaN
    columns["groups"] = [None if cell is None else sorted(cell.items()) for cell in columns["groups"]]
    table = pa.Table.from_pydict(columns, schema=SCHEMA)
    if table["votes"].null_count == len(table):
        table = table.drop_columns("votes")
    own = own_definitions(sorted(set(frame["task"])))
    metadata = {**({_HEADER: json.dumps(header)} if header else {}), **({_OWN_TASKS: json.dumps(own)} if own else {})}
    if metadata:
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, path, compression="zstd")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read and check such a file. Raises `EmertInputError` that names the file and the field."""
    path = Path(path)
    if not path.is_file():
        raise EmertInputError(f"{path}: no such file; `emert evaluate` and `emert benchmark` write it into their folder")
    table = _read_parquet(path)
    try:
        register_tasks(json.loads((table.schema.metadata or {}).get(_OWN_TASKS, "[]")))
    except (ValueError, TypeError) as error:
        raise EmertInputError(f"{path}: own tasks: {error}") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise EmertInputError(f"{path}: the column {missing[0]!r} is missing; expected {', '.join(COLUMNS)}")
    columns = {}
    for column in SCHEMA:
        if column.name not in table.column_names:
            columns[column.name] = [_ABSENT[column.name]] * len(table)
            continue
        try:
            columns[column.name] = table[column.name].cast(column.type).to_pylist()
        except pa.ArrowException as error:
            found = table.schema.field(column.name).type
            message = f"{path}: the column {column.name!r} is of type {found}, expected {column.type}"
            raise EmertInputError(message) from error
    for name in ("target", "prediction"):
        # A null inside a list means an absent number too.
        columns[name] = [cell and [np.nan if value is None else value for value in cell] for cell in columns[name]]
    columns["groups"] = [None if cell is None else dict(cell) for cell in columns["groups"]]
    frame = pd.DataFrame(columns, columns=SCHEMA.names)
    if problem := find_problem(frame):
        raise EmertInputError(f"{path}: {problem}")
    return frame


def read_header(path: str | Path) -> dict:
    """The header that was written with the table. Raises `EmertInputError` where the file holds none."""
    stored = (_read_parquet(Path(path)).schema.metadata or {}).get(_HEADER)
    if stored is None:
        raise EmertInputError(f"{path}: no header, so data and split are unknown; expected a file of `emert evaluate`")
    return json.loads(stored)


def _read_parquet(path: Path) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:  # read_table would take folders named a=b for columns
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise EmertInputError(f"{path}: not a readable Parquet file ({first_line(error)}); write it again") from error


def to_predictions(task_name: str, logits: np.ndarray) -> np.ndarray:
    """Class logits `(n, classes)` become probabilities; regression outputs are clipped to the task's range."""
    if TASKS[task_name].kind == "regression":
        return np.clip(logits, *TASKS[task_name].range)
    import torch  # here, since those who read the table don't need it

    return torch.from_numpy(logits).softmax(dim=1).numpy()
