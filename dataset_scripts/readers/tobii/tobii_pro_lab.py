"""Tobii Pro Lab's data export: screen-based trackers and Glasses.

Every sensor has its own rows, and so have events: only the eye tracker's rows are samples. With Glasses there is no screen: the
scene camera's image is taken as both the screen and the stimulus.

Pro Lab's versions spell its columns differently: `Gaze point X`, `Gaze point X (DACSpx)`, `Gaze point X [DACS px]`, with RCS
instead of DACS in its first years; `plain_name` makes them one. DACS is the screen, MCS the stimulus (with Glasses: the scene
camera's image), HUCS the coordinate system of the Glasses themselves.
"""

import re
from dataclasses import dataclass

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..samples import SIDES, all_or_none, find_columns, has_value, keep_positive, spell
from ..text.text_table import Head, Header, TextColumn, read_table
from .glasses3 import SCENE_NOTE
from .tobii_rows import ENTIRE_SCREEN_NOTE, NO_VALIDITY_NOTE, Frame, TobiiRows, drop_lost_eyes

NAME = "tobii_pro_lab"
TITLE = "Tobii Pro Lab's data export (Recording timestamp, Gaze point X, Eye movement type, ...)"

# Columns that describe the rows. A time without a unit is in ms in older versions of Pro Lab, in microseconds in newer ones.
EYE_TRACKER_TIME = ("eyetrackertimestamp[us]", "eyetrackertimestamp[ms]", "eyetrackertimestamp")
TIMES = ("recordingtimestamp[us]", "recordingtimestamp[ms]", "recordingtimestamp", *EYE_TRACKER_TIME)
SENSOR, EVENT, PARTICIPANT, RECORDING = "sensor", "event", "participantname", "recordingname"
STIMULUS = ("presentedstimulusname", "presentedmedianame")
MOVEMENT, MOVEMENT_INDEX = "eyemovementtype", "eyemovementtypeindex"
TEXTS = (SENSOR, EVENT, PARTICIPANT, RECORDING, *STIMULUS, MOVEMENT, "validityleft", "validityright", "recordingduration")

# Our column -> the exported ones that it may come from, by kind of unit; the first group needs no conversion.
UNCHANGED = spell(
    {
        "event_duration": ("eyemovementeventduration", "gazeeventduration"),
        "pupil_{side}": ("pupildiameter{side}",),
        "eye_{side}_{xyz}": ("eyeposition{side}{xyz}[dacsmm]", "pupilposition{side}{xyz}[hucsmm]", "pupilposition{side}{xyz}"),
        "gaze_{side}_mm_{xy}": ("gazepoint{side}{xy}[dacsmm]", "gazepoint3d{side}{xy}[hucsmm]", "gaze3dposition{side}{xy}"),
        "gaze_mm_{xy}": ("gazepoint{xy}[dacsmm]", "gazepoint3d{xy}[hucsmm]", "gaze3dpositioncombined{xy}"),
    }
)
STIMULUS_NORMALISED = spell(
    {"gaze_stimulus_{xy}": ("gazepoint{xy}[mcsnorm]",), "fixation_{xy}": ("fixationpoint{xy}[mcsnorm]",)}
)
STIMULUS_PIXELS = spell({"gaze_stimulus_{xy}": ("gazepoint{xy}[mcspx]",), "fixation_{xy}": ("fixationpoint{xy}[mcspx]",)})
# `fixation_{xy}` is relative to the stimulus in our columns and has to be converted from the screen.
SCREEN_PIXELS = spell(
    {
        "gaze_{side}_{xy}": ("gazepoint{side}{xy}[dacspx]", "gazepoint{side}{xy}"),
        "gaze_{xy}": ("gazepoint{xy}[dacspx]", "gazepoint{xy}"),
        "fixation_{xy}": ("fixationpoint{xy}[dacspx]", "fixationpoint{xy}"),
    }
)
PUPIL_OF_BOTH = "pupildiameterfiltered"  # one pupil for both eyes, smoothed
SCREEN_SIZE = ("recordingresolutionwidth", "recordingresolutionheight")
SCENE_SIZE = ("recordingmediawidth", "recordingmediaheight")
PRESENTED_SIZE = ("presentedmediawidth", "presentedmediaheight")
PRESENTED_CORNER = spell({"corner_{xy}": ("presentedmediaposition{xy}[dacspx]", "presentedmediaposition{xy}")})
ORIGINAL_SIZE = ("originalmediawidth", "originalmediaheight")

