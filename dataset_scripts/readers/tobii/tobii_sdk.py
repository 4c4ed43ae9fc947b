"""Tobii's software kits (Pro SDK, Titta, the 4C's): gaze data as programs write it down, and fixations made of it.

The names are those of the kit; a point is one cell `(0.1, 0.6)` or a column for each coordinate, which programs number
(`_0`, `_1`) or name (`_x`, `_y`). Times are microseconds, points shares of the display from its top left, and millimetres in
the user coordinate system, whose origin lies in the tracker.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dataset_scripts.readers.eye_events import START, mean_of_eyes, tidy_fixations
from dataset_scripts.readers.samples import all_or_none, rising, stack_columns
from dataset_scripts.readers.text.text_table import Head, Header, Table, TextColumn, read_table
from dataset_scripts.readers.tobii.tobii_rows import SIDES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "tobii_sdk"
TITLE = "Tobii SDK's gaze data (device_time_stamp, left_gaze_point_on_display_area, ...) or fixations (label, x, y, start, ...)"

# The tracker's own clock comes first: some programs round the system's, which has more digits, to hundredths of a second.
TIMES = ("device_time_stamp", "system_time_stamp")
GAZE, PUPIL, VALID = "{side}_gaze_point_on_display_area", "{side}_pupil_diameter", "validity"
# Our column without its axis -> (the kit's point, how newer versions of Titta spell it, its coordinates in the cell).
POINTS = {
    "gaze_{side}": (GAZE, GAZE, 2),
    "gaze_{side}_mm": ("{side}_gaze_point_in_user_coordinate_system", "{side}_gaze_point_in_user_coordinates", 3),
    "eye_{side}": ("{side}_gaze_origin_in_user_coordinate_system", "{side}_gaze_origin_in_user_coordinates", 3),
}
# What each validity is about: our columns that begin so.
VALIDITIES = {
    "{side}_gaze_point": ("gaze_{side}",),
    "{side}_gaze_origin": ("eye_{side}",),
    "{side}_pupil": ("pupil_{side}",),
}
FIXATION_COLUMNS = ("label", "x", "y", "start", "end", "duration")
_KNOWN = re.compile(r"\b(?:left|right)_(?:gaze_point_on_display_area|pupil_diameter)(?:_x|_0|\b)")
_AXES = ("x", "y", "z")
_YES, _NO = {"1", "1.0", "true", "valid"}, {"0", "0.0", "false", "invalid"}
_NO_NUMBER = ("", "nan", "NaN", "None", "null")
_DISPLAY_NOTE = "The kit knows no stimulus, so the whole display is taken as the stimulus."


def find_header(head: Head) -> Header | None:
    """Gaze data by a point or pupil of the kit's names; fixations by all of their names and the first label."""
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
    """One recording: of samples, or of fixations alone. Raises `EmertInputError`."""
    return [_read_fixations(head, header) if header.content == "fixations" else _read_samples(head, header)]


def _read_fixations(head: Head, header: Header) -> Gaze:
    """`x` and `y` are hundredths of the display, `start` and `end` microseconds, `duration` milliseconds."""
    notes = [_DISPLAY_NOTE, "Times are counted from the first fixation."]
    table = read_table(head, header, ("x", "y", "duration"), ("label",), ("start",), notes=notes)
    labels = table.texts["label"]
    wanted = np.array([value.strip().lower() == "fixation" for value in labels.values], bool)[labels.codes]
    x, y, start, duration = (table.numbers[name][wanted] for name in ("x", "y", "start", "duration"))
    fixations = tidy_fixations(np.stack([x / 100, y / 100, start / 1000, duration], axis=1), notes)
    if len(fixations) == 0:
        raise EmertInputError(
            f"{head.file} has no row with the label 'fixation' and all its numbers; export the recording again"
        )
    fixations[:, START] -= fixations[0, START]
    return Gaze(fixations=fixations, format=NAME, notes=notes)


def _read_samples(head: Head, header: Header) -> Gaze:
    notes = [_DISPLAY_NOTE]
    cells = {name: size for theirs in POINTS.values() for *names, size in [theirs] for name in _both(names)}
    numbers = [f"{name}_{end}" for name in cells for end in (*_AXES, *range(3))] + _both([PUPIL])
    texts = [f"{name}_{end}" for name in _both(VALIDITIES) for end in (VALID, "valid")]
    table = read_table(head, header, numbers, texts, TIMES, raw=cells, notes=notes)
    order, times, own_notes = rising(_times(head, table))
    if len(order) == 0:
        raise EmertInputError(f"{head.file} has a header and no samples with a time; record again")
    columns: dict[str, np.ndarray] = {}
    for ours, (first, second, size) in POINTS.items():
        for side in SIDES:
            point = _point(head, table, [name.format(side=side) for name in (first, second)], size)
            keep = 3 if ours.startswith("eye") else 2
            names = [f"{ours.format(side=side)}_{axis}" for axis in _AXES[:keep]]
            columns |= all_or_none({name: point[axis] for axis, name in enumerate(names) if axis in point}, names)
    for side in SIDES:
        if PUPIL.format(side=side) in table.numbers:
            pupil = table.numbers[PUPIL.format(side=side)]
            columns[f"pupil_{side}"] = np.where(pupil > 0, pupil, np.nan)
        columns |= _validity(head, table, columns, side)
    columns |= mean_of_eyes(columns)
    columns |= {f"gaze_stimulus_{axis}": columns[f"gaze_{axis}"] for axis in "xy" if f"gaze_{axis}" in columns}
    notes.append("The gaze point of both eyes is the mean of the valid ones.")
    return Gaze(stack_columns(table.rows, columns, order), times, format=NAME, notes=[*notes, *own_notes])


