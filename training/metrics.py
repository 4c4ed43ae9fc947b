"""The metrics of a task, as functions of sums, so that a bootstrap by participant is one weighted sum.

What is summed over recordings:

- classes: the confusion matrix, `(K, K)`, rows the truth, columns the prediction (argmax; of equals, the first label);
- numbers: for each number the seven sums named in `SUMS`, `(S, 7)`, taken about the middle of the task's range. Without
  that centring the variance would be a small difference of two large sums.

Every function takes any leading axes `(...)`: one a participant, one a draw, or none.
"""

import numpy as np

from modeling_emert.tasks_emert import ABSENT_CLASS, Task

# x is the truth, y the prediction, both from the middle of the range.
SUMS = ("n", "x", "y", "xx", "yy", "xy", "absolute_error")

# By kind of task; the first is the primary metric. Ranges: uar, macro_f1, war 0..1; ccc -1..1; mae 0 and up, in the
# unit of the numbers.
METRICS: dict[str, tuple[str, ...]] = {"classes": ("uar", "macro_f1", "war"), "numbers": ("ccc", "mae")}
LOWER_IS_BETTER = frozenset({"mae"})

# A variance below this share of the mean square is rounding: the numbers are constant.
_ROUNDING = 1e-12


def as_targets(task: Task, targets: np.ndarray) -> np.ndarray:
    """Targets in one form: float64 `(n, 1)` class indices or `(n, size)` numbers, **absent is NaN**.

    Takes `(n,)` too where a recording has one value; `ABSENT_CLASS` and NaN both mean absent. Raises `ValueError` for
    another shape, or a class index that is not one of the task's.
    """
    width = 1 if task.kind == "classes" else task.size
    values = np.array(targets, np.float64)
    if values.ndim == 1 and width == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] != width:
        raise ValueError(f"targets of {task.name} must be (n, {width}), got {np.shape(targets)}")
    if task.kind == "classes":
        values[values == ABSENT_CLASS] = np.nan
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
    `(num_groups, S, 7)`; without, `(K, K)` or `(S, 7)`. Absent targets are left out, for numbers each on its own.
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
    sums = _confusion if task.kind == "classes" else _number_sums
    result = sums(task, truth, predicted, present, codes, num_groups)
    return result[0] if groups is None else result


def scores(task: Task, statistics: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of `METRICS[task.kind]` from sums `(..., K, K)` or `(..., S, 7)`: each of shape `(...)`.

    NaN where a metric is undefined. The rules:

    - `uar`: mean recall over the classes **present in the truth**; a class that nobody has is no evidence.
    - `macro_f1`: mean F1 over the label set; a class absent from both truth and predictions is left out, one that is
      only predicted counts as 0.
    - `war`: share of recordings that are right. All three are NaN without recordings.
    - `ccc` (Lin 1989, population moments) and `mae`: mean over the task's numbers for which it is defined. Predictions
      that don't vary have CCC 0; where the truth itself doesn't vary CCC is undefined: there is nothing to agree with.
    """
    if task.kind == "classes":
        return _class_scores(np.asarray(statistics, np.float64))
    return _number_scores(np.asarray(statistics, np.float64))


def score(task: Task, targets: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """The metrics of one set of recordings, as plain floats; NaN where undefined."""
    return {name: float(value) for name, value in scores(task, collect(task, targets, predictions)).items()}


def _confusion(
    task: Task, truth: np.ndarray, predicted: np.ndarray, present: np.ndarray, codes: np.ndarray, num_groups: int
) -> np.ndarray:
    """`(num_groups, K, K)`."""
    kept = present[:, 0]
    rows, columns = truth[kept, 0].astype(np.int64), predicted[kept].argmax(axis=1)
    cells = (codes[kept] * task.size + rows) * task.size + columns
    counts = np.bincount(cells, minlength=num_groups * task.size**2)
    return counts.reshape(num_groups, task.size, task.size).astype(np.float64)


def _number_sums(
    task: Task, truth: np.ndarray, predicted: np.ndarray, present: np.ndarray, codes: np.ndarray, num_groups: int
) -> np.ndarray:
    """`(num_groups, S, 7)`. The centre is the task's, not the data's, so that sums from anywhere can be added."""
    middle = sum(task.range) / 2 if task.range else 0.0
    x, y = np.where(present, truth - middle, 0.0), np.where(present, predicted - middle, 0.0)
    terms = np.stack([present.astype(np.float64), x, y, x * x, y * y, x * y, np.abs(x - y)], axis=-1)  # (n, S, 7)
    sums = np.zeros((num_groups, task.size, len(SUMS)))
    np.add.at(sums, codes, terms)
    return sums


def _class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    right = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., K)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    recall, f1 = _ratio(right, true), _ratio(2 * right, true + predicted)
    return {
        "uar": _mean_defined(recall),
        "macro_f1": _mean_defined(f1),
        "war": _ratio(right.sum(axis=-1), true.sum(axis=-1)),
    }


def _number_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    n = sums[..., 0]
    mean_x, mean_y, mean_xx, mean_yy, mean_xy, error = (_ratio(sums[..., i], n) for i in range(1, len(SUMS)))
    variance_x, variance_y = _variance(mean_x, mean_xx), _variance(mean_y, mean_yy)
    covariance = np.where(variance_y > 0, mean_xy - mean_x * mean_y, 0.0)
    ccc = _ratio(2 * covariance, variance_x + variance_y + (mean_x - mean_y) ** 2)
    return {"ccc": _mean_defined(np.where(variance_x > 0, ccc, np.nan)), "mae": _mean_defined(error)}


def _variance(mean: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    variance = mean_square - mean**2
    return np.where(variance > _ROUNDING * mean_square, variance, 0.0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def _mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))
