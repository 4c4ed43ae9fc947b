"""Tobii Studio: tables of samples as Studio 3 exports them, and Studio 1 and 2 with a preamble.

Header names are compared without spaces, since Studio writes `GazePointX (MCSpx)` as well as `GazePointX(MCSpx)`. ADCSpx are
pixels of the screen, MCSpx pixels of the stimulus, ADCSmm millimetres.
"""

import re

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..samples import SIDES, all_or_none, find_columns, has_value, keep_positive, spell
from ..text.text_table import Head, Header, Table, TextColumn, read_table
from . import tobii_rows
from .tobii_rows import Frame, TobiiRows, drop_lost_eyes, pick, pick_text

NAME = "tobii_studio"
TITLE = "Tobii Studio's export of samples (RecordingTimestamp, GazePointX(ADCSpx), ...)"

# Columns that describe the rows: (Studio 3, Studio 1 and 2).
TIME = ("RecordingTimestamp", "Timestamp")
PARTICIPANT = ("ParticipantName", "Participant")
RECORDING = ("RecordingName", "Recordingname")
STIMULUS = ("MediaName", "StimuliName")
# Numbers the samples. Rows without one are mouse clicks and the like.
SAMPLE_INDEX = ("GazePointIndex", "Number")
VALIDITY = {"left": "ValidityLeft", "right": "ValidityRight"}
RESOLUTION, EVENT, FIXATION = "RecordingResolution", "GazeEventType", "FixationIndex"
SIZE = ("MediaWidth", "MediaHeight")
CORNER = (("MediaPosX(ADCSpx)", "MediaPosX"), ("MediaPosY(ADCSpx)", "MediaPosY"))

# Our column -> the exported names it may come from, by kind of unit; the first group needs no conversion.
_UNCHANGED = spell(
    {
        "event_duration": ("GazeEventDuration", "FixationDuration"),
        "saccade_amplitude": ("SaccadicAmplitude",),
        "saccade_direction": ("AbsoluteSaccadicDirection",),
        "saccade_turn": ("RelativeSaccadicDirection",),
        "eye_{side}_{xyz}": ("EyePos{Side}{XYZ}(ADCSmm)",),
        "distance_{side}": ("Distance{Side}",),
        "pupil_{side}": ("Pupil{Side}",),
        "gaze_{side}_mm_{xy}": ("GazePoint{Side}{XY}(ADCSmm)",),
        "gaze_mm_{xy}": ("StrictAverageGazePoint{XY}(ADCSmm)",),
        "camera_{side}_{xy}": ("Cam{Side}{XY}", "Cam{XY}{Side}"),
    }
)
_SCREEN_PIXELS = spell(
    {
        "gaze_{side}_{xy}": ("GazePoint{Side}{XY}(ADCSpx)", "GazePoint{XY}{Side}"),
        "gaze_{xy}": ("GazePoint{XY}(ADCSpx)", "GazePoint{XY}"),
    }
)
_STIMULUS_PIXELS = spell(
    {
        "fixation_{xy}": ("FixationPoint{XY}(MCSpx)", "MappedFixationPoint{XY}"),
        "gaze_stimulus_{xy}": ("GazePoint{XY}(MCSpx)", "MappedGazeDataPoint{XY}"),
    }
)
_SOURCES = _UNCHANGED | _SCREEN_PIXELS | _STIMULUS_PIXELS
NUMBERS = [name for names in (*_SOURCES.values(), *CORNER) for name in names]
NUMBERS += [*SAMPLE_INDEX, *VALIDITY.values(), FIXATION, *SIZE]
TEXTS = (*PARTICIPANT, *RECORDING, *STIMULUS, RESOLUTION, EVENT)


def find_header(head: Head) -> Header | None:
    """Studio 3 by its time stamp and a gaze point, Studio 1 and 2 by the gaze point's old name."""
    points = ("GazePointX(ADCSpx)", "GazePointLeftX(ADCSpx)", "GazePointX(MCSpx)")
    required = [*(("RecordingTimestamp", point) for point in points), ("Timestamp", "GazePointXLeft")]
    return next((header for names in required if (header := head.find(*names)) is not None), None)


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each participant, recording and stimulus. Raises `EmertInputError`."""
    notes: list[str] = []
    table = read_table(head, header, NUMBERS, TEXTS, times=TIME, notes=notes)
    index = next((table.numbers[name] for name in SAMPLE_INDEX if name in table.numbers), np.zeros(table.rows))
    samples = ~np.isnan(index)
    if not samples.any():
        raise EmertInputError(f"{head.file} has a header and no samples; export the gaze data of a recording")
    preamble = head.preamble(header)
    frame = _find_frame(head, table, preamble, notes)
    columns = _our_columns(table, frame, notes)
    names = tuple(pick_text(table, spellings) for spellings in (PARTICIPANT, RECORDING, STIMULUS))
    rows = TobiiRows(columns, pick(table, TIME), samples, frame, table.numbers.get(FIXATION), names)
    return rows.recordings(head.file, NAME, notes, preamble.get("Participant") or preamble.get("Subject"))


def _find_frame(head: Head, table: Table, preamble: dict[str, str], notes: list[str]) -> Frame:
    """Sizes that normalise pixels. Without a stimulus's size the screen counts as the stimulus, with a note."""
    texts = table.texts.get(RESOLUTION)
    if texts is None:
        texts = TextColumn(np.zeros(table.rows, int), (screen_of(preamble),))
    sizes = np.array([resolution(head, text) for text in texts.values], np.float64)  # (names, 2)
    screen = sizes[texts.codes].T  # (rows, 2) -> (2, rows)
    if find_columns(table.numbers, _SCREEN_PIXELS) and np.isnan(screen).all(axis=1).any():
        raise EmertInputError(
            f"{head.file} gives gaze in pixels and has no {RESOLUTION}; tick that column in Tobii Studio's export"
        )
    stimulus = stimulus_size(table)
    if np.isnan(stimulus).all():
        notes.append(f"The file gives no MediaWidth and MediaHeight, {tobii_rows.ENTIRE_SCREEN_NOTE}")
        return Frame(screen, np.zeros_like(screen), screen)
    return Frame(screen, np.stack([pick(table, names) for names in CORNER]), stimulus)


