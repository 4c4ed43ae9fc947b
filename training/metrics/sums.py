"""The metrics of a task, as functions of sums, so that a bootstrap by participant is one weighted sum.

What is summed over recordings:

- classes: the confusion matrix, `(K, K)`, rows the truth, columns the prediction (argmax; of equals, the first label);
- numbers: for each number the eight sums named in `number_scores.SUMS`, `(S, 8)`, taken about the middle of the task's range.

Every function takes any leading axes `(...)`: one a participant, one a resample, or none. The formulas, and the rules for
absent classes and constant numbers, are in `emotion_classification/class_scores.py` and
`emotion_regression/number_scores.py`.
"""

import numpy as np

from modeling_emert.tasks_emert import ABSENT_CLASS, Task

from .emotion_classification.class_scores import (
    CLASS_METRICS,
    CLASS_TITLES,
    VOTE_TITLES,
    class_scores,
    confusion_matrices,
    mean_defined,
)
from .emotion_regression.number_scores import NUMBER_METRICS, NUMBER_TITLES, number_scores, number_sums

# By kind of task; the first is the primary metric.
METRICS: dict[str, tuple[str, ...]] = {"classification": CLASS_METRICS, "regression": NUMBER_METRICS}
METRIC_TITLES = CLASS_TITLES | NUMBER_TITLES | VOTE_TITLES

_PAPER_BATCH = 16


def as_targets(task: Task, targets: np.ndarray) -> np.ndarray:
    """Targets in one form: float64 `(n, 1)` class indices or `(n, size)` numbers, **absent is NaN**.

    Takes `(n,)` too where a recording has one value. NaN means absent, and so does `ABSENT_CLASS` but in a task whose range
    holds it. Raises `ValueError` for
    another shape, or a class index that is not one of the task's.
    """
    width = 1 if task.kind == "classification" else task.size
    values = np.array(targets, np.float64)
    if values.ndim == 1 and width == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"targets of {task.name} must be (n, {width}), got {np.shape(targets)}")
    if task.range is None or not task.range[0] <= ABSENT_CLASS <= task.range[1]:
        values[values == ABSENT_CLASS] = np.nan
    if task.kind == "classification":
        known = values[~np.isnan(values)]
        wrong = known[(known != np.round(known)) | (known < 0) | (known >= task.size)]
        if wrong.size:
            raise ValueError(f"targets of {task.name} must be class indices 0..{task.size - 1}, got {wrong[0]:g}")
    return values


def as_predictions(task: Task, predictions: np.ndarray, count: int) -> np.ndarray:
    """Predictions as float64 `(count, size)`. Raises `ValueError` for another shape."""
    values = np.asarray(predictions, np.float64)
    if values.ndim == 1 and task.size == 1:
        values = values[:, None]
    if values.shape != (count, task.size):
        raise ValueError(f"predictions of {task.name} must be {(count, task.size)}, got {np.shape(predictions)}")
    return values


def collect(
    task: Task,
    targets: np.ndarray,
    predictions: np.ndarray,
    groups: np.ndarray | None = None,
    num_groups: int | None = None,
) -> np.ndarray:
    """The sums of these recordings; adding the sums of two sets gives those of their union.

    `targets` as in `as_targets`; `predictions` `(n, size)`: probabilities (or logits) in label order, or the numbers.
    With `groups`, `(n,)` ints 0..num_groups-1 (participants), one result a group: `(num_groups, K, K)` or
    `(num_groups, S, 8)`; without, `(K, K)` or `(S, 8)`. Absent targets are left out, for numbers each on its own.
    Raises `ValueError` for wrong shapes, and for a prediction that is not finite where there is a target: a model that
    has diverged must not get a score.
    """
    truth = as_targets(task, targets)
    predicted = as_predictions(task, predictions, len(truth))
    present = ~np.isnan(truth)
    if not np.isfinite(predicted[np.broadcast_to(present, predicted.shape)]).all():
        raise ValueError(f"predictions of {task.name} hold NaN or infinity")
    codes = np.zeros(len(truth), np.int64) if groups is None else np.asarray(groups, np.int64)
    if num_groups is None:
        num_groups = int(codes.max(initial=0)) + 1
    if task.kind == "classification":
        kept = present[:, 0]
        rows, columns = truth[kept, 0].astype(np.int64), predicted[kept].argmax(axis=1)
        sums = confusion_matrices(rows, columns, task.size, codes[kept], num_groups)
    else:
        # The task's middle, not the data's, so that sums from anywhere can be added.
        sums = number_sums(truth, predicted, sum(task.range) / 2 if task.range else 0.0, codes, num_groups)
    return sums[0] if groups is None else sums


def scores(task: Task, statistics: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of `METRICS[task.kind]` from sums `(..., K, K)` or `(..., S, 8)`: each of shape `(...)`.

    NaN where a metric is undefined. Those of numbers are means over the task's numbers for which they are defined.
    """
    statistics = np.asarray(statistics, np.float64)
    if task.kind == "classification":
        return class_scores(statistics)
    return {name: mean_defined(values) for name, values in number_scores(statistics).items()}


def score(task: Task, targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """The metrics of one set of recordings, as plain floats; NaN where undefined."""
    return {name: float(value) for name, value in scores(task, collect(task, targets, predictions)).items()}


def uar_batchmean16(task: Task, targets: np.ndarray, predictions: np.ndarray) -> float:
    """UAR in each batch of 16 recordings, in the order given, then the mean over the batches.

    Only to compare with the paper, whose authors' code averages so: it depends on the order of the rows, and a batch holds
    few of the classes, so it is not an estimate of UAR. Absent classes by our rule (the authors' is not published). The last
    batch may be smaller and counts like the others. NaN without recordings.
    """
    return batch_means(task, targets, predictions)["uar"]


def batch_means(task: Task, targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Each metric of the task in the same way; see [`uar_batchmean16`]."""
    count = len(as_targets(task, targets))
    if count == 0:
        return dict.fromkeys(METRICS[task.kind], float("nan"))
    found = scores(task, collect(task, targets, predictions, np.arange(count) // _PAPER_BATCH))
    return {name: float(mean_defined(values)) for name, values in found.items()}
