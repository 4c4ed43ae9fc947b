"""SMI: samples, as the IDF Converter and BeGaze write them (`Time Type Trial L POR X [px] ...`, in microseconds, with
messages between the samples), and as BeGaze's newer Raw Data (`RecordingTime [ms], Point of Regard Left X [px] ...`).

A recording for every participant, trial and stimulus. Where no column names the stimulus, the messages do: what comes before
a trial's first one belongs to it. Zeros are missing. The screen's size is the preamble's `Calibration Area`, else a guess
with a note. Fixations are the runs of samples that the export marks as one.
"""

import re
from collections.abc import Iterator

import numpy as np

from dataset_scripts.readers.eye_events import SIDES, mean_of_eyes, tidy_fixations
from dataset_scripts.readers.grouping import group_rows
from dataset_scripts.readers.samples import all_or_none, rising, stack_columns
from dataset_scripts.readers.smi.smi_shared import StimulusMessage, preamble, screen_size, stimulus_message, text_column
from dataset_scripts.readers.text.line_chunks import data_header, select_lines
from dataset_scripts.readers.text.text_files import read_lines
from dataset_scripts.readers.text.text_table import Head, Header, Table, TextColumn, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "smi_samples"
TITLE = "SMI's samples (Time, Type, Trial, L POR X [px], ..., or RecordingTime [ms], Point of Regard Left X [px], ...)"

# Runs of samples: Type, the second column, is SMP for them and MSG for a message.
SAMPLE_ROWS = re.compile(rb"(?m)^(?:[^\t,;\n]*+[\t,;]SMP[\t,;][^\n]*+\n)++")

TIME = {"Time": 1e-3, "RecordingTime[ms]": 1.0}
TRIAL, PARTICIPANT, STIMULUS = ("Trial",), ("Participant", "Subject"), ("Stimulus",)
# Rows of Raw Data that are no samples.
NO_SAMPLE = ("Separator", "User Event", "UserEvent")


def _sided(letter: str, side: str, word: str) -> dict[str, tuple[str, ...]]:
    """Our columns of one eye and the exported names that they may come from."""
    names: dict[str, tuple[str, ...]] = {
        f"pupil_{side}": (f"{letter}MappedDiameter[mm]", f"{letter}PupilDiameter[mm]", f"PupilDiameter{word}[mm]"),
        f"validity_{side}": (f"{letter}Validity",),
    }
    for axis in "xy":
        big = axis.upper()
        names[f"gaze_{side}_{axis}"] = (f"{letter}POR{big}[px]", f"PointofRegard{word}{big}[px]")
    for axis in "xyz":
        big = axis.upper()
        names[f"eye_{side}_{axis}"] = (f"{letter}EPOS{big}", f"EyePosition{word}{big}[mm]")
    return names


SOURCES = _sided("L", "left", "Left") | _sided("R", "right", "Right")
SOURCES |= {f"gaze_{axis}": (f"BPOR{axis.upper()}[px]", f"PointofRegardBinocular{axis.upper()}[px]") for axis in "xy"}
PUPIL_PIXELS = {"left": ("LDiaX[px]", "LDiaY[px]"), "right": ("RDiaX[px]", "RDiaY[px]")}
EVENTS = {"left": ("LEventInfo", "CategoryLeft"), "right": ("REventInfo", "CategoryRight"), "": ("CategoryBinocular",)}
EVENT_NUMBERS = {"left": "IndexLeft", "right": "IndexRight", "": "IndexBinocular"}
FIXATIONS = ("Fixation", "Visual Intake")


def find_header(head: Head) -> Header | None:
    """By the time's name and a point of regard."""
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
    messages = _messages(head, header) if "Type" in header.names else []
    time = next(table.numbers[name] * unit for name, unit in TIME.items() if name in table.numbers)
    recordings = []
    for rows, participant, stimulus in _groups(head.file, table, messages):
        order, times, own_notes = rising(time[rows])
        if len(times):
            rows = rows[order]
            recordings.append(
                Gaze(
                    eye_movements=stack_columns(table.rows, columns, rows),
                    times_ms=times,
                    fixations=_fixations(table, columns, rows, times),
                    participant=participant or known.get("Subject") or None,
                    stimulus=stimulus or None,
                    format=NAME,
                    notes=[*notes, *own_notes],
                )
            )
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


