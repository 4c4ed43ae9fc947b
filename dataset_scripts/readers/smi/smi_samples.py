"""SMI: samples, as the IDF Converter and BeGaze write them (`Time Type Trial L POR X [px] ...`, in microseconds, with
messages between the samples), and as BeGaze's newer Raw Data (`RecordingTime [ms], Point of Regard Left X [px] ...`).

A recording for every participant, trial and stimulus. If no column names the stimulus, the messages do: the samples before a
trial's first message belong to it. Zeros are missing. The screen's size is the preamble's `Calibration Area`, else a guess
with a note. Fixations are the runs of samples that the export marks as one.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import MILLIMETRES, OWN_UNITS, Gaze

from ..clock import rising
from ..eye_events import mean_of_eyes, tidy_fixations
from ..samples import SIDES, all_or_none, drop_where, find_columns, group_rows, keep_positive, spell, stack_columns
from ..text.text_table import Head, Header, Table, TextColumn, data_header, read_lines, read_table, select_lines

NAME = "smi_samples"
TITLE = "SMI's samples (Time, Type, Trial, L POR X [px], ..., or RecordingTime [ms], Point of Regard Left X [px], ...)"

# Runs of samples: Type, the second column, is SMP for them and MSG for a message.
SAMPLE_ROWS = re.compile(rb"(?m)^(?:[^\t,;\n]*+[\t,;]SMP[\t,;][^\n]*+\n)++")

TIME = {"Time": 1e-3, "RecordingTime[ms]": 1.0}
TRIAL, PARTICIPANT, STIMULUS = ("Trial",), ("Participant", "Subject"), ("Stimulus",)
# Rows of Raw Data that are no samples.
NO_SAMPLE = ("Separator", "User Event", "UserEvent")

# Our column -> the exported names that it may come from.
SOURCES = spell(
    {
        "pupil_{side}": ("{S}MappedDiameter[mm]", "{S}PupilDiameter[mm]", "PupilDiameter{Side}[mm]"),
        "validity_{side}": ("{S}Validity",),
        "gaze_{side}_{xy}": ("{S}POR{XY}[px]", "PointofRegard{Side}{XY}[px]"),
        "gaze_{xy}": ("BPOR{XY}[px]", "PointofRegardBinocular{XY}[px]"),
        "eye_{side}_{xyz}": ("{S}EPOS{XYZ}", "EyePosition{Side}{XYZ}[mm]"),
    }
)
PUPIL_PIXELS = {"left": ("LDiaX[px]", "LDiaY[px]"), "right": ("RDiaX[px]", "RDiaY[px]")}
EVENTS = {"left": ("LEventInfo", "CategoryLeft"), "right": ("REventInfo", "CategoryRight"), "": ("CategoryBinocular",)}
EVENT_NUMBERS = {"left": "IndexLeft", "right": "IndexRight", "": "IndexBinocular"}
FIXATIONS = ("Fixation", "Visual Intake")

CALIBRATION_AREA, RATE = "Calibration Area", "Sample Rate"
# Common screen sizes, for files that don't give the screen's size.
COMMON_SCREENS = ((1024, 768), (1280, 1024), (1440, 900), (1680, 1050), (1920, 1080), (1920, 1200), (2560, 1440), (3840, 2160))
# The fraction of gaze points expected on the screen; the others may be beside it.
ON_SCREEN = 0.99

_MISSING_NAMES = ("", "-")
_MESSAGE = re.compile(r"#\s*Message:\s*(.+?)\s*$")
_FILE_NAME = re.compile(r"(?!UE-).+\.(jpe?g|png|bmp|gif|tiff?|avi|mp4|wmv|mpe?g|mov|mkv|webm|html?|pdf|txt|swf)", re.IGNORECASE)


class StimulusMessage(NamedTuple):
    """A stimulus is shown from `time` (in the file's unit) in the trial of that name."""

    time: float
    trial: str
    stimulus: str


def preamble(head: Head, header: Header) -> dict[str, str]:
    """`Name: value` lines above the header, with or without the `##` that some begin with."""
    return {name.lstrip("# "): value for name, value in head.preamble(header).items()}


def stimulus_messages(head: Head, rows: re.Pattern[bytes], separator: str, user_events: bool) -> list[StimulusMessage]:
    """The messages that name a picture or video, in the order of the file; not others (`START`, `UE-keypress A`).

    `user_events`: they are the lines that match `rows` (type, trial, number, time, text), as among events; else they are
    those of the other lines with the type MSG (time, type, trial, text), as between samples.
    """
    found = []
    for line in read_lines(select_lines(head, rows, others=not user_events)):
        if user_events:
            _, trial, _, time, text = line.split(separator, 4) if line.count(separator) >= 4 else [""] * 5
        else:
            time, kind, trial, text = line.split(separator, 3) if line.count(separator) >= 3 else [""] * 4
            text = text if kind == "MSG" else ""
        message = _MESSAGE.search(text.strip().strip('"'))
        if message is not None and _FILE_NAME.fullmatch(message[1]):
            with suppress(ValueError):  # a damaged time
                found.append(StimulusMessage(float(time), trial.strip(), message[1]))
    return found


def screen_size(head: Head, known: Mapping[str, str], x: np.ndarray, y: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(2,)` width and height in pixels: the calibration area's, else the smallest common screen that contains the gaze.

    `x`, `y`: the points in pixels. A note says so if the size is a guess.
    """
    text = known.get(CALIBRATION_AREA)
    if text is not None:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", text)
        size = [float(number.replace(",", ".")) for number in numbers[:2]]
        if len(size) < 2 or not all(1 < side < 1e5 for side in size):
            raise EmertInputError(
                f"{head.file} has {text[:40]!r} as {CALIBRATION_AREA}, where a size in pixels like 1680 1050 is expected; "
                "correct that line"
            )
        return np.array(size)
    present = np.isfinite(x) & np.isfinite(y)
    right, bottom = np.quantile(np.stack([x[present], y[present]]), ON_SCREEN, axis=1) if present.any() else (0.0, 0.0)
    guess = next((size for size in COMMON_SCREENS if size[0] >= right and size[1] >= bottom), COMMON_SCREENS[-1])
    notes.append(
        f"The file gives gaze in pixels and no size of the screen: {guess[0]} x {guess[1]} is a guess, the smallest common "
        f"screen that contains {ON_SCREEN:.0%} of the points. If it is wrong, add a line '## {CALIBRATION_AREA}: 1680 1050' "
        "with your screen's size at the top of the file."
    )
    return np.array(guess, float)


def text_column(table: Table, names: tuple[str, ...]) -> TextColumn:
    """The first of these columns that the table has, with `-` as empty; all empty if it has none."""
    column = next((table.texts[name] for name in names if name in table.texts), TextColumn(np.zeros(table.rows, int), ("",)))
    values = tuple("" if value.strip() in _MISSING_NAMES else value.strip() for value in column.values)
    return TextColumn(column.codes % len(values), values)  # no code -1 any more


def find_header(head: Head) -> Header | None:
    """By the name of the time and a point of regard."""
    for required in (("Time", "Type", "Trial"), ("RecordingTime[ms]",)):
        header = head.find(*required)
        if header is not None and any("POR" in name or name.startswith("PointofRegard") for name in header.names):
            return header
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each participant, trial and stimulus. Raises `EmertInputError`."""
    notes: list[str] = []
    known = preamble(head, header)
    table = _table(head, header, notes)
    columns = _our_columns(head, table, known, notes)
    mixed = "Type" in header.names
    messages = stimulus_messages(head, SAMPLE_ROWS, header.separator, user_events=False) if mixed else []
    unit, time = next((unit, table.numbers[name]) for name, unit in TIME.items() if name in table.numbers)
    rate = re.match(r"[1-9]\d{0,4}", known.get(RATE, ""))
    in_pixels = any("pixels of the tracker's camera" in note for note in notes)
    recordings = []
    for rows, participant, stimulus in _groups(head.file, table, messages, time):
        order, times, own_notes = rising(time[rows] * unit, head.file, float(rate[0]) if rate else None)
        if len(times):
            values, fixations = stack_columns(table.rows, columns, rows[order]), _fixations(table, columns, rows[order], times)
            gaze = Gaze(values, times, fixations, stimulus=stimulus or None, format=NAME, notes=[*notes, *own_notes])
            gaze.pupil_unit = OWN_UNITS if in_pixels else MILLIMETRES
            gaze.participant = participant or known.get("Subject") or None
            recordings.append(gaze)
    if not recordings:
        raise EmertInputError(f"{head.file} has a header and no samples; export the gaze data of a recording")
    return recordings


def _table(head: Head, header: Header, notes: list[str]) -> Table:
    if "Type" in header.names:
        head = select_lines(head, SAMPLE_ROWS)
        header = data_header(header, head)
    numbers = [name for names in (*SOURCES.values(), *PUPIL_PIXELS.values()) for name in names]
    texts = [name for names in (TRIAL, PARTICIPANT, STIMULUS, *EVENTS.values()) for name in names]
    return read_table(head, header, [*numbers, *EVENT_NUMBERS.values()], texts, times=tuple(TIME), notes=notes)


def _groups(
    file: object, table: Table, messages: list[StimulusMessage], time: np.ndarray
) -> Iterator[tuple[np.ndarray, str, str]]:
    """Row numbers, participant and stimulus of each recording, in the order in which they begin."""
    trials, people, stimuli = (text_column(table, names) for names in (TRIAL, PARTICIPANT, STIMULUS))
    samples = np.ones(table.rows, bool)
    for names in EVENTS.values():
        samples &= ~_is(text_column(table, names), NO_SAMPLE)
    for own in group_rows(file, np.flatnonzero(samples), (people, trials, stimuli), time):
        person, trial, stimulus = (column[own[0]] for column in (people, trials, stimuli))
        shown = [message for message in messages if message.trial == trial]
        if stimulus or not shown:
            yield own, person, stimulus
            continue
        shown.sort(key=lambda message: message.time)
        part = np.searchsorted([message.time for message in shown[1:]], time[own], side="right")
        yield from ((own[part == index], person, shown[index].stimulus) for index in np.unique(part))


def _our_columns(head: Head, table: Table, known: dict[str, str], notes: list[str]) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each, in our units; zeros are missing."""
    columns = find_columns(table.numbers, SOURCES)
    axes = {name[-1] for name in columns if name.startswith("gaze")}
    if axes != {"x", "y"}:
        raise EmertInputError(f"{head.file} has no point of regard with x and y of an eye; tick both in SMI's export")
    points = [[f"gaze{side}_{axis}" for axis in "xy"] for side in ("_left", "_right", "")]
    points += [[f"eye_{side}_{axis}" for axis in "xyz"] for side in SIDES]
    for names in points:
        columns |= _without_zeros(columns, names)
    _pupils(table, columns, notes)
    columns |= {name: column for name, column in mean_of_eyes(columns).items() if name not in columns}
    size = screen_size(head, known, columns["gaze_x"], columns["gaze_y"], notes)
    columns |= {name: column / size["xy".index(name[-1])] for name, column in columns.items() if name.startswith("gaze")}
    for side in SIDES:
        if f"eye_{side}_z" in columns:
            columns[f"distance_{side}"] = np.abs(columns[f"eye_{side}_z"])
        if f"validity_{side}" in columns:
            codes = columns[f"validity_{side}"]
            drop_where(columns, [f"validity_{side}"], ~((codes >= 0) & (codes <= 1)))
    columns |= _events(table)
    for side, names in EVENTS.items():  # the point between the eyes is missing while either is closed
        blink = _is(text_column(table, names), ("Blink",))
        if blink.any():
            drop_where(columns, ("gaze_x", "gaze_y", f"gaze_{side}_x", f"gaze_{side}_y", f"pupil_{side}"), blink)
    return columns


def _without_zeros(columns: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """SMI writes 0.00 in all coordinates of a point or eye that it didn't find."""
    found = all_or_none(columns, names)
    if not found:
        return {}
    lost = (np.stack(list(found.values())) == 0).all(axis=0)
    return {name: np.where(lost, np.nan, column) for name, column in found.items()}


def _pupils(table: Table, columns: dict[str, np.ndarray], notes: list[str]) -> None:
    for side in SIDES:
        own = f"pupil_{side}"
        pixels = [table.numbers[name] for name in PUPIL_PIXELS[side] if name in table.numbers]
        if own not in columns and pixels:
            columns[own] = np.mean(pixels, axis=0)
            unit = "not in mm but in pixels of the tracker's camera"
            notes.append(f"The pupil of the {side} eye is {unit}: compare it within a recording only.")
        keep_positive(columns, own)


def _event_side(table: Table) -> str | None:
    """The eye whose events are used: the left if the export has those of both."""
    return next((side for side, names in EVENTS.items() if any(name in table.texts for name in names)), None)


def _is(column: TextColumn, names: tuple[str, ...]) -> np.ndarray:
    return column.map(lambda text: text in names, bool)


def _events(table: Table) -> dict[str, np.ndarray]:
    """0/1 for fixation, saccade and blink; a blink of any eye counts."""
    side = _event_side(table)
    if side is None:
        return {}
    column = text_column(table, EVENTS[side])
    blinks = [_is(text_column(table, names), ("Blink",)) for names in EVENTS.values()]
    flags = {"in_fixation": _is(column, FIXATIONS), "in_saccade": _is(column, ("Saccade",)), "blink": np.any(blinks, axis=0)}
    return {name: flag.astype(np.float32) for name, flag in flags.items()}


def _fixations(table: Table, columns: dict[str, np.ndarray], rows: np.ndarray, times: np.ndarray) -> np.ndarray | None:
    """`(fixations, 4)`: the runs of samples marked as one fixation; their points are the means of the gaze.

    A fixation lasts until the sample after its last. None if the export marks no events.
    """
    side = _event_side(table)
    if side is None:
        return None
    mark = np.where(columns["in_fixation"][rows] == 1, 0.0, np.nan)
    if EVENT_NUMBERS[side] in table.numbers:
        mark = mark + np.nan_to_num(table.numbers[EVENT_NUMBERS[side]][rows])
    starts = np.flatnonzero(np.r_[True, mark[1:] != mark[:-1]])  # NaN differs from NaN: every other sample is its own run
    ends = np.r_[starts[1:], len(rows)]
    fixed = ~np.isnan(mark[starts])
    starts, ends = starts[fixed], ends[fixed]
    if len(starts) == 0:
        return np.zeros((0, 4))
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    until = np.append(times, times[-1] + step)[ends]
    means = []
    for axis in "xy":
        gaze = columns[f"gaze_{axis}"][rows].astype(np.float64)
        seen = ~np.isnan(gaze)
        sums, counts = (np.r_[0, np.cumsum(part)] for part in (np.where(seen, gaze, 0), seen))
        with np.errstate(invalid="ignore"):
            means.append((sums[ends] - sums[starts]) / (counts[ends] - counts[starts]))
    return tidy_fixations(np.stack([*means, times[starts], until - times[starts]], axis=1), [])
