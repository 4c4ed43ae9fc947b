"""From the stored run and its predictions to results: plain data (JSON, never NaN) from which the page is written.

```
name, recipe, header   what was measured on what, by which command
methods                [{key, name, kind, source, modalities, tasks}]
tables                 [{version, task, view, metric, recordings, participants, absent_labels,
                         smallest_p (after Holm, below which no comparison of the table can fall), rows}]
  rows                 [{method, failed, metrics: {metric: {value, low, high}}, seeds: {seed: value}, folds: {fold: value},
                         against: {difference, low, high, p, p_holm, p_folds}}]
calibration, gap, robustness, probes, cost        see `analysis`
```

A figure that can't be had is null. A method of which one cell has failed has no figure there: it was not tested on the
same recordings as the others.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS, Task
from training.evaluation.predictions import to_arrays
from training.methods.registry import get_method
from training.metrics import METRICS
from training.statistics.comparisons import compare, holm, nadeau_bengio, smallest_p
from training.statistics.intervals import intervals

from .analysis import analyse, interval_resamples
from .predictions import choose, scores_by
from .recipe import stored_recipe

REFERENCE = "emert"  # against which every method is tested
LEVEL = 0.95
_SEED = 0  # of the bootstrap
_FOLDS_FOR_TEST = 3


def make_results(run: dict, predictions: pd.DataFrame) -> dict:
    """All that the page tells, from `run.json` and the predictions."""
    recipe = stored_recipe(run["recipe"])
    tables = [
        _table(run, recipe, predictions, version, TASKS[task])
        for version in recipe["split_versions"]
        for task in recipe["tasks"]
    ]
    results = {
        "name": recipe["name"],
        "header": _header(run, recipe),
        "recipe": run["recipe"],
        "methods": [_describe(key) for key in recipe["methods"]],
        "tables": tables,
        **analyse(run, recipe, predictions),
    }
    return without_nan(results)


def without_nan(value: object) -> object:
    """The same with None for every NaN and infinity, and Python's numbers for numpy's."""
    if isinstance(value, dict):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _header(run: dict, recipe: dict) -> dict:
    return {
        "data": run["data"],
        "folds": recipe["folds"],
        "seeds": recipe["seeds"],
        "versions": recipe["split_versions"],
        "normalisation": recipe["normalisation"],
        "n_resamples": interval_resamples(recipe),
        "n_resamples_of_p": recipe["n_resamples"],
        "level": LEVEL,
        "reference": REFERENCE if REFERENCE in recipe["methods"] else None,
        "command": run["command"],
        "software": run["versions"],
        "cells": len(run["cells"]),
        "failed_cells": sum(cell["failed"] is not None for cell in run["cells"]),
    }


def _describe(key: str) -> dict:
    method = get_method(key)
    return {name: getattr(method, name) for name in ("key", "name", "kind", "source", "modalities", "tasks")}


def _table(run: dict, recipe: dict, predictions: pd.DataFrame, version: str, task: Task) -> dict:
    failures = _failures(run, version, task.name)
    whole = {key: choose(predictions, version, task.name, key) for key in recipe["methods"] if not failures.get(key)}
    rows = [
        _row(task, key, whole[key], interval_resamples(recipe)) if key in whole else {"method": key, "failed": failures[key]}
        for key in recipe["methods"]
    ]
    if REFERENCE in whole:
        sizes = run["data"]["split_sizes"][version]
        _add_comparisons(task, rows, whole, recipe["n_resamples"], sizes["test"] / (sizes["train"] + sizes["test"]))
    some = next(iter(whole.values()), predictions.iloc[:0])
    one_seed = some[some["seed"] == some["seed"].min()]
    people, compared = one_seed["participant_id"].nunique(), sum(bool(row.get("against")) for row in rows)
    return {
        "version": version,
        "task": task.name,
        "view": task.view,
        "kind": task.kind,
        "metric": task.primary_metric,
        "recordings": len(one_seed),
        "participants": people,
        "smallest_p": min(1.0, compared * smallest_p(people, recipe["n_resamples"])) if compared else None,
        "absent_labels": _absent_labels(task, one_seed),
        "rows": rows,
    }


def _failures(run: dict, version: str, task: str) -> dict[str, list[str]]:
    """By method, what its failed cells of this table say, each sentence once."""
    found: dict[str, list[str]] = {}
    for cell in run["cells"]:
        if cell["failed"] and cell["version"] == version and task in cell["tasks"]:
            sentences = found.setdefault(cell["method"], [])
            sentences += [cell["failed"]] if cell["failed"] not in sentences else []
    return found


def _row(task: Task, key: str, rows: pd.DataFrame, n_resamples: int) -> dict:
    """Seeds are pooled: a recording counts once for each. UAR and WAR are then the means over the seeds."""
    found = intervals(task, rows, n_resamples, _SEED, LEVEL)
    return {
        "method": key,
        "failed": [],
        "metrics": {
            name: {"value": found[name].value, "low": found[name].low, "high": found[name].high} for name in METRICS[task.kind]
        },
        "seeds": scores_by(task, rows, "seed"),
        "folds": scores_by(task, rows, "fold"),
        "against": None,
    }


def _add_comparisons(
    task: Task, rows: list[dict], whole: dict[str, pd.DataFrame], n_resamples: int, test_fraction: float
) -> None:
    """Each method minus the reference: the bootstrap's p, the same after Holm over all methods, and that over the folds."""
    others = [row for row in rows if row["method"] in whole and row["method"] != REFERENCE]
    reference = next(row for row in rows if row["method"] == REFERENCE)
    differences = [compare(task, whole[row["method"]], whole[REFERENCE], n_resamples=n_resamples, seed=_SEED) for row in others]
    adjusted = holm([difference.p for difference in differences])
    for row, difference, p_holm in zip(others, differences, adjusted, strict=True):
        row["against"] = {
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "p": difference.p,
            "p_holm": p_holm,
            "p_folds": _p_over_folds(row["folds"], reference["folds"], test_fraction),
        }


def _p_over_folds(folds: dict[int, float], reference: dict[int, float], test_fraction: float) -> float | None:
    if len(folds) < _FOLDS_FOR_TEST:
        return None
    return nadeau_bengio([folds[fold] - reference[fold] for fold in folds], test_fraction)


def _absent_labels(task: Task, rows: pd.DataFrame) -> Sequence[str]:
    if task.kind == "regression" or rows.empty:
        return []
    targets, _ = to_arrays(task, rows)
    return [label for index, label in enumerate(task.labels) if not (targets == index).any()]
