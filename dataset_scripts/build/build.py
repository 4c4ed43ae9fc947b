"""From recordings on disk to the data set folder: cell by cell, restartable, whole or not at all."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ..common.output import Content, check_free, check_replaceable
from ..common.parallel import run_parallel
from ..dataset.counts import Composition
from ..dataset.label_rules import check_labels
from ..dataset.layout import DATA_SET, FRESHNESS_FILE, assemble, cell_name, cell_path
from ..dataset.metadata import METADATA_FILE, DataFile, Metadata
from ..dataset.splits import Assignment, Cell, assign
from ..sources.base import Entry, Source
from .cells import CellJob, CellReport, build_cell, cell_members, check_reports
from .fingerprint import Identity, identify
from .reassign_folds import settle

FACES_KEPT = 32  # crops a recording; the network takes 8 of them
FRESHNESS = "freshness"  # file of an unfinished build that tells of which recordings it is


@dataclass(frozen=True)
class Plan:
    """What is to be built: the recordings of every cell that has any, and how."""

    source: Source
    members: dict[Cell, tuple[Entry, ...]]
    assignment: Assignment
    identity: Identity
    faces: int

    @classmethod
    def of(cls, source: Source, faces: int, seed: int) -> "Plan":
        """Raises `EmertInputError` where the settings, the source or a label of it are not what they should be."""
        if faces < 1 or not 0 <= seed < 2**32:
            raise EmertInputError(f"faces must be at least 1 and seed in 0..{2**32 - 1}, got {faces} and {seed}")
        entries = source.entries()
        if not entries:
            raise EmertInputError(f"{source.path}: source {source.name} found no recordings")
        check_labels(source, entries)
        assignment = assign(entries, source.tasks, seed)
        return cls(source, cell_members(entries, assignment), assignment, identify(source, entries, faces, seed), faces)


def build(
    source: Source, out: Path, num_workers: int = 2, faces: int = FACES_KEPT, seed: int = 0, overwrite: bool = False
) -> Path:
    """Builds the data set of `source` in the folder `out` and gives it back.

    Everything is written to `.OUT.partial` beside it, in files that `load_dataset` does not take for data, and gets its
    name at the end. A build that was stopped goes on with the cells that it lacks.

    Raises:
        EmertInputError: `out` holds something and `overwrite` is False, or something else than a data set; the source is
            not what it should be; recordings can't be read (all of them are named).
    """
    check_free(out, overwrite)
    out = out.resolve()
    check_loss(source.path, out, DATA_SET)
    plan = Plan.of(source, faces, seed)
    partial = open_partial(out, plan.identity.freshness)
    metadata = build_cells(plan, plan.members, partial, num_workers)
    if not metadata.files:
        raise EmertInputError(f"{source.path}: no recording has anything that can be used")
    cells = {name: cell_file(partial, name) for name in metadata.files}
    # Hidden, so that `load_dataset` on the partial folder takes nothing in it for data.
    settled = settle(cells, metadata, plan.identity.content, partial / ".settled")
    assemble(out, partial / ".finished", *settled, plan.identity.freshness)
    shutil.rmtree(partial)
    return out


def is_current(out: Path, source: Source, faces: int = FACES_KEPT, seed: int = 0) -> bool:
    """Whether `out` holds just what `build` would make of these recordings with today's code."""
    built = out / FRESHNESS_FILE
    if not (built.is_file() and (out / METADATA_FILE).is_file()):
        return False
    return built.read_text() == identify(source, source.entries(), faces, seed).freshness


def check_loss(read: Path, out: Path, content: Content) -> None:
    """Only what was built before may be replaced, and never what is to be read; beside or within that is room enough."""
    if read.resolve().is_relative_to(out):
        raise EmertInputError(f"{out}: holds the recordings that are to be read; give another --out")
    check_replaceable(out, content)


def open_partial(out: Path, freshness: str) -> Path:
    """The folder of an unfinished build of the same recordings, or a new one."""
    partial = out.parent / f".{out.name}.partial"
    marker = partial / FRESHNESS
    if not marker.is_file() or marker.read_text() != freshness:
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            marker.write_text(freshness)
        except OSError as error:
            raise EmertInputError(f"{out}: can't be written ({error.strerror}); give another --out") from error
    return partial


def cell_file(folder: Path, data_path: str) -> Path:
    """Where the cell that is to become this data file lies in an unfinished build."""
    return folder / f"{Path(data_path).stem}.cell"


def build_cells(plan: Plan, cells: Iterable[Cell], partial: Path, num_workers: int) -> Metadata:
    """Builds those of these cells that `partial` lacks, and describes all of them.

    Raises:
        EmertInputError: recordings can't be read; the first ten are named.
    """
    source, reports, jobs = plan.source, [], []
    for cell in sorted(cells):
        done = partial / f"{cell_name(cell)}.report"
        if done.is_file():
            reports.append(CellReport.read(done))
        else:
            target = done.with_suffix(".cell")
            jobs.append(CellJob(type(source), source.path, source.mapping, cell, plan.members[cell], target, plan.faces))
    reports += run_parallel(build_cell, jobs, num_workers, "building the data set", "cell")
    check_reports(reports)
    filled = {cell_path(report.cell): report.recordings for report in reports if report.recordings}
    return Metadata.of(
        source,
        plan.assignment.seed,
        plan.faces,
        plan.identity.content,
        files={name: DataFile.of(cell_file(partial, name), recordings) for name, recordings in filled.items()},
        composition=Composition.sum(source.tasks, [report.composition for report in reports]),
        notes=[note for report in reports for note in report.notes],
    )
