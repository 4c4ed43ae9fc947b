"""Tables in text files, found and read by column.

No more is held in memory than the columns that were asked for.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from dataset_scripts.readers.text.last_row import WithoutLastRow
from dataset_scripts.readers.text.text_files import TextFile, TextHead, not_text, read_text_head
from modeling_emert.errors_emert import EmertInputError

SEPARATORS = ("\t", ",", ";")
MAX_COLUMNS = 10_000  # the widest export known here has some hundreds
MAX_CELLS = 100_000_000  # two hours of Tobii Studio at 300 Hz with every column; a cell takes some 20 bytes on its way
ROW_OF_OTHER_WIDTH = re.compile(r"Expected (\d+) columns, got (\d+)")  # in Arrow's messages, as the next
_INVALID_VALUE = re.compile(r"column #(\d+):.* invalid value '(.*)'", re.DOTALL)
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")

# What the rows of a table are; of several files in an archive or folder the first kind here is read.
Content = Literal["samples", "fixations", "events"]


@dataclass(frozen=True)
class Header:
    """The line that names the columns. `row` counts from 0; spaces within a name are dropped.

    A format without such a line has no names. `content` is the reader's to say, `decimal` where `decimal_point` misjudges.
    """

    row: int
    separator: str
    names: tuple[str, ...]
    content: Content = "samples"
    decimal: str | None = None


@dataclass(frozen=True)
class Head(TextHead):
    """The first lines of a text file, for telling its format."""

    @cached_property
    def _plain(self) -> str:
        """All of them without spaces: most formats are ruled out by one look at it."""
        return "\n".join(self.lines).replace(" ", "")

    def find(self, *required: str) -> Header | None:
        """The first line that names all the `required` columns, with the separator that makes it so."""
        if not all(name in self._plain for name in required):
            return None
        for row, line in enumerate(self.lines):
            if not all(name in line.replace(" ", "") for name in required):
                continue
            for separator in SEPARATORS:
                names = _cells(line, separator)
                if set(required) <= set(names):
                    return Header(row, separator, names)
        return None

    def preamble(self, header: Header) -> dict[str, str]:
        """`Name: value` lines above the header, without the space around either."""
        pairs = (line.partition(":") for line in self.lines[: header.row])
        return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}

    def decimal_point(self, header: Header) -> str:
        """`,` where numbers of the first rows are written like 4,66 and none like 4.66."""
        if header.decimal or header.separator == ",":
            return header.decimal or "."
        rows = self.lines[header.row + 1 : header.row + 101]
        cells = [cell.strip() for row in rows for cell in row.split(header.separator)]
        commas, points = (any(pattern.fullmatch(cell) for cell in cells) for pattern in (_DECIMAL_COMMA, _DECIMAL_POINT))
        return "," if commas and not points else "."


def _cells(line: str, separator: str) -> tuple[str, ...]:
    try:
        cells = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:  # a cell of more than 131,072 characters is no name
        return ()
    return tuple(cell.replace(" ", "") for cell in cells)


def read_head(file: TextFile | Path) -> Head:
    """The start of the file. Raises `EmertInputError` for what is no text."""
    head = read_text_head(TextFile(file) if isinstance(file, Path) else file)
    return Head(head.file, head.encoding, head.lines)


@dataclass(frozen=True)
class TextColumn:
    """A column of names: `values[codes[i]]` is the text of row i. `codes`: `(rows,)` int."""

    codes: np.ndarray
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The columns that were asked for and are there. `numbers`: `(rows,)` each, missing or infinite is NaN.

    They are float32, which is what Gaze keeps, save for those read as times: float64. `raw`: strings as they stand there.
    """

    rows: int
    numbers: dict[str, np.ndarray]
    texts: dict[str, TextColumn]
    raw: dict[str, pa.ChunkedArray] = field(default_factory=dict)


