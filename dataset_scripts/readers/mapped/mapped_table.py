"""Any table of gaze samples, CSV, TSV or Parquet, through a mapping file (see `mapping`); one row for each sample."""

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..eye_events import START, tidy_fixations
from ..samples import all_or_none, group_rows, name_in, stack_columns
from ..text.text_files import TextFile
from ..text.text_table import Table, TextColumn, read_head, read_table
from .mapping import (
    CENTRED,
    DEGREE,
    LENGTHS,
    ON_SCREEN,
    PIXELS,
    SCREEN_UNITS,
    TIME_UNITS,
    UNITS,
    KeepWhere,
    MappedColumn,
    Mapping,
)

MARK = b"PAR1"
MAX_ROWS = 4_000_000  # an hour at 1,000 Hz; 39 columns of them take 600 MB
MAX_FILE_BYTES = 1 << 28
MAX_COLUMN_BYTES = 1 << 28  # of one column, unpacked


def is_parquet(file: TextFile) -> bool:
    """By the first four bytes. Raises `EmertInputError` for a file that can't be read."""
    with file.open() as stream:
        return stream.read(len(MARK)) == MARK


@dataclass(frozen=True)
class OpenTable:
    """A table whose columns are known and not yet read. `names`: without spaces. `read`: takes numbers, texts and times."""

    file: TextFile
    names: tuple[str, ...]
    read: Callable[..., Table]


def open_parquet(file: TextFile) -> OpenTable:
    """Raises `EmertInputError` for a file that is too large or damaged, or whose metadata exceed the limits."""
    with file.open() as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_FILE_BYTES:,} bytes; write one file for each participant")
    with _as_input_error(file):
        parquet = _parquet(data)
        rows, names = parquet.metadata.num_rows, tuple(name.replace(" ", "") for name in parquet.schema_arrow.names)
    if not 0 < rows <= MAX_ROWS:
        raise EmertInputError(f"{file} has {rows:,} rows where 1 to {MAX_ROWS:,} are expected; write one file a participant")
    return OpenTable(file, names, partial(_read, file, data, names))


def _read(
    file: TextFile,
    data: bytes,
    names: tuple[str, ...],
    numbers: Iterable[str] = (),
    texts: Iterable[str] = (),
    times: Iterable[str] = (),
) -> Table:
    """As `text_table.read_table`: numbers as float32, times as float64, infinite is missing.

    A column of timestamps keeps its own unit. Raises `EmertInputError` that names a column of the wrong type.
    """
    wanted = {name: kind for group, kind in ((numbers, "f4"), (times, "f8"), (texts, "")) for name in group if name in names}
    with _as_input_error(file):
        parquet = _parquet(data, [name for name, kind in wanted.items() if not kind], names)
        read = Table(parquet.metadata.num_rows, {}, {})
        for name, kind in wanted.items():
            column = _column(file, parquet, name, names.index(name))
            if kind:
                read.numbers[name] = _numbers(file, name, column, kind)
            else:
                is_text = pa.types.is_dictionary(column.type)
                read.texts[name] = TextColumn.of(column if is_text else column.cast(pa.string()).dictionary_encode())
    return read


def _column(file: TextFile, parquet, name: str, index: int) -> pa.ChunkedArray:
    """One column of all row groups. Raises `EmertInputError` for a nested or too large one."""
    field = parquet.schema_arrow.field(index)
    groups = map(parquet.metadata.row_group, range(parquet.metadata.num_row_groups))
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    size = sum(part.total_uncompressed_size for part in columns if part.path_in_schema.split(".")[0] == field.name)
    if not 0 <= size <= MAX_COLUMN_BYTES:
        raise EmertInputError(f"{file} holds {size:,} bytes in column {name}, at most {MAX_COLUMN_BYTES:,} are expected")
    if pa.types.is_nested(field.type):
        raise EmertInputError(f"{file} holds {field.type} in column {name} where one value a row is expected")
    return parquet.read(columns=[field.name], use_threads=False).column(0)


def _numbers(file: TextFile, name: str, column: pa.ChunkedArray, kind: str) -> np.ndarray:
    type_ = column.type
    if pa.types.is_temporal(type_):
        column = column.cast(pa.int64())
    elif not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_boolean(type_)):
        raise EmertInputError(f"{file} holds {type_} in column {name} where numbers are expected; convert them")
    with np.errstate(over="ignore"):
        values = np.array(column.cast(pa.float64(), safe=False).to_numpy()).astype(kind)
    values[np.isinf(values)] = np.nan
    return values


