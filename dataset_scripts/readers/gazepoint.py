"""Gazepoint Analysis: `..._all_gaze.csv` and `..._fixations.csv`.

A recording for every MEDIA_ID, and another one where its time restarts: a stimulus seen twice. Points are normalised to the
screen, times are seconds, and every measurement has its own validity flag. Pupils are in mm (LPMM) or metres (LPUPILD); those
in pixels of the camera (LPD) are left out, and so are saccade amplitudes in pixels, since the screen's size is not given.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from .clock import rising
from .eye_events import DURATION, START, fixation_columns, mean_of_eyes, tidy_fixations
from .samples import all_or_none, drop_where, group_rows, keep_positive, name_in, spell, stack_columns
from .text.text_table import Head, Header, Table, read_table

NAME = "gazepoint"
TITLE = "Gazepoint's all_gaze.csv or fixations.csv (MEDIA_ID, TIME(...), FPOGX, ...)"

MEDIA, MEDIA_NAME = "MEDIA_ID", "MEDIA_NAME"
FIXATION = ("FPOGX", "FPOGY", "FPOGS", "FPOGD", "FPOGID")
FIXATION_VALID = "FPOGV"
BLINK, DIRECTION = "BKID", "SACCADE_DIR"
METRE, SECOND = 1000.0, 1000.0  # in mm, in ms
# Our column -> the exported names; the first that exists is used.
SOURCES = spell(
    {
        "pupil_{side}": ("{S}PMM", "{S}PUPILD"),
        "validity_{side}": ("{S}POGV", "{S}PV", "{S}PUPILV"),
        "distance_{side}": ("{S}EYEZ",),
        "gaze_{side}_{xy}": ("{S}POG{XY}",),
        "gaze_{xy}": ("BPOG{XY}",),
        "camera_{side}_{xy}": ("{S}PC{XY}",),
        "eye_{side}_{xyz}": ("{S}EYE{XYZ}",),
    }
)
# By an exported name without its first letter: the validity flag, also without it, and the factor to our unit.
_FLAGS = {"PMM": ("PMMV", 1.0), "POGX": ("POGV", 1.0), "POGY": ("POGV", 1.0), "PCX": ("PV", 1.0), "PCY": ("PV", 1.0)}
_FLAGS |= dict.fromkeys(("PUPILD", "EYEX", "EYEY", "EYEZ"), ("PUPILV", METRE))
_POINTS = [[f"{part}_{axis}" for axis in "xy"] for part in ("gaze_left", "gaze_right", "gaze", "camera_left", "camera_right")]


def find_header(head: Head) -> Header | None:
    """By the fixation's columns; the rows are fixations if each has a different one, else samples."""
    header = head.find(*FIXATION[:2], "FPOGD")
    if header is None:
        return None
    rows = [line.split(header.separator) for line in head.lines[header.row + 1 :] if line.strip()]
    cells = max((len(row) for row in rows[:1]), default=0)
    # Gazepoint ends rows with a separator, but not always the header.
    names = header.names + ("",) * max(cells - len(header.names), 0)
    of_fixation = [names.index(name) for name in (MEDIA, "FPOGID") if name in names]
    seen = [[row[at] for at in of_fixation] for row in rows if len(row) == len(names)]
    apart = "FPOGID" in names and len(seen) > 1 and all(one != other for one, other in pairwise(seen))
    return Header(header.row, header.separator, names, "fixations" if apart else "samples")


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each stimulus. Raises `EmertInputError`."""
    missing = next((name for name in FIXATION if name not in header.names), None)
    time = next((name for name in header.names if name.upper().startswith("TIME") and "TICK" not in name.upper()), None)
    if missing or (time is None and header.content == "samples"):
        raise EmertInputError(f"{head.file} has no column {missing or 'TIME'}; export it again with all columns")
    notes: list[str] = []
    table = _table(head, header, time, notes)
    starts = table.numbers["FPOGS"] * SECOND
    clock = table.numbers[time] * SECOND if header.content == "samples" else starts
    columns = _our_columns(table) if header.content == "samples" else {}
    recordings = []
    for rows, stimulus in _groups(head.file, table, clock):
        own_notes = list(notes)
        gaze = (
            _samples(head.file, table, columns, rows, clock, own_notes) if columns else _fixations_only(table, rows, own_notes)
        )
        if gaze is not None:
            gaze.stimulus = stimulus
            recordings.append(gaze)
    if not recordings:
        raise EmertInputError(f"{head.file} has a header and no {header.content} with a time; export the recording again")
    return recordings


def gaze_of_samples(table: Table, clock: np.ndarray, notes: list[str], file: object = "the recording") -> Gaze | None:
    """One recording of Gazepoint's columns from another source than its export; None without a sample with a time.

    `table`: samples, with `FIXATION` among its numbers. `clock`: `(rows,)` float64, ms.
    """
    return _samples(file, table, _our_columns(table), np.arange(table.rows), clock, notes)


def _table(head: Head, header: Header, time: str | None, notes: list[str]) -> Table:
    numbers = {name for names in SOURCES.values() for name in names}
    numbers |= {name[0] + _FLAGS[name[1:]][0] for name in numbers if name[1:] in _FLAGS}
    numbers |= {*FIXATION, FIXATION_VALID, BLINK, DIRECTION} - {"FPOGS"}
    times = ("FPOGS", time) if time else ("FPOGS",)
    return read_table(head, header, sorted(numbers), (MEDIA, MEDIA_NAME), times, notes=notes)


def _our_columns(table: Table) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each, except those of the fixations. Missing is NaN, also during blinks."""
    columns: dict[str, np.ndarray] = {}
    for ours, names in SOURCES.items():
        for name in [name for name in names if name in table.numbers][:1]:
            flag, factor = _FLAGS.get(name[1:], ("", 1.0))
            valid = table.numbers[name[0] + flag] == 1 if flag and name[0] + flag in table.numbers else True
            columns[ours] = np.where(valid, table.numbers[name] * np.float32(factor), np.nan)
    for names in _POINTS:
        columns |= all_or_none(columns, names)
    columns |= {name: column for name, column in mean_of_eyes(columns).items() if name not in columns}
    if "gaze_x" not in columns:  # an export of fixation points alone
        points = {f"gaze_{axis}": table.numbers[f"FPOG{axis.upper()}"] for axis in "xy"}
        valid = table.numbers.get(FIXATION_VALID, np.ones(table.rows)) == 1
        columns |= {name: np.where(valid, point, np.nan) for name, point in points.items()}
    if DIRECTION in table.numbers:  # given once, with the fixation that the saccade led to, and 0 elsewhere
        columns["saccade_direction"] = table.numbers[DIRECTION]
    keep_positive(columns, "pupil_left", "pupil_right", "distance_left", "distance_right", "saccade_direction")
    if BLINK in table.numbers:
        blink = table.numbers[BLINK] > 0
        drop_where(columns, [name for name in columns if name.startswith(("gaze", "pupil"))], blink)
        columns["blink"] = blink.astype(np.float32)
    return columns


