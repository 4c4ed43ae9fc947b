"""One cell of the data set, the recordings of one participant fold and one stimulus group: its rows, and its Parquet file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Array2D, Features

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording

from ..common.output import atomic_file
from ..common.settings import Problem, list_some
from ..dataset.metadata import Counts
from ..dataset.row_groups import RowGroupWriter
from ..dataset.rows import to_row
from ..dataset.schema import row_features, stored_schema
from ..dataset.splits import Assignment, Cell
from ..sources.base import Entry, Source, note_contradictions

PART_RECORDINGS = 512  # a multiple of every `Source.recordings_per_group`


@dataclass(frozen=True)
class CellJob:
    """What a worker process needs to build one cell."""

    source: Source
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

    def write(self, path: Path) -> None:
        with atomic_file(path) as writing:
            writing.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "CellReport":
        content = json.loads(path.read_text())
        return cls(tuple(content.pop("cell")), counts=Counts(**content.pop("counts")), **content)


def check_reports(reports: Iterable[CellReport]) -> None:
    """Raises `EmertInputError` with the problems, the first of each cause, where there are any."""
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
            row = to_row(entry, recording, source.name, *report.cell, source.tasks, source.extra_columns)
            report.recordings += 1
            report.counts.add(row, source.tasks)
            yield row


def build_cell(job: CellJob) -> CellReport:
    """Writes one cell; its report beside it shows that it is complete, and such a cell is not written again."""
    source, done = job.source, job.target.with_suffix(".report")
    if done.is_file():  # by a worker whose answer was lost
        return CellReport.read(done)
    report = CellReport.begin(job.cell, source)
    features = row_features(source.tasks, source.extra_columns)
    schema = stored_schema(tuple(source.tasks), source.extra_columns)
    # Several may write the same cell at once: a worker of a build that was just killed may still be at it.
    with atomic_file(job.target) as writing, RowGroupWriter(writing, schema, source.recordings_per_group) as file:
        for row in make_rows(source, job.entries, job.faces, report):
            file.write(_as_table(row, features, schema))
    if not report.problems:
        report.write(done)
    return report


def part_jobs(job: CellJob) -> list[CellJob]:
    """The same cell in parts, so that all workers have work and a stopped build does not lose hours; itself if it is small."""
    if len(job.entries) <= PART_RECORDINGS:
        return [job]
    ordered = sorted(job.entries, key=job.source.reading_order)
    parts = [tuple(ordered[start : start + PART_RECORDINGS]) for start in range(0, len(ordered), PART_RECORDINGS)]
    name = job.target.with_suffix("").name
    return [replace(job, entries=part, target=job.target.with_name(f"{name}.{n}.part")) for n, part in enumerate(parts)]


def join_parts(job: CellJob, parts: Sequence[CellJob]) -> CellReport:
    """Makes the cell of its finished parts, which are then removed."""
    reports = [CellReport.read(part.target.with_suffix(".report")) for part in parts]
    if parts == [job]:
        return reports[0]
    source = job.source
    schema = stored_schema(tuple(source.tasks), source.extra_columns)
    with atomic_file(job.target) as writing, RowGroupWriter(writing, schema) as file:
        for part in parts:
            read = pq.ParquetFile(part.target)
            for group in range(read.num_row_groups):
                file.write(read.read_row_group(group))  # as it is: a group of many counts as one
    counts = Counts.sum(source.tasks, [one.counts for one in reports])
    notes = [note for one in reports for note in one.notes]
    report = CellReport(job.cell, sum(one.recordings for one in reports), counts, notes, [])
    report.write(job.target.with_suffix(".report"))
    for part in parts:
        part.target.unlink()
        part.target.with_suffix(".report").unlink()
    return report


def _as_table(row: dict, features: Features, schema: pa.Schema) -> pa.Table:
    """One row. Matrices are converted directly, since `datasets` would encode them number by number."""
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
        gaze = source.believed_gaze(entry)
        action_units = source.load_action_units(entry)
        face = source.load_face(entry, faces)
    except (EmertInputError, OSError) as error:
        report.problems.append(Problem(entry.recording_id, str(error)))
        return None
    if entry.video and face is None:
        report.notes.append(f"{entry.recording_id}: no face was found in {entry.video.name}, so it has no face")
    report.notes += [f"{entry.recording_id}: {note}" for note in (face.notes if face else ())]
    if gaze is not None and gaze.missing_fraction in (None, 1.0):
        gaze.eye_movements = gaze.times_ms = None
        if gaze.sheet is None and (gaze.fixations is None or len(gaze.fixations) == 0):
            gaze = None
    if face is None and gaze is None and action_units is None:
        report.notes.append(f"{entry.recording_id}: neither a face nor a valid gaze sample nor a fixation: left out")
        return None
    return Recording(face, gaze, action_units=action_units)
