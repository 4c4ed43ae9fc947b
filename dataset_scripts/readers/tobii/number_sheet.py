"""A sheet of 39 numbers a row under Tobii Pro Lab's names, without any text: what EMER's authors give to their network.

The numbers are kept as they stand, in the sheet's order (`Gaze.sheet`); those of known names are also read into our columns.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze
from modeling_emert.sampling_emert import GAZE_POINT, find_gaze_point, without_unit

from ..clock import check_one_run, rising
from ..samples import find_columns, keep_positive, stack_columns
from ..text.text_table import SEPARATORS, Head, Header, read_table
from ..text.workbook import Cell, read_rows
from .tobii_pro_lab import SCREEN_PIXELS, SCREEN_SIZE, STIMULUS_NORMALISED, TEXTS, TIMES, UNCHANGED, plain_name
from .tobii_rows import ENTIRE_SCREEN_NOTE

NAME = "tobii_number_sheet"
TITLE = f"a sheet of {NUM_COLUMNS} columns of numbers ({', '.join(GAZE_POINT)}, ...)"
_USUAL_SCREEN = (1920, 1080)
_LONGEST_STEP_MS = 200  # a larger one is in microseconds, as in `tobii_pro_lab`
NO_TIMES_NOTE = (
    "The sheet has no times, or none that rise: its rows are 1 ms apart, of which only the order is known, and fixations are "
    "not detected."
)


def find_header(head: Head) -> Header | None:
    """The first line, where it names 39 columns, the gaze point's among them, and none of Pro Lab's columns of text."""
    for separator in SEPARATORS:
        names = _names(head.first_line, separator)
        if len(names) == NUM_COLUMNS and find_gaze_point(names) and not {plain_name(name) for name in names} & set(TEXTS):
            # Numbered: `Header` takes the spaces out of names.
            row = head.lines.index(next(filter(str.strip, head.lines)))
            return Header(row, separator, tuple(map(str, range(len(names)))))
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """The one recording. Raises `EmertInputError` for a cell that holds no number."""
    names = _names(head.first_line, header.separator)
    table = read_table(head, header, times=header.names)
    numbers = np.stack([table.numbers[name] for name in header.names], axis=1)
    for number, name in enumerate(names):
        if not np.isfinite(numbers[:, number]).all():
            raise EmertInputError(_blank(head.file, name, int(np.flatnonzero(~np.isfinite(numbers[:, number]))[0])))
    return [as_gaze(names, numbers)]


def read_sheet(path: Path, like: "Sequence[str] | None" = None, neighbour: object = "") -> Gaze:
    """One workbook. `like`: the names of another sheet's columns, in its order; `neighbour`: that sheet, for the message.

    Raises `EmertInputError` that names file and column for another number or order of columns, a text, or a blank cell.
    """
    rows = read_rows(path)
    names = header_of(path, next(rows, []), like, neighbour)
    numbers = np.zeros((0, len(names)))
    cells = list(rows)
    for row, line in enumerate(cells):
        if any(type(cell) not in (float, int) for cell in line):
            column = next(place for place, cell in enumerate(line) if type(cell) not in (float, int))
            if line[column] == "":
                raise EmertInputError(_blank(path, names[column], row))
            found = f"{str(line[column])[:40]!r} in row {row + 2}"
            raise EmertInputError(
                f"{path}: column {names[column]!r} holds {found}, where each cell must be a number; correct it"
            )
    numbers = np.array(cells, np.float64).reshape(-1, len(names))
    if len(numbers) == 0:
        raise EmertInputError(f"{path}: has no row below its header; give the sheet of a recording")
    return as_gaze(names, numbers)


def header_of(
    path: Path, cells: Sequence[Cell], like: "Sequence[str] | None" = None, neighbour: object = ""
) -> tuple[str, ...]:
    """The names of the sheet's columns. Raises `EmertInputError` where they are not 39, or not those of `like` in its order."""
    names = tuple(" ".join(str(cell).split()) for cell in cells)
    if len(names) != NUM_COLUMNS:
        last = f", the last {names[-1]!r}" if names else ""
        ours, theirs = (set(map(without_unit, some or ())) for some in (names, like))
        unknown = [name for name in names if like and without_unit(name) not in theirs]
        lacking = [name for name in like or () if without_unit(name) not in ours]
        named = f"; {unknown[0]!r} is not in {neighbour}" if unknown else ""
        named += f"; it lacks {lacking[0]!r}" if lacking else ""
        raise EmertInputError(f"{path}: has {len(names)} columns{last}, where {NUM_COLUMNS} are expected{named}; correct it")
    for place, (name, other) in enumerate(zip(names, like or (), strict=False)):
        if without_unit(name) != without_unit(other):
            raise EmertInputError(
                f"{path}: column {place + 1} is {name!r}, where {neighbour} has {other!r}; the network takes columns by their "
                "places, so bring all sheets into one order"
            )
    if find_gaze_point(names) is None:
        raise EmertInputError(f"{path}: has no columns {' and '.join(GAZE_POINT)} among {', '.join(names)}; correct the sheet")
    return names


