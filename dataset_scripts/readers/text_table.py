"""Tables in text files, found and read by column.

No more is held in memory than the columns that were asked for.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from dataset_scripts.readers.text_files import TextFile, TextHead, not_text, read_text_head
from modeling_emert.errors_emert import EmertInputError

SEPARATORS = ("\t", ",", ";")
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")

# What the rows of a table are; of several files in an archive or folder the first kind here is read.
Content = Literal["samples", "fixations", "events"]


@dataclass(frozen=True)
class Header:
    """The line that names the columns. `row` counts from 0; spaces within a name are dropped.

    A format without such a line has no names. `content` is the reader's to say.
    """

    row: int
    separator: str
    names: tuple[str, ...]
    content: Content = "samples"


@dataclass(frozen=True)
class Head(TextHead):
    """The first lines of a text file, for telling its format."""

    def find(self, *required: str) -> Header | None:
        """The first line that names all the `required` columns, with the separator that makes it so."""
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
        if header.separator == ",":
            return "."
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

    They are float32, which is what Gaze keeps, save for those read as times: float64.
    """

    rows: int
    numbers: dict[str, np.ndarray]
    texts: dict[str, TextColumn]


def read_table(
    head: Head, header: Header, numbers: Iterable[str] = (), texts: Iterable[str] = (), times: Iterable[str] = ()
) -> Table:
    """Read those columns of the file that the header has; the others are not converted.

    Raises `EmertInputError` that names the column and the value where a number was expected, or the row that is cut.
    """
    names = tuple(name if name not in header.names[:i] else f"{name}#{i}" for i, name in enumerate(header.names))
    wanted = ((numbers, pa.float32()), (times, pa.float64()), (texts, pa.dictionary(pa.int32(), pa.string())))
    kinds = {name: kind for group, kind in wanted for name in group if name in names}
    table = _parse(head, header, names, kinds)
    read = Table(table.num_rows, {}, {})
    for name, kind in kinds.items():
        # One at a time, and out of Arrow's table, so that at no time all columns are held twice.
        column = table[name]
        table = table.drop_columns([name])
        if pa.types.is_dictionary(kind):
            read.texts[name] = _text_column(column)
        else:
            read.numbers[name] = _finite(column)
    return read


def _parse(head: Head, header: Header, names: tuple[str, ...], kinds: dict[str, pa.DataType]) -> pa.Table:
    broken: list[str] = []

    def remember(row: arrow_csv.InvalidRow) -> str:
        broken.append(f"a row of {row.actual_columns} cells where the header has {row.expected_columns}")
        return "error"

    read = arrow_csv.ReadOptions(column_names=names, skip_rows=header.row + 1, encoding=head.encoding)
    parse = arrow_csv.ParseOptions(delimiter=header.separator, invalid_row_handler=remember)
    convert = arrow_csv.ConvertOptions(
        include_columns=list(kinds),
        column_types=kinds,
        null_values=["", "NaN", "nan", "NA"],
        decimal_point=head.decimal_point(header),
    )
    try:
        with head.file.open() as stream:
            return arrow_csv.read_csv(stream, read, parse, convert)
    except UnicodeDecodeError as error:
        raise not_text(head.file) from error
    except pa.ArrowInvalid as error:
        if "invalid UTF8" in str(error) and head.encoding == "utf-8":  # only the head was plain ASCII
            return _parse(replace(head, encoding="latin-1"), header, names, kinds)
        if "Empty CSV" in str(error) or "Could not skip" in str(error):  # the header is all there is
            return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
        found = broken[0] if broken else _explain(str(error), names)
        raise EmertInputError(f"{head.file} has {found}; export it again") from error


def _explain(message: str, names: tuple[str, ...]) -> str:
    """Arrow's message in our words: the column by its name."""
    match = re.search(r"column #(\d+):.* invalid value '(.*)'", message, re.DOTALL)
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
