"""What the benchmark tells beside the scores: calibration, the gap, robustness, probes and cost. Plain data, see `tables`.

```
calibration  [{version, task, method, ece, nll, brier, ece_before, bins: [{n, confidence, accuracy}]}]
gap          null, or {labels, counts: rows ER, columns FER,
              subsets: [{version, task, method, agree, disagree: {n, value, low, high}}],
              scores: [{version, method, seed, auroc: {value, low, high}, mean_agree, mean_disagree}]}
robustness   [{method, task, damage, level, levels, values, area}]      `area` brought to 0..1 of the levels: a mean score
probes       {clip: fields of ClipProbe, or a sentence that says why there are none,
              participant: {accuracy, shuffled, chance, models}, null where unknown}
cost         [{method, cells, training_seconds, parameters, peak_memory_mb, samples_per_second, epochs}]
```
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS
from training.evaluation.predictions import to_arrays
from training.methods.registry import get_method
from training.statistics.calibration import calibration, reliability
from training.statistics.gap import agreement, gap_quality, label_table, subset_scores
from training.statistics.intervals import Interval

from .predictions import choose

_SEED = 0  # of the bootstrap
_ENOUGH_FOR_INTERVALS = 10_000
_COSTS = ("training_seconds", "peak_memory_mb", "samples_per_second", "epochs")
_BINS = 10  # of the picture; the figures take the 15 of `training.statistics.calibration`


def analyse(run: dict, recipe: dict, predictions: pd.DataFrame) -> dict:
    """Everything but the tables of scores."""
    broken = {(cell["version"], task, cell["method"]) for cell in run["cells"] if cell["failed"] for task in cell["tasks"]}
    groups = [
        (version, task, method, choose(predictions, version, task, method))
        for version in recipe["split_versions"]
        for task in recipe["tasks"]
        for method in recipe["methods"]
        if (version, task, method) not in broken
    ]
    return {
        "calibration": [_calibrate(*group) for group in groups if TASKS[group[1]].kind == "classification"],
        "gap": _gap(groups, predictions, interval_resamples(recipe)),
        "robustness": _robustness(run["cells"]),
        "probes": {"clip": run["clip_probe"], "participant": _participant_probe(run["cells"])},
        "cost": [_cost(method, run["cells"]) for method in recipe["methods"]],
    }


def _calibrate(version: str, name: str, method: str, rows: pd.DataFrame) -> dict:
    """`ece_before`: before the temperature, where there is one."""
    task = TASKS[name]
    targets, probabilities = to_arrays(task, rows)
    before = rows["uncalibrated"].notna().any()
    untouched = [cell if cell is not None else own for cell, own in zip(rows["uncalibrated"], rows["prediction"], strict=True)]
    return {
        "version": version,
        "task": name,
        "method": method,
        **calibration(probabilities, targets[:, 0]),
        "ece_before": calibration(np.array(untouched), targets[:, 0])["ece"] if before else None,
        "bins": reliability(probabilities, targets[:, 0], _BINS).to_dict("records"),
    }


def interval_resamples(recipe: dict) -> int:
    """An end of an interval needs fewer resamples than a small p, and there are many intervals."""
    return min(recipe["n_resamples"], _ENOUGH_FOR_INTERVALS)


def _gap(groups: list[tuple[str, str, str, pd.DataFrame]], predictions: pd.DataFrame, n_resamples: int) -> dict | None:
    """None where the protocols don't tell the felt and the shown emotion of the same recordings."""
    agree = agreement(predictions)
    if agree.empty:
        return None
    table = label_table(predictions)
    subsets = []
    for version, name, method, rows in groups:
        if TASKS[name].view == "perceived":
            continue
        found = subset_scores(TASKS[name], rows, agree, n_resamples, _SEED)
        primary = {part: subset.metrics[TASKS[name].primary_metric] for part, subset in found.items()}
        subsets.append(
            {
                "version": version,
                "task": name,
                "method": method,
                **{part: {"n": found[part].n, **_plain(interval)} for part, interval in primary.items()},
            }
        )
    return {
        "labels": list(table.index),
        "counts": table.to_numpy().tolist(),
        "agree": int(agree.sum()),
        "disagree": int((~agree).sum()),
        "subsets": subsets,
        "scores": list(_gap_scores(groups, n_resamples)),
    }


def _gap_scores(groups: list[tuple[str, str, str, pd.DataFrame]], n_resamples: int) -> Iterator[dict]:
    """Of every method that answers for both views, network by network: a gap is that of one seed's two answers."""
    together = defaultdict(list)
    for version, _, method, rows in groups:
        together[version, method].append(rows)
    for (version, method), tables in together.items():
        both = pd.concat(tables)
        for seed, rows in both.groupby("seed", sort=True):
            quality = gap_quality(rows, n_resamples, _SEED)
            if not np.isnan(quality.auroc.value):
                yield {
                    "version": version,
                    "method": method,
                    "seed": int(seed),
                    "auroc": _plain(quality.auroc),
                    "mean_agree": quality.mean_agree,
                    "mean_disagree": quality.mean_disagree,
                }


def _plain(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _participant_probe(cells: list[dict]) -> dict | None:
    probes = [cell["participant_probe"] for cell in cells if not cell["failed"] and cell["participant_probe"]]
    if not probes:
        return None
    means = {name: float(np.mean([probe[name] for probe in probes])) for name in ("accuracy", "shuffled", "chance")}
    return {**means, "models": len(probes)}


def _cost(method: str, cells: list[dict]) -> dict:
    """Means over the cells; parameters and memory are the largest."""
    own = [cell for cell in cells if cell["method"] == method and not cell["failed"]]
    parameters = [cell["parameters"] for cell in own if cell["parameters"]]
    found = {}
    for name in _COSTS:
        known = [cell[name] for cell in own if cell[name] is not None]
        combine = max if name == "peak_memory_mb" else np.mean
        found[name] = float(combine(known)) if known else None
    return {
        "method": method,
        "kind": get_method(method).kind,
        "cells": len(own),
        "seconds": sum(cell["seconds"] for cell in own),
        "parameters": max(parameters, default=None),
        **found,
    }


def _robustness(cells: list[dict]) -> list[dict]:
    """Means over the folds and seeds of the plain version: with each modality hidden, and along each curve."""
    parts: dict[tuple[str, str, str], list[dict]] = defaultdict(list)
    for cell in cells:
        if not cell["failed"] and cell["robustness"] and cell["version"] == "plain":
            for task in cell["tasks"]:
                for modality, scores in cell["robustness"]["hidden"].items():
                    one = {"level": "", "levels": [], "values": [scores[task]]}
                    parts[cell["method"], task, f"hidden: {modality.replace('_', ' ')}"].append(one)
                for name, curve in cell["robustness"]["curves"].items():
                    one = {"level": curve["level"], "levels": curve["levels"], "values": curve["tasks"][task]}
                    parts[cell["method"], task, name].append(one)
    found = []
    for (method, task, damage), same in parts.items():
        values = np.mean([[np.nan if value is None else value for value in one["values"]] for one in same], axis=0)
        levels = np.array(same[0]["levels"])
        area = np.trapezoid(values, levels) / (levels[-1] - levels[0]) if len(levels) else values[0]
        found.append(
            {
                "method": method,
                "task": task,
                "damage": damage,
                "level": same[0]["level"],
                "levels": levels.tolist(),
                "values": values.tolist(),
                "area": float(area),
            }
        )
    return found
