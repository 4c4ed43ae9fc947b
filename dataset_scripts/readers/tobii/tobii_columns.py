"""Which exported column of Tobii Studio becomes which of ours, and what has to be done to it on the way."""

import re

import numpy as np

from dataset_scripts.readers.samples import all_or_none
from dataset_scripts.readers.text.text_table import Head, Table, TextColumn
from dataset_scripts.readers.tobii.tobii_rows import SIDES, WHOLE_SCREEN_NOTE, Frame, drop_lost_eyes, pick, spell
from modeling_emert.errors_emert import EmertInputError

# What the rows are about: (Studio 3, Studio 1 and 2).
TIME = ("RecordingTimestamp", "Timestamp")
PARTICIPANT = ("ParticipantName", "Participant")
RECORDING = ("RecordingName", "Recordingname")
STIMULUS = ("MediaName", "StimuliName")
# Numbers the samples. Rows without one are mouse clicks and the like.
SAMPLE_INDEX = ("GazePointIndex", "Number")
VALIDITY = {"left": "ValidityLeft", "right": "ValidityRight"}
RESOLUTION, EVENT, FIXATION = "RecordingResolution", "GazeEventType", "FixationIndex"
MEDIA = ("MediaPosX(ADCSpx)", "MediaPosY(ADCSpx)", "MediaPosX", "MediaPosY", "MediaWidth", "MediaHeight")

# Our column -> the exported names it may come from, by kind of unit.
AS_IT_IS = {
    "event_duration": ("GazeEventDuration", "FixationDuration"),
    "saccade_amplitude": ("SaccadicAmplitude",),
    "saccade_direction": ("AbsoluteSaccadicDirection",),
    "saccade_turn": ("RelativeSaccadicDirection",),
    "eye_left_{axis}": ("EyePosLeft{Axis}(ADCSmm)",),
    "eye_right_{axis}": ("EyePosRight{Axis}(ADCSmm)",),
    "distance_left": ("DistanceLeft",),
    "distance_right": ("DistanceRight",),
    "pupil_left": ("PupilLeft",),
    "pupil_right": ("PupilRight",),
}
# As they are, too, but with two axes: of a gaze point's three we keep no z.
FLAT_AS_IT_IS = {
    "gaze_left_mm_{axis}": ("GazePointLeft{Axis}(ADCSmm)",),
    "gaze_right_mm_{axis}": ("GazePointRight{Axis}(ADCSmm)",),
    "gaze_mm_{axis}": ("StrictAverageGazePoint{Axis}(ADCSmm)",),
    "camera_left_{axis}": ("CamLeft{Axis}", "Cam{Axis}Left"),
    "camera_right_{axis}": ("CamRight{Axis}", "Cam{Axis}Right"),
}
SCREEN_PIXELS = {
    "gaze_left_{axis}": ("GazePointLeft{Axis}(ADCSpx)", "GazePoint{Axis}Left"),
    "gaze_right_{axis}": ("GazePointRight{Axis}(ADCSpx)", "GazePoint{Axis}Right"),
    "gaze_{axis}": ("GazePoint{Axis}(ADCSpx)", "GazePoint{Axis}"),
}
STIMULUS_PIXELS = {
    "fixation_{axis}": ("FixationPoint{Axis}(MCSpx)", "MappedFixationPoint{Axis}"),
    "gaze_stimulus_{axis}": ("GazePoint{Axis}(MCSpx)", "MappedGazeDataPoint{Axis}"),
}

_SOURCES = spell(AS_IT_IS, "xyz") | spell(FLAT_AS_IT_IS | SCREEN_PIXELS | STIMULUS_PIXELS, "xy")
NUMBERS = [name for names in _SOURCES.values() for name in names]
NUMBERS += [*SAMPLE_INDEX, *VALIDITY.values(), FIXATION, *MEDIA]
TEXTS = (*PARTICIPANT, *RECORDING, *STIMULUS, RESOLUTION, EVENT)


