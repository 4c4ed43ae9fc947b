"""Tobii Pro Lab's data export: screen-based trackers and Glasses.

Every sensor has rows of its own, and so have events: only the eye tracker's rows are samples. Glasses know no screen: the
scene camera's image stands for both the screen and the stimulus.
"""

import re

import numpy as np

from dataset_scripts.readers.samples import all_or_none
from dataset_scripts.readers.text.text_table import Head, Header, TextColumn
from dataset_scripts.readers.tobii.tobii_pro_columns import (
    AS_IT_IS,
    EVENT,
    EYE_TRACKER_TIME,
    EYES_AS_IT_IS,
    FIXATION_ON_SCREEN,
    MOVEMENT,
    MOVEMENT_INDEX,
    ORIGINAL_SIZE,
    PARTICIPANT,
    POINTS_AS_IT_IS,
    PRESENTED_CORNER,
    PRESENTED_SIZE,
    PUPIL_OF_BOTH,
    RECORDING,
    SCENE_SIZE,
    SCREEN_PIXELS,
    SCREEN_SIZE,
    SENSOR,
    STIMULUS,
    STIMULUS_PIXELS,
    STIMULUS_SHARES,
    TIMES,
    ProLabTable,
    plain_name,
    read_pro_lab_table,
)
from dataset_scripts.readers.tobii.tobii_rows import SIDES, WHOLE_SCREEN_NOTE, Frame, TobiiRows, drop_lost_eyes
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "tobii_pro_lab"
TITLE = "Tobii Pro Lab's data export (Recording timestamp, Gaze point X, Eye movement type, ...)"

_TIME = re.compile(r"(?:Recording|Eye ?tracker) ?timestamp(?: ?[\[(][^\])]{1,8}[\])])?")
_OF_EYES = ("gazepoint", "gaze3dposition", "fixationpoint", "pupildiameter", "eyeposition", "eyemovementtype", "validity")
_SIZE_OF_SCENE = (1920, 1080)  # of Glasses 2 and 3, says Tobii
# Samples are 0.8 to 40 ms apart at 25 to 1200 Hz: a larger number counts microseconds.
_LONGEST_STEP_MS = 200
_SCENE_NOTE = (
    "Glasses know only the scene camera's image: gaze_x, gaze_y, gaze_stimulus_x, gaze_stimulus_y and the fixations are all "
    "shares of it."
)


def find_header(head: Head) -> Header | None:
    """The line with a time stamp in Pro Lab's spelling (Studio writes `RecordingTimestamp`) beside anything of the eyes."""
    for line in head.lines:
        match = _TIME.search(line)
        if match:
            header = head.find(match[0].replace(" ", ""))
            of_eyes = header is not None and any(plain_name(name).startswith(_OF_EYES) for name in header.names)
            return header if of_eyes else None
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each participant, recording and stimulus named. Raises `EmertInputError`."""
    notes: list[str] = []
    table = read_pro_lab_table(head, header, notes)
    samples = _samples(table)
    if not samples.any():
        raise EmertInputError(
            f"{head.file} has no row of the eye tracker's; export the recording again with the eye tracker's data ticked"
        )
    frame = _frame(head, table, notes)
    columns = _points(table, frame) | _eyes(table, notes)
    index = _movements(table, columns, samples)
    if not any(f"validity{side}" in table.texts for side in SIDES):
        notes.append("The file has no validity codes: an eye counts as sure where it has a gaze point or a pupil.")
    rows = TobiiRows(
        columns=columns,
        times_ms=_times(head, table, samples, notes),
        samples=samples,
        frame=frame,
        fixation_index=index,
        names=(table.texts.get(PARTICIPANT), table.texts.get(RECORDING), _stimulus(table, samples)),
    )
    return rows.recordings(head.file, NAME, notes)


def _is(column: TextColumn, *words: str) -> np.ndarray:
    """`(rows,)` bool: the cell holds one of these words, whatever its case and spaces."""
    hits = [value.replace(" ", "").lower() in words for value in column.values]
    return np.array(hits, bool)[column.codes]


def _samples(table: ProLabTable) -> np.ndarray:
    """`(rows,)` bool: the eye tracker's rows; where no column says so, those that no other sensor or event has written."""
    if SENSOR in table.texts and _is(table.texts[SENSOR], "eyetracker").any():
        return _is(table.texts[SENSOR], "eyetracker")
    clock = next((table.times[name] for name in EYE_TRACKER_TIME if name in table.times), None)
    if clock is not None and np.isfinite(clock).any():
        return np.isfinite(clock)
    if SENSOR in table.texts:
        return np.zeros(table.rows, bool)
    validity = [table.texts[f"validity{side}"] for side in SIDES if f"validity{side}" in table.texts]
    if validity:
        return ~np.all([_is(column, "") for column in validity], axis=0)
    return _is(table.texts[EVENT], "") if EVENT in table.texts else np.ones(table.rows, bool)


