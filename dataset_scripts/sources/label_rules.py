"""Labels must be of the source's tasks and in range; coarse classes should not contradict fine ones."""

import math
from collections.abc import Mapping, Sequence

from modeling_emert.tasks_emert import EMOTIONS, POLARITIES, POLARITY_OF_EMOTION, TASKS, Task

from ..common.errors import list_some, refuse_all
from .base import Entry, Source

# (coarse, fine) label columns of each view that has both: er3 and er7, fer3 and fer7.
COARSE_AND_FINE: tuple[tuple[str, str], ...] = tuple(
    (coarse.name, fine.name)
    for coarse in TASKS.values()
    for fine in TASKS.values()
    if coarse.view == fine.view and coarse.labels == POLARITIES and fine.labels == EMOTIONS
)


def find_contradictions(labels: Mapping[str, str | float | None], surprise_polarity: str | None = None) -> list[str]:
    """Coarse labels of one recording that contradict its fine ones, each as a clause "er3 is positive where er7 is fear".

    `labels`: class names by label column; absent ones are left out or None. Happiness is positive; sadness, fear, disgust
    and anger are negative; neutral is neutral. `surprise_polarity`: the coarse class of surprise in the source; None: any,
    since it is published nowhere.
    """
    polarities = POLARITY_OF_EMOTION | ({"surprise": surprise_polarity} if surprise_polarity else {})
    clauses = []
    for coarse, fine in COARSE_AND_FINE:
        found, expected = labels.get(coarse), polarities.get(str(labels.get(fine)))
        if found is not None and expected is not None and found != expected:
            clauses.append(f"{coarse} is {found} where {fine} is {labels[fine]}")
    return clauses


def check_labels(source: Source, entries: Sequence[Entry]) -> None:
    """Every label belongs to a task of the source, and is one of its classes or in its range.

    Raises:
        EmertInputError: naming those that are not (the first ten, and how many more).
    """
    tasks = {column: TASKS[name] for name in source.tasks for column in TASKS[name].columns}
    problems = []
    for entry in entries:
        for column, label in entry.labels.items():
            where = f"recording {entry.recording_id}: label {column}"
            if column not in tasks:
                problems.append(f"{where} belongs to no task of source {source.name} ({', '.join(source.tasks)})")
            elif expected := _expected_instead(tasks[column], label):
                problems.append(f"{where} is {label!r}, where {expected} is expected")
    refuse_all(source.path, problems, "correct them or leave them empty")


def _expected_instead(task: Task, label: object) -> str | None:
    """What the label may be; None where it is a class of the task, or a number within its range."""
    if task.kind == "classification":
        return None if label in task.labels else f"one of {', '.join(task.labels)}"
    low, high = task.range or (-math.inf, math.inf)
    return None if isinstance(label, int | float) and low <= label <= high else f"a number in [{low:g}, {high:g}]"


def note_contradictions(source: Source, entries: Sequence[Entry]) -> list[str]:
    """One sentence for the data set's notes on all recordings whose labels contradict each other; empty where none do.

    They are no reason to refuse a build: the labels are the source's, and users who may not change them must be able to
    work with them. `emert data verify` fails on them.
    """
    found = {entry.recording_id: find_contradictions(entry.labels, source.surprise_polarity) for entry in entries}
    clauses = [f"{name}: {' and '.join(contradictions)}" for name, contradictions in found.items() if contradictions]
    if not clauses:
        return []
    return [f"kept, though the coarse label contradicts the fine one, in {len(clauses)} recordings ({list_some(clauses)})"]
