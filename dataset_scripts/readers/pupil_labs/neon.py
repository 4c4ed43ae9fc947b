"""Pupil Labs Neon and Invisible: `gaze.csv` of Pupil Cloud's time series (or Neon Player's), with the files beside it.

Pupil Cloud's enrichments, the marker mapper's and the reference image mapper's `gaze.csv`, give gaze on the stimulus alone.
`fixations.csv`, `saccades.csv`, `blinks.csv`, `3d_eye_states.csv`, `info.json` and `scene_camera.json` are read from the same
folder, by exactly these names. Glasses have only the scene camera's image, so it is taken as both the screen and the stimulus;
see `Camera` for its size. The package pupil-labs-neon-recording is not used: it reads the phone's native folders with
their video, not Pupil Cloud's tables.
"""

import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..eye_events import tidy_fixations
from ..samples import (
    SIDES,
    all_or_none,
    covering,
    drop_where,
    find_columns,
    group_rows,
    keep_positive,
    name_in,
    spell,
    stack_columns,
    take,
)
from ..text.text_files import ExportFiles, TextFile
from ..text.text_table import Head, Header, Table, read_head, read_table
from .pupil_core import find_table, nearest_rows, read_beside, require, without_gaze

INFO, SCENE_CAMERA, SECTIONS, EYES = "info.json", "scene_camera.json", "sections.csv", "3d_eye_states.csv"
DEGREES = ("azimuth[deg]", "elevation[deg]")
MAX_JSON_BYTES, MAX_PICTURE_BYTES = 1 << 20, 1 << 26
ON_SURFACE = ("gazepositiononsurfacex[normalized]", "gazepositiononsurfacey[normalized]")
IN_IMAGE = ("gazepositioninreferenceimagex[px]", "gazepositioninreferenceimagey[px]")
REFERENCE_IMAGES = ("reference_image.jpeg", "reference_image.jpg", "reference_image.png")


