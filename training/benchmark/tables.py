"""From the stored run and its predictions to results: plain data (JSON, never NaN) from which the tables and the page are made.

```
name, recipe, header   what was measured on what, by which command
methods                [{key, name, kind, source, modalities, tasks}]
versions               {"plain", "strict": as `training.reports.results`, and
                           failed       {method: {task: [why]}}
                           smallest_p   {task: p after Holm, below which no comparison of the task can fall}
                           scores       each with `against`: null or {difference, low, high, p, p_holm, p_folds}}
robustness             [{method, task, damage, level, levels, values, area}]   `area` over levels scaled to 0..1
probes                 {clip: fields of ClipProbe, or the reason why there are none,
                        participant: {accuracy, shuffled, chance, models}, null where unknown}
cost                   [{method, kind, cells, seconds, parameters, training_seconds, ...: see `jobs.Measured`}]
```

A method with a failed cell has no score there: it was not tested on the same recordings as the others.
"""

import math
from collections import defaultdict

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS, Task
from training.methods.registry import get_method
from training.reports.results import SCALING, SPLIT_VERSIONS, Header, make_results
from training.reports.sections import LEVEL
from training.statistics.comparisons import compare, holm, nadeau_bengio, smallest_p

from .recipe import stored_recipe

REFERENCE = "emert"  # the method that every other one is compared to
_SEED = 0  # of the bootstrap
_ENOUGH_FOR_INTERVALS = 10_000  # resamples; a small p needs more
_FOLDS_FOR_TEST = 3
_BINS = 10  # of the reliability curve
_COSTS = ("training_seconds", "peak_memory_mb", "samples_per_second", "epochs")


def make_tables(run: dict, predictions: pd.DataFrame) -> dict:
    """The results above, from `run.json` and the predictions."""
    recipe = stored_recipe(run["recipe"])
    versions = recipe["split_versions"]
    results = {
        "name": recipe["name"],
        "recipe": run["recipe"],
        "header": _header(run, recipe),
        "methods": [_describe(key) for key in recipe["methods"]],
        "versions": {name: _version(run, recipe, predictions[predictions["version"] == name], name) for name in versions},
        "robustness": _robustness(run["cells"]),
        "probes": {"clip": run["clip_probe"], "participant": _participant_probe(run["cells"])},
        "cost": [_cost(key, run["cells"]) for key in recipe["methods"]],
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
        **{name: recipe[name] for name in ("folds", "seeds", "split_versions", "normalisation")},
        "n_resamples_of_p": recipe["n_resamples"],
        "level": LEVEL,
        "reference": get_method(REFERENCE).name if REFERENCE in recipe["methods"] else None,
        "command": run["command"],
        "software": run["versions"],
        "cells": len(run["cells"]),
        "failed_cells": sum(cell["failed"] is not None for cell in run["cells"]),
    }


def _describe(key: str) -> dict:
    method = get_method(key)
    return {name: getattr(method, name) for name in ("key", "name", "kind", "source", "modalities", "tasks")}


def _version(run: dict, recipe: dict, predictions: pd.DataFrame, version: str) -> dict:
    """Results of one version of the splits, whose methods go by their names."""
    failed = _failures(run, version)
    names = {key: get_method(key).name for key in recipe["methods"]}
    tested = predictions.assign(method=predictions["method"].map(names))
    broken = [name in failed.get(method, {}) for method, name in zip(tested["method"], tested["task"], strict=True)]
    order = {name: place for place, name in enumerate(names.values())}
    tested = tested[~np.array(broken, bool)].sort_values("method", key=lambda column: column.map(order), kind="stable")
    header = _version_header(run, recipe, version)
    results = {"header": header.to_plain(), "bootstrap": None, "methods": [], "scores": {}, "gap": None}
    if not tested.empty:
        results = make_results(tested, header, min(recipe["n_resamples"], _ENOUGH_FOR_INTERVALS), _SEED, _BINS)
    results |= {"methods": list(names.values()), "failed": failed, "smallest_p": {}}
    results["scores"] = {name: results["scores"].get(name, {}) for name in results["methods"]}
    for name in recipe["tasks"]:
        sizes = run["data"]["split_sizes"][version]
        results["smallest_p"][name] = _compare(TASKS[name], results["scores"], tested, sizes, recipe["n_resamples"])
    return results


def _version_header(run: dict, recipe: dict, version: str) -> Header:
    data, sizes = run["data"], run["data"]["split_sizes"][version]
    return Header(
        data=f"{data['source']}, {data['recordings']} recordings of {data['participants']} participants watching "
        f"{data['stimuli']} stimuli",
        data_kind=data["kind"],
        split=f"{SPLIT_VERSIONS[version]}, test of fold {', '.join(map(str, recipe['folds']))} of {data['folds']}; in a fold "
        f"{sizes['train']} recordings train, {sizes['validation']} choose the epoch and settings, {sizes['test']} are tested; "
        f"{SCALING[recipe['normalisation']]}",
        folds=len(recipe["folds"]),
        seeds=tuple(recipe["seeds"]),
        command=run["command"],
        strict=version == "strict",
        versions=run["versions"],
    )


