"""Tobii's SDKs (Pro SDK, Titta, the 4C's): gaze data as programs store it, and fixations computed from it.

The names are those of the SDK; a point is one cell `(0.1, 0.6)` or a column for each coordinate, numbered (`_0`, `_1`) or
named (`_x`, `_y`). Times are microseconds, points normalised to the display with the origin at its top left, and millimetres
in the user coordinate system, whose origin is in the tracker.
"""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..eye_events import START, mean_of_eyes, tidy_fixations
from ..samples import SIDES, all_or_none, find_columns, group_rows, keep_positive, spell, stack_columns
from ..text.text_table import Head, Header, Table, read_table

NAME = "tobii_sdk"
TITLE = "Tobii SDK's gaze data (device_time_stamp, left_gaze_point_on_display_area, ...) or fixations (label, x, y, start, ...)"

# The tracker's own clock is first: some programs round the system's, which has more digits, to hundredths of a second.
TIMES = ("device_time_stamp", "system_time_stamp")
# Our column without its axis -> the SDK's point, and its name in newer versions of Titta.
POINTS = spell(
    {
        "gaze_{side}": ("{side}_gaze_point_on_display_area",),
        "gaze_{side}_mm": ("{side}_gaze_point_in_user_coordinate_system", "{side}_gaze_point_in_user_coordinates"),
        "eye_{side}": ("{side}_gaze_origin_in_user_coordinate_system", "{side}_gaze_origin_in_user_coordinates"),
    }
)
PUPILS = spell({"pupil_{side}": ("{side}_pupil_diameter",)})
# The prefix of our columns -> the columns with their validity; that of the gaze point becomes ours.
VALIDITIES = spell(
    {
        f"{ours}_{{side}}": (f"{{side}}_{name}_validity", f"{{side}}_{name}_valid")
        for ours, name in (("gaze", "gaze_point"), ("eye", "gaze_origin"), ("pupil", "pupil"))
    }
)
FIXATION_COLUMNS = ("label", "x", "y", "start", "end", "duration")
_KNOWN = re.compile(r"\b(?:left|right)_(?:gaze_point_on_display_area|pupil_diameter)(?:_x|_0|\b)")
_AXES = ("x", "y", "z")
_YES, _NO = {"1", "1.0", "true", "valid"}, {"0", "0.0", "false", "invalid"}
_NO_NUMBER = ("", "nan", "NaN", "None", "null")
_DISPLAY_NOTE = "The SDK gives no stimulus, so the entire display is taken as the stimulus."


