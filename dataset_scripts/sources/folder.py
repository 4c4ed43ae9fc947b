"""Sources with a table `recordings.csv`: `folder`, a user's own recordings, and `synthetic`, generated ones.

    my_recordings/
      recordings.csv   one row a recording: recording_id, participant, stimulus, video, gaze, and columns for labels;
                       in place of video also image, a photograph, and action_units, a CSV of OpenFace or py-feat
      source.yaml      who made them and what may be done with them; may be left out
      ...              the files that the table names

Label columns are those of the tasks (er3, er7, er_valence, er_arousal, fer3, ...); the tasks follow from the columns that
are there. `gaze` is any eye tracker's export that `dataset_scripts.readers` knows. A file may hold several recordings: the
one is taken whose participant and stimulus are the table's, or those of the columns gaze_participant and gaze_stimulus.
Other columns are not read, and a note of the data set names them.

`source.yaml`, every key of which may be left out:

    name: reading_study                # letters, digits, - and _; the data set shows it
    licence: CC-BY-4.0
    redistributable: true              # may a data set made from the recordings be published? Without the key: no
    citation: Doe et al., 2025
    collection: 20 students watched 12 film clips before a screen-based eye tracker.
    lacks: It has no neutral clips.
    surprise_polarity: positive        # or negative; left out: surprise may be either
    big_five_range: [1, 5]             # of the columns openness ... neuroticism; left out: 0 to 1
    leave_out: [saccade_amplitude]     # of the 39 columns of the gaze, those that the files hold wrongly
    tasks:                             # own questions, each with a column of labels in recordings.csv
      - {name: stress, labels: [calm, stressed]}
      - {name: engagement, labels: [engagement], range: [0, 1]}
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from dataset_scripts.common.settings import Flag, Range, Text, expects, read_settings, refuse_all, settings
from dataset_scripts.readers import choose_recording, read_gaze, read_gaze_recordings
from dataset_scripts.readers.face import read_faces
from dataset_scripts.sources.base import TERMS, Entry, Source
from dataset_scripts.sources.tables import (
    RECORDING_ID,
    check_columns,
    note_unread_columns,
    read_recordings_table,
    read_text_rows,
)
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import NOT_STATED
from modeling_emert.recording_emert import BIG_FIVE_RANGE, ActionUnits, Gaze
from modeling_emert.tasks_emert import EMER_TASKS, get_task, register_tasks, tasks_with

_Name = Annotated[str, Field(pattern=rf"^{RECORDING_ID.pattern}$"), expects("a name of letters, digits, - and _")]


def _register(definitions: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    register_tasks(definitions)
    return definitions


@settings
class _Description:
    """`source.yaml`; None: not stated."""

    name: _Name | None = None
    licence: Text | None = None
    redistributable: Flag | None = None
    citation: Text | None = None
    collection: Text | None = None
    lacks: Text | None = None
    surprise_polarity: Literal["positive", "negative"] | None = None
    big_five_range: Range | None = None
    leave_out: tuple[Literal[*COLUMN_NAMES], ...] = ()
    tasks: Annotated[tuple[dict[str, Any], ...], AfterValidator(_register)] = ()


class FolderSource(Source):
    """Recordings with a `recordings.csv`, described in `source.yaml` or in the mapping file."""

    name = "folder"
    tasks = ()  # the object's own follow from the columns of its table
    licence = NOT_STATED
    redistributable = False
    citation = NOT_STATED
    collection = "Recordings of the user's own; how they were made is not stated."
    lacks = "What it lacks is not stated."
    mapping_name = "source.yaml"

    def __init__(self, path: Path, mapping: Path | None = None):
        beside = path / self.mapping_name
        super().__init__(path, mapping or (beside if beside.is_file() else None))
        stated = read_settings(_Description, self.mapping) if self.mapping else _Description()
        for key in ("name", *TERMS, "surprise_polarity"):
            if getattr(stated, key) is not None:
                setattr(self, key, getattr(stated, key))
        self._big_five_range = stated.big_five_range or BIG_FIVE_RANGE
        self.left_out = stated.leave_out
        self._table = path / "recordings.csv"
        columns = read_text_rows(self._table, []).columns
        own = tuple(definition["name"] for definition in stated.tasks)
        refuse_all(self._table, check_columns(columns, own), "correct the table")
        self.notes = note_unread_columns(columns, own)
        if lacking := [name for name in own if not set(get_task(name).columns) & set(columns)]:
            wanted = ", ".join(column for name in lacking for column in get_task(name).columns)
            raise EmertInputError(f"{self._table} has no column {wanted} for the tasks of {self.mapping}; add it")
        known = tasks_with(own)
        self.tasks = tuple(task.name for task in known if set(task.columns) & set(columns))
        if not self.tasks:
            labels = ", ".join(column for task in known for column in task.columns)
            raise EmertInputError(f"{self._table} has no column of labels; add at least one of {labels}")

    def entries(self) -> list[Entry]:
        return read_recordings_table(self._table, self.tasks, self._big_five_range)

    def load_gaze(self, entry: Entry) -> Gaze | None:
        """The recording of this participant and stimulus in the file; a single one is taken whatever its names."""
        file, participant, stimulus = entry.location[:3]
        if not file:
            return None
        found = _recordings(file)
        if len(found) > 1 or participant or stimulus:
            names = participant or entry.participant, stimulus or entry.stimulus
            found = [choose_recording(file, found, *names, by_table=True)]
        return replace(found[0], notes=list(found[0].notes))

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        return read_faces(entry.location[3]) if entry.location[3:] else None

    def reading_order(self, entry: Entry) -> tuple:
        return entry.location[0], entry.recording_id


# A build reads the recordings of a file one after the other; four, for callers that go by participants.
@lru_cache(maxsize=4)
def _recordings(file: str) -> list[Gaze]:
    return list(read_gaze_recordings(file))


class SyntheticSource(Source):
    """Drawn faces and simulated eyes with known truth (see `dataset_scripts.generator`). Never to be called EMER."""

    name = "synthetic"
    tasks = EMER_TASKS
    licence = "Apache-2.0"
    redistributable = True
    citation = "Generated by the emert project (dataset_scripts/generator)."
    collection = "Drawn and simulated by a program (`emert data generate`) from a known truth."
    lacks = "It has no people: faces are drawn and eyes are simulated, so a score on it says nothing of real emotion."

    def entries(self) -> list[Entry]:
        if not (self.path / "settings.json").is_file():
            remedy = f"make them with `emert data generate --out {self.path}`"
            raise EmertInputError(f"{self.path}: no generated recordings here (settings.json is missing); {remedy}")
        table = self.path / "recordings.csv"
        self.notes = note_unread_columns(read_text_rows(table, []).columns)
        return read_recordings_table(table, self.tasks)

    def load_gaze(self, entry: Entry) -> Gaze | None:
        return read_gaze(Path(entry.location[0])) if entry.location[0] else None
