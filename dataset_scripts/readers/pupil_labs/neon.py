"""Pupil Labs Neon and Invisible: `gaze.csv` of Pupil Cloud's time series (or Neon Player's), with what lies beside it.

`fixations.csv`, `saccades.csv`, `blinks.csv`, `3d_eye_states.csv`, `info.json` and `scene_camera.json` are taken from the same
folder, by exactly these names. The scene camera's image is the only frame that glasses know, so it stands for both the
screen and the stimulus; see `neon_camera` for its size. The package pupil-labs-neon-recording is not used: it reads the
phone's native folders with their video, which Pupil Cloud's tables are not.
"""

from dataclasses import dataclass, replace

import numpy as np

from dataset_scripts.readers.eye_events import tidy_fixations
from dataset_scripts.readers.grouping import group_rows, name_in
from dataset_scripts.readers.pupil_labs.neon_camera import EYES, INFO, SCENE_CAMERA, SECTIONS, Camera, find_camera, find_wearers
from dataset_scripts.readers.samples import all_or_none, covering, nearest, rising, stack_columns
from dataset_scripts.readers.text.export_files import ExportFiles
from dataset_scripts.readers.text.text_files import TextFile
from dataset_scripts.readers.text.text_table import Content, Head, Header, Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "neon"
TITLE = "Pupil Cloud's gaze.csv of Neon or Invisible (timestamp [ns], gaze x [px], ...)"

FIXATIONS, SACCADES, BLINKS = "fixations.csv", "saccades.csv", "blinks.csv"
FILES = ExportFiles("gaze.csv", (FIXATIONS, SACCADES, BLINKS, EYES, INFO, SCENE_CAMERA, SECTIONS))
TIME, START, END, DURATION = "timestamp[ns]", "starttimestamp[ns]", "endtimestamp[ns]", "duration[ms]"
RECORDING, WORN = "recordingid", "worn"
DEGREES = ("azimuth[deg]", "elevation[deg]")
GAZE_PIXELS, FIXATION_PIXELS = ("gazex[px]", "gazey[px]"), ("fixationx[px]", "fixationy[px]")
# A pupil measured further away than this (four frames of the eye cameras at 200 Hz) is another moment's.
EYE_STATE_TOLERANCE_MS = 20.0

_TABLES: tuple[tuple[Content, tuple[str, ...]], ...] = (
    ("samples", (TIME, "gazex[px]")),
    ("samples", (TIME, "azimuth[deg]")),
    ("fixations", (START, "fixationid")),
    ("events", (START, "saccadeid")),
    ("events", (START, "blinkid")),
    ("events", (TIME, "pupildiameterleft[mm]")),
)
# The Cloud writes "eye ball center", Neon Player "eyeball center": without spaces they are one.
EYE_STATES = {f"pupil_{side}": f"pupildiameter{side}[mm]" for side in ("left", "right")} | {
    f"eye_{side}_{axis}": f"eyeballcenter{side}{axis}[mm]" for side in ("left", "right") for axis in "xyz"
}
_LOST_WITH_THE_EYE = ("gaze_x", "gaze_y", "gaze_stimulus_x", "gaze_stimulus_y", "pupil_left", "pupil_right")
_FRAME_NOTE = "The glasses know only the scene camera's image: gaze and fixations are shares of it, beyond 0..1 beside it."


def find_header(head: Head) -> Header | None:
    """The header of any table with times in ns that holds gaze, fixations, saccades, blinks or eye states."""
    for content, required in _TABLES:
        header = head.find(*required)
        if header is not None:
            return replace(header, content=content)
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each recording id. Raises `EmertInputError`."""
    if header.content == "events":
        return [_nothing_to_see(head, header)]
    if header.content == "fixations":
        return _read_fixations(head, header)
    table = read_table(head, header, (*GAZE_PIXELS, *DEGREES, "fixationid", "blinkid"), (RECORDING, WORN), (TIME,))
    if not (table.numbers[TIME] > 0).any():
        raise EmertInputError(f"{head.file} has a header and no samples; download the recording's time series again")
    notes = [_FRAME_NOTE]
    camera = find_camera(head.file, table, GAZE_PIXELS, notes)
    beside = _Beside.of(head.file)
    return [_recording(table, rows, name, camera, beside, list(notes)) for rows, name in _groups(head, table)]


def _nothing_to_see(head: Head, header: Header) -> Gaze:
    rows = read_table(head, header, times=(TIME if TIME in header.names else START,)).rows
    return Gaze(
        format=NAME,
        notes=[f"{head.file.name} holds {rows} rows and no gaze; give gaze.csv of the same folder, which finds it."],
    )


def _groups(head: Head, table: Table) -> list[tuple[np.ndarray, str | None]]:
    """Rows and recording id of each recording, in the order in which they begin; all rows where there are no ids."""
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
    """The rows with this recording's id; all of them where either side has no ids."""
    ids = table.texts.get(RECORDING)
    if ids is None or recording is None:
        return np.arange(table.rows)
    return np.flatnonzero(np.array([value == recording for value in ids.values])[ids.codes])


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
            _neighbour(file, FIXATIONS, (START, END), (*FIXATION_PIXELS, *DEGREES)),
            _neighbour(file, SACCADES, (START, END), ("amplitude[deg]",)),
            _neighbour(file, BLINKS, (START, END)),
            _neighbour(file, EYES, (TIME,), tuple(EYE_STATES.values())),
            find_wearers(file),
        )


