"""From recordings on disk to the data set folder: cell by cell, restartable, whole or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, Features

from modeling_emert import recording_emert
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.faces_emert import load_face_track
from modeling_emert.recording_emert import Recording
from modeling_emert.tasks_emert import TASKS

from .folder import DATA_FOLDER, cell_name, cell_path, write_description
from .metadata import METADATA_FILE, DataFile, Metadata
from .parallel import run_parallel
from .schema import row_features, to_row
from .source import Entry, Source
from .sources import open_source
from .splits import Assignment, Cell, assign

FACES_KEPT = 32  # crops a recording; the network takes 8 of them
FINGERPRINT = "fingerprint"  # file of an unfinished build that tells of which recordings it is


@dataclass(frozen=True)
class CellJob:
    """What one worker needs to build one cell."""

    source: str
    path: Path
    mapping: Path | None
    cell: Cell
    entries: tuple[Entry, ...]
    target: Path
    faces: int


@dataclass
class CellReport:
    """What came out: recordings written, sentences on what was left out, and problems that stop the build."""

    cell: Cell
    recordings: int
    notes: list[str]
    problems: list[str]


def build(source: Source, out: Path, workers: int = 2, faces: int = FACES_KEPT, seed: int = 0, overwrite: bool = False) -> Path:
    """Builds the data set of `source` in the folder `out` and gives it back.

    Everything is written to `.OUT.partial` beside it, in files that `load_dataset` does not take for data, and gets its
    name at the end. A build that was stopped goes on with the cells that it lacks.

    Raises:
        EmertInputError: `out` holds something and `overwrite` is False, or something else than a data set; the source is
            not what it should be; recordings can't be read (all of them are named).
    """
    _check_settings(faces, seed)
    check_free(out, overwrite)
    out = out.resolve()
    _check_loss(source, out)
    entries = source.entries()
    if not entries:
        raise EmertInputError(f"{source.path}: source {source.name} found no recordings")
    _check_labels(source, entries)
    assignment = assign(entries, source.tasks, seed)
    partial = _open_partial(out, _fingerprint(source, entries, faces, seed))
    reports = list(_build_cells(source, entries, assignment, partial, workers, faces))
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        shown = "; ".join(problems[:10])
        more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise EmertInputError(f"{len(problems)} recordings can't be read: {shown}{more}. Mend them or take them out")
    _finish(partial, out, source, assignment, reports, faces)
    return out


def check_free(out: Path, overwrite: bool) -> None:
    """Raises `EmertInputError` where `out` holds something and may not be overwritten."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not overwrite):
        raise EmertInputError(f"{out}: already holds something; give another --out, or --overwrite to replace it")


def _check_settings(faces: int, seed: int) -> None:
    if faces < 1 or not 0 <= seed < 2**32:
        raise EmertInputError(f"faces must be at least 1 and seed in 0..{2**32 - 1}, got {faces} and {seed}")


