"""Tables in text files: the header is found in the first lines, and only the requested columns are kept in memory."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from modeling_emert.errors_emert import EmertInputError

from .encodings import encoding_note, find_encoding
from .text_files import CHUNK_BYTES, MAX_LINE_BYTES, PartOfFile, TextFile, not_text, text_file, without_last_row

SEPARATORS = ("\t", ",", ";")
HEAD_BYTES = 1 << 18
MAX_COLUMNS = 10_000  # the widest export known here has some hundreds
MAX_CELLS = 100_000_000  # two hours of Tobii Studio at 300 Hz with every column; a cell takes some 20 bytes while it is read
ROW_OF_OTHER_WIDTH = re.compile(r"Expected (\d+) columns, got (\d+)")  # in Arrow's messages, as the next
_INVALID_VALUE = re.compile(r"column #(\d+):.* invalid value '(.*)'", re.DOTALL)
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")

# 1,000 or 1.000 or 1 000: in tables of times and pixels.
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:([,.' \u2019\u00a0\u202f])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_LINES_SEARCHED = 1_000_000  # for the line of an error

_LINE_END = re.compile(r"\r\n|\r|\n")  # str.splitlines also splits at characters that a name may contain

# What the rows of a table are; of several files in an archive or folder the kind that comes first here is read.
Content = Literal["samples", "fixations", "events"]


@dataclass(frozen=True)
class Header:
    """The line that names the columns. `row` counts from 0; spaces within a name are dropped.

    A format without such a line has no names. The reader sets `content`; `decimal` overrides `Head.decimal_point`.
    """

    row: int
    separator: str
    names: tuple[str, ...]
    content: Content = "samples"
    decimal: str | None = None


@dataclass(frozen=True)
class Head:
    """The first lines of a text file, from which its format is recognised. The last line may be incomplete."""

    file: TextFile
    encoding: str
    lines: tuple[str, ...]

    @property
    def first_line(self) -> str:
        return next((line.strip() for line in self.lines if line.strip()), "")

    @cached_property
    def _plain(self) -> str:
        """All lines without spaces: a quick check that rules most formats out."""
        return "\n".join(self.lines).replace(" ", "")

    def find(self, *required: str) -> Header | None:
        """The first line that names all the `required` columns, with the separator that makes it so."""
        if not all(name in self._plain for name in required):
            return None
        for row, line in enumerate(self.lines):
            if not all(name in line.replace(" ", "") for name in required):
                continue
            for separator in SEPARATORS:
                if set(required) <= set(names := _cells(line, separator)):
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
    """The start of the file as lines. Raises `EmertInputError` for an empty or binary file."""
    file = text_file(file) if isinstance(file, Path) else file
    with file.open() as stream:
        data = stream.read(HEAD_BYTES)
    if not data.strip():
        raise EmertInputError(f"{file} is empty; export the recording again")
    encoding = find_encoding(data)
    if not encoding.startswith("utf-16") and b"\0" in data:
        raise EmertInputError(f"{file} is a binary file; give the tracker's export as text (CSV or TSV)")
    try:
        # The last character may be incomplete, which is an error only at the end of the file.
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=len(data) < HEAD_BYTES)
    except UnicodeDecodeError as error:
        raise not_text(file) from error
    return Head(file, encoding, tuple(_LINE_END.split(text)))


@dataclass(frozen=True)
class TextColumn:
    """A column of names: `values[codes[i]]` is the text of row i. `codes`: `(rows,)` int; -1 is the empty text at the end."""

    codes: np.ndarray
    values: tuple[str, ...]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Self:
        """From a column of dictionaries."""
        array = column.unify_dictionaries().combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # without rows there is no chunk to combine
            return cls(np.zeros(0, int), ())
        values = tuple("" if value is None else str(value) for value in array.dictionary.to_pylist())
        return cls(array.indices.fill_null(-1).to_numpy(), (*values, ""))

    def __getitem__(self, row: int) -> str:
        return self.values[self.codes[row]]

    def map(self, function: Callable[[str], bool | float | str], kind: type | None = None) -> np.ndarray:
        """`(rows,)`: the function of each row's text; it is called once for each distinct text."""
        return np.array([function(value) for value in self.values], kind)[self.codes]


