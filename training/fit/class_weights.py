"""How rare each class is among the training recordings, as weights of the loss."""

from collections.abc import Sequence

import numpy as np

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS


def count_class_weights(data: EmertData, training_rows: Sequence[int], tasks: Sequence[str]) -> dict[str, list[float]]:
    """By task of classes, one weight a class in label order: the mean count over its own count.

    So all classes weigh the same together, and the weights of the recordings average one. A class that no training
    recording has gets 1, which nothing is multiplied with.
    """
    weights = {}
    for name in tasks:
        task = TASKS[name]
        if task.kind != "classification":
            continue
        labels = data.labels(task)[training_rows]
        counts = np.bincount(labels[labels != ABSENT_CLASS], minlength=task.size)
        present = counts > 0
        own = np.ones(task.size)
        own[present] = counts.sum() / (present.sum() * counts[present])
        weights[name] = own.tolist()
    return weights
