"""The interface of the methods that are no networks, and their predictions on a fold."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, Self

import numpy as np
import pandas as pd

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import Normalisation
from modeling_emert.tasks_emert import TASKS, Task
from training.metrics import as_targets
from training.metrics.predictions import to_rows

from .registry import Method, load_class
from .summaries import summary_table


class ClassicalMethod(Protocol):
    """`fit` learns from the training rows alone; validation rows only choose among settings. `predict` gives `(n, task.size)`:
    probabilities in label order, or numbers within the task's range. Both are deterministic by the seed.

    `sees` says what the features are: summary vectors float `(n, F)` with NaN for unknown, stimulus ids `(n,)`, or nothing
    `(n, 0)`. Targets are as in `metrics.as_targets`.
    """

    sees: Literal["summaries", "stimuli", "nothing"]

    def __init__(self, seed: int = 0): ...

    def fit(self, task: Task, *rows: np.ndarray) -> Self:
        """`rows`: training features and targets, validation features and targets, participants of the training rows."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray: ...


def predict_classical(
    data: EmertData,
    method: Method,
    tasks: Sequence[str],
    fold: int,
    strict: bool = False,
    normalisation: Normalisation = "training",
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Predictions for the test recordings of one fold, as rows of the predictions table with the method's key.

    The method sees those of `method.modalities` that the data set has. `normalisation="participant"`: its summary vectors
    are z-scores over each participant's own recordings, also of test participants, without labels.
    Raises `EmertInputError` for an unknown fold, a task without training labels, or a data set with none of the modalities.
    """
    rows = data.select(fold, strict)
    kind: type[ClassicalMethod] = load_class(method)
    features = _features(data, method, kind.sees, normalisation, progress)
    ids = {name: values[rows["test"]] for name, values in data.ids.items()}
    tables = []
    for name in tasks:
        task, labels = TASKS[name], data.labels(TASKS[name])
        fitted = kind(seed).fit(
            task,
            features[rows["train"]],
            labels[rows["train"]],
            features[rows["validation"]],
            labels[rows["validation"]],
            data.ids["participant_id"][rows["train"]],
        )
        predictions = fitted.predict(features[rows["test"]])
        known = (ids["recording_id"], ids["participant_id"], ids["stimulus_id"], labels[rows["test"]])
        tables.append(to_rows(task, *known, predictions, method.key, fold))
    return pd.concat(tables, ignore_index=True)


def _features(
    data: EmertData,
    method: Method,
    sees: Literal["summaries", "stimuli", "nothing"],
    normalisation: Normalisation,
    progress: bool,
) -> np.ndarray:
    """The features of every row: no labels, and stimulus ids only for a method that needs them."""
    if sees == "nothing":
        return np.zeros((len(data), 0))
    if sees == "stimuli":
        return data.ids["stimulus_id"]
    table = summary_table(data, progress)
    return (table.standardised() if normalisation == "participant" else table).joined(method.modalities)


class Majority:
    """The same answer for every row: the class frequencies of the training rows (argmax: the majority, of equals the first
    label), or the mean of each number (the middle of its range if no training row has a label).
    """

    sees = "nothing"

    def __init__(self, seed: int = 0):
        """Nothing is random: `seed` has no effect."""

    def fit(self, task: Task, train_features: np.ndarray, train_targets: np.ndarray, *unused: Any) -> Self:
        """Raises `EmertInputError` if no training row has a label."""
        targets, _ = labelled(task, train_targets)
        self._answer = _frequencies(task, targets) if task.kind == "classification" else _means(task, targets)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)`, every row the same."""
        return np.tile(self._answer, (len(features), 1))


class StimulusMajority:
    """What the training participants felt at the same stimulus: its label frequencies, or the mean of each number.

    One recording with the average label of all recordings is added to those of the stimulus: it decides between equals, and
    no class of the training rows gets probability 0. An unknown stimulus gets the majority's answer. Features are the
    stimulus ids `(n,)`.
    """

    sees = "stimuli"

    def __init__(self, seed: int = 0):
        """Nothing is random: `seed` has no effect."""

    def fit(self, task: Task, train_features: np.ndarray, train_targets: np.ndarray, *unused: Any) -> Self:
        """Raises `EmertInputError` if no training row has a label, `ValueError` unless there is one id for each target."""
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


def labelled(task: Task, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The known targets `(labelled, 1 or size)`, and which rows have them, bool `(n,)`.

    Raises `EmertInputError` if no row has a label.
    """
    values = as_targets(task, targets)
    kept = ~np.isnan(values).all(axis=1)
    if not kept.any():
        raise EmertInputError(f"task {task.name}: none of the {len(kept)} training recordings has a label; leave the task out")
    return values[kept], kept


def _frequencies(task: Task, targets: np.ndarray) -> np.ndarray:
    return np.bincount(targets[:, 0].astype(int), minlength=task.size) / len(targets)


def _means(task: Task, targets: np.ndarray, unknown: np.ndarray | None = None) -> np.ndarray:
    """The mean of each number; where no target is known, that of `unknown`, or the middle of the range."""
    middle = np.full(task.size, sum(task.range) / 2 if task.range else 0.0) if unknown is None else unknown
    known = [column[~np.isnan(column)] for column in targets.T]
    return np.array([column.mean() if len(column) else middle[index] for index, column in enumerate(known)])
