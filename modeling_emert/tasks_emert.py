"""All tasks that EMERT can predict: labels, their order, ranges and metrics; and own ones, which users define.

Everything else (ClassLabel features, `id2label`, data set configs, cards, the demo) is derived from this file. The seven EMER
tasks are the authors' annotation list; that they are the paper's seven protocols is our reading. The order of the labels is
ours, since the authors publish none.

An own task is defined by `{"name": "stress", "labels": ["calm", "stressed"]}`, or for numbers by `{"name": "engagement",
"labels": ["engagement"], "range": [0, 1]}`: see [`make_task`]. A config, a data set or a source that holds such definitions
registers them when it is opened; from then on `TASKS` has them in this process.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

View = Literal["er", "fer", "perceived", "other"]
Kind = Literal["classification", "regression"]
VIEW_WORDS: dict[View, str] = {"er": "felt (ER)", "fer": "shown (FER)"}  # titles of the two that are compared

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

# The same view in three classes and in seven.
COARSE_AND_FINE = (("er3", "er7"), ("fer3", "fer7"))

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
        if self.is_own:
            return tuple(label if label == self.name else f"{self.name}_{label}" for label in self.labels)
        return tuple(f"{self.view}_{label}" for label in self.labels)

    @property
    def is_own(self) -> bool:
        """Defined by a user, none of `BUILT_IN`."""
        return self.name not in BUILT_IN

    @property
    def definition(self) -> dict[str, Any]:
        """As [`make_task`] takes it, ready for JSON."""
        definition: dict[str, Any] = {"name": self.name, "labels": list(self.labels)}
        if self.range is not None:
            definition["range"] = list(self.range)
        return definition | ({} if self.view == "other" else {"view": self.view})

    @property
    def scale(self) -> tuple[float, float]:
        """`(middle, half)` of an own task's range: its numbers are learned as -1..1, `(number - middle) / half`.

        `(0, 1)`, as they are, for the built-in ones: that is what the authors do, and what saved models have learned.
        """
        if self.range is None or not self.is_own:
            return 0.0, 1.0
        return (self.range[0] + self.range[1]) / 2, (self.range[1] - self.range[0]) / 2

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
BUILT_IN: tuple[str, ...] = tuple(task.name for task in _ALL_TASKS)
# The built-in tasks, then the own ones of this process in the order in which they were registered.
TASKS: dict[str, Task] = {task.name: task for task in _ALL_TASKS}

# EMER's seven protocols, in the order in which tables list them.
EMER_TASKS = ("er3", "er7", "er_va", "fer3", "fer7", "fer_va", "fer_intensity")

LABEL_COLUMNS: tuple[str, ...] = tuple(column for task in _ALL_TASKS for column in task.columns)

# What stands beside a task's name in a data set's row, a table of recordings, a list of losses, or a recipe.
RESERVED = frozenset(
    (
        *("recording_id", "participant_id", "stimulus_id", "source", "participant_fold", "stimulus_group", "face"),
        *("face_times_ms", "face_detected", "eye_movements", "eye_times_ms", "fixation_x", "fixation_y", "fixation_start_ms"),
        *("fixation_duration_ms", "fixation_method", "gaze_format", "action_units", "action_unit_times_ms", "openness"),
        *("conscientiousness", "extraversion", "agreeableness", "neuroticism", "stimulus_emotion", "stimulus_frame"),
        *("participant_gender", "participant_age", "participant_ethnicity"),
        *("participant", "stimulus", "video", "image", "gaze", "gaze_participant", "gaze_stimulus", "fixations"),
        *("all", "score", "gap", "loss", "adversarial", "specific", "labels"),
    )
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_LABELS = 1000
OWN_EXAMPLE = """{"name": "stress", "labels": ["calm", "stressed"]}"""


def get_task(name: str) -> Task:
    """The task with that name. Raises `ValueError` that lists the known ones."""
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; known tasks: {', '.join(TASKS)}; define an own one as {OWN_EXAMPLE}")
    return TASKS[name]


def tasks_with(names: Iterable[str]) -> tuple[Task, ...]:
    """The built-in tasks and the own ones among `names`: those of one data set, whatever else the process has registered."""
    return (*_ALL_TASKS, *(TASKS[name] for name in names if name not in BUILT_IN))


def own_definitions(names: Iterable[str]) -> list[dict[str, Any]]:
    """The definitions of the own tasks among `names`."""
    return [TASKS[name].definition for name in names if name in TASKS and name not in BUILT_IN]


def make_task(definition: Mapping[str, Any]) -> Task:
    """An own task from its definition; it is not registered.

    - `name`: a lower-case word of letters, digits and _ that nothing else in a data set is called.
    - `labels`: the classes in order, two or more; with a range the names of the numbers, one or more. The data set's column
      is the task's name; for numbers `NAME_LABEL`, or the name alone for a label equal to it.
    - `range` (optional): `[lowest, highest]` of each number, which makes it a regression.
    - `view` (optional, `other`): `er` (felt), `fer` (shown: not answered without a face) or `perceived`.

    Raises `ValueError` with all mistakes.
    """
    if not isinstance(definition, Mapping):
        raise ValueError(f"a task is {definition!r}, expected a name or a definition such as {OWN_EXAMPLE}")
    name, labels, limits = (definition.get(key) for key in ("name", "labels", "range"))
    view = definition.get("view", "other")
    problems = []
    if unknown := [str(key) for key in definition if key not in ("name", "labels", "range", "view")]:
        problems.append(f"unknown key {', '.join(unknown)}, known are name, labels, range, view")
    if problem := _name_problem(name):
        problems.append(problem)
    fits = isinstance(labels, Sequence) and not isinstance(labels, str) and all(isinstance(label, str) for label in labels)
    numbers, fewest = limits is not None, 1 if limits is not None else 2
    if not fits or not fewest <= len(labels) <= _MOST_LABELS:
        problems.append(f"labels is {labels!r}, expected {fewest} to {_MOST_LABELS} texts")
    else:
        if wrong := [label for label in labels if not (_NAME.fullmatch(label) if numbers else _is_label(label))]:
            kind = "a-z, 0-9 and _, a letter first" if numbers else "printable text without / and spaces around it"
            problems.append(f"labels has {', '.join(map(repr, wrong))}, expected {kind}")
        if len(set(labels)) < len(labels):
            problems.append(f"labels {list(labels)} has one twice")
    if numbers and not _is_range(limits):
        problems.append(f"range is {limits!r}, expected [lowest, highest], two finite numbers of which the first is smaller")
    if view not in get_args(View):
        problems.append(f"view is {view!r}, expected one of {', '.join(get_args(View))}")
    if not problems:
        own_range = (float(limits[0]), float(limits[1])) if numbers else None
        task = Task(name, view, "regression" if numbers else "classification", tuple(labels), own_range)
        if taken := [column for column in task.columns if column in (*LABEL_COLUMNS, *RESERVED)]:
            problems.append(f"its column {', '.join(taken)} is one of every data set's; choose another name")
    if problems:
        raise ValueError(f"task {name!r}: {'; '.join(problems)}; an example is {OWN_EXAMPLE}")
    return task


def single_number(view: View, label: str) -> dict[str, Any]:
    """The definition of valence or arousal alone, for which the authors have a network each: `felt_valence` in `er`."""
    name = f"{'felt' if view == 'er' else 'shown'}_{label}"
    return {"name": name, "labels": [name], "range": [-1.0, 1.0], "view": view}


def register_task(task: Task) -> Task:
    """Makes `TASKS` know it. Raises `ValueError` where that name has another definition in this process."""
    known = TASKS.setdefault(task.name, task)
    if known != task:
        raise ValueError(
            f"task {task.name!r} is defined as {task.definition} here, but as {known.definition} before; rename one of them"
        )
    return known


def register_tasks(definitions: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Registers own tasks, all of them or none, and gives their names. Raises `ValueError` with the mistakes of all."""
    made: list[Task] = []
    problems = []
    for definition in definitions:
        try:
            made.append(make_task(definition))
        except ValueError as error:
            problems.append(str(error))
    names = [task.name for task in made]
    columns = [column for task in made for column in task.columns]
    problems += [f"task {name!r} is defined twice" for name in sorted({name for name in names if names.count(name) > 1})]
    if len(set(columns)) < len(columns):
        problems.append(f"two tasks have the same label column ({', '.join(columns)}); rename one")
    if problems:
        raise ValueError("; ".join(problems))
    before = dict(TASKS)
    try:
        for task in made:
            register_task(task)
    except ValueError:
        TASKS.clear()
        TASKS.update(before)
        raise
    return tuple(names)


def _name_problem(name: Any) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"name is {name!r}, expected a-z, 0-9 and _, a letter first"
    if name in (*BUILT_IN, *LABEL_COLUMNS):
        return f"name {name!r} is one of EMERT's own tasks or label columns; give its name alone, or choose another"
    from torch import nn  # only for own tasks: reading a table needs no torch

    if name in RESERVED or name == "training" or hasattr(nn.ModuleDict, name):
        return f"name {name!r} has another meaning in a data set or a network; choose another, such as {name}_task"
    return None


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 100 and label.isprintable() and label == label.strip() and "/" not in label


def _is_range(limits: Any) -> bool:
    if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 2:
        return False
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in limits)
    return numbers and limits[0] < limits[1]
