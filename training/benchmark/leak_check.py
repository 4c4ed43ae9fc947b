"""A check before training that no label is among the inputs. `EmertData.select` checks that the splits are disjoint."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.methods.summaries import summary_table

_ENOUGH = 10  # recordings a class, below which a number may separate the classes by chance
_SAME_NUMBER = 0.9999  # correlation above which a number counts as the label itself


def check_inputs(data: EmertData, tasks: Sequence[str]) -> None:
    """Raises `EmertInputError` where one statistic of the inputs determines every label."""
    features = summary_table(data).joined()
    for name in tasks:
        labels = data.labels(TASKS[name])
        columns = [labels] if labels.ndim == 1 else list(labels.T)
        for column in columns:
            if (place := find_leak(features, column)) is not None:
                raise EmertInputError(
                    f"{data.folder}: statistic {place} of the inputs determines the label of task {name} for every recording; "
                    "remove the label from the recordings"
                )


def find_leak(features: np.ndarray, labels: np.ndarray) -> int | None:
    """The first column of `(n, F)` that separates the classes `(n,)`, or correlates perfectly with the numbers `(n,)`.

    None where there is none, or too few recordings.
    """
    classes = np.issubdtype(labels.dtype, np.integer)
    known = labels != ABSENT_CLASS if classes else ~np.isnan(labels)
    values, truth = features[known], labels[known]
    if len(np.unique(truth)) < 2 or len(truth) < _ENOUGH * (len(np.unique(truth)) if classes else 1):
        return None
    determines = _separates if classes else _follows
    columns = (
        index for index in range(values.shape[1]) if np.isfinite(values[:, index]).all() and np.ptp(values[:, index]) > 0
    )
    return next((index for index in columns if determines(values[:, index], truth)), None)


def _separates(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether each class has an interval of its own on this axis."""
    spans = sorted((values[labels == label].min(), values[labels == label].max()) for label in np.unique(labels))
    return all(before[1] < after[0] for before, after in pairwise(spans))


def _follows(values: np.ndarray, numbers: np.ndarray) -> bool:
    return abs(np.corrcoef(values, numbers)[0, 1]) > _SAME_NUMBER
