"""The interface of the methods that are no networks, and their predictions on a fold."""

from collections.abc import Sequence
from typing import Literal, Protocol, Self

import numpy as np
import pandas as pd

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.feature_extraction_emert import Normalisation
from modeling_emert.tasks_emert import TASKS, Task
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
