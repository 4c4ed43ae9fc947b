"""Scores as the authors compute them, to put beside ours: never instead of them.

Metrics are computed in each batch of 16 and averaged, which moves them either way, since a batch holds few of the classes; and
the epoch with the best of these on the test is reported, which flatters: the best of 200 tries is better than a try.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS, Task

from .predictions import to_arrays
from .sums import METRIC_TITLES, METRICS, as_targets, batch_means, score

BATCH_MEANS = "batchmean16"


def batch_mean_scores(task: Task, targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Each metric of the task as the mean over batches of 16, under `METRIC_batchmean16`."""
    found = batch_means(task, targets, predictions)
    return {f"{metric}_{BATCH_MEANS}": value for metric, value in found.items()}


def beside_ours(predictions: pd.DataFrame, epochs: Sequence[Mapping] = ()) -> str:
    """Lines of text about one model's predictions: each task's primary metric in our way and in theirs.

    `epochs`: of the histories of the models, with `test` where the training watched it.
    """
    lines = ["The authors' way of scoring beside ours (names with batchmean16: compare those with the authors' figures only)"]
    for name, rows in predictions.groupby("task", sort=False):
        task, metric = TASKS[str(name)], METRICS[TASKS[str(name)].kind][0]
        targets, values = to_arrays(task, rows)
        known = ~np.isnan(as_targets(task, targets)).any(axis=1)
        theirs = batch_mean_scores(task, targets[known], values[known])[f"{metric}_{BATCH_MEANS}"]
        ours = score(task, targets, values)[metric]
        line = f"{name}: {METRIC_TITLES[metric]} {ours:.3f}; {metric}_{BATCH_MEANS} {theirs:.3f}"
        tested = [entry["test"][name] for entry in epochs if name in entry.get("test", {})]
        if tested:
            best = max(tested, key=lambda one: one[f"{metric}_{BATCH_MEANS}"])[f"{metric}_{BATCH_MEANS}"]
            line += f"; the best of {len(tested)} epochs on the test by that: {best:.3f}"
        lines.append(line)
    return "\n".join(lines)


def watched_scores(labels: Mapping[str, np.ndarray], logits: Mapping[str, np.ndarray], answer: Callable) -> dict[str, float]:
    """Of one epoch, for the log: `test_TASK/METRIC` in our way and theirs. `answer`: a task and logits to predictions."""
    found = {}
    for name, values in logits.items():
        task, metric = TASKS[name], METRICS[TASKS[name].kind][0]
        predictions, theirs = answer(name, values), f"{metric}_{BATCH_MEANS}"
        known = ~np.isnan(as_targets(task, labels[name])).any(axis=1)
        found[f"test_{name}/{metric}"] = score(task, labels[name], predictions)[metric]
        found[f"test_{name}/{theirs}"] = batch_mean_scores(task, labels[name][known], predictions[known])[theirs]
    return found
