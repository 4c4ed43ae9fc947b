"""Parquet tables, read by column like those in text files; size limits are checked with the metadata before reading."""

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from dataset_scripts.readers.text.text_files import TextFile
from dataset_scripts.readers.text.text_table import Table, TextColumn
from modeling_emert.errors_emert import EmertInputError

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
    """One column of all row groups. Nested columns are refused."""
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
