"""Reads data files of unknown origin, a row group at a time: sizes and types are checked first."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_scripts.dataset.row_groups import find_excess
from dataset_scripts.dataset.schema import stored_schema
from modeling_emert.rows_emert import HEAVY_COLUMNS, SHEET_COLUMNS

# Kept as Arrow's dictionaries: a file of a kilobyte could repeat a large picture a million times.
_PICTURES = ["face.list.element.bytes", "face.list.element.path"]
_HEAVY = {*HEAVY_COLUMNS, *SHEET_COLUMNS}
_MOST_PICTURES = 10_000  # of a recording: five minutes of video, every frame
_MOST_PICTURE_BYTES = 1 << 20
_MOST_LIGHT_BYTES = 1 << 16  # of names and labels, which are kept of every recording
_ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, MemoryError)


class DamagedFile(Exception):
    """A data file or a part of it can't be read; the message is the reason."""


class DataFileReader:
    """One data file. Raises `DamagedFile` where it is not a Parquet file with the columns of a data set with these tasks."""

    def __init__(self, path: Path, tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()):
        try:
            schema = pq.read_schema(path)
            self._file = pq.ParquetFile(path, read_dictionary=_PICTURES)
            expected = stored_schema(tasks, extra)
            if not schema.equals(expected):
                raise DamagedFile(f"its columns are not those of a data set: {_first_difference(schema, expected)}")
        except _ARROW_ERRORS as error:
            raise DamagedFile(f"is no Parquet file that can be read ({error})") from error

    def __len__(self) -> int:
        """Number of recordings."""
        return self._file.metadata.num_rows

    def recordings(self) -> "Iterator[Row | DamagedFile]":
        """Every recording, or the reason why its row group can't be read."""
        for group in range(self._file.num_row_groups):
            try:
                yield from self._read(group)
            except DamagedFile as error:
                yield error
            except _ARROW_ERRORS as error:
                yield DamagedFile(f"row group {group + 1} can't be read ({error})")

    def _read(self, group: int) -> "list[Row]":
        about = self._file.metadata.row_group(group)
        if problem := find_excess(about):
            raise DamagedFile(f"row group {group + 1} {problem}")
        table = self._file.read_row_group(group, use_threads=False)
        table.validate(full=True)
        if table.num_rows != about.num_rows:
            raise DamagedFile(f"row group {group + 1} has columns of {table.num_rows} rows; expected {about.num_rows}")
        light = table.drop_columns([name for name in table.column_names if name in _HEAVY])
        if light.nbytes > _MOST_LIGHT_BYTES * about.num_rows:
            raise DamagedFile(f"row group {group + 1} has names of more than {_MOST_LIGHT_BYTES >> 10} kB a recording")
        return [Row(table.slice(number, 1)) for number in range(table.num_rows)]


class Row:
    """One recording as it is stored, unchecked."""

    def __init__(self, table: pa.Table):
        self._table = table

    def value(self, name: str) -> "str | int | float | None":
        """The value of a column that is no list."""
        return self._table[name][0].as_py()

    def holds(self, name: str) -> bool:
        """Whether a list column is neither null nor empty."""
        items = self._items(name)
        return items is not None and len(items) > 0

    def numbers(self, name: str) -> np.ndarray | None:
        """Of a list column: `(length,)`, nulls as NaN (as None among booleans)."""
        items = self._items(name)
        return None if items is None else items.to_numpy(zero_copy_only=False)

    def strings(self, name: str) -> list | None:
        """Of a column of lists of texts."""
        items = self._items(name)
        return None if items is None else items.to_pylist()

    def matrix(self, name: str, width: int) -> np.ndarray | None:
        """Of an Array2D column: `(length, width)`. Raises `ValueError` where a line is of another width."""
        lines = self._items(name)
        if lines is None:
            return None
        if lines.null_count or not pc.all(pc.equal(pc.list_value_length(lines), width), min_count=0).as_py():
            raise ValueError(f"{name} has lines of other than {width} numbers")
        return lines.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)

    def pictures(self) -> Iterator[bytes | None] | None:
        """Encoded face crops, one at a time. Raises `ValueError` where they are too many or too large."""
        items = self._items("face")
        if items is None:
            return None
        if len(items) > _MOST_PICTURES:
            raise ValueError(f"{len(items)} face crops; expected at most {_MOST_PICTURES}")
        largest = pc.max(pc.binary_length(items.field("bytes").dictionary)).as_py() or 0
        if largest > _MOST_PICTURE_BYTES:
            raise ValueError(f"a face crop of {largest} bytes; expected at most {_MOST_PICTURE_BYTES}")
        return ((item.as_py() or {}).get("bytes") for item in items)

    def _items(self, name: str) -> pa.Array | None:
        value = self._table[name][0]
        return value.values if value.is_valid else None


def _first_difference(schema: pa.Schema, expected: pa.Schema) -> str:
    for found, wanted in zip(schema, expected, strict=False):
        if not found.equals(wanted):
            return f"found {found.name} ({found.type}), expected {wanted.name} ({wanted.type})"
    return f"found {len(schema)}, expected {len(expected)}"
