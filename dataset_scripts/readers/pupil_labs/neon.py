"""Pupil Labs Neon and Invisible: `gaze.csv` of Pupil Cloud's time series (or Neon Player's), with the files beside it.

`fixations.csv`, `saccades.csv`, `blinks.csv`, `3d_eye_states.csv`, `info.json` and `scene_camera.json` are read from the same
folder, by exactly these names. Glasses have only the scene camera's image, so it is taken as both the screen and the stimulus;
see `neon_camera` for its size. The package pupil-labs-neon-recording is not used: it reads the phone's native folders with
their video, not Pupil Cloud's tables.
"""

from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.eye_events import tidy_fixations
from dataset_scripts.readers.pupil_labs.export_tables import find_table, nearest_rows, read_beside, require, without_gaze
from dataset_scripts.readers.pupil_labs.neon_camera import (
    DEGREES,
    EYES,
    INFO,
    SCENE_CAMERA,
    SECTIONS,
    Camera,
    find_camera,
    find_wearers,
)
from dataset_scripts.readers.samples import (
    SIDES,
    all_or_none,
    covering,
    drop_where,
    find_columns,
    group_rows,
    keep_positive,
    name_in,
    rising,
    spell,
    stack_columns,
    take,
)
from dataset_scripts.readers.text.text_files import ExportFiles, TextFile
from dataset_scripts.readers.text.text_table import Head, Header, Table, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "neon"
TITLE = "Pupil Cloud's gaze.csv of Neon or Invisible (timestamp [ns], gaze x [px], ...)"

FIXATIONS, SACCADES, BLINKS = "fixations.csv", "saccades.csv", "blinks.csv"
FILES = ExportFiles("gaze.csv", (FIXATIONS, SACCADES, BLINKS, EYES, INFO, SCENE_CAMERA, SECTIONS))
TIME, START, END, DURATION = "timestamp[ns]", "starttimestamp[ns]", "endtimestamp[ns]", "duration[ms]"
RECORDING, WORN = "recordingid", "worn"
GAZE_PIXELS, FIXATION_PIXELS = ("gazex[px]", "gazey[px]"), ("fixationx[px]", "fixationy[px]")
# A pupil measured more than this (four frames of the eye cameras at 200 Hz) from a gaze sample is not assigned to it.
EYE_STATE_TOLERANCE_MS = 20.0

_TABLES = (
    ("samples", (TIME, "gazex[px]")),
    ("samples", (TIME, "azimuth[deg]")),
    ("fixations", (START, "fixationid")),
    ("events", (START, "saccadeid")),
    ("events", (START, "blinkid")),
    ("events", (TIME, "pupildiameterleft[mm]")),
)
# The Cloud writes "eye ball center", Neon Player "eyeball center": without spaces they are the same.
EYE_STATES = spell(
    {"pupil_{side}": ("pupildiameter{side}[mm]",), "eye_{side}_{axis}": ("eyeballcenter{side}{axis}[mm]",)}, "xyz"
)
_EYE_STATE_NAMES = tuple(name for names in EYE_STATES.values() for name in names)
_LOST_WITH_THE_EYE = ("gaze_x", "gaze_y", "gaze_stimulus_x", "gaze_stimulus_y", "pupil_left", "pupil_right")
_FRAME_NOTE = (
    "Glasses have only the scene camera's image: gaze and fixations are normalised coordinates of it, beyond 0..1 beside it."
)