def _parquet(data: bytes, texts: Iterable[str] = (), names: tuple[str, ...] = ()):
    """The opened file, with the columns `texts` as dictionaries: a text repeated in every row is held once in memory."""
    import pyarrow.parquet

    opened = pyarrow.parquet.ParquetFile(pa.BufferReader(data))
    exact = dict(zip(names, opened.schema_arrow.names, strict=False))
    if not texts:
        return opened
    return pyarrow.parquet.ParquetFile(pa.BufferReader(data), read_dictionary=[exact[name] for name in texts])


@contextmanager
def _as_input_error(file: TextFile):
    try:
        yield
    except EmertInputError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:120]
        raise EmertInputError(f"{file} is Parquet that is cut off or damaged ({reason}); write it again") from error


NAME = "mapped"
_UNIT_ADVICE = f"say the unit of time in the mapping ({', '.join(TIME_UNITS)})"
TITLE = "any table with a mapping file (gaze_mapping.yaml)"
# A point needs both coordinates.
_POINTS = ("gaze_left", "gaze_right", "gaze", "gaze_stimulus", "gaze_left_mm", "gaze_right_mm", "gaze_mm", "fixation")


def open_table(file: TextFile, names: tuple[str, ...]) -> OpenTable:
    """The table with these columns, not yet read. Raises `EmertInputError` that names those that it lacks."""
    if is_parquet(file):
        table = open_parquet(file)
        missing = [name for name in names if name not in table.names]
        if not missing:
            return table
    else:
        head = read_head(file)
        header = head.find(*names)
        if header is not None:
            return OpenTable(file, header.names, partial(read_table, head, header))
        missing = [name for name in names if head.find(name) is None]
    lacks = ", ".join(map(repr, missing)) or "a line with all of " + ", ".join(map(repr, names))
    raise EmertInputError(f"{file} lacks columns that its mapping names: {lacks}; correct the mapping")


def read(table: OpenTable, mapping: Mapping) -> list[Gaze]:
    """One recording for each participant and stimulus, in the order in which they begin. Raises `EmertInputError`."""
    numbers = {column.column for column in mapping.columns.values()}
    texts = [name for name in (mapping.participant, mapping.stimulus) if name]
    rows = table.read(numbers - set(texts), texts, (mapping.time.column,))
    if numbers & set(texts):
        raise EmertInputError(f"{table.file}: its mapping reads {min(numbers & set(texts))!r} as a name and as a number")
    if rows.rows == 0:
        raise EmertInputError(f"{table.file} has a header and no samples; add one row for each sample")
    columns = _columns(rows, mapping)
    notes: list[str] = []
    if keep := mapping.keep_where:
        kept = _kept(table, keep)
        columns = {name: np.where(kept, column, np.nan) for name, column in columns.items()}
        notes.append(f"{int((~kept).sum())} of {len(kept)} samples count as missing: {keep.column} is not {keep.equals}.")
    times = _times(rows.numbers[mapping.time.column], mapping.time)
    fixations = _read_fixations(table, mapping)
    recordings = []
    for own, participant, stimulus in _groups(table, rows, mapping, times):
        order, relative, own_notes = rising(times[own], table.file, advice=_UNIT_ADVICE, in_ms=mapping.time.unit == "ms")
        if len(order) == 0:
            raise EmertInputError(f"{table.file} has no time in any sample of {participant or 'its recording'}")
        chosen = own[order]
        values = stack_columns(len(chosen), {name: column[chosen] for name, column in columns.items()})
        own_notes = [*notes, *own_notes]
        listed = fixations and fixations.within(participant, stimulus, times[chosen[0]], own_notes)
        names = {"participant": participant, "stimulus": stimulus}
        recordings.append(Gaze(values, relative, listed, **names, format=NAME, notes=own_notes))
    return recordings


def _columns(rows: Table, mapping: Mapping) -> dict[str, np.ndarray]:
    """Our columns, `(rows,)` each; gaze on the stimulus from gaze on the screen if the stimulus's area is given."""
    columns = {}
    for ours, column in mapping.columns.items():
        size = mapping.screen if mapping.screen and ours in ON_SCREEN else _area(mapping)[2:]
        axis = int(ours.endswith("y"))
        found = _convert(rows.numbers[column.column], column, UNITS[ours], size[axis], mapping, axis)
        columns[ours] = found.astype(np.float32)
    for point in _POINTS:
        columns |= all_or_none(columns, (f"{point}_x", f"{point}_y"))
    area = mapping.stimulus_area
    if area and mapping.screen and "gaze_stimulus_x" not in columns and {"gaze_x", "gaze_y"} <= set(columns):
        for axis, name in enumerate("xy"):
            pixels = columns[f"gaze_{name}"] * mapping.screen[axis]
            columns[f"gaze_stimulus_{name}"] = (pixels - area[axis]) / area[2 + axis]
    return columns


def _area(mapping: Mapping) -> tuple[float, float, float, float]:
    """Left, top, width and height of the stimulus on the screen in pixels; a screen of one pixel if no unit is px."""
    return mapping.stimulus_area or (0.0, 0.0, *(mapping.screen or (1.0, 1.0)))


