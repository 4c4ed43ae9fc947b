"""The methods that see no network, all with the same two functions, and their predictions on a fold.

`fit` learns from the training rows alone; validation rows only choose among settings; `predict` gives `(n, task.size)`:
probabilities in label order, or numbers within the task's range. All are deterministic by their seed. Features are float
`(n, F)`, NaN where unknown; targets as in `metrics.as_targets`.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, Self

import numpy as np
import pandas as pd

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.feature_extraction_emert import Normalisation
from modeling_emert.tasks_emert import TASKS, Task
from training.evaluation.predictions import to_rows

from .fitted import LogisticRegression, RandomForest, SupportVectorMachine
from .frequencies import Majority, StimulusMajority
from .registry import Method, load_class
from .summaries import summary_table

__all__ = [
    "ClassicalMethod",
    "LogisticRegression",
    "Majority",
    "RandomForest",
    "StimulusMajority",
    "SupportVectorMachine",
    "predict_classical",
]


class ClassicalMethod(Protocol):
    """What every classical method can do. `sees` says what its features are: summary vectors `(n, F)`, stimulus ids `(n,)`,
    or nothing `(n, 0)`.
    """

    sees: Literal["summaries", "stimuli", "nothing"]

    def __init__(self, seed: int = 0): ...

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
        train_groups: np.ndarray | None = None,
    ) -> Self: ...

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
    """Rows of the predictions table, under the method's key: fitted on the training recordings of one fold, asked for its
    test recordings.

    The method sees those of `method.modalities` that the data set has. `normalisation` "participant": its summary vectors
    are z-scores over each participant's own recordings, test participants' included, without labels.
    Raises `EmertInputError` for a fold that is not there, a task without training labels, and a data set that has none
    of the modalities.
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
    """What the method may see of every row. No labels, and ids of stimuli only for a method that is about them."""
    if sees == "nothing":
        return np.zeros((len(data), 0))
    if sees == "stimuli":
        return data.ids["stimulus_id"]
    table = summary_table(data, progress)
    return (table.standardised() if normalisation == "participant" else table).joined(method.modalities)