_SOURCES = (UNCHANGED, STIMULUS_NORMALISED, STIMULUS_PIXELS, SCREEN_PIXELS, PRESENTED_CORNER)
NUMBERS = {name for sources in _SOURCES for names in sources.values() for name in names}
NUMBERS |= {MOVEMENT_INDEX, PUPIL_OF_BOTH, *SCREEN_SIZE, *SCENE_SIZE, *PRESENTED_SIZE, *ORIGINAL_SIZE}
_ONLY_GLASSES = ("gyro", "accelerometer", "recordingmedia", "gazepoint3d", "gaze3dposition", "mapped", "automaticallymapped")

_TIME = re.compile(r"(?:Recording|Eye ?tracker) ?timestamp(?: ?[\[(][^\])]{1,8}[\])])?")
_OF_EYES = ("gazepoint", "gaze3dposition", "fixationpoint", "pupildiameter", "eyeposition", "eyemovementtype", "validity")
_SIZE_OF_SCENE = (1920, 1080)  # of Glasses 2 and 3, says Tobii
# Samples are 0.8 to 40 ms apart at 25 to 1200 Hz: larger steps are in microseconds.
_LONGEST_STEP_MS = 200


def plain_name(name: str) -> str:
    """ "Gaze point X (RCSpx)" -> "gazepointx[dacspx]"; units are dropped except DACS, MCS, HUCS and those of times."""
    name = name.replace(" ", "").lower().replace("(", "[").replace(")", "]").replace("[rcs", "[dacs")
    name = re.sub(r"timestamp\[[^m]+s\]$", "timestamp[us]", name)  # two characters look like a micro sign
    return re.sub(r"(?<!timestamp)\[(?:mm|ms|px)\]$", "", name)


@dataclass(frozen=True)
class _ProLabTable:
    """The columns that the file has, by plain name: `numbers` and `times` `(rows,)`, `texts`; `plain_names` of all."""

    rows: int
    numbers: dict[str, np.ndarray]
    times: dict[str, np.ndarray]
    texts: dict[str, TextColumn]
    plain_names: tuple[str, ...]

    @property
    def of_glasses(self) -> bool:
        """Whether a head-mounted tracker recorded it: by columns that only one of the two kinds of project has."""
        if any(name.startswith("presented") or "[dacs" in name for name in self.plain_names):
            return False
        known = any(name.startswith(_ONLY_GLASSES) or "[hucs" in name for name in self.plain_names)
        return known or "gazepointx[mcspx]" in self.plain_names

    @property
    def duration_ms(self) -> float | None:
        """The longest of the recordings' durations; None where it is no number (some versions write 00:01:30)."""
        column = self.texts.get("recordingduration")
        durations = [value.replace(",", ".") for value in column.values] if column is not None else []
        return max((float(value) for value in durations if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value)), default=None)

    def pair(self, names: tuple[str, str]) -> np.ndarray:
        """`(2, rows)` of two columns with sizes; NaN where they are absent or not positive."""
        missing = np.full(self.rows, np.nan, np.float32)
        values = np.stack([self.numbers.get(name, missing) for name in names])
        return np.where(values > 0, values, np.nan)


def _read_table(head: Head, header: Header, notes: list[str]) -> _ProLabTable:
    """All columns that the reader uses. Raises `EmertInputError`."""
    spelt = {plain_name(name): name for name in reversed(header.names)}  # of two with the same name the first counts
    numbers, texts, times = ({plain: spelt[plain] for plain in group if plain in spelt} for group in (NUMBERS, TEXTS, TIMES))
    table = read_table(head, header, numbers.values(), texts.values(), times.values(), notes=notes)
    return _ProLabTable(
        table.rows,
        {plain: table.numbers[name] for plain, name in numbers.items()},
        {plain: table.numbers[name] for plain, name in times.items()},
        {plain: table.texts[name] for plain, name in texts.items()},
        tuple(spelt),
    )