@dataclass(frozen=True)
class Table:
    """The requested columns that exist. `numbers`: `(rows,)` each, missing or infinite is NaN.

    They are float32, as in `Gaze`, but times are float64. `raw`: strings as they are in the file.
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
    """Reads those of the columns that the header has; the others are not converted.

    With `notes`, an incomplete last row is left out and a note says so.

    Raises `EmertInputError` that names the column and the value where a number was expected, or the incomplete row.
    """
    if len(header.names) > MAX_COLUMNS:
        raise EmertInputError(
            f"{head.file} has a header of {len(header.names):,} columns, where at most {MAX_COLUMNS:,} are read; export it anew"
        )
    first = {name: i for i, name in reversed(list(enumerate(header.names)))}
    names = tuple(name if first[name] == i else f"{name}#{i}" for i, name in enumerate(header.names))
    wanted = {pa.float32(): numbers, pa.float64(): times, pa.dictionary(pa.int32(), pa.string()): texts, pa.string(): raw}
    kinds = {name: kind for kind, group in wanted.items() for name in group if name in names}
    table = _parse(head, header, names, kinds, notes)
    if table is None and notes is not None:
        notes.append("The last row of the file is cut off and was left out.")
        table = _parse(replace(head, file=without_last_row(head.file, head.encoding)), header, names, kinds)
    assert table is not None
    if table.num_rows * len(kinds) > MAX_CELLS:
        raise EmertInputError(
            f"{head.file} holds {table.num_rows:,} rows of {len(kinds)} columns, where at most {MAX_CELLS:,} cells are read; "
            "export fewer participants or stimuli per file"
        )
    read = Table(table.num_rows, {}, {})
    for name, kind in kinds.items():
        # One at a time, and removed from Arrow's table, so that memory never holds all columns twice.
        column = table[name]
        table = table.drop_columns([name])
        if pa.types.is_dictionary(kind):
            read.texts[name] = TextColumn.of(column)
        elif pa.types.is_string(kind):
            read.raw[name] = column
        else:
            read.numbers[name] = _finite(column)
    return read


def _parse(
    head: Head,
    header: Header,
    names: tuple[str, ...],
    kinds: dict[str, pa.DataType],
    notes: list[str] | None = None,
    first: str = "",
) -> pa.Table | None:
    """The columns in `kinds`; with `notes` None where a row has too few cells. `first`: what other decimal marks met."""
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
            if notes is not None:
                notes += encoding_note("latin-1")
            return _parse(replace(head, encoding="latin-1"), header, names, kinds, notes)
        if header.decimal is None and (other := _other_decimal(message, convert.decimal_point)):
            return _parse(head, replace(header, decimal=other), names, kinds, notes, message)  # the first rows had none such
        if "Empty CSV" in message or "Could not skip" in message:  # the header is all there is
            return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
        widths = ROW_OF_OTHER_WIDTH.search(message)
        if widths and int(widths[2]) < int(widths[1]) and notes is not None:
            return None
        if widths:
            line = _line_of(head, header, lambda cells: len(cells) != len(names))
            found = f"a row of {widths[2]} cells where the header has {widths[1]}{line}; complete that row or export it again"
        else:
            found = _explain(head, header, first, names, _THOUSANDS) or _explain(head, header, message, names)
        raise EmertInputError(f"{head.file} has {found}") from error


def _other_decimal(message: str, decimal: str) -> str | None:
    """The other decimal mark, where the number that Arrow could not read is written with it."""
    match = _INVALID_VALUE.search(message)
    other, pattern = (".", _DECIMAL_POINT) if decimal == "," else (",", _DECIMAL_COMMA)
    return other if match and pattern.fullmatch(match[2].strip()) else None


def _explain(head: Head, header: Header, message: str, names: tuple[str, ...], only: re.Pattern | None = None) -> str:
    """Arrow's message with the column's name and the line instead of a number; empty if the value is not `only` such."""
    match = _INVALID_VALUE.search(message)
    if match is None:
        return "" if only else f"a part that is no table ({message.splitlines()[0][:120]}); export it again"
    value, column = match[2].strip(), int(match[1])
    if only is not None and not only.fullmatch(value):
        return ""
    line = _line_of(head, header, lambda cells: len(cells) > column and cells[column].strip() == value)
    where = f"{match[2][:40]!r} in column {names[column]}{line}"
    if _THOUSANDS.fullmatch(value):
        return f"{where}, written with a thousands separator, where plain digits are expected; export it without separators"
    return f"{where}, where a number is expected; export it again"


def _line_of(head: Head, header: Header, wrong: Callable[[Sequence[str]], bool]) -> str:
    """ " (line 6)": the first row that is wrong; empty where none is found, or only a part of the file is read."""
    if header.row < 0:
        return ""
    with suppress(EmertInputError, csv.Error):
        for number, line in enumerate(islice(read_lines(head), _LINES_SEARCHED), 1):
            if number > header.row + 1 and line:
                cells = next(csv.reader([line], delimiter=header.separator)) if '"' in line else line.split(header.separator)
                if wrong(cells):
                    return f" (line {number})"
    return ""


def _finite(column: pa.ChunkedArray) -> np.ndarray:
    """`(rows,)`, a copy; numbers beyond float32 have become infinite and count as missing."""
    values = np.array(column.to_numpy())
    values[np.isinf(values)] = np.nan
    return values


def line_chunks(file: TextFile, encoding: str) -> Iterator[bytes]:
    """Chunks of complete lines, each ending in a newline; UTF-16 becomes UTF-8, other bytes stay as they are.

    Raises `EmertInputError` for a line of more than `MAX_LINE_BYTES`, for NUL bytes, and for broken UTF-16.
    """
    decoder = codecs.getincrementaldecoder(encoding)() if encoding.startswith("utf-16") else None
    rest = b""
    with file.open() as stream:
        while data := stream.read(CHUNK_BYTES):
            if decoder:
                try:
                    data = decoder.decode(data).encode()
                except UnicodeError as error:
                    raise not_text(file) from error
            if b"\0" in data:
                raise EmertInputError(f"{file} holds NUL bytes, as no text does; copy or export it again")
            lines, newline, data = data.rpartition(b"\n")
            if newline:
                yield rest + lines + newline
                rest = b""
            rest += data
            if len(rest) > MAX_LINE_BYTES:
                raise EmertInputError(f"{file} has a line of more than {MAX_LINE_BYTES:,} bytes; export it again")
    if rest:
        yield rest + b"\n"


def select_lines(head: Head, pattern: re.Pattern[bytes], others: bool = False) -> Head:
    """The same file with only the lines that match, or only the others. `pattern` matches complete lines with their ends."""
    lines = tuple(line for line in head.lines if bool(pattern.fullmatch(line.encode() + b"\n")) is not others)
    encoding = "utf-8" if head.encoding.startswith("utf-16") else head.encoding
    chunks = partial(_selected, head.file, head.encoding, pattern, others)
    return Head(PartOfFile(head.file.path, head.file.member, chunks), encoding, lines)


def _selected(file: TextFile, encoding: str, pattern: re.Pattern[bytes], others: bool) -> Iterator[bytes]:
    for chunk in line_chunks(file, encoding):
        yield pattern.sub(b"", chunk) if others else b"".join(pattern.findall(chunk))


def read_lines(head: Head) -> Iterator[str]:
    """All lines of the file without their ends.

    Raises `EmertInputError` for a line of more than `MAX_LINE_BYTES` and for a file that is no text.
    """
    with head.file.open() as stream:
        lines = io.TextIOWrapper(io.BufferedReader(stream, 1 << 16), head.encoding, newline=None)
        try:
            while line := lines.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES:
                    raise EmertInputError(f"{head.file} has a line of more than {MAX_LINE_BYTES:,} characters; export it again")
                yield line.rstrip("\n")
        except UnicodeDecodeError as error:
            raise not_text(head.file) from error


def data_header(header: Header, head: Head) -> Header:
    """The header for a head that has only data lines: no header row, and as many names as the first row has cells.

    Some trackers end rows with an additional empty cell, or leave the last columns out.
    """
    row = next((line for line in head.lines if line.strip()), "")
    cells = row.count(header.separator) + 1
    names = header.names if '"' in row or not row else (*header.names, *[""] * (cells - len(header.names)))[:cells]
    return replace(header, row=-1, names=names)
