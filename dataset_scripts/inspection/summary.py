"""`emert data inspect`: measures every recording, counts, and gives JSON or CSV."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tqdm import tqdm

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS

from .find_recordings import Found, FoundRecordings
from .quality import VERDICTS, Quality, measure


@dataclass
class Line:
    """The result of one recording."""

    name: str
    participant: str | None
    stimulus: str | None
    format: str | None
    labels: dict[str, str | float]
    notes: list[str]
    quality: Quality


@dataclass
class Inspection:
    """All results in the order of the recordings; `problems` by the name of what could not be read."""

    kind: str
    lines: list[Line] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    pictures: int = 0


def inspect(recordings: FoundRecordings, draw: Callable[[Found, Quality], object | None] | None = None) -> Inspection:
    """Measures one recording after the other and keeps none. `draw` makes a picture, or returns None where there is none.

    Raises `EmertInputError` where nothing at all could be read.
    """
    inspection = Inspection(recordings.kind)
    total = recordings.total
    one = total is not None and total < 2
    for found in tqdm(recordings.recordings, total=total, desc="inspecting", unit="recording", mininterval=0.5, disable=one):
        if found.problem is not None:
            inspection.problems[found.name] = found.problem
            continue
        gaze = found.recording.gaze
        quality = measure(gaze, found.face)
        how = gaze.format if gaze is not None else "video" if found.face else None
        notes = [note for part in (gaze, found.recording.face) if part is not None for note in part.notes]
        line = Line(found.name, found.participant, found.stimulus, how, found.labels, notes, quality)
        inspection.lines.append(line)
        if draw is not None:
            inspection.pictures += draw(found, quality) is not None
    if not inspection.lines:
        shown = "; ".join(list(inspection.problems.values())[:3]) or "it is empty"
        raise EmertInputError(f"none of the {recordings.kind} could be read: {shown}")
    return inspection


def label_counts(lines: list[Line]) -> dict[str, dict[str, tuple[int, int]]]:
    """By task with classes, by class: how many recordings, of how many participants. Tasks without a label are left out."""
    counts = {}
    for task in TASKS.values():
        if task.kind == "classification" and any(task.name in line.labels for line in lines):
            own = {label: [line for line in lines if line.labels.get(task.name) == label] for label in task.labels}
            counts[task.name] = {label: (len(some), len({line.participant for line in some})) for label, some in own.items()}
    return counts


def number_ranges(lines: list[Line]) -> dict[str, tuple[int, float, float, float]]:
    """By label column with numbers: how many recordings have it, mean, lowest, highest."""
    ranges = {}
    for column in (column for task in TASKS.values() if task.kind == "regression" for column in task.columns):
        values = [float(line.labels[column]) for line in lines if column in line.labels]
        if values:
            ranges[column] = (len(values), sum(values) / len(values), min(values), max(values))
    return ranges


def confusion(lines: list[Line], classes: int) -> list[list[int]] | None:
    """Recordings by felt (rows) and shown (columns) emotion, in the order of the task's labels.

    `classes` is 3 or 7. None where no recording has both labels.
    """
    labels = TASKS[f"er{classes}"].labels
    pairs = Counter((line.labels.get(f"er{classes}"), line.labels.get(f"fer{classes}")) for line in lines)
    table = [[pairs[felt, shown] for shown in labels] for felt in labels]
    return table if any(map(any, table)) else None


def verdict_counts(lines: list[Line]) -> dict[str, int]:
    counts = Counter(line.quality.verdict for line in lines)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def reason_counts(lines: list[Line]) -> dict[str, int]:
    """By title of a limit, how many recordings exceed it; the most frequent first."""
    return dict(Counter(title for line in lines for title in line.quality.reason_titles).most_common())


def note_counts(lines: list[Line]) -> dict[str, int]:
    """By note how many recordings have it, the most frequent first; notes that differ in their numbers alone are one."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for line in lines:
        kinds = {re.sub(r"\d[\d.,]*", "#", note): note for note in line.notes}
        counts.update(kinds.keys())
        first = kinds | first
    return {first[kind]: count for kind, count in counts.most_common()}


def as_json(inspection: Inspection) -> dict:
    """Everything, in plain types. Unknown numbers are null."""
    lines = inspection.lines
    return {
        "kind": inspection.kind,
        "recordings": [_plain(line) for line in lines],
        "problems": inspection.problems,
        "summary": {
            "recordings": len(lines),
            "participants": len({line.participant for line in lines if line.participant}),
            "stimuli": len({line.stimulus for line in lines if line.stimulus}),
            "verdicts": verdict_counts(lines),
            "reasons": reason_counts(lines),
            "notes": note_counts(lines),
            "labels": {
                task: {label: {"recordings": some, "participants": people} for label, (some, people) in classes.items()}
                for task, classes in label_counts(lines).items()
            },
            "numbers": {
                column: {"recordings": count, "mean": mean, "lowest": low, "highest": high}
                for column, (count, mean, low, high) in number_ranges(lines).items()
            },
            "confusion": {f"er{size} x fer{size}": confusion(lines, size) for size in (3, 7)},
        },
    }


def _plain(line: Line) -> dict:
    record = asdict(line)
    quality = {name: value for name, value in record.pop("quality").items() if name != "reason_titles"}
    return record | quality


def write_csv(inspection: Inspection, path: Path) -> None:
    """One row for each recording: all measurements, then its labels; unknown is empty. Raises `EmertInputError`."""
    label_columns = sorted({column for line in inspection.lines for column in line.labels})
    rows = []
    for line in inspection.lines:
        record = _plain(line)
        labels = record.pop("labels")
        joined = {name: "; ".join(map(str, value)) for name, value in record.items() if isinstance(value, list | tuple)}
        rows.append(record | joined | {column: labels.get(column, "") for column in label_columns})
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise EmertInputError(f"{path} can't be written ({error.strerror}); give another --out") from error
