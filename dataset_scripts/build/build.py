"""From recordings on disk to the data set folder: cell by cell, restartable, complete or not at all."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from modeling_emert.errors_emert import EmertInputError

from ..common.output import check_free, check_replaceable, lock_output, report_os_errors
from ..common.parallel import run_parallel
from ..common.settings import list_some
from ..dataset.layout import DATA_SET, FRESHNESS_FILE, assemble, cell_name, cell_path
from ..dataset.metadata import METADATA_FILE, Counts, DataFile, Metadata, make_fingerprint
from ..dataset.splits import Assignment, Cell, assign
from ..sources.base import TERMS, Entry, Source, check_labels
from .cells import CellJob, CellReport, build_cell, cell_members, check_reports, join_parts, part_jobs
from .fingerprint import Fingerprint, take_fingerprint
from .reassign_folds import reassign_folds

FRESHNESS = "freshness"  # file of an unfinished build: the fingerprint of its recordings


@dataclass(frozen=True)
class Plan:
    """What is to be built: the recordings of every cell that has any, and the settings."""

    source: Source
    members: dict[Cell, tuple[Entry, ...]]
    assignment: Assignment
    fingerprint: Fingerprint
    faces: int

    @classmethod
    def of(cls, source: Source, faces: int | None, seed: int) -> "Plan":
        """`faces`: crops kept of a recording; None: as many as the source says.

        Raises `EmertInputError` for wrong settings, and for a source or a label that is not valid.
        """
        faces = source.faces_kept if faces is None else faces
        if faces < 1 or not 0 <= seed < 2**32:
            raise EmertInputError(f"faces must be at least 1 and seed in 0..{2**32 - 1}, got {faces} and {seed}")
        entries = source.entries()
        if not entries:
            raise EmertInputError(f"{source.path}: source {source.name} found no recordings: no row in its table, or no file")
        check_labels(source, entries)
        try:
            assignment = assign(entries, source.tasks, seed, source.given_folds, source.gives_sets)
        except EmertInputError as error:
            raise EmertInputError(f"{source.path}: {error}") from error
        fingerprint = take_fingerprint(source, entries, faces, seed)
        return cls(source, cell_members(entries, assignment), assignment, fingerprint, faces)


def build(
    source: Source,
    out: Path,
    num_workers: int = 2,
    faces: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    scheduler: str | None = None,
) -> Path:
    """Builds the data set of `source` in the folder `out` and returns its path.

    Everything is written to `.OUT.partial` beside it, under names that `load_dataset` does not read, and is renamed at the
    end; what `out` held goes only then. A build that was stopped continues with the cells that are missing. `scheduler`: see
    `run_parallel`. Raises `EmertInputError` where `out` may not be replaced or can't be written, another build writes it, the
    source is not valid, recordings can't be read (the first of each cause are named), or the process of a cell was killed.
    """
    check_free(out, overwrite)
    out = out.resolve()
    if source.path.resolve().is_relative_to(out):
        raise EmertInputError(f"{out}: holds the recordings that are to be read; give another --out")
    check_replaceable(out, DATA_SET)
    plan = Plan.of(source, faces, seed)
    with lock_output(out), report_os_errors(out):
        check_free(out, overwrite)  # again: another build may have ended meanwhile
        partial = open_partial(out, plan.fingerprint.freshness)
        metadata = build_cells(plan, partial, num_workers, scheduler)
        if not metadata.files:
            raise EmertInputError(f"{source.path}: no recording has anything that can be used")
        cells = {name: cell_file(partial, name) for name in metadata.files}
        # Hidden folders, so that `load_dataset` on the partial folder finds no data in it.
        final = reassign_folds(cells, metadata, plan.fingerprint.content, partial / ".reassigned", plan.assignment)
        assemble(out, partial / ".finished", *final, plan.fingerprint.freshness)
        (partial / FRESHNESS).unlink()  # first, so that nobody goes on with a folder that is partly removed
        shutil.rmtree(partial)
    return out


def is_current(out: Path, source: Source, faces: int | None = None, seed: int = 0) -> bool:
    """Whether `out` holds exactly what `build` would make of these recordings with the present code."""
    built = out / FRESHNESS_FILE
    if not (built.is_file() and (out / METADATA_FILE).is_file()):
        return False
    faces = source.faces_kept if faces is None else faces
    return built.read_text() == take_fingerprint(source, source.entries(), faces, seed).freshness


def open_partial(out: Path, freshness: str) -> Path:
    """The folder of an unfinished build with this fingerprint, or a new one."""
    partial = out.parent / f".{out.name}.partial"
    marker = partial / FRESHNESS
    if not marker.is_file() or marker.read_text() != freshness:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        marker.write_text(freshness)
    return partial


def cell_file(folder: Path, data_path: str) -> Path:
    """The file, in an unfinished build, of the cell that becomes this data file."""
    return folder / f"{Path(data_path).stem}.cell"


def build_cells(plan: Plan, partial: Path, num_workers: int, scheduler: str | None) -> Metadata:
    """Builds the cells that `partial` lacks; returns the description of all. Raises `EmertInputError`."""
    source, reports, jobs, total = plan.source, [], [], 0
    for cell in sorted(plan.members):
        target = partial / f"{cell_name(cell)}.cell"
        job = CellJob(source, cell, plan.members[cell], target, plan.faces)
        parts = part_jobs(job)
        total += len(parts)
        if (done := target.with_suffix(".report")).is_file():
            reports.append(CellReport.read(done))
        else:
            jobs.append((job, parts))
    waiting = [part for _, parts in jobs for part in parts if not part.target.with_suffix(".report").is_file()]
    bar = tqdm(total=total, initial=total - len(waiting), desc="building the data set", unit="part", mininterval=0.5)
    ended = list(run_parallel(build_cell, waiting, bar, num_workers, scheduler, [type(source).__module__]))
    check_reports([done.result for done in ended if done.lost is None])
    if lost := [f"{done.job.target.stem}: {done.lost}" for done in ended if done.lost is not None]:
        raise EmertInputError(f"{len(lost)} parts were not built ({list_some(lost)}); the same command builds only these")
    reports += [join_parts(job, parts) for job, parts in jobs]
    filled = {cell_path(report.cell): report.recordings for report in reports if report.recordings}
    files = {name: DataFile.of(cell_file(partial, name), recordings) for name, recordings in sorted(filled.items())}
    return Metadata(
        source=source.name,
        **{name: getattr(source, name) for name in TERMS},
        tasks=tuple(source.tasks),
        surprise_polarity=source.surprise_polarity,
        seed=plan.assignment.seed,
        faces_kept=plan.faces,
        fingerprint=make_fingerprint(plan.fingerprint.content, files),
        counts=Counts.sum(source.tasks, [report.counts for report in reports]),
        files=files,
        # The source's first: the card shows the first few, and there may be one for every recording.
        notes=tuple(dict.fromkeys([*source.notes, *sorted(note for report in reports for note in report.notes)])),
        vote_tasks=source.vote_tasks,
        person_columns=source.person_columns,
        sheet_columns=source.sheet_columns,
    )
