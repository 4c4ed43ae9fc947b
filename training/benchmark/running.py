"""All cells of a benchmark, each in a process of its own; a stopped run resumes at its unfinished cells."""

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict

from tqdm import tqdm

from dataset_scripts.common.output import atomic_file, replace_folder, report_os_errors
from dataset_scripts.common.parallel import run_parallel
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import METHODS, get_method

from . import measuring
from .jobs import LOG, RECORD, CellJob, read_cell
from .predictions import write_sorted

_PRELOADED = (
    "training.benchmark.robustness",
    "training.evaluation.probes",
    "training.fit.fit",
    "training.methods.classical",
    *sorted({method.made_by.partition(":")[0] for method in METHODS.values()}),
)
_BAR = "{desc}: {n_fmt}/{total_fmt} cells |{bar}| {elapsed} so far{postfix}"


def find_waiting(jobs: Sequence[CellJob]) -> list[CellJob]:
    """The unfinished ones; a finished cell that is damaged is removed with a message."""
    waiting = []
    for job in jobs:
        if job.folder.is_dir():
            try:
                read_cell(job)
                shutil.rmtree(job.partial, ignore_errors=True)  # of a process that was killed when it was done
                continue
            except EmertInputError as error:
                print(f"damaged, so it is repeated: {job.cell} ({error})", file=sys.stderr)
                with report_os_errors(job.out):
                    shutil.rmtree(job.folder)
        waiting.append(job)
    return waiting


def run_cells(waiting: Sequence[CellJob], total: int, processes: int, scheduler: str | None = None) -> None:
    """Runs these jobs, the rest of `total`; `processes` and `scheduler` as `run_parallel`.

    A cell that fails, or whose process is killed, is noted and the others go on. Raises
    `EmertInputError` where cells can't be written.
    """
    clock = Clock([job.cell.method for job in waiting])
    bar = tqdm(total=total, initial=total - len(waiting), desc="benchmark", unit="cell", bar_format=_BAR)
    for done in run_parallel(run_cell, waiting, bar, processes, scheduler, _PRELOADED):
        job = done.job
        if done.lost is not None:
            note_failure(job, done.lost)
        left = clock.finished(job.cell.method, done.seconds, bar.format_dict["elapsed"])
        bar.set_postfix_str(left, refresh=False)
        if job.failure.is_file():
            bar.write(f"failed: {job.cell} (see {job.failure})")


def run_cell(job: CellJob) -> None:
    """Runs the cell with one thread and renames its folder when it is complete; its output goes into a log.

    A stopped cell resumes from its last checkpoint. An exception is written to the file `failure` and the other cells go on.
    A finished one, whose answer did not reach the run, is not repeated. Raises `EmertInputError` where nothing can be written,
    since no other cell could be either.
    """
    if job.folder.is_dir():
        return
    with report_os_errors(job.out):
        job.failure.unlink(missing_ok=True)
        job.partial.mkdir(parents=True, exist_ok=True)
        failed = _run_logged(job)
        if failed is None:
            replace_folder(job.partial / "finished", job.folder)
            shutil.rmtree(job.partial)
    if failed is not None:
        note_failure(job, failed)


def _run_logged(job: CellJob) -> str | None:
    """The description of the exception, if there was one."""
    with (job.partial / LOG).open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            _run(job)
        except Exception as error:
            import traceback

            traceback.print_exc()
            return describe_error(error)
    return None


def note_failure(job: CellJob, sentence: str) -> None:
    """Raises `EmertInputError` where it can't be written."""
    with atomic_file(job.failure) as temporary:
        temporary.write_text(json.dumps({**asdict(job.cell), "failed": sentence}, indent=2), encoding="utf-8")


def describe_error(error: BaseException) -> str:
    """For a table: the message of an `EmertInputError`, with the type before it for any other exception."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, EmertInputError) else f"{type(error).__name__}: {text}"


def _run(job: CellJob) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        table, measured = measuring.measure_cell(job.cell, job.recipe, EmertData.open(job.data), job.partial)
    finished = job.partial / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    write_sorted(finished, table)
    content = {**asdict(job.cell), **asdict(measured)}
    (finished / RECORD).write_text(json.dumps(content, indent=2, allow_nan=False), encoding="utf-8")


class Clock:
    """The remaining time, from the mean of finished cells of the same method, else of the same kind, else of all; and from
    how many cells have run at a time.
    """

    def __init__(self, methods: Sequence[str]):
        self._left = list(methods)
        self._seconds: dict[str, list[float]] = {}

    def finished(self, method: str, seconds: float, elapsed: float) -> str:
        """Notes a finished cell, which took `seconds`, `elapsed` after the start; gives the remaining time in words."""
        self._left.remove(method)
        for name in (method, get_method(method).kind, "all"):
            self._seconds.setdefault(name, []).append(seconds)
        at_a_time = max(1.0, sum(self._seconds["all"]) / max(elapsed, 1e-9))
        left = sum(self._expected(name) for name in self._left) / at_a_time
        return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"

    def _expected(self, method: str) -> float:
        known = next(name for name in (method, get_method(method).kind, "all") if name in self._seconds)
        return statistics.mean(self._seconds[known])