def stimulus_size(table: Table) -> np.ndarray:
    """`(2, rows)` pixels; NaN where the table has none."""
    size = np.stack([pick(table, (name,)) for name in SIZE])
    size[size <= 0] = np.nan
    return size


def screen_of(preamble: dict[str, str]) -> str:
    """The screen's size as given above the header; Studio 1 and 2 have two names for it."""
    return preamble.get("Recording resolution") or preamble.get("Screen resolution") or ""


def resolution(head: Head, text: str) -> tuple[float, float]:
    """ "1280x1024" or "1280 x 1024" -> (1280, 1024); no text -> NaN."""
    if not text.strip():
        return (np.nan, np.nan)
    match = re.fullmatch(r"\s*([1-9]\d{0,5})\s*x\s*([1-9]\d{0,5})\s*", text)
    if match is None:
        raise EmertInputError(
            f"{head.file} has {text[:40]!r} in {RESOLUTION}, where a size like 1280x1024 is expected; export it again"
        )
    return float(match[1]), float(match[2])


def _our_columns(table: Table, frame: Frame, notes: list[str]) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each, in our units, missing is NaN. Columns that the file lacks are left out."""
    columns = find_columns(table.numbers, _SOURCES)
    _drop_fill_values(table, columns)
    for sources, size in ((_SCREEN_PIXELS, frame.screen), (_STIMULUS_PIXELS, frame.stimulus)):
        columns |= {name: columns[name] / size["xy".index(name[-1])] for name in sources if name in columns}
    columns |= _events(table)
    for side in SIDES:
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
        columns[f"validity_{side}"] = _validity(table, columns, side)
    if not all(name in table.numbers for name in VALIDITY.values()):
        notes.append(tobii_rows.NO_VALIDITY_NOTE)
    drop_lost_eyes(columns, {side: table.numbers.get(VALIDITY[side], np.zeros(table.rows)) == 4 for side in SIDES})
    return columns


def _drop_fill_values(table: Table, columns: dict[str, np.ndarray]) -> None:
    """Sizes and distances are positive; Studio 1 and 2 write -1 (for durations 0) where a value is missing."""
    keep_positive(columns, "pupil_left", "pupil_right", "distance_left", "distance_right", "event_duration")
    columns |= {name: np.where(x == -1, np.nan, x) for name, x in columns.items() if name.startswith("camera")}
    if "RecordingTimestamp" not in table.numbers and {"fixation_x", "fixation_y"} <= columns.keys():
        columns |= drop_absent_points(columns["fixation_x"], columns["fixation_y"])


def drop_absent_points(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Studio 1 and 2 write -1 for both coordinates of an absent point; a single -1 is a pixel beside the stimulus."""
    absent = (x == -1) & (y == -1)
    return {"fixation_x": np.where(absent, np.nan, x), "fixation_y": np.where(absent, np.nan, y)}


def _events(table: Table) -> dict[str, np.ndarray]:
    """0/1 for fixation and saccade; from FixationIndex alone where the export has no GazeEventType."""
    events = table.texts.get(EVENT)
    if events is None:
        return {"in_fixation": ~np.isnan(table.numbers[FIXATION])} if FIXATION in table.numbers else {}
    kinds = {"in_fixation": "Fixation", "in_saccade": "Saccade"}
    return {ours: events.map(lambda text, kind=kind: float(text == kind) if text else np.nan) for ours, kind in kinds.items()}


def _validity(table: Table, columns: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Studio's codes from 0 (certain) to 4 (eye not found) become 1, .75, .5, .25, 0."""
    codes = table.numbers.get(VALIDITY[side])
    if codes is not None:
        return np.where((codes >= 0) & (codes <= 4), 1 - codes / 4, np.nan)
    return has_value(columns, (f"gaze_{side}_x", f"gaze_{side}_y", f"pupil_{side}"), table.rows)
