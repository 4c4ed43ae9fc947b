"""UAR, F1 and WAR from confusion matrices, for any leading axes at once.

The one place for this arithmetic. It lives in the metric's folder, and knows numpy only, because `evaluate.load` copies a
metric's script and its sibling files and nothing else; `training.metrics.sums` imports it from here.

The rules for absent classes:

- `uar`: mean recall over the classes **present in the truth**; a class without recordings is no evidence.
- `macro_f1`: mean F1 over the label set; a class absent from both truth and predictions is left out, one that is only
  predicted counts as 0.
- `weighted_f1`: F1 weighted by how often the class is the truth, so that an absent class weighs nothing.
- `war`: fraction of recordings that are right.

All are 0..1, and NaN without recordings.
"""

import numpy as np

CLASS_METRICS = ("uar", "macro_f1", "weighted_f1", "war")  # the first is the primary one


def confusion_matrices(
    truth: np.ndarray, predicted: np.ndarray, size: int, groups: np.ndarray | None = None, num_groups: int = 1
) -> np.ndarray:
    """Counts `(num_groups, size, size)`, rows the truth, columns the prediction; class indices and groups are `(n,)` ints."""
    codes = np.zeros(len(truth), np.int64) if groups is None else groups
    cells = (codes * size + truth) * size + predicted
    counts = np.bincount(cells, minlength=num_groups * size**2)
    return counts.reshape(num_groups, size, size).astype(np.float64)


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """`CLASS_METRICS` of matrices `(..., K, K)`: each of shape `(...)`."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., K)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    recall, f1 = ratio(right, true), ratio(2 * right, true + predicted)
    return {
        "uar": mean_defined(recall),
        "macro_f1": mean_defined(f1),
        "weighted_f1": ratio((true * np.nan_to_num(f1)).sum(axis=-1), true.sum(axis=-1)),
        "war": ratio(right.sum(axis=-1), true.sum(axis=-1)),
    }


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))
