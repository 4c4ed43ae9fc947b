"""Which exported column of Tobii Pro Lab becomes which of ours.

Pro Lab has spelt its columns in several ways: `Gaze point X`, `Gaze point X (DACSpx)`, `Gaze point X [DACS px]`, and RCS for
DACS in its first years; `plain_name` makes them one. DACS counts on the screen, MCS on the stimulus (with Glasses: in the
scene camera's image), HUCS is the coordinate system of the Glasses themselves.
"""

import re
from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.text.text_table import Head, Header, Table, TextColumn, read_table
from dataset_scripts.readers.tobii.tobii_rows import SIDES, spell

# What the rows are about. A time without a unit is in milliseconds in older versions of Pro Lab, in microseconds in newer.
EYE_TRACKER_TIME = ("eyetrackertimestamp[us]", "eyetrackertimestamp[ms]", "eyetrackertimestamp")
TIMES = ("recordingtimestamp[us]", "recordingtimestamp[ms]", "recordingtimestamp", *EYE_TRACKER_TIME)
SENSOR, EVENT, PARTICIPANT, RECORDING = "sensor", "event", "participantname", "recordingname"
STIMULUS = ("presentedstimulusname", "presentedmedianame")
MOVEMENT, MOVEMENT_INDEX = "eyemovementtype", "eyemovementtypeindex"
TEXTS = (SENSOR, EVENT, PARTICIPANT, RECORDING, *STIMULUS, MOVEMENT, "validityleft", "validityright", "recordingduration")

# Our column -> the exported ones that it may come from, by kind of unit.
AS_IT_IS = {
    "event_duration": ("eyemovementeventduration", "gazeeventduration"),
    "pupil_left": ("pupildiameterleft",),
    "pupil_right": ("pupildiameterright",),
}
EYES_AS_IT_IS = {
    f"eye_{side}_{{axis}}": tuple(
        f"{name}{side}{{axis}}{unit}"
        for name, unit in (("eyeposition", "[dacsmm]"), ("pupilposition", "[hucsmm]"), ("pupilposition", ""))
    )
    for side in SIDES
}
POINTS_AS_IT_IS = {
    f"gaze_{ours}mm_{{axis}}": (
        f"gazepoint{side}{{axis}}[dacsmm]",
        f"gazepoint3d{side}{{axis}}[hucsmm]",
        f"gaze3dposition{old}{{axis}}",
    )
    for ours, side, old in (("left_", "left", "left"), ("right_", "right", "right"), ("", "", "combined"))
}
STIMULUS_SHARES = {
    "gaze_stimulus_{axis}": ("gazepoint{axis}[mcsnorm]",),
    "fixation_{axis}": ("fixationpoint{axis}[mcsnorm]",),
}
STIMULUS_PIXELS = {
    "gaze_stimulus_{axis}": ("gazepoint{axis}[mcspx]",),
    "fixation_{axis}": ("fixationpoint{axis}[mcspx]",),
}
SCREEN_PIXELS = {
    f"{ours}_{{axis}}": (f"{theirs}{{axis}}[dacspx]", f"{theirs}{{axis}}")
    for ours, theirs in (("gaze_left", "gazepointleft"), ("gaze_right", "gazepointright"), ("gaze", "gazepoint"))
}
# Only for `fixation_{axis}`, which is a share of the stimulus: it has to be moved there.
FIXATION_ON_SCREEN = {"fixation_{axis}": ("fixationpoint{axis}[dacspx]", "fixationpoint{axis}")}
# One pupil for both eyes, smoothed.
PUPIL_OF_BOTH = "pupildiameterfiltered"
SCREEN_SIZE = ("recordingresolutionwidth", "recordingresolutionheight")
SCENE_SIZE = ("recordingmediawidth", "recordingmediaheight")
PRESENTED_SIZE = ("presentedmediawidth", "presentedmediaheight")
PRESENTED_CORNER = {"corner_{axis}": ("presentedmediaposition{axis}[dacspx]", "presentedmediaposition{axis}")}
ORIGINAL_SIZE = ("originalmediawidth", "originalmediaheight")

_BY_AXIS = (
    *(spell(mapping, "xy") for mapping in (POINTS_AS_IT_IS, STIMULUS_SHARES, STIMULUS_PIXELS, SCREEN_PIXELS)),
    *(spell(mapping, "xy") for mapping in (FIXATION_ON_SCREEN, PRESENTED_CORNER)),
    spell(EYES_AS_IT_IS, "xyz"),
    AS_IT_IS,
)
NUMBERS = {name for mapping in _BY_AXIS for names in mapping.values() for name in names}
NUMBERS |= {MOVEMENT_INDEX, PUPIL_OF_BOTH, *SCREEN_SIZE, *SCENE_SIZE, *PRESENTED_SIZE, *ORIGINAL_SIZE}
_ONLY_GLASSES = ("gyro", "accelerometer", "recordingmedia", "gazepoint3d", "gaze3dposition", "mapped", "automaticallymapped")


def plain_name(name: str) -> str:
    """ "Gaze point X (RCSpx)" -> "gazepointx[dacspx]"; units that tell nothing are dropped, those of times are kept."""
    name = name.replace(" ", "").lower().replace("(", "[").replace(")", "]").replace("[rcs", "[dacs")
    name = re.sub(r"timestamp\[[^m]+s\]$", "timestamp[us]", name)  # two characters look like a micro sign
    return re.sub(r"(?<!timestamp)\[(?:mm|ms|px)\]$", "", name)


@dataclass(frozen=True)
class ProLabTable:
    """The columns that are there, by their plain names: `numbers` and `times` `(rows,)`, `texts`; `plain_names` of all."""

    rows: int
    numbers: dict[str, np.ndarray]
    times: dict[str, np.ndarray]
    texts: dict[str, TextColumn]
    plain_names: tuple[str, ...]

    @property
    def of_glasses(self) -> bool:
        """Whether a head-mounted tracker wrote it: by columns that only one of the two kinds of project has."""
        if any(name.startswith("presented") or "[dacs" in name for name in self.plain_names):
            return False
        known = any(name.startswith(_ONLY_GLASSES) or "[hucs" in name for name in self.plain_names)
        return known or "gazepointx[mcspx]" in self.plain_names

    @property
    def duration_ms(self) -> float | None:
        """The longest of the recordings' durations; None where it is not told as a number (some write 00:01:30)."""
        column = self.texts.get("recordingduration")
        told = [value.replace(",", ".") for value in column.values] if column is not None else []
        return max((float(value) for value in told if re.fullmatch(r"\d{1,12}(\.\d{1,9})?", value)), default=None)

    def find(self, mapping: dict[str, tuple[str, ...]], axes: str = "xy") -> dict[str, np.ndarray]:
        """Our columns of one of the mappings here, as they stand in the file."""
        columns = {}
        for ours, theirs in spell(mapping, axes).items():
            name = next((name for name in theirs if name in self.numbers), None)
            if name is not None:
                columns[ours] = self.numbers[name]
        return columns

    def pair(self, names: tuple[str, str]) -> np.ndarray:
        """`(2, rows)` of two columns; NaN where they are not there, or are no size."""
        missing = np.full(self.rows, np.nan, np.float32)
        values = np.stack([self.numbers.get(name, missing) for name in names])
        return np.where(values > 0, values, np.nan)


def read_pro_lab_table(head: Head, header: Header, notes: list[str]) -> ProLabTable:
    """All columns of use. Raises `EmertInputError`."""
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