def _messages(head: Head, header: Header) -> list[StimulusMessage]:
    found = []
    for line in read_lines(select_lines(head, SAMPLE_ROWS, others=True)):
        cells = line.split(header.separator, 3)
        if len(cells) == 4 and cells[1] == "MSG":
            found.append(stimulus_message(cells[0], cells[2], cells[3]))
    return [message for message in found if message is not None]


def _groups(file: object, table: Table, messages: list[StimulusMessage]) -> Iterator[tuple[np.ndarray, str, str]]:
    """Row numbers, participant and stimulus of each recording, in the order in which they begin."""
    trials, people, stimuli = (text_column(table, names) for names in (TRIAL, PARTICIPANT, STIMULUS))
    samples = np.ones(table.rows, bool)
    for names in EVENTS.values():
        events = text_column(table, names)
        samples &= ~np.isin(events.codes, [code for code, value in enumerate(events.values) if value in NO_SAMPLE])
    time_name = next(name for name in TIME if name in table.numbers)
    for own in group_rows(file, np.flatnonzero(samples), (people, trials, stimuli)):
        row = own[0]
        person, stimulus = people.values[people.codes[row]], stimuli.values[stimuli.codes[row]]
        shown = [message for message in messages if message.trial == trials.values[trials.codes[row]]]
        if stimulus or not shown:
            yield own, person, stimulus
            continue
        shown.sort(key=lambda message: message.time)
        part = np.searchsorted([message.time for message in shown[1:]], table.numbers[time_name][own], side="right")
        for index in np.unique(part):
            yield own[part == index], person, shown[index].stimulus


def _our_columns(head: Head, table: Table, known: dict[str, str], notes: list[str]) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each, in our units; zeros are missing."""
    columns: dict[str, np.ndarray] = {}
    for ours, theirs in SOURCES.items():
        name = next((name for name in theirs if name in table.numbers), None)
        if name is not None:
            columns[ours] = table.numbers[name]
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
            columns[f"validity_{side}"] = np.where((codes >= 0) & (codes <= 1), codes, np.nan)
    columns |= _events(table)
    _drop_blinks(table, columns)
    return columns


def _without_zeros(columns: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """SMI writes 0.00 in all coordinates of what it didn't find."""
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
            notes.append(
                f"The pupil of the {side} eye is not in mm but in pixels of the tracker's camera: "
                "compare it within a recording only."
            )
        if own in columns:
            columns[own] = np.where(columns[own] > 0, columns[own], np.nan)


def _event_side(table: Table) -> str | None:
    """The eye whose events are taken: the left where the export has them of both."""
    return next((side for side, names in EVENTS.items() if any(name in table.texts for name in names)), None)


def _is(column: TextColumn, names: tuple[str, ...]) -> np.ndarray:
    return np.isin(column.codes, [code for code, value in enumerate(column.values) if value in names])


def _events(table: Table) -> dict[str, np.ndarray]:
    """0/1 for fixation, saccade and blink; a blink of any eye counts."""
    side = _event_side(table)
    if side is None:
        return {}
    column = text_column(table, EVENTS[side])
    blinks = [_is(text_column(table, names), ("Blink",)) for names in EVENTS.values()]
    flags = {"in_fixation": _is(column, FIXATIONS), "in_saccade": _is(column, ("Saccade",)), "blink": np.any(blinks, axis=0)}
    return {name: flag.astype(np.float32) for name, flag in flags.items()}


def _drop_blinks(table: Table, columns: dict[str, np.ndarray]) -> None:
    """A shut eye sees nothing; the point between the eyes is missing while either is shut."""
    for side in EVENTS:
        blink = _is(text_column(table, EVENTS[side]), ("Blink",))
        eye = (f"gaze_{side}_x", f"gaze_{side}_y", f"pupil_{side}") if side else ()
        for name in (*eye, "gaze_x", "gaze_y"):
            if blink.any() and name in columns:
                columns[name] = np.where(blink, np.nan, columns[name])


def _fixations(table: Table, columns: dict[str, np.ndarray], rows: np.ndarray, times: np.ndarray) -> np.ndarray | None:
    """`(fixations, 4)`: the runs of samples marked as one fixation; their points are the means of the gaze.

    A fixation lasts until the sample after its last. None where the export marks no events.
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
