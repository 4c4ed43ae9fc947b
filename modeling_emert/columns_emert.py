"""The 39 columns of eye movements: name, unit, range, meaning of a missing value.

The authors' network takes 39 numbers for each step; their meaning is published nowhere. This dictionary is ours: the columns
of a screen-based Tobii in the order in which Tobii Studio exports them. A column that a tracker lacks is NaN. In every column
**missing is NaN**, whatever fill value the tracker wrote.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """`range` is the usual one: real recordings may exceed it (gaze outside the screen). `missing`: meaning of a NaN.

    `bounds`: beyond them a number is a fill value, an error or in another unit, and is read as missing.
    """

    name: str
    unit: str
    range: tuple[float, float]
    meaning: str
    missing: str

    @property
    def bounds(self) -> tuple[float, float]:
        return next((_BOUNDS[key] for key in (self.name, self.name.partition("_")[0], self.unit) if key in _BOUNDS), self.range)


_NO_EVENTS = "the tracker reports no events"
_NO_EVENT = "no such event at this moment"
_NO_GAZE = "no gaze point: a blink, a lost eye"
_NO_EYE = "the eye was not found"
_SCREEN = (0.0, 1.0)
_MILLIMETRES = (-1000.0, 1000.0)
# By a column's name, its first word, or else its unit; other columns (flags, certainty) are bounded by their range.
_BOUNDS = {
    "fraction of the screen": (-3.0, 4.0),  # three screens away: 70 degrees, further than an eye turns
    "fraction of the stimulus": (-10.0, 11.0),  # a stimulus may be a third of the screen and less
    "fraction of the image": (-1.0, 2.0),
    "mm": (-10_000.0, 10_000.0),  # before glasses, 10 m
    "ms": (0.0, 60_000.0),
    "degree": (-360.0, 360.0),
    "saccade_amplitude": (0.0, 180.0),
    "eye": (-3_000.0, 5_000.0),
    "distance": (50.0, 5_000.0),
    "pupil": (0.5, 12.0),  # no wider than the iris
}


def _both_axes(name: str, unit: str, range_: tuple[float, float], meaning: str, missing: str) -> tuple[Column, ...]:
    return tuple(Column(f"{name}_{axis}", unit, range_, f"{meaning}, {axis}", missing) for axis in "xy")


def _three_axes(name: str, side: str) -> tuple[Column, ...]:
    meaning = f"position of the {side} eye in the tracker's own coordinates"
    ranges = {"x": (-500.0, 1000.0), "y": (-500.0, 1000.0), "z": (-100.0, 2000.0)}
    return tuple(Column(f"{name}_{axis}", "mm", ranges[axis], f"{meaning}, {axis}", _NO_EYE) for axis in "xyz")


COLUMNS: tuple[Column, ...] = (
    Column("in_fixation", "0 or 1", (0.0, 1.0), "1 while the tracker sees a fixation", _NO_EVENTS),
    Column("in_saccade", "0 or 1", (0.0, 1.0), "1 while the tracker sees a saccade", _NO_EVENTS),
    Column("event_duration", "ms", (0.0, 5000.0), "duration of the fixation, saccade or other event in progress", _NO_EVENT),
    *_both_axes("fixation", "fraction of the stimulus", _SCREEN, "point of the current fixation, origin top left", _NO_EVENT),
    Column("saccade_amplitude", "degree", (0.0, 60.0), "amplitude of the saccade before or in progress", _NO_EVENT),
    Column("saccade_direction", "degree", (0.0, 360.0), "absolute direction of that saccade", _NO_EVENT),
    Column("saccade_turn", "degree", (0.0, 360.0), "its direction relative to the saccade before", _NO_EVENT),
    *_both_axes("gaze_left", "fraction of the screen", _SCREEN, "gaze point of the left eye, origin top left", _NO_GAZE),
    *_both_axes("gaze_right", "fraction of the screen", _SCREEN, "gaze point of the right eye, origin top left", _NO_GAZE),
    *_both_axes("gaze", "fraction of the screen", _SCREEN, "gaze point of both eyes, origin top left", _NO_GAZE),
    *_both_axes("gaze_stimulus", "fraction of the stimulus", _SCREEN, "gaze point of both eyes, origin top left", _NO_GAZE),
    *_both_axes("gaze_left_mm", "mm", _MILLIMETRES, "gaze point of the left eye in the tracker's own coordinates", _NO_GAZE),
    *_both_axes("gaze_right_mm", "mm", _MILLIMETRES, "gaze point of the right eye in the tracker's own coordinates", _NO_GAZE),
    *_both_axes("gaze_mm", "mm", _MILLIMETRES, "gaze point of both eyes in the tracker's own coordinates", _NO_GAZE),
    *_three_axes("eye_left", "left"),
    *_three_axes("eye_right", "right"),
    *_both_axes("camera_left", "fraction of the image", _SCREEN, "left eye in the tracker's camera image", _NO_EYE),
    *_both_axes("camera_right", "fraction of the image", _SCREEN, "right eye in the tracker's camera image", _NO_EYE),
    Column("distance_left", "mm", (300.0, 1500.0), "distance of the left eye from the tracker", _NO_EYE),
    Column("distance_right", "mm", (300.0, 1500.0), "distance of the right eye from the tracker", _NO_EYE),
    Column("pupil_left", "mm", (1.0, 9.0), "pupil diameter of the left eye", "no pupil: a blink, a lost eye"),
    Column("pupil_right", "mm", (1.0, 9.0), "pupil diameter of the right eye", "no pupil: a blink, a lost eye"),
    Column("validity_left", "0..1", (0.0, 1.0), "how sure the tracker is of the left eye; 1 is sure", "not reported"),
    Column("validity_right", "0..1", (0.0, 1.0), "how sure the tracker is of the right eye; 1 is sure", "not reported"),
    Column("blink", "0 or 1", (0.0, 1.0), "1 while the tracker reports a blink", "the tracker reports no blinks"),
)

COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
NUM_COLUMNS = len(COLUMNS)
COLUMN_INDEX: dict[str, int] = {name: index for index, name in enumerate(COLUMN_NAMES)}

# The lowest and the highest value of each column.
BOUNDS: tuple[tuple[float, ...], tuple[float, ...]] = tuple(zip(*(column.bounds for column in COLUMNS), strict=True))
# Columns of one point: with one coordinate out of bounds the point is none.
POINTS: tuple[tuple[int, ...], ...] = tuple(
    tuple(COLUMN_INDEX[name] for name in COLUMN_NAMES if name[:-2] == point)
    for point in dict.fromkeys(name[:-2] for name in COLUMN_NAMES if name[-2:] in ("_x", "_y", "_z"))
)
PUPILS = (COLUMN_INDEX["pupil_left"], COLUMN_INDEX["pupil_right"])

# A sample in which all of these are missing has no gaze: it counts as lost.
GAZE_COLUMNS = tuple(f"gaze{part}_{axis}" for part in ("_left", "_right", "", "_stimulus") for axis in "xy")

# Action units of the face by their numbers in the Facial Action Coding System, as OpenFace estimates them (intensity 0..5).
ACTION_UNITS = tuple(f"AU{number:02d}" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))


def columns_markdown() -> str:
    """The dictionary as a Markdown table, for the command line and the data card."""
    lines = ["| # | column | unit | usual range | missing beyond | meaning | NaN means |", "|---|---|---|---|---|---|---|"]
    for index, column in enumerate(COLUMNS):
        usual, bounds = (f"{low:g} .. {high:g}" for low, high in (column.range, column.bounds))
        known = f"{column.unit} | {usual} | {bounds} | {column.meaning}"
        lines.append(f"| {index} | `{column.name}` | {known} | {column.missing} |")
    return "\n".join(lines)
