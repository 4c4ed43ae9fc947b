"""`run.json`: recipe, data, what every cell cost, what was measured on the data. All of a benchmark but its predictions."""

import json
from dataclasses import fields
from pathlib import Path

import yaml

from modeling_emert.errors_emert import EmertInputError

from .recipe import BenchmarkRecipe, stored_recipe

RUN_FILE = "run.json"
_RUN_KEYS = {"recipe", "command", "data", "versions", "cells", "clip_probe"}
_CELL_KEYS = {"method", "tasks", "fold", "version", "seed", "failed"}
_DATA_KEYS = {"source", "kind", "recordings", "participants", "stimuli", "folds", "split_sizes"}


def read_run(folder: Path) -> dict:
    """`run.json`. Raises `EmertInputError` where there is none, or it is not as a benchmark wrote it."""
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
            f"{path}: not as `emert benchmark` wrote it ({problem}); give the benchmark's command again, which makes "
            "the file anew and does no finished cell again"
        )
    return run


def _find_run_problem(run: object) -> str | None:
    if lacking := _lacking(run, _RUN_KEYS):
        return lacking
    parts = [
        ("data", _lacking(run["data"], _DATA_KEYS)),
        ("recipe", _lacking(stored_recipe(str(run["recipe"])), {item.name for item in fields(BenchmarkRecipe)})),
        *(("cells", _lacking(cell, _CELL_KEYS)) for cell in (run["cells"] if isinstance(run["cells"], list) else [None])),
    ]
    return next((f"{name}: {lacking}" for name, lacking in parts if lacking), None)


def _lacking(value: object, keys: set[str]) -> str | None:
    if not isinstance(value, dict):
        return f"found {type(value).__name__} where keys and values are expected"
    missing = sorted(keys - set(value))
    return f"{missing[0]} is missing" if missing else None