def find_header(head: Head) -> Header | None:
    """The line with a time stamp in Pro Lab's spelling (Studio writes `RecordingTimestamp`) and a column of the eyes."""
    match = next(filter(None, map(_TIME.search, head.lines)), None)
    header = match and head.find(match[0].replace(" ", ""))
    return header if header and any(plain_name(name).startswith(_OF_EYES) for name in header.names) else None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each participant, recording and stimulus. Raises `EmertInputError`."""
    notes: list[str] = []
    table = _read_table(head, header, notes)
    samples = _samples(table)
    if not samples.any():
        raise EmertInputError(
            f"{head.file} has no row of the eye tracker's; export the recording again with the eye tracker's data ticked"
        )
    frame = _frame(head, table, notes)
    columns = _points(table, frame) | _eyes(table, notes)
    index = _movements(table, columns, samples)
    if not any(f"validity{side}" in table.texts for side in SIDES):
        notes.append(NO_VALIDITY_NOTE)
    names = (table.texts.get(PARTICIPANT), table.texts.get(RECORDING), _stimulus(table, samples))
    rows = TobiiRows(columns, _times(head, table, samples, notes), samples, frame, index, names)
    return rows.recordings(head.file, NAME, notes)


def _is(column: TextColumn, *words: str) -> np.ndarray:
    """`(rows,)` bool: the cell holds one of these words, whatever its case and spaces."""
    return column.map(lambda text: text.replace(" ", "").lower() in words, bool)


def _samples(table: _ProLabTable) -> np.ndarray:
    """`(rows,)` bool: the eye tracker's rows; without a column of sensors, those not of another sensor or an event."""
    sensor = table.texts.get(SENSOR)
    if sensor is not None and _is(sensor, "eyetracker").any():
        return _is(sensor, "eyetracker")
    clock = next((table.times[name] for name in EYE_TRACKER_TIME if name in table.times), None)
    if clock is not None and np.isfinite(clock).any():
        return np.isfinite(clock)
    if sensor is not None:
        return np.zeros(table.rows, bool)
    validity = [table.texts[f"validity{side}"] for side in SIDES if f"validity{side}" in table.texts]
    if validity:
        return ~np.all([_is(column, "") for column in validity], axis=0)
    event = table.texts.get(EVENT)
    return np.ones(table.rows, bool) if event is None else _is(event, "")