def as_gaze(names: Sequence[str], numbers: np.ndarray) -> Gaze:
    """`numbers` `(rows, 39)` under these names, in our columns and as they stand."""
    named = {plain_name(name): numbers[:, place] for place, name in reversed(list(enumerate(names)))}
    notes: list[str] = []
    time = next((name for name in TIMES if name in named), None)
    times = np.arange(len(numbers), dtype=np.float64) if time is None else _in_ms(named[time], time)
    try:
        check_one_run("the sheet", times)
        order, relative, order_notes = rising(times)
    except EmertInputError:
        time, times = None, np.arange(len(numbers), dtype=np.float64)
        order, relative, order_notes = rising(times)
    columns = find_columns(named, UNCHANGED) | find_columns(named, STIMULUS_NORMALISED)
    columns |= _points(named, notes)
    keep_positive(columns, "pupil_left", "pupil_right", "event_duration")
    gaze = Gaze(stack_columns(len(numbers), columns, order), relative, format=NAME, notes=[*notes, *order_notes])
    gaze.sheet, gaze.sheet_names = numbers.astype(np.float32), tuple(names)
    if time is None:
        gaze.fixations, gaze.notes = np.zeros((0, 4), np.float32), [*gaze.notes, NO_TIMES_NOTE]
    return gaze


def _points(named: dict[str, np.ndarray], notes: list[str]) -> dict[str, np.ndarray]:
    """Points in fractions of the screen."""
    sizes = [float(np.median(named[name])) if name in named else 0.0 for name in SCREEN_SIZE]
    if min(sizes) <= 0:
        sizes = list(_USUAL_SCREEN)
        notes.append(f"The sheet names no resolution of the screen: {sizes[0]} x {sizes[1]} was taken, {ENTIRE_SCREEN_NOTE}")
    return {name: column / sizes["xy".index(name[-1])] for name, column in find_columns(named, SCREEN_PIXELS).items()}


def _in_ms(times: np.ndarray, name: str) -> np.ndarray:
    steps = np.diff(np.sort(times))
    unnamed = not name.endswith("]") and steps.any() and np.median(steps[steps > 0]) > _LONGEST_STEP_MS
    return times / 1000 if name.endswith("[us]") or unnamed else times


def _names(line: str, separator: str) -> tuple[str, ...]:
    try:
        return tuple(" ".join(cell.split()) for cell in next(csv.reader([line], delimiter=separator), []))
    except csv.Error:
        return ()


def _blank(file: object, column: str, row: int) -> str:
    return (
        f"{file}: column {column!r} is blank in row {row + 2}, where each cell must be a number; fill it or leave the sheet out"
    )
