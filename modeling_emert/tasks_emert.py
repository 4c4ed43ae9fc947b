"""All tasks that EMERT can predict: labels, their order, ranges and metrics.

Everything else (ClassLabel features, `id2label`, data set configs, cards, the demo) is derived from this file. The seven EMER
tasks are the authors' annotation list; that they are the paper's seven protocols is our reading. The order of the labels is
ours, since the authors publish none.
"""

from dataclasses import dataclass
from typing import Literal

View = Literal["er", "fer", "perceived"]
Kind = Literal["classification", "regression"]

EMOTIONS = ("happiness", "sadness", "fear", "surprise", "disgust", "anger", "neutral")
POLARITIES = ("positive", "negative", "neutral")

# Without surprise, whose coarse class is published nowhere: a source decides, and by default it is open.
POLARITY_OF_EMOTION = {
    "happiness": "positive",
    "sadness": "negative",
    "fear": "negative",
    "disgust": "negative",
    "anger": "negative",
    "neutral": "neutral",
}

# Absent labels in a batch; the loss and the metrics ignore them.
ABSENT_CLASS = -100
ABSENT_NUMBER = float("nan")


@dataclass(frozen=True)
class Task:
    """`labels`: the names of the classes in order, or of the numbers. `range`: of each number."""

    name: str
    view: View
    kind: Kind
    labels: tuple[str, ...]
    range: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Width of the head: one output for each class or number."""
        return len(self.labels)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the data set's label columns: the task's name for classes, one column for each number."""
        if self.kind == "classification":
            return (self.name,)
        return tuple(f"{self.view}_{label}" for label in self.labels)

    @property
    def primary_metric(self) -> str:
        """The metric by which a checkpoint is chosen; higher is better."""
        return "uar" if self.kind == "classification" else "ccc"


_ALL_TASKS = (
    Task("er3", "er", "classification", POLARITIES),
    Task("er7", "er", "classification", EMOTIONS),
    Task("er_va", "er", "regression", ("valence", "arousal"), (-1.0, 1.0)),
    Task("fer3", "fer", "classification", POLARITIES),
    Task("fer7", "fer", "classification", EMOTIONS),
    Task("fer_va", "fer", "regression", ("valence", "arousal"), (-1.0, 1.0)),
    Task("fer_intensity", "fer", "regression", ("intensity",), (0.0, 3.0)),
    Task("perceived3", "perceived", "classification", POLARITIES),
    Task("perceived_va", "perceived", "regression", ("valence", "arousal"), (-1.0, 1.0)),
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL_TASKS}

# EMER's seven protocols, in the order in which tables list them.
EMER_TASKS = ("er3", "er7", "er_va", "fer3", "fer7", "fer_va", "fer_intensity")

LABEL_COLUMNS: tuple[str, ...] = tuple(column for task in _ALL_TASKS for column in task.columns)


def get_task(name: str) -> Task:
    """The task with that name. Raises `ValueError` that lists the known ones."""
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; known tasks: {', '.join(TASKS)}")
    return TASKS[name]