def _groups(file: object, table: Table, clock: np.ndarray) -> Iterator[tuple[np.ndarray, str | None]]:
    """Row numbers and stimulus of each recording, in the order in which they begin."""
    media, names = (table.texts.get(name) for name in (MEDIA, MEDIA_NAME))
    for rows in group_rows(file, np.arange(table.rows), (media,), clock):
        yield rows, (name_in(names, rows[0]) or "").strip() or (name_in(media, rows[0]) or "").strip() or None


def _samples(
    file: object, table: Table, columns: dict[str, np.ndarray], rows: np.ndarray, clock: np.ndarray, notes: list[str]
) -> Gaze | None:
    order, times, own_notes = rising(clock[rows], file)
    if len(times) == 0:
        return None
    rows = rows[order]
    own = {name: column[rows] for name, column in columns.items()}
    fixing = table.numbers.get(FIXATION_VALID, np.ones(table.rows, np.float32))[rows] == 1
    last, number = _last_rows(table.numbers["FPOGID"][rows], fixing)
    fixations = _of_rows(table, rows[last])
    # The start as the file gives it, unless it is from another clock than the samples' times.
    off = ~(np.abs(fixations[:, START] + fixations[:, DURATION] - clock[rows[last]]) < SECOND)
    fixations[off, START] = (clock[rows[last]] - fixations[:, DURATION])[off]
    fixations[:, START] -= clock[rows[0]]
    values = stack_columns(len(rows), own | fixation_columns(fixations, number))
    fixations = tidy_fixations(fixations, notes)
    return Gaze(values, times, fixations, format=NAME, notes=notes + own_notes, fixations_on_screen=True)


def _last_rows(numbers: np.ndarray, fixing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last row of each fixation, where its duration is complete, and for every row its fixation's index or -1."""
    inside = np.flatnonzero(fixing & np.isfinite(numbers))
    _, last, index = np.unique(numbers[inside][::-1], return_index=True, return_inverse=True)
    number = np.full(len(numbers), -1)
    number[inside[::-1]] = index
    return inside[len(inside) - 1 - last], number


def _of_rows(table: Table, rows: np.ndarray) -> np.ndarray:
    """`(rows, 4)`: x, y, start and duration in ms, the start in the file's time."""
    x, y, start, duration = (table.numbers[name][rows] for name in FIXATION[:4])
    return np.stack([x, y, start * SECOND, duration.astype(np.float64) * SECOND], axis=1)


def _fixations_only(table: Table, rows: np.ndarray, notes: list[str]) -> Gaze | None:
    if FIXATION_VALID in table.numbers:
        rows = rows[table.numbers[FIXATION_VALID][rows] != 0]
    fixations = tidy_fixations(_of_rows(table, rows), notes)
    if len(fixations) == 0:
        return None
    fixations[:, START] -= fixations[0, START]
    return Gaze(fixations=fixations, format=NAME, notes=notes, fixations_on_screen=True)