def _both(names: Iterable[str]) -> list[str]:
    return [name.format(side=side) for name in names for side in SIDES]


def _times(head: Head, table: Table) -> np.ndarray:
    """`(rows,)` ms, of the clock that tells more samples apart."""
    clocks = [table.numbers[name] for name in TIMES if name in table.numbers]
    if not clocks:
        raise EmertInputError(f"{head.file} has no column {' or '.join(TIMES)}; write the time of each sample down, too")
    return max(clocks, key=lambda clock: len(np.unique(clock[np.isfinite(clock)]))) / 1000


def _point(head: Head, table: Table, names: list[str], size: int) -> dict[int, np.ndarray]:
    """`(rows,)` by axis, from cells or from columns of their own; empty where the file has neither."""
    for name in names:
        if name in table.raw:
            return dict(enumerate(_tuples(head, name, table.raw.pop(name), size)))
        for ends in (_AXES, range(3)):
            found = {axis: table.numbers[f"{name}_{end}"] for axis, end in enumerate(ends) if f"{name}_{end}" in table.numbers}
            if found:
                return found
    return {}


def _tuples(head: Head, name: str, cells: pa.ChunkedArray, size: int) -> np.ndarray:
    """`(size, rows)` float32 of cells like "(0.1, nan)" or "[0.1, 0.2]"; a cell without numbers is NaN throughout.

    Chunk by chunk, so that the pieces of the text are never all there at once.
    """
    import pyarrow.compute as pc  # and `pa.array` below: they load pandas

    no_number = pa.array(_NO_NUMBER)
    parts = [np.zeros((0, size), np.float32)]
    for chunk in cells.chunks:
        pieces = pc.split_pattern(pc.utf8_trim(chunk, characters="()[] "), ",")
        whole = pc.equal(pc.list_value_length(pieces), size)
        flat = pc.utf8_trim_whitespace(pc.list_flatten(pieces.filter(whole)))
        flat = pc.if_else(pc.is_in(flat, value_set=no_number), pa.scalar(None, pa.string()), flat)
        missing = pc.is_in(pc.list_element(pieces, 0), value_set=no_number)
        odd = pc.and_not(pc.invert(whole), pc.and_(missing, pc.less(pc.list_value_length(pieces), 2)))
        if pc.any(odd).as_py():
            raise _no_point(head, name, chunk.filter(odd)[0].as_py(), size)
        try:
            numbers = flat.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid as error:
            found = re.search(r"string: '(.*?)'", str(error), re.DOTALL)
            raise _no_point(head, name, found[1] if found else "text", size) from error
        values = np.full((len(chunk), size), np.nan, np.float32)
        with np.errstate(over="ignore"):
            values[whole.to_numpy(zero_copy_only=False)] = numbers.reshape(-1, size)
        parts.append(values)
    values = np.concatenate(parts).T
    values[~np.isfinite(values)] = np.nan
    return values


def _no_point(head: Head, name: str, found: str, size: int) -> EmertInputError:
    return EmertInputError(
        f"{head.file} has {found[:40]!r} in column {name}, where {size} numbers like ({', '.join(['0.5'] * size)}) are "
        "expected; write the recording down again"
    )


def _validity(head: Head, table: Table, columns: dict[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    """The columns of this side without what the kit calls invalid, and how sure it is of the eye: that of the gaze point."""
    found: dict[str, np.ndarray] = {}
    changed: dict[str, np.ndarray] = {}
    for name, groups in VALIDITIES.items():
        texts = (table.texts.get(f"{name.format(side=side)}_{end}") for end in (VALID, "valid"))
        column = next((text for text in texts if text is not None), None)
        if column is not None:
            found[name] = _flags(head, name.format(side=side), column)
            for ours in columns:
                if ours.startswith(tuple(group.format(side=side) for group in groups)):
                    changed[ours] = np.where(found[name] == 0, np.nan, columns[ours])
    if found:
        changed[f"validity_{side}"] = next(iter(found.values()))
    return changed


def _flags(head: Head, name: str, column: TextColumn) -> np.ndarray:
    """`(rows,)`: 1 valid, 0 invalid, NaN where the cell is empty."""
    by_value = []
    for value in column.values:
        word = value.strip().lower()
        if word not in _YES | _NO | {"", "nan"}:
            raise EmertInputError(
                f"{head.file} has {value[:40]!r} as validity of {name}, where 1 or 0 is expected; write it down again"
            )
        by_value.append(np.nan if word in ("", "nan") else float(word in _YES))
    return np.array(by_value)[column.codes]
