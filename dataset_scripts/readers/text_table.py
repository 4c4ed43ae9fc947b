"""Text tables as eye trackers export them: found, bounded, decoded and read by column.

Every reader goes through here, so that compression, encodings, separators, sizes and the sentences for broken files are
settled once. Nothing is written to disk, and no more is held in memory than the columns that were asked for.
"""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from modeling_emert.errors_emert import EmertInputError

MAX_BYTES = 1 << 30  # of uncompressed text; an hour at 1,200 Hz with every column of Tobii Studio is about this much
HEAD_BYTES = 1 << 18
SEPARATORS = ("\t", ",", ";")

# By the first bytes of the file and not by its name. Another compression is one more line.
_OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.GzipFile,
}
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# Not str.splitlines, which also splits at characters that a name may hold.
_LINE_END = re.compile(r"\r\n|\r|\n")
_DECIMAL_COMMA, _DECIMAL_POINT = re.compile(r"-?\d+,\d+"), re.compile(r"-?\d+\.\d+")


class _Bounded(io.RawIOBase):
    """Passes a stream on and refuses with `EmertInputError` once it has given more than `MAX_BYTES`."""

    def __init__(self, stream: IO[bytes], path: Path):
        self._stream, self._path, self._given, self._limit = stream, path, 0, MAX_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._limit + 1 - self._given
        data = self._stream.read(wanted if size is None or size < 0 else min(size, wanted))
        self._given += len(data)
        if self._given > self._limit:
            raise _too_large(self._path)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def _too_large(path: Path) -> EmertInputError:
    return EmertInputError(
        f"{path} holds more than {MAX_BYTES:,} bytes of text, the most that is read from one file; "
        "export fewer participants or stimuli per file"
    )


@contextmanager
def _open(path: Path) -> Iterator[_Bounded]:
    """The uncompressed bytes of `path`; errors of the file system and of the compression become `EmertInputError`."""
    try:
        if path.is_dir():
            raise EmertInputError(f"{path} is a folder; give the file with the gaze samples in it")
        if not path.exists():
            raise EmertInputError(f"{path} does not exist; give the path of an eye tracker's export")
        if not path.is_file():
            raise EmertInputError(f"{path} is not a regular file; give an eye tracker's export saved on disk")
        with path.open("rb") as file:
            first = file.read(2)
        opener = _OPENERS.get(first)
        if opener is None and path.stat().st_size > MAX_BYTES:
            raise _too_large(path)
        with _Bounded(opener(path) if opener else path.open("rb"), path) as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EmertInputError(f"{path} is compressed but cut off or damaged ({error}); copy it again") from error
    except OSError as error:
        raise EmertInputError(f"{path} can't be read ({error.strerror or error}); check its permissions") from error


@dataclass(frozen=True)
class Header:
    """The line that names the columns. `row` counts from 0; spaces within a name are dropped."""

    row: int
    separator: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Head:
    """The first lines of a text file, for telling its format. The last, perhaps cut, line is kept."""

    path: Path
    encoding: str
    lines: tuple[str, ...]

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


def read_head(path: Path) -> Head:
    """The start of the file as lines. Raises `EmertInputError` for what is no text: empty, binary, another encoding."""
    with _open(path) as stream:
        data = stream.read(HEAD_BYTES)
    if not data.strip():
        raise EmertInputError(f"{path} is empty; export the recording again")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise EmertInputError(f"{path} is a binary file; give the tracker's export as text (CSV or TSV)")
    try:
        # The last character of the head may be cut in half, which is no error unless the file ends there.
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=len(data) < HEAD_BYTES)
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    return Head(path, encoding, tuple(_LINE_END.split(text)))


def _not_text(path: Path) -> EmertInputError:
    return EmertInputError(f"{path} is neither UTF-8 text nor UTF-16 with a byte order mark; save it as UTF-8")


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
        with _open(head.path) as stream:
            return arrow_csv.read_csv(stream, read, parse, convert)
    except UnicodeDecodeError as error:
        raise _not_text(head.path) from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):  # the header is all there is
            return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
        found = broken[0] if broken else _explain(str(error), names)
        raise EmertInputError(f"{head.path} has {found}; export it again") from error


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
