"""One cell of the data set, the recordings of one participant fold and one stimulus group: its rows, and its Parquet file."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Array2D, Features

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording

from ..common.settings import list_some
from ..dataset.metadata import Counts
from ..dataset.rows import to_row
from ..dataset.schema import row_features, stored_schema
from ..dataset.splits import Assignment, Cell
from ..sources.base import Entry, Source, note_contradictions


@dataclass(frozen=True)
class CellJob:
    """What a worker process needs to build one cell."""

    source: type[Source]
    path: Path
    mapping: Path | None
    cell: Cell
    entries: tuple[Entry, ...]
    target: Path
    faces: int


@dataclass
class CellReport:
    """Result of a cell: recordings written, their counts, notes on what was left out, errors that stop the build."""

    cell: Cell
    recordings: int
    counts: Counts
    notes: list[str]
    problems: list[str]

    @classmethod
    def begin(cls, cell: Cell, source: Source) -> "CellReport":
        return cls(cell, 0, Counts.empty(source.tasks), [], [])

    @classmethod
    def read(cls, path: Path) -> "CellReport":
        content = json.loads(path.read_text())
        return cls(tuple(content.pop("cell")), counts=Counts(**content.pop("counts")), **content)


def check_reports(reports: Iterable[CellReport]) -> None:
    """Raises `EmertInputError` with the first ten problems where there are any."""
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        raise EmertInputError(f"{len(problems)} recordings can't be read: {list_some(problems)}; repair or remove them")


def cell_members(entries: Sequence[Entry], assignment: Assignment) -> dict[Cell, tuple[Entry, ...]]:
    """The entries of every cell that has any; cells in order."""
    members: dict[Cell, list[Entry]] = {}
    for entry in entries:
        members.setdefault(assignment.cell(entry), []).append(entry)
    return {cell: tuple(members[cell]) for cell in sorted(members)}


def make_rows(source: Source, entries: Sequence[Entry], faces: int, report: CellReport) -> Iterator[dict]:
    """The rows of one cell, ready for `row_features`; notes on what is left out go into the report."""
    report.notes += note_contradictions(source, entries)
    for entry in sorted(entries, key=source.reading_order):
        recording = _load(source, entry, faces, report)
        if recording is not None:
            row = to_row(entry, recording, source.name, *report.cell, source.tasks)
            report.recordings += 1
            report.counts.add(row, source.tasks)
            yield row


def build_cell(job: CellJob) -> CellReport:
    """Writes one cell; its report beside it shows that it is complete."""
    source = job.source(job.path, job.mapping)
    report = CellReport.begin(job.cell, source)
    features = row_features(source.tasks)
    # The process id is in the name: a worker of a build that was just killed may still be writing the same cell.
    writing = job.target.with_suffix(f".{os.getpid()}.writing")
    with open_data_file(writing, source.tasks) as file:
        for row in make_rows(source, job.entries, job.faces, report):
            file.write_table(_as_table(row, features, source.tasks))
    if not report.problems:
        os.replace(writing, job.target)
        writing.write_text(json.dumps(asdict(report)))
        os.replace(writing, job.target.with_suffix(".report"))
    return report


def open_data_file(path: Path, tasks: Sequence[str] = ()) -> pq.ParquetWriter:
    """A writer for a row group a recording: memory does not grow with the file, and a recording can be read alone."""
    # Statistics and dictionaries of single rows are useless and take 15 kB.
    schema = stored_schema(tuple(tasks))
    return pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False, use_dictionary=False)


def _as_table(row: dict, features: Features, tasks: Sequence[str]) -> pa.Table:
    """One row. Matrices are converted directly, since `datasets` would encode them number by number."""
    schema = stored_schema(tuple(tasks))
    matrices = {name: row[name] for name, feature in features.items() if isinstance(feature, Array2D)}
    plain = features.encode_example(row | dict.fromkeys(matrices))
    columns = [
        _as_lists(matrices[field.name], field.type) if field.name in matrices else pa.array([plain[field.name]], field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _as_lists(matrix: np.ndarray | None, kind: pa.ListType) -> pa.Array:
    """A matrix `(length, width)` float32, or null, as the only value of a column of lists of lists."""
    if matrix is None:
        return pa.nulls(1, kind)
    matrix = np.ascontiguousarray(matrix, np.float32)
    starts = np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1]
    lines = pa.ListArray.from_arrays(starts, matrix.ravel())
    return pa.ListArray.from_arrays(np.array([0, len(matrix)], np.int32), lines).cast(kind)


def _load(source: Source, entry: Entry, faces: int, report: CellReport) -> Recording | None:
    """One recording; None, with a note or an error in the report, where nothing of it can be used."""
    try:
        gaze = source.load_gaze(entry)
        action_units = source.load_action_units(entry)
        face = source.load_face(entry, faces)
    except EmertInputError as error:
        report.problems.append(f"{entry.recording_id}: {error}")
        return None
    if entry.video and face is None:
        report.notes.append(f"{entry.recording_id}: no face was found in {entry.video.name}, so it has no face")
    if gaze is not None and gaze.missing_fraction in (None, 1.0):
        gaze.eye_movements = gaze.times_ms = None
        if gaze.fixations is None or len(gaze.fixations) == 0:
            gaze = None
    if face is None and gaze is None and action_units is None:
        report.notes.append(f"{entry.recording_id}: neither a face nor a valid gaze sample nor a fixation: left out")
        return None
    return Recording(face, gaze, action_units=action_units)