def _times(head: Head, table: ProLabTable, samples: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(rows,)` ms. Without a unit in the name, the recording's duration or the samples' distance tells it."""
    name = next((name for name in TIMES if name in table.times), None)
    if name is None:
        raise EmertInputError(f"{head.file} has times in a unit that is not known, where ms or μs is expected; export it again")
    times = table.times[name]
    if name.endswith("]"):
        return times / 1000 if name.endswith("[us]") else times
    own = np.sort(times[samples & np.isfinite(times)])
    steps = np.diff(own)
    steps = steps[steps > 0]
    if table.duration_ms is not None and len(own):
        microseconds = bool(own[-1] > 2 * table.duration_ms)
    else:
        microseconds = bool(len(steps)) and bool(np.median(steps) > _LONGEST_STEP_MS)
    unit = "microseconds" if microseconds else "milliseconds"
    notes.append(f"The file names no unit of its times; by their distance they are {unit}.")
    return times / 1000 if microseconds else times


def _stimulus(table: ProLabTable, samples: np.ndarray) -> TextColumn | None:
    """The first of the columns that name one in any sample."""
    found = [table.texts[name] for name in STIMULUS if name in table.texts]
    return next((column for column in found if not _is(column, "")[samples].all()), None)


def _frame(head: Head, table: ProLabTable, notes: list[str]) -> Frame:
    """Sizes that turn pixels into shares; NaN where nothing needs them."""
    screen = table.pair(SCREEN_SIZE)
    nowhere = np.zeros_like(screen)
    if table.of_glasses:
        notes.append(_SCENE_NOTE)
        scene = table.pair(SCENE_SIZE)
        scene = np.where(np.isnan(scene), screen, scene)
        if np.isnan(scene).all():
            notes.append("The file does not tell the scene camera's size: that of Glasses 2 and 3, 1920x1080, was taken.")
            scene = np.broadcast_to(np.array(_SIZE_OF_SCENE, np.float32)[:, None], scene.shape)
        return Frame(scene, nowhere, scene)
    in_pixels = table.find(SCREEN_PIXELS | FIXATION_ON_SCREEN)
    if in_pixels and np.isnan(screen).all(axis=1).any():
        raise EmertInputError(
            f"{head.file} gives gaze in pixels and no Recording resolution width and height, which are expected; tick both in "
            "Pro Lab's data export"
        )
    stimulus = table.pair(PRESENTED_SIZE)
    corner = table.find(PRESENTED_CORNER)
    if np.isnan(stimulus).all() or len(corner) < 2:
        if in_pixels and len(table.find(STIMULUS_SHARES)) < 4:
            notes.append(f"The file does not tell where on the screen the stimulus lies, {WHOLE_SCREEN_NOTE}")
        return Frame(screen, nowhere, screen)
    return Frame(screen, np.stack([corner["corner_x"], corner["corner_y"]]), stimulus)


def _points(table: ProLabTable, frame: Frame) -> dict[str, np.ndarray]:
    """Gaze points and fixations in shares. What the file gives as shares of the stimulus goes before pixels."""
    on_screen = table.find(SCREEN_PIXELS | FIXATION_ON_SCREEN)
    on_media = table.find(STIMULUS_PIXELS)
    if table.of_glasses:  # the scene camera's image is the medium and stands for the screen
        on_screen |= {name.replace("_stimulus", ""): column for name, column in on_media.items()}
    shares = {name: column / frame.screen["xy".index(name[-1])] for name, column in on_screen.items()}
    columns = {name: column for name, column in shares.items() if name.startswith("gaze")}
    media = table.pair(ORIGINAL_SIZE)
    media = np.where(np.isnan(media), table.pair(PRESENTED_SIZE), media)
    columns |= {name: column / media["xy".index(name[-1])] for name, column in on_media.items()}
    for ours, theirs in (("gaze_stimulus", "gaze"), ("fixation", "fixation")):
        if {f"{theirs}_x", f"{theirs}_y"} <= shares.keys():
            moved = frame.on_stimulus(np.stack([shares[f"{theirs}_x"], shares[f"{theirs}_y"]]))
            columns |= {f"{ours}_x": moved[0], f"{ours}_y": moved[1]}
    return columns | {name: column for name, column in table.find(STIMULUS_SHARES).items() if np.isfinite(column).any()}


def _eyes(table: ProLabTable, notes: list[str]) -> dict[str, np.ndarray]:
    """What is measured of the eyes themselves, and how sure the tracker is of them."""
    columns = table.find(AS_IT_IS) | table.find(POINTS_AS_IT_IS) | table.find(EYES_AS_IT_IS, "xyz")
    if PUPIL_OF_BOTH in table.numbers and not {"pupil_left", "pupil_right"} & columns.keys():
        columns |= dict.fromkeys(("pupil_left", "pupil_right"), table.numbers[PUPIL_OF_BOTH])
        notes.append("The file gives one filtered pupil diameter, which stands for both eyes.")
    for name in {"pupil_left", "pupil_right", "event_duration"} & columns.keys():
        columns[name] = np.where(columns[name] > 0, columns[name], np.nan)
    return columns


def _movements(table: ProLabTable, columns: dict[str, np.ndarray], samples: np.ndarray) -> np.ndarray | None:
    """Adds validities, fixations, saccades and blinks to the columns and takes out what lost eyes left there.

    Returns the number of the fixation in progress, `(rows,)`, NaN outside; None where the file tells no movements.
    """
    lost = {}
    for side in SIDES:
        columns |= all_or_none(columns, [f"eye_{side}_{axis}" for axis in "xyz"])
        columns[f"validity_{side}"] = _validity(table, columns, side)
        lost[side] = (columns[f"validity_{side}"] == 0) & (f"validity{side}" in table.texts)
    movement = table.texts.get(MOVEMENT)
    if movement is None:
        drop_lost_eyes(columns, lost)
        return None
    told = ~_is(movement, "")
    columns |= {f"in_{word}": np.where(told, _is(movement, word), np.nan) for word in ("fixation", "saccade")}
    blink = _is(movement, "blink")
    if blink.any():
        columns["blink"] = np.where(told, blink, np.nan)
    drop_lost_eyes(columns, {side: flags | blink for side, flags in lost.items()})
    fixating = _is(movement, "fixation")
    begins = np.zeros(table.rows, bool)
    begins[samples] = np.diff(fixating[samples].astype(np.int8), prepend=0) > 0
    index = table.numbers.get(MOVEMENT_INDEX, np.cumsum(begins))
    return np.where(fixating, index, np.nan)


def _validity(table: ProLabTable, columns: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Valid 1, Invalid 0; old versions write Studio's codes, 0, sure, to 4, not found. Without any, what is there tells."""
    column = table.texts.get(f"validity{side}")
    if column is not None:
        shares = {"valid": 1.0, "invalid": 0.0} | {str(code): 1 - code / 4 for code in range(5)}
        return np.array([shares.get(value.strip().lower(), np.nan) for value in column.values])[column.codes]
    evidence = [columns[name] for name in (f"gaze_{side}_x", f"pupil_{side}", f"eye_{side}_x") if name in columns]
    return (~np.isnan(np.stack(evidence))).any(axis=0).astype(np.float64) if evidence else np.full(table.rows, np.nan)