def _times(head: Head, table: _ProLabTable, samples: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(rows,)` ms. Without a unit in the name, it follows from the recording's duration or the steps between samples."""
    name = next((name for name in TIMES if name in table.times), None)
    if name is None:
        raise EmertInputError(f"{head.file} has times in an unknown unit, where ms or μs is expected; export it again")
    times = table.times[name]
    if name.endswith("]"):
        return times / 1000 if name.endswith("[us]") else times
    own = np.sort(times[samples & np.isfinite(times)])
    steps = np.diff(own)
    if table.duration_ms is not None and len(own):
        microseconds = own[-1] > 2 * table.duration_ms
    else:
        microseconds = steps.any() and np.median(steps[steps > 0]) > _LONGEST_STEP_MS
    unit = "microseconds" if microseconds else "milliseconds"
    notes.append(f"The file names no unit of its times; by their steps they are {unit}.")
    return times / 1000 if microseconds else times


def _stimulus(table: _ProLabTable, samples: np.ndarray) -> TextColumn | None:
    """The first of the columns that name one in any sample."""
    found = [table.texts[name] for name in STIMULUS if name in table.texts]
    return next((column for column in found if not _is(column, "")[samples].all()), None)


def _frame(head: Head, table: _ProLabTable, notes: list[str]) -> Frame:
    """Sizes that normalise pixels; NaN where they are not needed."""
    screen = table.pair(SCREEN_SIZE)
    nowhere = np.zeros_like(screen)
    if table.of_glasses:
        notes.append(SCENE_NOTE)
        scene = table.pair(SCENE_SIZE)
        scene = np.where(np.isnan(scene), screen, scene)
        if np.isnan(scene).all():
            notes.append("The file does not give the scene camera's size: that of Glasses 2 and 3, 1920x1080, was taken.")
            scene = np.broadcast_to(np.array(_SIZE_OF_SCENE, np.float32)[:, None], scene.shape)
        return Frame(scene, nowhere, scene)
    in_pixels = find_columns(table.numbers, SCREEN_PIXELS)
    if in_pixels and np.isnan(screen).all(axis=1).any():
        raise EmertInputError(
            f"{head.file} gives gaze in pixels and no Recording resolution width and height, which are expected; tick both in "
            "Pro Lab's data export"
        )
    stimulus = table.pair(PRESENTED_SIZE)
    corner = find_columns(table.numbers, PRESENTED_CORNER)
    if np.isnan(stimulus).all() or len(corner) < 2:
        if in_pixels and len(find_columns(table.numbers, STIMULUS_NORMALISED)) < 4:
            notes.append(f"The file does not say where on the screen the stimulus is, {ENTIRE_SCREEN_NOTE}")
        return Frame(screen, nowhere, screen)
    return Frame(screen, np.stack([corner["corner_x"], corner["corner_y"]]), stimulus)


def _points(table: _ProLabTable, frame: Frame) -> dict[str, np.ndarray]:
    """Normalised gaze points and fixations. Values that the file normalises to the stimulus are preferred to pixels."""
    on_screen = find_columns(table.numbers, SCREEN_PIXELS)
    on_media = find_columns(table.numbers, STIMULUS_PIXELS)
    if table.of_glasses:  # the scene camera's image is both the medium and the screen
        on_screen |= {name.replace("_stimulus", ""): column for name, column in on_media.items()}
    screen = {name: column / frame.screen["xy".index(name[-1])] for name, column in on_screen.items()}
    columns = {name: column for name, column in screen.items() if name.startswith("gaze")}
    media = table.pair(ORIGINAL_SIZE)
    media = np.where(np.isnan(media), table.pair(PRESENTED_SIZE), media)
    columns |= {name: column / media["xy".index(name[-1])] for name, column in on_media.items()}
    for ours, point in (("gaze_stimulus", "gaze"), ("fixation", "fixation")):
        if {f"{point}_x", f"{point}_y"} <= screen.keys():
            points = np.stack([screen[f"{point}_x"], screen[f"{point}_y"]])
            columns[f"{ours}_x"], columns[f"{ours}_y"] = frame.on_stimulus(points)
    normalised = find_columns(table.numbers, STIMULUS_NORMALISED)
    return columns | {name: column for name, column in normalised.items() if np.isfinite(column).any()}


def _eyes(table: _ProLabTable, notes: list[str]) -> dict[str, np.ndarray]:
    """Pupils, positions of the eyes and gaze in mm, and the durations of events."""
    columns = find_columns(table.numbers, UNCHANGED)
    if PUPIL_OF_BOTH in table.numbers and not {"pupil_left", "pupil_right"} & columns.keys():
        columns |= dict.fromkeys(("pupil_left", "pupil_right"), table.numbers[PUPIL_OF_BOTH])
        notes.append("The file gives one filtered pupil diameter, which is used for both eyes.")
    keep_positive(columns, "pupil_left", "pupil_right", "event_duration")
    return columns


def _movements(table: _ProLabTable, columns: dict[str, np.ndarray], samples: np.ndarray) -> np.ndarray | None:
    """Adds validities, fixations, saccades and blinks to the columns and removes the fill values of lost eyes.

    Returns the number of the fixation in progress, `(rows,)`, NaN outside; None where the file has no movements.
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
    known = ~_is(movement, "")
    columns |= {f"in_{word}": np.where(known, _is(movement, word), np.nan) for word in ("fixation", "saccade")}
    blink = _is(movement, "blink")
    if blink.any():
        columns["blink"] = np.where(known, blink, np.nan)
    drop_lost_eyes(columns, {side: flags | blink for side, flags in lost.items()})
    fixating = _is(movement, "fixation")
    begins = np.zeros(table.rows, bool)
    begins[samples] = np.diff(fixating[samples].astype(np.int8), prepend=0) > 0
    index = table.numbers.get(MOVEMENT_INDEX, np.cumsum(begins))
    return np.where(fixating, index, np.nan)


def _validity(table: _ProLabTable, columns: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Valid 1, Invalid 0; old versions write Studio's codes, 0 (certain) to 4 (not found). Without codes, `has_value`."""
    column = table.texts.get(f"validity{side}")
    if column is None:
        return has_value(columns, (f"gaze_{side}_x", f"pupil_{side}", f"eye_{side}_x"), table.rows)
    by_code = {"valid": 1.0, "invalid": 0.0} | {str(code): 1 - code / 4 for code in range(5)}
    return column.map(lambda text: by_code.get(text.strip().lower(), np.nan))