def find_header(head: Head) -> Header | None:
    """Gaze data by the SDK's name of a point or pupil; fixations by all of their names and the first label."""
    for line in head.lines:
        match = _KNOWN.search(line)
        if match:
            return head.find(match[0])
    header = head.find(*FIXATION_COLUMNS)
    if header is None:
        return None
    rows = (line.split(header.separator) for line in head.lines[header.row + 1 :] if line.strip())
    labels = next(rows, [])[header.names.index("label") :][:1]
    labelled = not labels or labels[0].strip(' "').lower() in ("fixation", "saccade")
    return replace(header, content="fixations") if labelled else None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each run of the clock, of samples or of fixations only. Raises `EmertInputError`."""
    return [_read_fixations(head, header)] if header.content == "fixations" else _read_samples(head, header)


def _read_fixations(head: Head, header: Header) -> Gaze:
    """`x` and `y` are hundredths of the display, `start` and `end` microseconds, `duration` milliseconds."""
    notes = [_DISPLAY_NOTE, "Times are counted from the first fixation."]
    table = read_table(head, header, ("x", "y", "duration"), ("label",), ("start",), notes=notes)
    wanted = table.texts["label"].map(lambda text: text.strip().lower() == "fixation", bool)
    x, y, start, duration = (table.numbers[name][wanted] for name in ("x", "y", "start", "duration"))
    fixations = tidy_fixations(np.stack([x / 100, y / 100, start / 1000, duration], axis=1), notes)
    if len(fixations) == 0:
        raise EmertInputError(
            f"{head.file} has no row with the label 'fixation' and all its numbers; export the recording again"
        )
    fixations[:, START] -= fixations[0, START]
    return Gaze(fixations=fixations, format=NAME, notes=notes)


def _read_samples(head: Head, header: Header) -> list[Gaze]:
    notes = [_DISPLAY_NOTE]
    cells = [name for names in POINTS.values() for name in names]
    numbers = [f"{name}_{end}" for name in cells for end in (*_AXES, *range(3))] + [name for (name,) in PUPILS.values()]
    texts = [name for names in VALIDITIES.values() for name in names]
    table = read_table(head, header, numbers, texts, TIMES, raw=cells, notes=notes)
    clock = _times(head, table)
    if not np.isfinite(clock).any():
        raise EmertInputError(f"{head.file} has a header and no samples with a time; record again")
    columns = find_columns(table.numbers, PUPILS)
    keep_positive(columns, *PUPILS)
    for ours, names in POINTS.items():
        point = _point(head, table, names)
        axes = "xyz" if ours.startswith("eye") else "xy"
        found = {f"{ours}_{axis}": point[at] for at, axis in enumerate(axes) if at in point}
        columns |= all_or_none(found, found)
    for side in SIDES:
        columns |= _validity(head, table, columns, side)
    columns |= mean_of_eyes(columns)
    columns |= {f"gaze_stimulus_{axis}": columns[f"gaze_{axis}"] for axis in "xy" if f"gaze_{axis}" in columns}
    notes.append("The gaze point of both eyes is the mean of the valid ones.")
    recordings = []
    for rows in group_rows(head.file, np.arange(table.rows), times=clock):
        order, times, own_notes = rising(clock[rows], head.file)
        values = stack_columns(len(order), columns, rows[order])
        recordings.append(Gaze(values, times, format=NAME, notes=[*notes, *own_notes]))
    return recordings


def _times(head: Head, table: Table) -> np.ndarray:
    """`(rows,)` ms, of the clock with more distinct times."""
    clocks = [table.numbers[name] for name in TIMES if name in table.numbers]
    if not clocks:
        raise EmertInputError(f"{head.file} has no column {' or '.join(TIMES)}; store the time of each sample too")
    return max(clocks, key=lambda clock: len(np.unique(clock[np.isfinite(clock)]))) / 1000


def _point(head: Head, table: Table, names: tuple[str, ...]) -> dict[int, np.ndarray]:
    """`(rows,)` by axis, from cells or from a column for each coordinate; empty where the file has neither."""
    for name in names:
        if name in table.raw:
            return dict(enumerate(_tuples(head, name, table.raw.pop(name), 2 if "display" in name else 3)))
        for ends in (_AXES, range(3)):
            found = {axis: table.numbers[f"{name}_{end}"] for axis, end in enumerate(ends) if f"{name}_{end}" in table.numbers}
            if found:
                return found
    return {}


def _tuples(head: Head, name: str, cells: pa.ChunkedArray, size: int) -> np.ndarray:
    """`(size, rows)` float32 of cells like "(0.1, nan)" or "[0.1, 0.2]"; a cell without numbers is NaN in all coordinates."""
    import pyarrow.compute as pc  # here, since it and `pa.array` below load pandas

    no_number = pa.array(_NO_NUMBER)
    parts = [np.zeros((0, size), np.float32)]
    for chunk in cells.chunks:  # one by one, to limit memory
        pieces = pc.split_pattern(pc.utf8_trim(chunk, characters="()[] "), ",")
        complete = pc.equal(pc.list_value_length(pieces), size)
        flat = pc.utf8_trim_whitespace(pc.list_flatten(pieces.filter(complete)))
        flat = pc.if_else(pc.is_in(flat, value_set=no_number), pa.scalar(None, pa.string()), flat)
        missing = pc.is_in(pc.list_element(pieces, 0), value_set=no_number)
        odd = pc.and_not(pc.invert(complete), pc.and_(missing, pc.less(pc.list_value_length(pieces), 2)))
        if pc.any(odd).as_py():
            raise _no_point(head, name, chunk.filter(odd)[0].as_py(), size)
        try:
            numbers = flat.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            found = re.search(r"string: '(.*?)'", str(error), re.DOTALL)
            raise _no_point(head, name, found[1] if found else "text", size) from error
        values = np.full((len(chunk), size), np.nan, np.float32)
        with np.errstate(over="ignore"):
            values[complete.to_numpy(zero_copy_only=False)] = numbers.reshape(-1, size)
        parts.append(values)
    values = np.concatenate(parts).T
    values[~np.isfinite(values)] = np.nan
    return values


def _no_point(head: Head, name: str, found: str, size: int) -> EmertInputError:
    return EmertInputError(
        f"{head.file} has {found[:40]!r} in column {name}, where {size} numbers like ({', '.join(['0.5'] * size)}) are "
        "expected; store the recording again"
    )


def _validity(head: Head, table: Table, columns: dict[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    """The columns of this side without the values marked as invalid, and `validity_{side}`: that of the gaze point."""
    changed: dict[str, np.ndarray] = {}
    validity: dict[str, np.ndarray] = {}
    for group, names in VALIDITIES.items():
        for name in [name for name in names if name in table.texts and side in group][:1]:
            valid = table.texts[name].map(lambda text, name=name: _flag(head, name, text))
            changed |= {ours: np.where(valid == 0, np.nan, x) for ours, x in columns.items() if ours.startswith(group)}
            validity.setdefault(f"validity_{side}", valid)
    return changed | validity


def _flag(head: Head, name: str, text: str) -> float:
    """1 valid, 0 invalid, NaN for an empty cell."""
    word = text.strip().lower()
    if word not in _YES | _NO | {"", "nan"}:
        raise EmertInputError(
            f"{head.file} has {text[:40]!r} in column {name}, where 1 or 0 is expected; store the recording again"
        )
    return np.nan if word in ("", "nan") else float(word in _YES)
