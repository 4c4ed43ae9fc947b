"""Methods that see neither face nor eyes: how far the labels' frequencies alone go, over all and by stimulus."""

from typing import Self

import numpy as np

from modeling_emert.tasks_emert import Task

from .preparation import labelled


class Majority:
    """Always the same: the class frequencies of the training rows (so the argmax is their majority, of equals the first
    label), or the mean of each number (the middle of the range for a number without any training label).
    """

    sees = "nothing"

    def __init__(self, seed: int = 0):
        """Nothing is drawn, so the seed changes nothing; all methods are made alike."""

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
        train_groups: np.ndarray | None = None,
    ) -> Self:
        """Count the training labels; the features and the validation rows are not looked at.

        Raises `EmertInputError` if no training row has a label.
        """
        targets, _ = labelled(task, train_targets)
        self._answer = _frequencies(task, targets) if task.kind == "classification" else _means(task, targets)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)`, every row the same."""
        return np.tile(self._answer, (len(features), 1))


class StimulusMajority:
    """What the training participants felt at the same stimulus: its modal label, or the mean of each number.

    Probabilities are the stimulus's label frequencies with one more recording that is labelled as all recordings are on
    average: it decides between equals, and leaves no class of training without a chance. A stimulus that training has not
    seen gets the majority's answer. Its features are the stimulus ids `(n,)`, and nothing else.
    """

    sees = "stimuli"

    def __init__(self, seed: int = 0):
        """Nothing is drawn, so the seed changes nothing; all methods are made alike."""

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
        train_groups: np.ndarray | None = None,
    ) -> Self:
        """Count the training labels by stimulus; the validation rows are not looked at.

        Raises `EmertInputError` if no training row has a label, `ValueError` unless there is one id a target.
        """
        if np.shape(train_features) != (len(train_targets),):
            raise ValueError(f"need the stimulus ids of {len(train_targets)} rows, got {np.shape(train_features)}")
        targets, kept = labelled(task, train_targets)
        stimuli = np.asarray(train_features)[kept]
        self._others = Majority().fit(task, train_features, train_targets).predict(np.zeros(1))[0]
        self._answers = {str(name): self._answer(task, targets[stimuli == name]) for name in np.unique(stimuli)}
        return self

    def _answer(self, task: Task, targets: np.ndarray) -> np.ndarray:
        if task.kind == "regression":
            return _means(task, targets, self._others)
        counts = len(targets) * _frequencies(task, targets)
        return (counts + self._others) / (len(targets) + 1)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)` for `(n,)` stimulus ids."""
        answers = [self._answers.get(str(name), self._others) for name in features]
        return np.array(answers).reshape(len(features), len(self._others))


def _frequencies(task: Task, targets: np.ndarray) -> np.ndarray:
    return np.bincount(targets[:, 0].astype(int), minlength=task.size) / len(targets)


def _means(task: Task, targets: np.ndarray, unknown: np.ndarray | None = None) -> np.ndarray:
    """The mean of each number; where none is known that of `unknown`, or the middle of the range."""
    middle = np.full(task.size, sum(task.range) / 2 if task.range else 0.0) if unknown is None else unknown
    known = [column[~np.isnan(column)] for column in targets.T]
    return np.array([column.mean() if len(column) else middle[index] for index, column in enumerate(known)])
