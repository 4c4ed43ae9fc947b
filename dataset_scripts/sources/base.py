"""The interface of all sources of recordings."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze
from modeling_emert.rows_emert import SHEET_COLUMNS
from modeling_emert.tasks_emert import COARSE_AND_FINE, POLARITY_OF_EMOTION, TASKS, Task

from ..common.settings import Problem, list_some, refuse_all
from ..readers.bounds import believed

_VOTES_ROUNDING = 1e-4
# What a source may tell of its participants, by which scores are reported too.
PERSON_COLUMNS = ("participant_gender", "participant_age", "participant_ethnicity")
TERMS = ("licence", "redistributable", "citation", "collection", "lacks")  # attributes that a data set's description takes


@dataclass(frozen=True)
class Entry:
    """One recording as a source lists it, before anything heavy is read.

    - `recording_id`: unique within the source, letters, digits, `-` and `_` only.
    - `labels`: by label column (`tasks_emert.LABEL_COLUMNS`): the class's name, or the number. Absent ones are left out.
    - `video`: the face video (for a source that reads such: the folder of its frames), or None.
    - `location`: where the other parts are, in a form of the source; only its `load_...` methods read it.
    - `context`: by column of `recording_emert.CONTEXT_COLUMNS`; absent ones are left out.
    - `stimulus_frame`: a picture of what was watched, or None; only `emert data inspect` shows it.
    - `fold`: the participant's, 1..5, where the source gives the folds itself (`Source.given_folds`).
    - `votes`: by task of `Source.vote_tasks`, the fraction of the judges who chose each class, in the order of the task's
      labels; they sum to 1. Tasks that nobody judged are left out.
    - `person`: by column of `Source.person_columns`, words, or years of age; absent ones are left out.
    """

    recording_id: str
    participant: str
    stimulus: str
    labels: dict[str, str | float]
    video: Path | None = None
    location: tuple[str, ...] = field(default=())
    context: dict[str, str | float] = field(default_factory=dict)
    stimulus_frame: Path | None = None
    fold: int | None = None
    votes: dict[str, tuple[float, ...]] = field(default_factory=dict)
    person: dict[str, str | float] = field(default_factory=dict)


class Source(ABC):
    """Recordings on disk under `path`.

    A subclass sets these attributes (of the class, or of the object where a user's file gives them) and implements two
    methods; all raise `EmertInputError` with a sentence that names the file, the field and the remedy.
    """

    name: str
    tasks: tuple[str, ...]
    licence: str  # SPDX id or a sentence
    redistributable: bool  # may a data set made from it be published?
    citation: str
    collection: str  # how the recordings were made, in a sentence
    lacks: str  # what a user might expect but is absent, in a sentence
    # The coarse class of surprise is not published: "positive" or "negative" where a source always uses one, None: either.
    surprise_polarity: str | None = None
    # Folds whose test is a protocol, where the source's authors published a split; then each `Entry` has its `fold`.
    given_folds: tuple[int, ...] = ()
    vote_tasks: tuple[str, ...] = ()  # tasks whose labels it also gives as `Entry.votes`
    person_columns: tuple[str, ...] = ()  # those of `PERSON_COLUMNS` that it gives as `Entry.person`
    # Names of the columns of the eye tracker's sheets, for a source that keeps these as they stand (`Gaze.sheet`).
    sheet_columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # of the 39 columns, those whose values in the files are not the eyes'
    gives_sets: bool = False  # the given folds are sets of recordings, which may share participants
    faces_kept: int = 32  # face crops of a recording, unless the user says another number
    # In a row group of a data file. One can be read alone; many small ones would drown in the file's metadata.
    recordings_per_group: int = 1
    notes: tuple[str, ...] = ()  # for the data set's notes, such as what `entries` leaves out
    # For sources that a mapping file describes: its default name within `path`.
    mapping_name: ClassVar[str | None] = None

    def __init__(self, path: Path, mapping: Path | None = None):
        """`mapping`: the file that describes the layout of the recordings; None for sources with a fixed layout."""
        self.path, self.mapping = path, mapping

    @classmethod
    def open(cls, path: Path, mapping: Path | None = None, **options: Any) -> "Source":
        """The source over `path`. `options`: of `emert data build`, those that only some take. Raises `EmertInputError`."""
        if options:
            raise EmertInputError(f"source {cls.name} takes no {', '.join(options)}; leave it out")
        return cls(path, mapping)

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.mapping)  # opened anew in each worker process

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """Columns that only the data sets of some sources have."""
        return extra_columns(self.vote_tasks, self.person_columns, self.sheet_columns)

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All recordings, sorted by `recording_id`. Cheap: reads labels, not recordings."""

    @abstractmethod
    def load_gaze(self, entry: Entry) -> Gaze | None:
        """The eye tracker's part of one recording, or None where it has none."""

    def believed_gaze(self, entry: Entry) -> Gaze | None:
        """[`load_gaze`] without numbers that no eye can have and the columns that are left out; raises `EmertInputError` where
        all are in another unit.
        """
        gaze = self.load_gaze(entry)
        if gaze is None:
            return None
        if self.left_out and gaze.eye_movements is not None:
            values = gaze.eye_movements.copy()  # several recordings may share the file's
            values[:, [COLUMN_INDEX[name] for name in self.left_out]] = np.nan
            gaze = replace(gaze, eye_movements=values)
        return believed(f"{self.path}, recording {entry.recording_id},", gaze, of_user=False)

    def load_face(self, entry: Entry, count: int) -> FaceTrack | None:
        """`count` face crops spread over the recording; None without a video, and where no face is found in it."""
        from modeling_emert.face_detection_emert import track_faces
        from modeling_emert.video_emert import read_frames

        return track_faces(*read_frames(entry.video, count)) if entry.video else None

    def reading_order(self, entry: Entry) -> tuple:
        """Sort key for reading: by stimulus, since some sources keep the recordings of a stimulus in one file."""
        return entry.stimulus, entry.participant

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        """Action units of the face, for a source that gives them instead of video."""
        return None


def votes_column(task: str) -> str:
    """Of the fractions of judges who chose each class, in the order of the task's labels; null: nobody judged."""
    return f"{task}_votes"


def extra_columns(vote_tasks: Sequence[str], person_columns: Sequence[str], sheet_columns: Sequence[str]) -> tuple[str, ...]:
    return (*map(votes_column, vote_tasks), *person_columns, *(SHEET_COLUMNS if sheet_columns else ()))


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
    """Raises `EmertInputError` where labels or votes belong to no task of the source, or are no class or not in range."""
    tasks = {column: TASKS[name] for name in source.tasks for column in TASKS[name].columns}
    problems = []
    for entry in entries:
        where = f"recording {entry.recording_id}"
        for column, label in entry.labels.items():
            if column not in tasks:
                what = f"label {column} belongs to no task of source {source.name} ({', '.join(source.tasks)})"
                problems.append(Problem(where, what))
            elif expected := _expected_instead(tasks[column], label):
                problems.append(Problem(where, f"label {column} is {label!r}, where {expected} is expected"))
        for name, votes in entry.votes.items():
            if name not in source.vote_tasks:
                problems.append(Problem(where, f"votes for {name}, a task without votes in {source.name}"))
            elif problem := votes_problem(TASKS[name], votes):
                problems.append(Problem(where, f"{name} {problem}"))
    refuse_all(source.path, problems, "correct them or leave them empty")


def votes_problem(task: Task, votes: Sequence[float]) -> str | None:
    """What is wrong with the votes of one recording, as the end of a sentence; None: nothing."""
    if len(votes) != task.size:
        return f"has votes for {len(votes)} classes, where {task.size} are expected"
    if not all(0 <= vote <= 1 for vote in votes) or abs(sum(votes) - 1) > _VOTES_ROUNDING:
        return f"has the votes {', '.join(f'{vote:.4g}' for vote in votes)}, where fractions that sum to 1 are expected"
    return None


def _expected_instead(task: Task, label: object) -> str | None:
    """What the label may be; None where it is a class of the task, or a number within its range."""
    if task.kind == "classification":
        return None if label in task.labels else f"one of {', '.join(task.labels)}"
    low, high = task.range or (-math.inf, math.inf)
    return None if isinstance(label, int | float) and low <= label <= high else f"a number in [{low:g}, {high:g}]"


def note_contradictions(source: Source, entries: Sequence[Entry]) -> list[str]:
    """One sentence for the data set's notes on all recordings whose labels contradict each other; empty where none do.

    A build does not refuse them: users may not be allowed to change the source's labels. `emert data verify` fails on them.
    """
    found = {entry.recording_id: find_contradictions(entry.labels, source.surprise_polarity) for entry in entries}
    clauses = [f"{name}: {' and '.join(contradictions)}" for name, contradictions in found.items() if contradictions]
    if not clauses:
        return []
    return [f"kept, though the coarse label contradicts the fine one, in {len(clauses)} recordings ({list_some(clauses)})"]