def _failures(run: dict, version: str) -> dict[str, dict[str, list[str]]]:
    """By method and task, why cells have failed, each reason once."""
    found: dict[str, dict[str, list[str]]] = {}
    for cell in run["cells"]:
        if cell["failed"] and cell["version"] == version:
            for task in cell["tasks"]:
                reasons = found.setdefault(get_method(cell["method"]).name, {}).setdefault(task, [])
                reasons += [cell["failed"]] if cell["failed"] not in reasons else []
    return found


def _compare(task: Task, scores: dict, tested: pd.DataFrame, sizes: dict, n_resamples: int) -> float | None:
    """Adds to each score of the task its difference to the reference, with p of the bootstrap, the same after Holm over all
    methods, and p over the folds. Gives the smallest p that a comparison can have; None where there is none.
    """
    entries = {method: tasks[task.name] for method, tasks in scores.items() if task.name in tasks}
    for entry in entries.values():
        entry["against"] = None
    name = get_method(REFERENCE).name
    others = [method for method in entries if method != name]
    if name not in entries or not others:
        return None
    rows = {method: tested[(tested["method"] == method) & (tested["task"] == task.name)] for method in entries}
    found = [compare(task, rows[method], rows[name], n_resamples=n_resamples, seed=_SEED) for method in others]
    test_fraction = sizes["test"] / (sizes["train"] + sizes["test"])
    for method, difference, p_holm in zip(others, found, holm([one.p for one in found]), strict=True):
        entries[method]["against"] = {
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "p": difference.p,
            "p_holm": p_holm,
            "p_folds": _p_over_folds(entries[method]["by_fold"], entries[name]["by_fold"], test_fraction),
        }
    return min(1.0, len(others) * smallest_p(entries[name]["participants"], n_resamples))


def _p_over_folds(folds: dict, reference: dict, test_fraction: float) -> float | None:
    if len(folds) < _FOLDS_FOR_TEST:
        return None
    known = [fold for fold in folds if folds[fold] is not None and reference[fold] is not None]
    return nadeau_bengio([folds[fold] - reference[fold] for fold in known], test_fraction)


def _participant_probe(cells: list[dict]) -> dict | None:
    probes = [cell["participant_probe"] for cell in cells if not cell["failed"] and cell["participant_probe"]]
    if not probes:
        return None
    means = {name: float(np.mean([probe[name] for probe in probes])) for name in ("accuracy", "shuffled", "chance")}
    return {**means, "models": len(probes)}


def _cost(key: str, cells: list[dict]) -> dict:
    """Means over the cells; parameters and memory are the largest."""
    method, own = get_method(key), [cell for cell in cells if cell["method"] == key and not cell["failed"]]
    found = {}
    for name in _COSTS:
        known = [cell[name] for cell in own if cell[name] is not None]
        combine = max if name == "peak_memory_mb" else np.mean
        found[name] = float(combine(known)) if known else None
    return {
        "method": method.name,
        "kind": method.kind,
        "cells": len(own),
        "seconds": sum(cell["seconds"] for cell in own),
        "parameters": max((cell["parameters"] for cell in own if cell["parameters"]), default=None),
        **found,
    }


def _robustness(cells: list[dict]) -> list[dict]:
    """Means over the folds and seeds of the plain version: with each modality hidden, and along each curve."""
    parts: dict[tuple[str, str, str, str], list[tuple[list, list]]] = defaultdict(list)
    for cell in cells:
        if not cell["failed"] and cell["robustness"] and cell["version"] == "plain":
            method, found = get_method(cell["method"]).name, cell["robustness"]
            for task in cell["tasks"]:
                for modality, scores in found["hidden"].items():
                    parts[method, task, f"hidden: {modality.replace('_', ' ')}", ""].append(
                        ([], [_value_of(scores[task], task)])
                    )
                for name, curve in found["curves"].items():
                    level = curve.get("level_is") or curve["level"]
                    parts[method, task, name, level].append((curve["levels"], _values_of(curve["tasks"][task])))
    means = []
    for (method, task, damage, level), same in parts.items():
        values = np.mean([[np.nan if value is None else value for value in scores] for _, scores in same], axis=0)
        levels = np.array(same[0][0])
        area = np.trapezoid(values, levels) / (levels[-1] - levels[0]) if len(levels) else values[0]
        means.append(
            {
                "method": method,
                "task": task,
                "damage": damage,
                "level": level,
                "levels": levels.tolist(),
                "values": values.tolist(),
                "area": float(area),
            }
        )
    return means


def _value_of(scores: dict | float | None, task: str) -> float | None:
    """The primary metric; an older run stored nothing else."""
    return scores["metrics"][TASKS[task].primary_metric]["value"] if isinstance(scores, dict) else scores


def _values_of(curve: dict | list) -> list:
    return [point["value"] for point in curve["points"]] if isinstance(curve, dict) else curve