def _convert(
    values: np.ndarray,
    column: MappedColumn,
    units: dict[str, float],
    size: float = 1.0,
    mapping: Mapping | None = None,
    axis: int = 0,
) -> np.ndarray:
    """In our unit; `size`: pixels of what a point is a fraction of. `mapping`: with the screen's size in mm, for gaze."""
    if column.missing:
        values = np.where(np.isin(values, np.array(column.missing, values.dtype)), np.nan, values)
    if units is SCREEN_UNITS and mapping is not None and column.unit == DEGREE:
        values = np.tan(np.radians(values)) * mapping.viewing_distance / mapping.screen_mm[axis]
    elif units is SCREEN_UNITS and mapping is not None and column.unit in LENGTHS:
        values = values * LENGTHS[column.unit] / mapping.screen_mm[axis]
    else:
        values = values / size if column.unit == PIXELS else values * np.asarray(units[column.unit], values.dtype)
    from_middle = column.origin.startswith("centre") or (units is SCREEN_UNITS and column.unit in (CENTRED, DEGREE))
    if column.origin in ("bottom", "centre_up"):
        values = -values if from_middle else 1 - values
    return 0.5 + values if from_middle else values


def _times(values: np.ndarray, column: MappedColumn) -> np.ndarray:
    """ms, float64; infinite is missing."""
    with np.errstate(over="ignore"):
        times = _convert(values, column, TIME_UNITS)
    return np.where(np.isfinite(times), times, np.nan)


def _kept(table: OpenTable, keep: KeepWhere) -> np.ndarray:
    """`(rows,)` bool; 1, 1.0 and "1" are the same."""
    column = table.read(texts=(keep.column,)).texts[keep.column]
    return column.map(lambda text: _same(text, keep.equals), bool)


def _same(found: str, wanted: str) -> bool:
    if found.strip().lower() == wanted.strip().lower():
        return True
    try:
        return float(found) == float(wanted)
    except ValueError:
        return False


def _groups(
    table: OpenTable, rows: Table, mapping: Mapping, times: np.ndarray
) -> list[tuple[np.ndarray, str | None, str | None]]:
    """Row numbers, participant and stimulus of each recording."""
    found = [rows.texts[name] if name else None for name in (mapping.participant, mapping.stimulus)]
    groups = group_rows(table.file, np.arange(rows.rows), tuple(found), times)
    return [(own, *(name_in(texts, own[0]) for texts in found)) for own in groups]


class _Fixations(NamedTuple):
    """The mapped table of fixations. `rows`: `(rows, 4)` as in `Gaze`, with the file's times in ms."""

    rows: np.ndarray
    names: tuple[TextColumn | None, TextColumn | None]

    def within(self, participant: str | None, stimulus: str | None, zero: float, notes: list[str]) -> np.ndarray:
        """`(fixations, 4)` of the recording, from `zero` on its clock. Rows without a start are no fixations."""
        own = np.isfinite(self.rows[:, START])
        for texts, wanted in zip(self.names, (participant, stimulus), strict=True):
            if texts is not None:
                own &= texts.map(lambda text, wanted=wanted or "": text == wanted, bool)
        fixations = self.rows[own]
        fixations[:, START] -= zero
        return tidy_fixations(fixations, notes)


def _read_fixations(table: OpenTable, mapping: Mapping) -> _Fixations | None:
    if mapping.fixations is None:
        return None
    columns = mapping.fixations.columns
    wanted = tuple(column.column for column in columns.values())
    if mapping.fixations.file is not None:
        file = table.file.beside(mapping.fixations.file)
        if file is None:
            raise EmertInputError(f"{table.file} has no {mapping.fixations.file} beside it, which its mapping names")
        table = open_table(file, wanted)
    names = (mapping.participant or "", mapping.stimulus or "")
    rows = table.read(texts=tuple(name for name in names if name in table.names), times=wanted)
    times = (_times(rows.numbers[columns[part].column], columns[part]) for part in ("start", "duration"))
    return _Fixations(np.stack([*_places(rows, mapping), *times], axis=1), tuple(rows.texts.get(name) for name in names))


def _places(rows: Table, mapping: Mapping) -> list[np.ndarray]:
    """x and y normalised to the stimulus; pixels are those of the screen."""
    area, screen = _area(mapping), mapping.screen or (1.0, 1.0)
    places = []
    for axis, part in enumerate("xy"):
        column = mapping.fixations.columns[part]
        place = _convert(rows.numbers[column.column], column, UNITS[f"fixation_{part}"], screen[axis])
        places.append((place * screen[axis] - area[axis]) / area[2 + axis] if column.unit == PIXELS else place)
    return places