@dataclass(frozen=True)
class Camera:
    """`size`: pixels. `view`: degrees from edge to edge. Both (width, height)."""

    name: str
    size: tuple[int, int]
    view: tuple[float, float]

    def normalise(self, numbers: Mapping[str, np.ndarray], pixels: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
        """x and y normalised to the image, from pixels, or else from azimuth and elevation (up is positive)."""
        if all(name in numbers for name in pixels):
            x, y = (numbers[name] / size for name, size in zip(pixels, self.size, strict=True))
            return x, y
        if not all(name in numbers for name in DEGREES):  # a table of another export
            missing = np.full(len(next(iter(numbers.values()))), np.nan)
            return missing, missing
        azimuth, elevation = (numbers[name] for name in DEGREES)
        return 0.5 + azimuth / self.view[0], 0.5 - elevation / self.view[1]


# From Pupil Labs' descriptions of the two headsets.
NEON = Camera("Neon", (1600, 1200), (103.0, 77.0))
INVISIBLE = Camera("Pupil Invisible", (1088, 1080), (82.0, 82.0))


def find_camera(file: TextFile, table: Table, pixels: tuple[str, str], notes: list[str]) -> Camera:
    """The camera by the first file that identifies it, else by the median gaze point (without pixels: Neon); with a note.

    Raises `EmertInputError` for a table with neither pixels nor degrees.
    """
    camera, reason = _by_neighbours(file)
    if camera is None:
        camera, reason = _by_gaze(table, pixels)
    notes.append(f"The image is taken as that of {camera.name}, {camera.size[0]} x {camera.size[1]} pixels, {reason}.")
    if not all(name in table.numbers for name in pixels):
        missing = [name for name in DEGREES if name not in table.numbers]
        if missing:
            raise EmertInputError(
                f"{file} has neither x and y in pixels nor {missing[0]!r} in degrees; export the recording again"
            )
        width, height = camera.view
        notes.append(f"Degrees were converted to normalised coordinates of the image, {width:g} x {height:g} degrees wide.")
    return camera


def _by_neighbours(file: TextFile) -> tuple[Camera | None, str]:
    info = _read_json(file, INFO)
    if "module_serial_number" in info:
        return NEON, "by info.json"
    if "glasses_serial_number" in info:
        return INVISIBLE, "by info.json"
    matrix = _read_json(file, SCENE_CAMERA).get("camera_matrix")
    with suppress(TypeError, ValueError, IndexError):  # absent, or not three rows of three numbers
        middle = float(np.asarray(matrix, np.float64)[0, 2])  # the optical axis
        if np.isfinite(middle):
            return min((NEON, INVISIBLE), key=lambda camera: abs(camera.size[0] / 2 - middle)), "by scene_camera.json"
    return (NEON, "since 3d_eye_states.csv is there") if file.beside(EYES) is not None else (None, "")


def _by_gaze(table: Table, pixels: tuple[str, str]) -> tuple[Camera, str]:
    points = [table.numbers[name][np.isfinite(table.numbers[name])] for name in pixels if name in table.numbers]
    if len(points) < 2 or not all(len(values) for values in points):
        return NEON, "the newer headset, since no file identifies it"
    middle = np.array([np.median(values) for values in points], np.float64)
    closest = min((NEON, INVISIBLE), key=lambda camera: float(np.abs(np.array(camera.size) / 2 - middle).sum()))
    return closest, "since the median gaze point is near its middle; put info.json beside the file to be sure"


def enrichment(file: TextFile, table: Table) -> dict[str, np.ndarray]:
    """Gaze on the stimulus from Pupil Cloud's marker mapper or reference image mapper; empty for any other table.

    Raises `EmertInputError` for pixels of a reference image that is not beside the file.
    """
    ours = ("gaze_stimulus_x", "gaze_stimulus_y")
    if all(name in table.numbers for name in ON_SURFACE):  # 0, 0 is the top left corner of the surface
        return {name: table.numbers[column] for name, column in zip(ours, ON_SURFACE, strict=True)}
    if not all(name in table.numbers for name in IN_IMAGE):
        return {}
    picture = next((found for name in REFERENCE_IMAGES if (found := file.beside(name)) is not None), None)
    if picture is None:
        raise EmertInputError(
            f"{file} has gaze in pixels of a reference image, whose size is not in it; put {' or '.join(REFERENCE_IMAGES)} of "
            "the same download beside it"
        )
    try:
        with picture.open() as stream, Image.open(io.BytesIO(stream.read(MAX_PICTURE_BYTES))) as opened:
            size = opened.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EmertInputError(f"{picture} is no picture that can be read; download it again") from error
    return {name: table.numbers[column] / side for name, column, side in zip(ours, IN_IMAGE, size, strict=True)}


def _read_json(file: TextFile, name: str) -> dict:
    """The object in that file of the same folder; empty if the file is absent or holds no object."""
    other, content = file.beside(name), None
    if other is not None:
        with other.open() as stream, suppress(ValueError, RecursionError):
            content = json.loads(stream.read(MAX_JSON_BYTES))
    return content if isinstance(content, dict) else {}


def find_wearers(file: TextFile) -> dict[str, str]:
    """Wearers' names by recording id, from info.json; or from sections.csv, where several recordings are in one table."""
    wearers: dict[str, str] = {}
    sections = file.beside(SECTIONS)
    head = sections and read_head(sections)
    header = head and head.find(RECORDING)
    if header:
        texts = read_table(head, header, texts=(RECORDING, "wearername", "wearerid")).texts
        ids, who = texts[RECORDING], texts.get("wearername") or texts.get("wearerid")
        if who is not None:
            wearers |= {ids.values[i]: who.values[j] for i, j in zip(ids.codes, who.codes, strict=True)}
    info = _read_json(file, INFO)
    if isinstance(info.get("wearer_name"), str):
        wearers[str(info.get("recording_id", ""))] = info["wearer_name"]
    return wearers


NAME = "neon"
TITLE = "Pupil Cloud's gaze.csv of Neon or Invisible (timestamp [ns], gaze x [px], ...)"

FIXATIONS, SACCADES, BLINKS = "fixations.csv", "saccades.csv", "blinks.csv"
FILES = ExportFiles("gaze.csv", (FIXATIONS, SACCADES, BLINKS, EYES, INFO, SCENE_CAMERA, SECTIONS))
TIME, START, END, DURATION = "timestamp[ns]", "starttimestamp[ns]", "endtimestamp[ns]", "duration[ms]"
RECORDING, WORN, AMPLITUDE = "recordingid", "worn", "amplitude[deg]"
GAZE_PIXELS, FIXATION_PIXELS = ("gazex[px]", "gazey[px]"), ("fixationx[px]", "fixationy[px]")
# A pupil measured more than this (four frames of the eye cameras at 200 Hz) from a gaze sample is not assigned to it.
EYE_STATE_TOLERANCE_MS = 20.0

_TABLES = (
    ("samples", (TIME, "gazex[px]")),
    ("samples", (TIME, "azimuth[deg]")),
    ("samples", (TIME, "gazepositiononsurfacex[normalized]")),
    ("samples", (TIME, "gazepositioninreferenceimagex[px]")),
    ("fixations", (START, "fixationid")),
    ("events", (START, "saccadeid")),
    ("events", (START, "blinkid")),
    ("events", (TIME, "pupildiameterleft[mm]")),
)
# The Cloud writes "eye ball center", Neon Player "eyeball center": without spaces they are the same.
EYE_STATES = spell({"pupil_{side}": ("pupildiameter{side}[mm]",), "eye_{side}_{xyz}": ("eyeballcenter{side}{xyz}[mm]",)})
_EYE_STATE_NAMES = tuple(name for names in EYE_STATES.values() for name in names)
Columns = dict[str, np.ndarray]  # `(rows,)` each
_LOST_WITH_THE_EYE = ("gaze_x", "gaze_y", "gaze_stimulus_x", "gaze_stimulus_y", "pupil_left", "pupil_right")
_MAPPED_NOTE = "Gaze was mapped to the stimulus by Pupil Cloud and is in its coordinates alone."
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
    numbers = (*GAZE_PIXELS, *DEGREES, *ON_SURFACE, *IN_IMAGE, "fixationid", "blinkid")
    table = read_table(head, header, numbers, (RECORDING, WORN), (TIME,))
    if not (table.numbers[TIME] > 0).any():
        raise EmertInputError(f"{head.file} has a header and no samples; download the recording's time series again")
    if mapped := enrichment(head.file, table):
        return [_mapped(head.file, table, rows, name, mapped) for rows, name in _groups(head, table)]
    notes = [_FRAME_NOTE]
    camera = find_camera(head.file, table, GAZE_PIXELS, notes)
    beside, wearers = _read_all_beside(head.file), find_wearers(head.file)
    recordings = []
    for rows, name in _groups(head, table):
        recordings.append(_recording(head.file, table, rows, name, camera, beside, list(notes)))
        recordings[-1].participant = wearers.get(name or "") or name
    return recordings


def _mapped(file: TextFile, table: Table, rows: np.ndarray, name: str | None, points: Columns) -> Gaze:
    """One recording of an enrichment: gaze on the stimulus, in its coordinates, and the marks of fixations and blinks."""
    order, times, notes = rising(table.numbers[TIME][rows] / 1e6, file)
    rows = rows[order]
    columns = {ours: point[rows] for ours, point in points.items()}
    if "fixationid" in table.numbers:
        columns["in_fixation"] = table.numbers["fixationid"][rows] >= 0
    if "blinkid" in table.numbers:
        columns["blink"] = (table.numbers["blinkid"][rows] >= 0).astype(np.float32)
        drop_where(columns, points, columns["blink"] == 1)
    columns |= all_or_none(columns, points)
    who = find_wearers(file).get(name or "") or name
    return Gaze(stack_columns(len(rows), columns), times, participant=who, format=NAME, notes=[_MAPPED_NOTE, *notes])


def _groups(head: Head, table: Table) -> list[tuple[np.ndarray, str | None]]:
    """Rows and recording id of each recording, in the order in which they begin; all rows if there are no ids."""
    ids, clock = table.texts.get(RECORDING), table.numbers[TIME] / 1e6 if TIME in table.numbers else None
    return [(rows, name_in(ids, rows[0])) for rows in group_rows(head.file, np.arange(table.rows), (ids,), clock)]


def _spans(table: Table | None, recording: str | None) -> Columns | None:
    """The columns of a table of events, `(events,)` each, of one recording by start; START, END and DURATION in ms.

    None without a table. Events without a start and an end after it are left out.
    """
    if table is None:
        return None
    columns = table.numbers | {name: table.numbers[name] / 1e6 for name in (START, END)}
    columns[DURATION] = columns[END] - columns[START]
    own = _own_rows(table, recording)
    own = own[(columns[END] >= columns[START])[own]]
    own = own[np.argsort(columns[START][own], kind="stable")]
    return {name: column[own] for name, column in columns.items()}


def _own_rows(table: Table, recording: str | None) -> np.ndarray:
    """The rows with this recording's id; all rows if the table or the recording has none."""
    ids = table.texts.get(RECORDING)
    if ids is None or recording is None:
        return np.arange(table.rows)
    return np.flatnonzero(ids.map(lambda text: text == recording))


def _read_all_beside(file: TextFile) -> dict[str, Table | None]:
    """The other tables of the folder by name; None where absent."""
    events = {FIXATIONS: (*FIXATION_PIXELS, *DEGREES), SACCADES: (AMPLITUDE,), BLINKS: ()}
    tables = {name: read_beside(file, name, (START, END), (), numbers, (RECORDING,)) for name, numbers in events.items()}
    return tables | {EYES: read_beside(file, EYES, (TIME,), (), _EYE_STATE_NAMES, (RECORDING,))}


def _recording(
    file: TextFile,
    table: Table,
    rows: np.ndarray,
    name: str | None,
    camera: Camera,
    beside: dict[str, Table | None],
    notes: list[str],
) -> Gaze:
    every = table.numbers[TIME][rows] / 1e6
    every = np.where(every > 0, every, np.nan)  # nanoseconds since 1970 are positive
    order, times, time_notes = rising(every, file)
    rows, moments = rows[order], every[order]
    notes += time_notes
    numbers = {name: column[rows] for name, column in table.numbers.items()}
    x, y = camera.normalise(numbers, GAZE_PIXELS)
    columns = {"gaze_x": x, "gaze_y": y, "gaze_stimulus_x": x, "gaze_stimulus_y": y}
    columns |= _eye_states(beside[EYES], name, moments)
    events, saccades, blinks = (_spans(beside[file], name) for file in (FIXATIONS, SACCADES, BLINKS))
    columns |= _events(events, saccades, numbers, moments, camera)
    lost = _not_worn(table, rows)
    if blinks is not None or "blinkid" in numbers:
        blink = numbers["blinkid"] >= 0 if blinks is None else covering(moments, blinks[START], blinks[END]) >= 0
        columns["blink"], lost = blink.astype(np.float32), lost | blink
    drop_where(columns, _LOST_WITH_THE_EYE, lost)
    columns |= all_or_none(columns, ("gaze_x", "gaze_y")) | all_or_none(columns, ("gaze_stimulus_x", "gaze_stimulus_y"))
    if lost.any():
        notes.append(f"{int(lost.sum())} of {len(lost)} gaze points count as missing: a blink, or the glasses were not worn.")
    fixations = _fixations(events, camera, moments[0], notes) if events is not None and len(moments) else None
    return Gaze(stack_columns(len(rows), columns), times, fixations, format=NAME, notes=notes)


def _events(
    fixations: Columns | None, saccades: Columns | None, numbers: Columns, times: np.ndarray, camera: Camera
) -> Columns:
    """The columns of fixations and saccades; without their tables only what the ids in gaze.csv give."""
    columns: dict[str, np.ndarray] = {}
    if saccades is not None:
        current = covering(times, saccades[START], saccades[END])
        columns["in_saccade"] = current >= 0
        columns["event_duration"] = take(saccades[DURATION], current)
        if AMPLITUDE in saccades:
            latest = np.searchsorted(saccades[START], times, side="right") - 1
            columns["saccade_amplitude"] = take(saccades[AMPLITUDE], latest)
    if fixations is not None:
        current = covering(times, fixations[START], fixations[END])
        columns["in_fixation"], durations = current >= 0, take(fixations[DURATION], current)
        columns["event_duration"] = np.where(current >= 0, durations, columns.get("event_duration", np.nan))
        points = camera.normalise(fixations, FIXATION_PIXELS)
        columns["fixation_x"], columns["fixation_y"] = (take(point, current) for point in points)
    elif "fixationid" in numbers:
        columns["in_fixation"] = numbers["fixationid"] >= 0
    return columns


def _not_worn(table: Table, rows: np.ndarray) -> np.ndarray:
    """`(rows,)` bool. Some versions write 0.0 and 1.0, others truth values; an empty cell counts as worn."""
    worn = table.texts.get(WORN)
    if worn is None:
        return np.zeros(len(rows), bool)
    return worn.map(lambda text: text.strip().lower() in ("0", "0.0", "false"))[rows]


def _eye_states(table: Table | None, recording: str | None, times: np.ndarray) -> Columns:
    """Pupils and eyeballs in mm of the nearest frame of the eye video, NaN if it is too far; 0 is no pupil."""
    if table is None:
        return {}
    near = nearest_rows(table.numbers[TIME] / 1e6, _own_rows(table, recording), times, EYE_STATE_TOLERANCE_MS)
    columns = {ours: take(values, near) for ours, values in find_columns(table.numbers, EYE_STATES).items()}
    keep_positive(columns, "pupil_left", "pupil_right")
    for side in SIDES:
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
    return columns


def _fixations(spans: Columns, camera: Camera, zero: float, notes: list[str]) -> np.ndarray:
    x, y = camera.normalise(spans, FIXATION_PIXELS)
    return tidy_fixations(np.stack([x, y, spans[START] - zero, spans[DURATION]], axis=1), notes)


def _read_fixations(head: Head, header: Header) -> list[Gaze]:
    """fixations.csv alone: times count from the first fixation."""
    require(head.file, header, (END,))
    table = read_table(head, header, (*FIXATION_PIXELS, *DEGREES), (RECORDING,), (START, END))
    notes = [_FRAME_NOTE, "Without gaze.csv in the same folder times count from the first fixation."]
    camera = find_camera(head.file, table, FIXATION_PIXELS, notes)
    wearers = find_wearers(head.file)
    recordings = []
    for _, name in _groups(head, table):
        spans = _spans(table, name)
        if spans is not None and len(spans[START]):
            fixations = _fixations(spans, camera, spans[START][0], own_notes := list(notes))
            who = wearers.get(name or "") or name
            recordings.append(Gaze(fixations=fixations, participant=who, format=NAME, notes=own_notes))
    if not recordings:
        raise EmertInputError(f"{head.file} has a header and no fixation with a start and an end; download it again")
    return recordings
