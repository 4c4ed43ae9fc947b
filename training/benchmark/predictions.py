"""What a benchmark stores, and from which `emert benchmark table` makes its tables again: predictions.parquet and run.json.

`predictions.parquet`: see `training.metrics.predictions`; `method` holds keys of `METHODS`. `run.json`: the recipe, the data,
the cost of every cell, and what was measured on the data or on the models.
"""

import json
from dataclasses import fields
from pathlib import Path

import pandas as pd
import yaml

from modeling_emert.errors_emert import EmertInputError
from training.metrics.predictions import PREDICTIONS_FILE, read_predictions, write_predictions

from .recipe import BenchmarkRecipe, stored_recipe

RUN_FILE = "run.json"
_RUN_KEYS = {"recipe", "command", "data", "versions", "cells", "clip_probe"}
_CELL_KEYS = {"method", "tasks", "fold", "version", "seed", "failed"}
_DATA_KEYS = {"source", "kind", "recordings", "participants", "stimuli", "folds", "split_sizes"}
_ORDER = ["version", "task", "method", "seed", "fold", "recording_id"]


def write_sorted(folder: Path, predictions: pd.DataFrame) -> None:
    """Sorted, so that equal predictions make equal files. Raises `ValueError` for a table with a problem."""
    write_predictions(folder / PREDICTIONS_FILE, predictions.sort_values(_ORDER, kind="stable"))


def read_stored(folder: Path) -> pd.DataFrame:
    """Raises `EmertInputError` where there is no such table, or it has a problem."""
    try:
        return read_predictions(folder / PREDICTIONS_FILE)
    except EmertInputError as error:
        raise EmertInputError(f"{error}; run the benchmark again") from error


def read_run(folder: Path) -> dict:
    """`run.json`. Raises `EmertInputError` where it is missing, or is not as a benchmark writes it."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise EmertInputError(f"{folder}: {RUN_FILE} is missing; expected the folder that `emert benchmark` wrote")
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        problem = _find_run_problem(run)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())[:100]
    if problem:
        raise EmertInputError(
            f"{path}: not as `emert benchmark` wrote it ({problem}); call the benchmark again, which writes the file again "
            "and repeats no finished cell"
        )
    return run


def _find_run_problem(run: object) -> str | None:
    if problem := _missing(run, _RUN_KEYS):
        return problem
    parts = [
        ("data", _missing(run["data"], _DATA_KEYS)),
        ("recipe", _missing(stored_recipe(str(run["recipe"])), {item.name for item in fields(BenchmarkRecipe)})),
        *(("cells", _missing(cell, _CELL_KEYS)) for cell in (run["cells"] if isinstance(run["cells"], list) else [None])),
    ]
    return next((f"{name}: {problem}" for name, problem in parts if problem), None)


def _missing(value: object, keys: set[str]) -> str | None:
    if not isinstance(value, dict):
        return f"found {type(value).__name__} where keys and values are expected"
    missing = sorted(keys - set(value))
    return f"{missing[0]} is missing" if missing else None
