"""The columns of Tobii Pro Lab: which becomes which of ours.

Pro Lab's versions spell its columns differently: `Gaze point X`, `Gaze point X (DACSpx)`, `Gaze point X [DACS px]`, with RCS
instead of DACS in its first years; `plain_name` makes them one. DACS is the screen, MCS the stimulus (with Glasses: the scene
camera's image), HUCS the coordinate system of the Glasses themselves.
"""

import re
from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.samples import spell
from dataset_scripts.readers.text.text_table import Head, Header, Table, TextColumn, read_table

# Columns that describe the rows. A time without a unit is in ms in older versions of Pro Lab, in microseconds in newer ones.
EYE_TRACKER_TIME = ("eyetrackertimestamp[us]", "eyetrackertimestamp[ms]", "eyetrackertimestamp")
TIMES = ("recordingtimestamp[us]", "recordingtimestamp[ms]", "recordingtimestamp", *EYE_TRACKER_TIME)
SENSOR, EVENT, PARTICIPANT, RECORDING = "sensor", "event", "participantname", "recordingname"
STIMULUS = ("presentedstimulusname", "presentedmedianame")
MOVEMENT, MOVEMENT_INDEX = "eyemovementtype", "eyemovementtypeindex"
TEXTS = (SENSOR, EVENT, PARTICIPANT, RECORDING, *STIMULUS, MOVEMENT, "validityleft", "validityright", "recordingduration")

# Our column -> the exported ones that it may come from, by kind of unit; the first group needs no conversion.
UNCHANGED = {"event_duration": ("eyemovementeventduration", "gazeeventduration")}
UNCHANGED |= spell({"pupil_{side}": ("pupildiameter{side}",)})
UNCHANGED |= spell(
    {
        "eye_{side}_{axis}": (
            "eyeposition{side}{axis}[dacsmm]",
            "pupilposition{side}{axis}[hucsmm]",
            "pupilposition{side}{axis}",
        )
    },
    "xyz",
)
UNCHANGED |= spell(
    {
        "gaze_{side}_mm_{axis}": (
            "gazepoint{side}{axis}[dacsmm]",
            "gazepoint3d{side}{axis}[hucsmm]",
            "gaze3dposition{side}{axis}",
        ),
        "gaze_mm_{axis}": ("gazepoint{axis}[dacsmm]", "gazepoint3d{axis}[hucsmm]", "gaze3dpositioncombined{axis}"),
    },
    "xy",
)
STIMULUS_NORMALISED = spell(
    {"gaze_stimulus_{axis}": ("gazepoint{axis}[mcsnorm]",), "fixation_{axis}": ("fixationpoint{axis}[mcsnorm]",)}, "xy"
)
STIMULUS_PIXELS = spell(
    {"gaze_stimulus_{axis}": ("gazepoint{axis}[mcspx]",), "fixation_{axis}": ("fixationpoint{axis}[mcspx]",)}, "xy"
)
# `fixation_{axis}` is relative to the stimulus in our columns and has to be converted from the screen.
SCREEN_PIXELS = spell(
    {
        "gaze_{side}_{axis}": ("gazepoint{side}{axis}[dacspx]", "gazepoint{side}{axis}"),
        "gaze_{axis}": ("gazepoint{axis}[dacspx]", "gazepoint{axis}"),
        "fixation_{axis}": ("fixationpoint{axis}[dacspx]", "fixationpoint{axis}"),
    },
    "xy",
)
PUPIL_OF_BOTH = "pupildiameterfiltered"  # one pupil for both eyes, smoothed
SCREEN_SIZE = ("recordingresolutionwidth", "recordingresolutionheight")
SCENE_SIZE = ("recordingmediawidth", "recordingmediaheight")
PRESENTED_SIZE = ("presentedmediawidth", "presentedmediaheight")
PRESENTED_CORNER = spell({"corner_{axis}": ("presentedmediaposition{axis}[dacspx]", "presentedmediaposition{axis}")}, "xy")
ORIGINAL_SIZE = ("originalmediawidth", "originalmediaheight")

_SOURCES = (UNCHANGED, STIMULUS_NORMALISED, STIMULUS_PIXELS, SCREEN_PIXELS, PRESENTED_CORNER)
NUMBERS = {name for sources in _SOURCES for names in sources.values() for name in names}
NUMBERS |= {MOVEMENT_INDEX, PUPIL_OF_BOTH, *SCREEN_SIZE, *SCENE_SIZE, *PRESENTED_SIZE, *ORIGINAL_SIZE}
_ONLY_GLASSES = ("gyro", "accelerometer", "recordingmedia", "gazepoint3d", "gaze3dposition", "mapped", "automaticallymapped")


def plain_name(name: str) -> str:
    """ "Gaze point X (RCSpx)" -> "gazepointx[dacspx]"; units are dropped except DACS, MCS, HUCS and those of times."""
    name = name.replace(" ", "").lower().replace("(", "[").replace(")", "]").replace("[rcs", "[dacs")
    name = re.sub(r"timestamp\[[^m]+s\]$", "timestamp[us]", name)  # two characters look like a micro sign
    return re.sub(r"(?<!timestamp)\[(?:mm|ms|px)\]$", "", name)


@dataclass(frozen=True)
class ProLabTable:
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


def read_pro_lab_table(head: Head, header: Header, notes: list[str]) -> ProLabTable:
    """All columns that the reader uses. Raises `EmertInputError`."""
    spelt = {plain_name(name): name for name in reversed(header.names)}  # of two with the same name the first counts
    numbers, texts, times = ({plain: spelt[plain] for plain in group if plain in spelt} for group in (NUMBERS, TEXTS, TIMES))
    table: Table = read_table(head, header, numbers.values(), texts.values(), times.values(), notes=notes)
    return ProLabTable(
        table.rows,
        {plain: table.numbers[name] for plain, name in numbers.items()},
        {plain: table.numbers[name] for plain, name in times.items()},
        {plain: table.texts[name] for plain, name in texts.items()},
        tuple(spelt),
    )