def find_frame(head: Head, table: Table, preamble: dict[str, str], notes: list[str]) -> Frame:
    """Sizes that turn pixels into shares. Without a stimulus's size the screen counts as the stimulus, with a note."""
    texts = table.texts.get(RESOLUTION)
    if texts is None:
        texts = TextColumn(np.zeros(table.rows, int), (screen_of(preamble),))
    sizes = np.array([resolution(head, text) for text in texts.values], np.float64)  # (names, 2)
    screen = sizes[texts.codes].T  # (rows, 2) -> (2, rows)
    in_pixels = any(name in table.numbers for ours in spell(SCREEN_PIXELS, "xy") for name in _SOURCES[ours])
    if in_pixels and np.isnan(screen).all(axis=1).any():
        raise EmertInputError(
            f"{head.file} gives gaze in pixels and has no {RESOLUTION}; tick that column in Tobii Studio's export"
        )
    corner = np.stack([pick(table, (f"MediaPos{axis}(ADCSpx)", f"MediaPos{axis}")) for axis in "XY"])
    stimulus = np.stack([pick(table, (name,)) for name in ("MediaWidth", "MediaHeight")])
    stimulus[stimulus <= 0] = np.nan
    if np.isnan(stimulus).all():
        notes.append(f"The file gives no MediaWidth and MediaHeight, {WHOLE_SCREEN_NOTE}")
        return Frame(screen, np.zeros_like(screen), screen)
    return Frame(screen, corner, stimulus)


def screen_of(preamble: dict[str, str]) -> str:
    """What the lines above the header say of the screen's size; Studio 1 and 2 have two names for it."""
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


def our_columns(table: Table, frame: Frame, notes: list[str]) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each, in our units, missing is NaN. Columns that the file lacks are left out."""
    columns: dict[str, np.ndarray] = {}
    for ours, theirs in _SOURCES.items():
        name = next((name for name in theirs if name in table.numbers), None)
        if name is not None:
            columns[ours] = table.numbers[name]
    _drop_fill_values(table, columns)
    for axis, name in enumerate("xy"):
        for mapping, size in ((SCREEN_PIXELS, frame.screen), (STIMULUS_PIXELS, frame.stimulus)):
            for ours in spell(mapping, name):
                if ours in columns:
                    columns[ours] = columns[ours] / size[axis]
    columns |= _events(table)
    for side in VALIDITY:
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
        columns[f"validity_{side}"] = _validity(table, columns, side)
    if not all(name in table.numbers for name in VALIDITY.values()):
        notes.append("The file has no validity codes: an eye counts as sure where it has a gaze point or a pupil.")
    drop_lost_eyes(columns, {side: table.numbers.get(VALIDITY[side], np.zeros(table.rows)) == 4 for side in SIDES})
    return columns


def _drop_fill_values(table: Table, columns: dict[str, np.ndarray]) -> None:
    """Sizes and distances are positive, and Studio 1 and 2 write -1 (and a duration 0) for what is missing."""
    for name in ("pupil_left", "pupil_right", "distance_left", "distance_right", "event_duration"):
        if name in columns:
            columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    old = "RecordingTimestamp" not in table.numbers
    for name in [name for name in columns if name.startswith("camera")]:
        columns[name] = np.where(columns[name] == -1, np.nan, columns[name])
    if old and {"fixation_x", "fixation_y"} <= columns.keys():
        columns |= drop_absent_points(columns["fixation_x"], columns["fixation_y"])


def drop_absent_points(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Studio 1 and 2 write -1 twice for no point; a single -1 is one pixel beside the stimulus. Both `(rows,)`."""
    absent = (x == -1) & (y == -1)
    return {"fixation_x": np.where(absent, np.nan, x), "fixation_y": np.where(absent, np.nan, y)}


def _events(table: Table) -> dict[str, np.ndarray]:
    """0/1 for fixation and saccade; from FixationIndex alone where the export has no GazeEventType."""
    events = table.texts.get(EVENT)
    if events is None:
        return {"in_fixation": ~np.isnan(table.numbers[FIXATION])} if FIXATION in table.numbers else {}
    flags = {}
    for ours, theirs in (("in_fixation", "Fixation"), ("in_saccade", "Saccade")):
        by_value = np.array([np.nan if not value else float(value == theirs) for value in events.values])
        flags[ours] = by_value[events.codes]
    return flags


def _validity(table: Table, columns: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Studio's codes run from 0, sure, to 4, eye not found: 1, .75, .5, .25, 0."""
    codes = table.numbers.get(VALIDITY[side])
    if codes is not None:
        return np.where((codes >= 0) & (codes <= 4), 1 - codes / 4, np.nan)
    evidence = [columns[name] for name in (f"gaze_{side}_x", f"gaze_{side}_y", f"pupil_{side}") if name in columns]
    if not evidence:
        return np.full(table.rows, np.nan)
    return (~np.isnan(np.stack(evidence))).any(axis=0).astype(np.float64)