def read_table(
    head: Head,
    header: Header,
    numbers: Iterable[str] = (),
    texts: Iterable[str] = (),
    times: Iterable[str] = (),
    raw: Iterable[str] = (),
    notes: list[str] | None = None,
) -> Table:
    """Read those columns of the file that the header has; the others are not converted.

    Where `notes` are given, a last row that is cut off is left out and a note says so.

    Raises `EmertInputError` that names the column and the value where a number was expected, or the row that is cut.
    """
    if len(header.names) > MAX_COLUMNS:
        raise EmertInputError(
            f"{head.file} has a header of {len(header.names):,} columns, where at most {MAX_COLUMNS:,} are read; export it anew"
        )
    first = {name: i for i, name in reversed(list(enumerate(header.names)))}
    names = tuple(name if first[name] == i else f"{name}#{i}" for i, name in enumerate(header.names))
    wanted = (
        (numbers, pa.float32()),
        (times, pa.float64()),
        (texts, pa.dictionary(pa.int32(), pa.string())),
        (raw, pa.string()),
    )
    kinds = {name: kind for group, kind in wanted for name in group if name in names}
    table = _parse(head, header, names, kinds, whole=notes is None)
    if table is None and notes is not None:
        notes.append("The last row of the file is cut off and was left out.")
        table = _parse(replace(head, file=WithoutLastRow.of(head.file, head.encoding)), header, names, kinds, whole=True)
    assert table is not None  # a whole one is either read or refused
    if table.num_rows * len(kinds) > MAX_CELLS:
        raise EmertInputError(
            f"{head.file} holds {table.num_rows:,} rows of {len(kinds)} columns, where at most {MAX_CELLS:,} cells are read; "
            "export fewer participants or stimuli per file"
        )
    read = Table(table.num_rows, {}, {})
    for name, kind in kinds.items():
        # One at a time, and out of Arrow's table, so that at no time all columns are held twice.
        column = table[name]
        table = table.drop_columns([name])
        if pa.types.is_dictionary(kind):
            read.texts[name] = _text_column(column)
        elif pa.types.is_string(kind):
            read.raw[name] = column
        else:
            read.numbers[name] = _finite(column)
    return read


def _parse(head: Head, header: Header, names: tuple[str, ...], kinds: dict[str, pa.DataType], whole: bool) -> pa.Table | None:
    """The columns in `kinds`; None for a table that is not `whole` and has a row with too few cells."""
    read = arrow_csv.ReadOptions(column_names=names, skip_rows=header.row + 1, encoding=head.encoding)
    convert = arrow_csv.ConvertOptions(
        include_columns=list(kinds),
        column_types=kinds,
        null_values=["", "NaN", "nan", "NA", "n/a", "-", "."],
        decimal_point=head.decimal_point(header),
    )
    try:
        with head.file.open() as stream:
            return arrow_csv.read_csv(stream, read, arrow_csv.ParseOptions(delimiter=header.separator), convert)
    except UnicodeDecodeError as error:
        raise not_text(head.file) from error
    except pa.ArrowInvalid as error:
        message = str(error)
        if "invalid UTF8" in message and head.encoding == "utf-8":  # only the head was plain ASCII
            return _parse(replace(head, encoding="latin-1"), header, names, kinds, whole)
        if header.decimal is None and (other := _other_decimal(message, convert.decimal_point)):
            return _parse(head, replace(header, decimal=other), names, kinds, whole)  # the first rows had no such number
        if "Empty CSV" in message or "Could not skip" in message:  # the header is all there is
            return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
        widths = ROW_OF_OTHER_WIDTH.search(message)
        if widths and int(widths[2]) < int(widths[1]) and not whole:
            return None
        found = f"a row of {widths[2]} cells where the header has {widths[1]}" if widths else _explain(message, names)
        raise EmertInputError(f"{head.file} has {found}; export it again") from error


def _other_decimal(message: str, decimal: str) -> str | None:
    """The other decimal mark, where the number that Arrow could not read is written with it."""
    match = _INVALID_VALUE.search(message)
    other, pattern = (".", _DECIMAL_POINT) if decimal == "," else (",", _DECIMAL_COMMA)
    return other if match and pattern.fullmatch(match[2].strip()) else None


def _explain(message: str, names: tuple[str, ...]) -> str:
    """Arrow's message in our words: the column by its name."""
    match = _INVALID_VALUE.search(message)
    if match:
        return f"{match[2][:40]!r} in column {names[int(match[1])]}, where a number is expected"
    return f"a part that is no table ({message.splitlines()[0][:120]})"


def _finite(column: pa.ChunkedArray) -> np.ndarray:
    """`(rows,)`, owned; what is beyond float32 has become infinite in it, and counts as missing."""
    values = np.array(column.to_numpy())
    values[np.isinf(values)] = np.nan
    return values


def _text_column(column: pa.ChunkedArray) -> TextColumn:
    array = column.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # no rows: there is no chunk to combine
        return TextColumn(np.zeros(0, int), ())
    codes = array.indices.fill_null(-1).to_numpy()
    values = tuple(value or "" for value in array.dictionary.to_pylist())
    return TextColumn(codes, (*values, ""))  # code -1 is the empty text at the end
