"""Checks of each recording by itself, during which its heavy parts are in memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from PIL import Image

from dataset_scripts.dataset.metadata import MODALITY_COLUMNS
from dataset_scripts.dataset.rows import named_labels
from dataset_scripts.sources.base import find_contradictions, votes_column, votes_problem
from modeling_emert.columns_emert import ACTION_UNITS, NUM_COLUMNS
from modeling_emert.face_detection_emert import CROP_SIZE
from modeling_emert.rows_emert import FIXATION_COLUMNS, SHEET_COLUMNS
from modeling_emert.tasks_emert import Task, tasks_with

from .stored import Row

LABELS, CONTRADICTIONS, VOTES, TIMES = "label ranges", "coarse and fine", "votes", "times"
SHAPES, FACES = "shapes", "face crops"
RECORDING_CHECKS = {
    LABELS: "every label is a class of its task or a number in its range",
    CONTRADICTIONS: "no coarse label contradicts the fine one",
    VOTES: "votes are fractions that sum to 1, and a label has as many of them as any other class",
    TIMES: "all times are finite and rise, no fixation has a negative duration",
    SHAPES: "every sample, crop and fixation has its time and its numbers",
    FACES: f"every face crop is a JPEG or PNG of {CROP_SIZE} x {CROP_SIZE} that can be decoded",
}


@dataclass(frozen=True)
class StoredRecording:
    """What is kept of a recording after its heavy parts were checked.

    - `labels`: by label column, as stored (the index of a class); absent ones are left out.
    - `digests`: by modality, the hash of each part that can't be equal to another one by chance.
    - `problems`: sentences, by the name of the check in `RECORDING_CHECKS`.
    - `sketch`: of the eye movements, see `sketch_columns`; None without them.
    """

    file: str
    recording: str | None
    participant: str | None
    stimulus: str | None
    participant_fold: int | None
    stimulus_group: int | None
    labels: dict[str, int | float]
    modalities: frozenset[str]
    digests: dict[str, bytes]
    problems: dict[str, list[str]] = field(default_factory=dict)
    sketch: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"{self.recording} ({self.file})"


def examine(
    row: Row, file: str, surprise_polarity: str | None, tasks: Sequence[str] = (), extra: Sequence[str] = ()
) -> StoredRecording:
    """Checks one recording of a data set with these tasks. Never raises, whatever is stored in it."""
    known = tasks_with(tasks)
    columns = [column for task in known for column in task.columns]
    labels = {column: value for column in columns if (value := row.value(column)) is not None}
    digests: dict[str, bytes] = {}
    found = StoredRecording(
        file=file,
        recording=row.value("recording_id"),
        participant=row.value("participant_id"),
        stimulus=row.value("stimulus_id"),
        participant_fold=row.value("participant_fold"),
        stimulus_group=row.value("stimulus_group"),
        labels=labels,
        modalities=frozenset(name for name, column in MODALITY_COLUMNS.items() if row.holds(column)),
        digests=digests,
        sketch=sketch_columns(row),
    )
    problems = [
        *_label_problems(labels, known),
        *((CONTRADICTIONS, text) for text in find_contradictions(named_labels(labels, tasks), surprise_polarity)),
        *(problem for task in known if votes_column(task.name) in extra for problem in _votes_problems(row, task, labels)),
        *_face_problems(row, digests),
        *_sample_problems(row, "eye_movements", "eye_times_ms", NUM_COLUMNS, digests),
        *(_sheet_problems(row) if SHEET_COLUMNS[0] in extra else ()),
        *_sample_problems(row, "action_units", "action_unit_times_ms", len(ACTION_UNITS), digests),
        *_fixation_problems(row, digests),
    ]
    for check, text in problems:
        found.problems.setdefault(check, []).append(f"{found.name}: {text}")
    return found


def sketch_columns(row: Row) -> np.ndarray | None:
    """uint64 `(39,)`: the smallest hash of the values of each column, 0 for fewer than three different values.

    The probability that two recordings have the same one is the fraction of values that they share (MinHash, Broder 1997).
    """
    try:
        samples = row.matrix("eye_movements", NUM_COLUMNS)
    except ValueError:
        return None  # reported by `_sample_problems`
    if samples is None:
        return None
    hashes = samples.astype(np.float32).view(np.uint32).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    hashes[~np.isfinite(samples)] = np.iinfo(np.uint64).max
    known = [np.unique(column[column != np.iinfo(np.uint64).max]) for column in hashes.T]
    return np.array([values[0] if len(values) >= 3 else 0 for values in known], np.uint64)


Problems = Iterator[tuple[str, str]]


def _label_problems(labels: dict[str, int | float], tasks: Sequence[Task]) -> Problems:
    for task in tasks:
        low, high = (0, task.size - 1) if task.kind == "classification" else task.range or (-np.inf, np.inf)
        for column in task.columns:
            value = labels.get(column)
            # NaN is in no range. An absent label is null: NaN would be used in training.
            if value is not None and not (np.isfinite(value) and low <= value <= high):
                kind = "a class" if task.kind == "classification" else "a number"
                yield LABELS, f"{column} is {value:g}; expected {kind} in {low:g}..{high:g}"


def _votes_problems(row: Row, task: Task, labels: dict[str, int | float]) -> Problems:
    votes, label = row.numbers(votes_column(task.name)), labels.get(task.name)
    if votes is None:
        return
    if problem := votes_problem(task, votes.tolist()):
        yield VOTES, f"{task.name} {problem}"
    elif label is not None and 0 <= label < task.size and votes[int(label)] < votes.max():
        most = task.labels[int(votes.argmax())]
        yield VOTES, f"{task.name} is {task.labels[int(label)]}, while most votes are for {most}"


def _face_problems(row: Row, digests: dict[str, bytes]) -> Problems:
    times, detected = row.numbers("face_times_ms"), row.numbers("face_detected")
    try:
        pictures = row.pictures()
    except ValueError as error:
        yield FACES, str(error)
        return
    if pictures is None:
        if times is not None or detected is not None:
            yield SHAPES, "there are times or flags of face crops, but no crops"
        return
    hashes = []
    for number, picture in enumerate(pictures, start=1):
        hashes.append(hashlib.sha256(picture or b"").digest())
        problem = _picture_problem(picture)
        if problem:
            yield FACES, f"face crop {number} {problem}"
    counts = [len(hashes), *(0 if part is None else len(part) for part in (times, detected))]
    if len(set(counts)) > 1 or 0 in counts:
        yield SHAPES, "{} face crops, {} times, {} flags; expected as many of each, at least one".format(*counts)
    if detected is not None and None in detected.tolist():
        yield SHAPES, "face_detected holds nulls"
    yield from _time_problems(times, "face_times_ms")
    if set(hashes) - {hashlib.sha256(b"").digest()}:
        digests["face"] = _digest(b"".join(hashes))


def _picture_problem(content: bytes | None) -> str | None:
    if not content:
        return "is empty"
    try:
        with Image.open(BytesIO(content), formats=["JPEG", "PNG"]) as picture:
            if picture.size != (CROP_SIZE, CROP_SIZE):  # before decoding: the size in the header may be huge
                return f"is {picture.width} x {picture.height}; expected {CROP_SIZE} x {CROP_SIZE}"
            picture.draft("L", (1, 1))  # decodes at an eighth of the size, in half the time
            picture.load()
    except (OSError, ValueError, SyntaxError, TypeError, IndexError, Image.DecompressionBombError) as error:
        return f"is no JPEG or PNG that can be decoded ({type(error).__name__})"
    return None


def _sample_problems(row: Row, name: str, times_name: str, width: int, digests: dict[str, bytes]) -> Problems:
    times = row.numbers(times_name)
    try:
        samples = row.matrix(name, width)
    except ValueError as error:
        yield SHAPES, str(error)
        return
    count = None if samples is None else len(samples)
    timed = None if times is None else len(times)
    if count != timed or count == 0:
        yield SHAPES, f"{name} has {count} lines and {times_name} {timed}; expected as many, at least one, or none of both"
    if samples is not None and np.isinf(samples).any():
        yield SHAPES, f"{name} holds infinite numbers; missing is NaN"
    yield from _time_problems(times, times_name)
    if samples is not None and not np.isnan(samples).all():
        digests[name] = _digest(np.ascontiguousarray(samples).tobytes())


def _sheet_problems(row: Row) -> Problems:
    sheet, names = row.matrix("eye_sheet", NUM_COLUMNS), row.strings("eye_sheet_names")
    if (sheet is None) != (names is None):
        yield SHAPES, "eye_sheet and eye_sheet_names come together, and one of them is null"
    elif sheet is not None and (len(names) != NUM_COLUMNS or len(sheet) == 0 or not np.isfinite(sheet).all()):
        yield SHAPES, f"eye_sheet has {len(sheet)} rows under {len(names)} names; expected {NUM_COLUMNS}, and numbers alone"


def _fixation_problems(row: Row, digests: dict[str, bytes]) -> Problems:
    parts = [row.numbers(name) for name in FIXATION_COLUMNS]
    counts = [None if part is None else len(part) for part in parts]
    if len(set(counts)) > 1:
        yield SHAPES, f"fixations have {counts} numbers for x, y, start and duration; expected as many of each"
        return
    if parts[0] is None:
        return
    fixations = np.stack(parts, axis=1).astype(np.float64)
    _, _, starts, durations = fixations.T
    if np.isinf(fixations[:, :2]).any():
        yield SHAPES, "a fixation has an infinite coordinate"
    if not np.isfinite(starts).all() or (np.diff(starts) < 0).any():
        yield TIMES, "fixation_start_ms is not finite or goes back"
    if not (np.isfinite(durations) & (durations >= 0)).all():
        yield TIMES, "fixation_duration_ms is not finite or negative"
    if len(fixations) > 1:  # a single one may be equal by chance
        digests["fixations"] = _digest(fixations.tobytes())


def _time_problems(times: np.ndarray | None, name: str) -> Problems:
    if times is None:
        return
    if not np.isfinite(times).all():
        yield TIMES, f"{name} holds a time that is no number"
    elif (steps := np.diff(times) <= 0).any():
        at = int(np.flatnonzero(steps)[0])
        yield TIMES, f"{name} does not rise: after {times[at]:g} comes {times[at + 1]:g} (number {at + 2})"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
