"""Row groups of a data file: usually one recording each, so that one can be read alone; many where recordings are small."""

from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

MOST_RECORDINGS = 64  # in a row group
MOST_BYTES = 512 << 20  # of a row group, unpacked: an hour of 39 columns at 900 Hz


class RowGroupWriter:
    """Writes rows that come one by one in groups of `recordings`."""

    def __init__(self, path, schema: pa.Schema, recordings: int = 1):
        # Statistics and dictionaries of a few rows are useless and take 15 kB.
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False, use_dictionary=False)
        self._recordings, self._waiting = recordings, []

    def write(self, row: pa.Table) -> None:
        """`row`: a table of one recording."""
        self._waiting.append(row)
        if len(self._waiting) >= self._recordings:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            group = self._waiting[0] if len(self._waiting) == 1 else pa.concat_tables(self._waiting).combine_chunks()
            self._waiting = []
            self._writer.write_table(group)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self._flush()
        self._writer.close()


def find_excess(group: pq.RowGroupMetaData) -> str | None:
    """What makes a row group too large to be read, by the file's own list of it; None where nothing does."""
    if not 1 <= group.num_rows <= MOST_RECORDINGS:
        return f"holds {group.num_rows} recordings; expected 1 to {MOST_RECORDINGS}"
    columns = map(group.column, range(group.num_columns))
    # An upper bound: a short run can encode any number of values.
    size = sum(column.total_uncompressed_size + 12 * column.num_values for column in columns)
    return f"unpacks to {size >> 20} MB; expected at most {MOST_BYTES >> 20}" if size > MOST_BYTES else None


def places(file: pq.ParquetFile) -> list[tuple[int, int]]:
    """Of every row its group and its place in the group."""
    groups = range(file.num_row_groups)
    return [(group, offset) for group in groups for offset in range(file.metadata.row_group(group).num_rows)]


def group_size(file: pq.ParquetFile) -> int:
    """Recordings in the largest group, at least 1."""
    return max((file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)), default=1)