def find_header(head: Head) -> Header | None:
    """The header of any table with times in ns that holds gaze, fixations, saccades, blinks or eye states."""
    return find_table(head, _TABLES)


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each recording id. Raises `EmertInputError`."""
    if header.content == "events":
        return without_gaze(head, header, (TIME if TIME in header.names else START,), "gaze.csv", NAME)
    if header.content == "fixations":
        return _read_fixations(head, header)
    table = read_table(head, header, (*GAZE_PIXELS, *DEGREES, "fixationid", "blinkid"), (RECORDING, WORN), (TIME,))
    if not (table.numbers[TIME] > 0).any():
        raise EmertInputError(f"{head.file} has a header and no samples; download the recording's time series again")
    notes = [_FRAME_NOTE]
    camera = find_camera(head.file, table, GAZE_PIXELS, notes)
    beside = _Beside.of(head.file)
    return [_recording(table, rows, name, camera, beside, list(notes)) for rows, name in _groups(head, table)]


def _groups(head: Head, table: Table) -> list[tuple[np.ndarray, str | None]]:
    """Rows and recording id of each recording, in the order in which they begin; all rows if there are no ids."""
    ids = table.texts.get(RECORDING)
    return [(rows, name_in(ids, rows[0])) for rows in group_rows(head.file, np.arange(table.rows), (ids,))]


@dataclass(frozen=True)
class _Spans:
    """Events of one recording, by start: `start`, `end` `(events,)` ms, and other columns of their table."""

    start: np.ndarray
    end: np.ndarray
    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, table: Table | None, recording: str | None) -> "_Spans | None":
        """None without a table. Events without a start and an end after it are left out."""
        if table is None:
            return None
        start, end = table.numbers[START] / 1e6, table.numbers[END] / 1e6
        own = _own_rows(table, recording)
        own = own[(end >= start)[own]]
        own = own[np.argsort(start[own], kind="stable")]
        columns = {name: column[own] for name, column in table.numbers.items()}
        return cls(start[own], end[own], columns | {DURATION: end[own] - start[own]})

    def current(self, times: np.ndarray) -> np.ndarray:
        return covering(times, self.start, self.end)


def _own_rows(table: Table, recording: str | None) -> np.ndarray:
    """The rows with this recording's id; all rows if the table or the recording has none."""
    ids = table.texts.get(RECORDING)
    if ids is None or recording is None:
        return np.arange(table.rows)
    return np.flatnonzero(ids.map(lambda text: text == recording))


@dataclass(frozen=True)
class _Beside:
    """The other tables of the folder; None where absent. `wearers`: names by recording id."""

    fixations: Table | None
    saccades: Table | None
    blinks: Table | None
    eyes: Table | None
    wearers: dict[str, str]

    @classmethod
    def of(cls, file: TextFile) -> "_Beside":
        return cls(
            read_beside(file, FIXATIONS, (START, END), optional=(*FIXATION_PIXELS, *DEGREES), texts=(RECORDING,)),
            read_beside(file, SACCADES, (START, END), optional=("amplitude[deg]",), texts=(RECORDING,)),
            read_beside(file, BLINKS, (START, END), texts=(RECORDING,)),
            read_beside(file, EYES, (TIME,), optional=_EYE_STATE_NAMES, texts=(RECORDING,)),
            find_wearers(file),
        )


def _recording(table: Table, rows: np.ndarray, name: str | None, camera: Camera, beside: _Beside, notes: list[str]) -> Gaze:
    every = table.numbers[TIME][rows] / 1e6
    every = np.where(every > 0, every, np.nan)  # nanoseconds since 1970 are positive
    order, times, time_notes = rising(every)
    rows, moments = rows[order], every[order]
    notes += time_notes
    numbers = {name: column[rows] for name, column in table.numbers.items()}
    x, y = camera.normalise(numbers, GAZE_PIXELS)
    columns = {"gaze_x": x, "gaze_y": y, "gaze_stimulus_x": x, "gaze_stimulus_y": y}
    columns |= _eye_states(beside.eyes, name, moments)
    spans = _Spans.of(beside.fixations, name)
    columns |= _events(spans, _Spans.of(beside.saccades, name), numbers, moments, camera)
    columns |= _blinks(_Spans.of(beside.blinks, name), numbers, moments)
    lost = _not_worn(table, rows) | (columns["blink"] == 1 if "blink" in columns else False)
    drop_where(columns, _LOST_WITH_THE_EYE, lost)
    columns |= all_or_none(columns, ("gaze_x", "gaze_y")) | all_or_none(columns, ("gaze_stimulus_x", "gaze_stimulus_y"))
    if lost.any():
        notes.append(f"{int(lost.sum())} of {len(lost)} gaze points count as missing: a blink, or the glasses were not worn.")
    fixations = None
    if spans is not None and len(moments):
        fixations = _fixations(spans, camera, moments[0], notes)
    who = beside.wearers.get(name or "") or name
    return Gaze(stack_columns(len(rows), columns), times, fixations, participant=who, format=NAME, notes=notes)


