"""Folds of the recordings that were built.

Cells are built by the folds of all recordings that a source lists. Reading may show that some hold nothing usable; if a
participant has no recording left, a test or validation split could be empty. So the folds are made again from what was
built, and where they differ, recordings move to other cells; the sources are not read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from modeling_emert.tasks_emert import get_task

from ..dataset.layout import cell_path
from ..dataset.metadata import DataFile, Metadata, make_fingerprint
from ..dataset.row_groups import RowGroupWriter, group_size, places
from ..dataset.rows import named_labels
from ..dataset.splits import Assignment, Cell, assign
from ..sources.base import Entry

_IDS = ("recording_id", "participant_id", "stimulus_id")
_PLACE = ("participant_fold", "stimulus_group")
_Row = tuple[Path, int]  # a cell's file, and the number of a recording in it


def reassign_folds(
    cells: Mapping[str, Path], metadata: Metadata, content: str, work: Path, planned: Assignment
) -> tuple[Mapping[str, Path], Metadata, Assignment]:
    """Files, description and folds of the data set made of these cells, which are given by their path within it.

    `content`: see `Fingerprint`. `work`: an empty folder, or none yet, for the cells that change. `planned`: the folds of all
    recordings; those that a source gives stay. Raises `EmertInputError` where recordings of fewer than three participants are
    left.
    """
    given = planned.sets or (planned.participants if planned.given_folds else {})
    key = "recording_id" if planned.sets else "participant_id"
    rows = {row: entry for file in cells.values() for row, entry in _entries(file, metadata.tasks, given, key).items()}
    assignment = assign(list(rows.values()), metadata.tasks, metadata.seed, planned.given_folds or (), planned.sets is not None)
    targets: dict[Cell, list[_Row]] = {}
    for row, entry in sorted(rows.items(), key=lambda item: item[1].recording_id):
        targets.setdefault(assignment.cell(entry), []).append(row)
    if all(cells.get(cell_path(cell)) == file for cell, members in targets.items() for file, _ in members):
        return cells, metadata, assignment
    work.mkdir(parents=True, exist_ok=True)
    moved = {cell_path(cell): _write(work / Path(cell_path(cell)).name, cell, targets[cell]) for cell in sorted(targets)}
    files = {name: DataFile.of(path, pq.read_metadata(path).num_rows) for name, path in moved.items()}
    return moved, replace(metadata, files=files, fingerprint=make_fingerprint(content, files)), assignment


def _entries(file: Path, tasks: Sequence[str], given: Mapping[str, int], key: str) -> dict[_Row, Entry]:
    """Ids and class labels of every recording in a cell: what the folds are made from. `given`: folds by the column `key`."""
    classes = [task for task in tasks if get_task(task).kind == "classification"]
    table = pq.read_table(file, columns=[*_IDS, *classes], partitioning=None).to_pylist()
    return {
        (file, number): Entry(*map(row.get, _IDS), named_labels(row, tasks), fold=given.get(row[key]))
        for number, row in enumerate(table)
    }


def _write(target: Path, cell: Cell, rows: Sequence[_Row]) -> Path:
    """Writes a cell from recordings of other cells."""
    sources = {file: pq.ParquetFile(file) for file, _ in rows}
    where = {file: places(source) for file, source in sources.items()}
    first = sources[rows[0][0]]
    with RowGroupWriter(target, first.schema_arrow, max(map(group_size, sources.values()))) as writer:
        for file, number in rows:
            group, offset = where[file][number]
            table = sources[file].read_row_group(group).slice(offset, 1)  # one recording
            for name, value in zip(_PLACE, cell, strict=True):
                index = table.schema.get_field_index(name)
                field = table.schema.field(index)
                table = table.set_column(index, field, pa.array([value], field.type))
            writer.write(table)
    return target