def _neighbour(file: TextFile, name: str, times: tuple[str, ...], numbers: tuple[str, ...] = ()) -> Table | None:
    other = file.beside(name)
    if other is None:
        return None
    head = read_head(other)
    header = head.find(*times)
    if header is None:
        raise EmertInputError(f"{other} has no column {times[0]!r}; download it again, or take it out of the folder")
    return read_table(head, header, numbers, (RECORDING,), times)


def _recording(table: Table, rows: np.ndarray, name: str | None, camera: Camera, beside: _Beside, notes: list[str]) -> Gaze:
    every = table.numbers[TIME][rows] / 1e6
    every = np.where(every > 0, every, np.nan)  # nanoseconds of the calendar: anything else is none
    order, times, time_notes = rising(every)
    rows, moments = rows[order], every[order]
    notes += time_notes
    numbers = {name: column[rows] for name, column in table.numbers.items()}
    x, y = camera.shares(numbers, GAZE_PIXELS, DEGREES)
    columns = {"gaze_x": x, "gaze_y": y, "gaze_stimulus_x": x, "gaze_stimulus_y": y}
    columns |= _eye_states(beside.eyes, name, moments)
    spans = _Spans.of(beside.fixations, name)
    columns |= _events(spans, _Spans.of(beside.saccades, name), numbers, moments, camera)
    columns |= _blinks(_Spans.of(beside.blinks, name), numbers, moments)
    lost = _not_worn(table, rows) | (columns["blink"] == 1 if "blink" in columns else False)
    columns |= {name: np.where(lost, np.nan, columns[name]) for name in _LOST_WITH_THE_EYE if name in columns}
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
    """The columns of fixations and saccades; from the ids beside the gaze alone where their tables are absent."""
    columns: dict[str, np.ndarray] = {}
    if saccades is not None:
        current = saccades.current(times)
        columns["in_saccade"] = current >= 0
        columns["event_duration"] = _at(current, saccades.columns[DURATION])
        if "amplitude[deg]" in saccades.columns:
            latest = np.searchsorted(saccades.start, times, side="right") - 1
            columns["saccade_amplitude"] = _at(latest, saccades.columns["amplitude[deg]"])
    if fixations is not None:
        current = fixations.current(times)
        durations = _at(current, fixations.columns[DURATION])
        columns["in_fixation"] = current >= 0
        columns["event_duration"] = np.where(current >= 0, durations, columns.get("event_duration", np.nan))
        points = camera.shares(fixations.columns, FIXATION_PIXELS, DEGREES)
        columns["fixation_x"], columns["fixation_y"] = (_at(current, point) for point in points)
    elif "fixationid" in numbers:
        columns["in_fixation"] = numbers["fixationid"] >= 0
    return columns


def _at(index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values[index]`, NaN for -1."""
    return np.append(values, np.nan)[index]


def _blinks(blinks: _Spans | None, numbers: dict[str, np.ndarray], times: np.ndarray) -> dict[str, np.ndarray]:
    if blinks is not None:
        return {"blink": (blinks.current(times) >= 0).astype(np.float32)}
    return {"blink": (numbers["blinkid"] >= 0).astype(np.float32)} if "blinkid" in numbers else {}


def _not_worn(table: Table, rows: np.ndarray) -> np.ndarray:
    """`(rows,)` bool. Written as 0.0 and 1.0, by other versions as a truth value; an empty cell says nothing."""
    worn = table.texts.get(WORN)
    if worn is None:
        return np.zeros(len(rows), bool)
    return np.array([value.strip().lower() in ("0", "0.0", "false") for value in worn.values])[worn.codes[rows]]


def _eye_states(table: Table | None, recording: str | None, times: np.ndarray) -> dict[str, np.ndarray]:
    """Pupils and eyeballs in mm of the nearest eye video frame, NaN where none is near; 0 is no pupil."""
    own = np.zeros(0, int) if table is None else _own_rows(table, recording)
    if table is None or len(own) == 0:
        return {}
    moments = table.numbers[TIME] / 1e6
    own = own[np.isfinite(moments[own])]
    own = own[np.argsort(moments[own], kind="stable")]
    if len(own) == 0:
        return {}
    near = own[nearest(moments[own], times)]
    close = np.abs(moments[near] - times) <= EYE_STATE_TOLERANCE_MS
    columns = {
        ours: np.where(close, table.numbers[name][near], np.nan) for ours, name in EYE_STATES.items() if name in table.numbers
    }
    for name in ("pupil_left", "pupil_right"):
        if name in columns:
            columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    for side in ("left", "right"):
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
    return columns


def _fixations(spans: _Spans, camera: Camera, zero: float, notes: list[str]) -> np.ndarray:
    x, y = camera.shares(spans.columns, FIXATION_PIXELS, DEGREES)
    return tidy_fixations(np.stack([x, y, spans.start - zero, spans.columns[DURATION]], axis=1), notes)


def _read_fixations(head: Head, header: Header) -> list[Gaze]:
    """fixations.csv on its own: times count from the first fixation."""
    if END not in header.names:
        raise EmertInputError(f"{head.file} has no column 'end timestamp [ns]'; download the recording's time series again")
    table = read_table(head, header, (*FIXATION_PIXELS, *DEGREES), (RECORDING,), (START, END))
    notes = [_FRAME_NOTE, "Without gaze.csv beside them the fixations' times count from the first of them."]
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
