"""Counts of a data set: recordings with each modality, and with each label."""

from collections.abc import Iterable
from dataclasses import dataclass

from modeling_emert.tasks_emert import get_task

# Modality -> the column of a row that is null where it is absent.
MODALITY_COLUMNS = {
    "face": "face",
    "eye_movements": "eye_movements",
    "fixations": "fixation_x",
    "action_units": "action_units",
}
# For a number: how many labels are in each quarter of its range.
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")


@dataclass
class Counts:
    """Counts of recordings. They can be added, so that the parts of a data set can be counted separately.

    - `modalities`: by modality, those that have it.
    - `labels`: by label column and class; for a number by column and quarter of its range.
    """

    modalities: dict[str, int]
    labels: dict[str, dict[str, int]]

    @classmethod
    def empty(cls, tasks: Iterable[str]) -> "Counts":
        """Zero for every modality and every label of these tasks, in the order in which tables show them."""
        labels = {}
        for task in map(get_task, tasks):
            names = task.labels if task.kind == "classification" else QUARTERS
            labels |= {column: dict.fromkeys(names, 0) for column in task.columns}
        return cls(dict.fromkeys(MODALITY_COLUMNS, 0), labels)

    @classmethod
    def sum(cls, tasks: Iterable[str], parts: Iterable["Counts"]) -> "Counts":
        """Raises `KeyError` where a part counts something that is no label of these tasks."""
        total = cls.empty(tasks)
        for part in parts:
            for name, count in part.modalities.items():
                total.modalities[name] += count
            for column, counts in part.labels.items():
                for name, count in counts.items():
                    total.labels[column][name] += count
        return total

    def add(self, row: dict, tasks: Iterable[str]) -> None:
        """Counts one row, as `rows.to_row` makes it."""
        for name, column in MODALITY_COLUMNS.items():
            self.modalities[name] += row[column] is not None
        for task in map(get_task, tasks):
            for column in task.columns:
                label = row[column]
                if label is not None:
                    name = label if task.kind == "classification" else _quarter(label, task.range or (0.0, 1.0))
                    self.labels[column][name] += 1


def _quarter(value: float, value_range: tuple[float, float]) -> str:
    low, high = value_range
    return QUARTERS[min(int(4 * (value - low) / (high - low)), 3)]