def _check_loss(source: Source, out: Path) -> None:
    """Only a data set that was built before may be replaced, and never the recordings themselves."""
    if source.path.resolve().is_relative_to(out):
        raise EmertInputError(f"{out}: holds the recordings that are to be read; give another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / METADATA_FILE).is_file():
        raise EmertInputError(f"{out}: holds something else than a data set, which is not replaced; give another --out")


def _check_labels(source: Source, entries: list[Entry]) -> None:
    """Every label belongs to the source's tasks, names a class or lies in range."""
    tasks = {column: TASKS[name] for name in source.tasks for column in TASKS[name].columns}
    for entry in entries:
        for column, label in entry.labels.items():
            task = tasks.get(column)
            where = f"{source.path}: recording {entry.recording_id}: label {column}"
            if task is None:
                raise EmertInputError(f"{where} belongs to no task of source {source.name} ({', '.join(source.tasks)})")
            if task.kind == "classes" and label not in task.labels:
                raise EmertInputError(f"{where} is {label!r}; expected one of {', '.join(task.labels)}")
            low, high = task.range or (0, 0)
            if task.kind == "numbers" and not (isinstance(label, (int, float)) and low <= label <= high):
                raise EmertInputError(f"{where} is {label!r}; expected a number in [{low:g}, {high:g}]")


def _fingerprint(source: Source, entries: list[Entry], faces: int, seed: int) -> str:
    """Changes whenever a cell that was built before would come out differently."""
    content: list = [_code_hash(), source.name, str(source.path.resolve()), faces, seed]
    for entry in entries:
        files = [path for path in (entry.video, *map(Path, entry.location)) if path is not None and path.is_file()]
        stamps = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        known = (sorted(entry.labels.items()), sorted(entry.context.items()))
        content.append([entry.recording_id, entry.participant, entry.stimulus, *known, stamps])
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def is_current(out: Path, source: Source, faces: int = FACES_KEPT, seed: int = 0) -> bool:
    """Whether `out` holds just what `build` would make of these recordings with today's code."""
    if not (out / METADATA_FILE).is_file():
        return False
    return Metadata.read(out).fingerprint == _fingerprint(source, source.entries(), faces, seed)


@cache
def _code_hash() -> str:
    """Over the code that turns recordings into rows, since a version kept by hand is forgotten."""
    ours, models = Path(__file__).parent, Path(recording_emert.__file__).parent
    files = [*sorted((ours / "readers").glob("*.py")), *sorted((ours / "sources").glob("*.py"))]
    files += [ours / f"{name}.py" for name in ("building", "schema", "splits")]
    files += [models / f"{name}_emert.py" for name in ("columns", "context", "faces", "recording", "tasks", "video")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _open_partial(out: Path, fingerprint: str) -> Path:
    """The folder of an unfinished build of the same recordings, or a new one."""
    partial = out.parent / f".{out.name}.partial"
    marker = partial / FINGERPRINT
    if not marker.is_file() or marker.read_text() != fingerprint:
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            marker.write_text(fingerprint)
        except OSError as error:
            raise EmertInputError(f"{out}: can't be written ({error.strerror}); give another --out") from error
    return partial


def _build_cells(
    source: Source, entries: list[Entry], assignment: Assignment, partial: Path, workers: int, faces: int
) -> Iterator[CellReport]:
    members: dict[Cell, list[Entry]] = {}
    for entry in entries:
        members.setdefault(assignment.cell(entry), []).append(entry)
    jobs = []
    for cell, cell_entries in sorted(members.items()):
        done = partial / f"{cell_name(cell)}.report"
        if done.is_file():
            yield CellReport(cell, **json.loads(done.read_text()))
        else:
            # Recordings of one stimulus follow each other: some sources keep them in one file.
            ordered = tuple(sorted(cell_entries, key=lambda entry: (entry.stimulus, entry.participant)))
            target = partial / f"{cell_name(cell)}.cell"
            jobs.append(CellJob(source.name, source.path, source.mapping, cell, ordered, target, faces))
    yield from run_parallel(_build_cell, jobs, workers, "building the data set", "cell")


def _build_cell(job: CellJob) -> CellReport:
    """Writes one cell; its report beside it says that it is whole."""
    source = open_source(job.source, job.path, job.mapping)
    report = CellReport(job.cell, 0, [], [])
    features = row_features()
    # The process is in the name: one of a build that was killed a moment ago may still be writing the same cell.
    writing = job.target.with_suffix(f".{os.getpid()}.writing")
    with pq.ParquetWriter(writing, features.arrow_schema, compression="zstd") as writer:
        for entry in job.entries:
            recording = _load(source, entry, job.faces, report)
            if recording is not None:
                # Each its own row group: memory does not grow with the cell, and `EmertData` reads one without the others.
                row = to_row(entry, recording, source.name, *job.cell)
                writer.write_table(_as_table(row, features))
                report.recordings += 1
    if not report.problems:
        os.replace(writing, job.target)
        content = {"recordings": report.recordings, "notes": report.notes, "problems": []}
        job.target.with_suffix(".report").write_text(json.dumps(content))
    return report


def _as_table(row: dict, features: Features) -> pa.Table:
    table = Dataset.from_dict({name: [row[name]] for name in features}, features=features).data.table
    return table.cast(features.arrow_schema)


def _load(source: Source, entry: Entry, faces: int, report: CellReport) -> Recording | None:
    """One recording; None, and a line in the report, where nothing of it can be used."""
    try:
        gaze = source.load_gaze(entry)
        action_units = source.load_action_units(entry)
        face = load_face_track(entry.video, faces) if entry.video else None
    except EmertInputError as error:
        report.problems.append(f"{entry.recording_id}: {error}")
        return None
    if entry.video and face is None:
        report.notes.append(f"{entry.recording_id}: no face was found in {entry.video.name}, so it has no face")
    if gaze is not None and gaze.missing_share in (None, 1.0):
        gaze.eye_movements = gaze.times_ms = None
        if gaze.fixations is None or len(gaze.fixations) == 0:
            gaze = None
    if face is None and gaze is None and action_units is None:
        report.notes.append(f"{entry.recording_id}: neither a face nor a valid gaze sample nor a fixation: left out")
        return None
    return Recording(face, gaze, action_units=action_units)


def _finish(partial: Path, out: Path, source: Source, assignment: Assignment, reports: list[CellReport], faces: int) -> None:
    """Gives the cells and then the folder their names."""
    finished = partial / ".finished"  # hidden, so that `load_dataset` on the partial folder takes nothing in it for data
    shutil.rmtree(finished, ignore_errors=True)
    (finished / DATA_FOLDER).mkdir(parents=True)
    filled = {report.cell: report.recordings for report in reports if report.recordings}
    if not filled:
        raise EmertInputError(f"{source.path}: no recording has anything that can be used")
    files = {}
    for cell, recordings in filled.items():
        target = finished / cell_path(cell)
        os.link(partial / f"{cell_name(cell)}.cell", target)
        files[cell_path(cell)] = DataFile.of(target, recordings)
    notes = sorted(note for report in reports for note in report.notes)
    fingerprint = (partial / FINGERPRINT).read_text()
    write_description(finished, Metadata.of(source, assignment.seed, faces, fingerprint, files, notes), assignment)
    if out.exists():
        shutil.rmtree(out)
    os.replace(finished, out)
    shutil.rmtree(partial)