def _events(
    fixations: _Spans | None, saccades: _Spans | None, numbers: dict[str, np.ndarray], times: np.ndarray, camera: Camera
) -> dict[str, np.ndarray]:
    """The columns of fixations and saccades; without their tables only what the ids in gaze.csv give."""
    columns: dict[str, np.ndarray] = {}
    if saccades is not None:
        current = saccades.current(times)
        columns["in_saccade"] = current >= 0
        columns["event_duration"] = take(saccades.columns[DURATION], current)
        if "amplitude[deg]" in saccades.columns:
            latest = np.searchsorted(saccades.start, times, side="right") - 1
            columns["saccade_amplitude"] = take(saccades.columns["amplitude[deg]"], latest)
    if fixations is not None:
        current = fixations.current(times)
        durations = take(fixations.columns[DURATION], current)
        columns["in_fixation"] = current >= 0
        columns["event_duration"] = np.where(current >= 0, durations, columns.get("event_duration", np.nan))
        points = camera.normalise(fixations.columns, FIXATION_PIXELS)
        columns["fixation_x"], columns["fixation_y"] = (take(point, current) for point in points)
    elif "fixationid" in numbers:
        columns["in_fixation"] = numbers["fixationid"] >= 0
    return columns


def _blinks(blinks: _Spans | None, numbers: dict[str, np.ndarray], times: np.ndarray) -> dict[str, np.ndarray]:
    if blinks is not None:
        return {"blink": (blinks.current(times) >= 0).astype(np.float32)}
    return {"blink": (numbers["blinkid"] >= 0).astype(np.float32)} if "blinkid" in numbers else {}


def _not_worn(table: Table, rows: np.ndarray) -> np.ndarray:
    """`(rows,)` bool. Some versions write 0.0 and 1.0, others truth values; an empty cell counts as worn."""
    worn = table.texts.get(WORN)
    if worn is None:
        return np.zeros(len(rows), bool)
    return worn.map(lambda text: text.strip().lower() in ("0", "0.0", "false"))[rows]


def _eye_states(table: Table | None, recording: str | None, times: np.ndarray) -> dict[str, np.ndarray]:
    """Pupils and eyeballs in mm of the nearest frame of the eye video, NaN if it is too far; 0 is no pupil."""
    if table is None:
        return {}
    near = nearest_rows(table.numbers[TIME] / 1e6, _own_rows(table, recording), times, EYE_STATE_TOLERANCE_MS)
    columns = {ours: take(values, near) for ours, values in find_columns(table.numbers, EYE_STATES).items()}
    keep_positive(columns, "pupil_left", "pupil_right")
    for side in SIDES:
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
    return columns


def _fixations(spans: _Spans, camera: Camera, zero: float, notes: list[str]) -> np.ndarray:
    x, y = camera.normalise(spans.columns, FIXATION_PIXELS)
    return tidy_fixations(np.stack([x, y, spans.start - zero, spans.columns[DURATION]], axis=1), notes)


def _read_fixations(head: Head, header: Header) -> list[Gaze]:
    """fixations.csv alone: times count from the first fixation."""
    require(head.file, header, (END,))
    table = read_table(head, header, (*FIXATION_PIXELS, *DEGREES), (RECORDING,), (START, END))
    notes = [_FRAME_NOTE, "Without gaze.csv in the same folder times count from the first fixation."]
    camera = find_camera(head.file, table, FIXATION_PIXELS, notes)
    wearers = find_wearers(head.file)
    recordings = []
    for _, name in _groups(head, table):
        spans = _Spans.of(table, name)
        if spans is not None and len(spans.start):
            own_notes = list(notes)
            fixations = _fixations(spans, camera, spans.start[0], own_notes)
            who = wearers.get(name or "") or name
            recordings.append(Gaze(fixations=fixations, participant=who, format=NAME, notes=own_notes))
    if not recordings:
        raise EmertInputError(f"{head.file} has a header and no fixation with a start and an end; download it again")
    return recordings
