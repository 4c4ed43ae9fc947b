"""All cells of a benchmark, each in a process of its own, a few at a time; a stopped run resumes at its unfinished cells."""

import json
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from dataset_scripts.common.output import atomic_file
from dataset_scripts.common.parallel import end_with_parent
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import METHODS, get_method

from . import measuring
from .jobs import LOG, RECORD, CellJob, read_cell
from .predictions import write_sorted

# Imported once by the server that forks the cells' processes, since each would need seconds for it.
_PRELOADED = [
    "training.benchmark.robustness",
    "training.evaluation.probes",
    "training.fit.fit",
    "training.methods.classical",
    *sorted({method.made_by.partition(":")[0] for method in METHODS.values()}),
]
_UNWRITABLE = 74  # exit code of a cell's process that could not write, as EX_IOERR of sysexits.h


def find_waiting(jobs: Sequence[CellJob]) -> list[CellJob]:
    """The unfinished ones; a finished cell that is damaged is removed with a message."""
    waiting = []
    for job in jobs:
        if job.folder.is_dir():
            try:
                read_cell(job)
                continue
            except EmertInputError as error:
                print(f"damaged, so it is repeated: {job.cell} ({error})", file=sys.stderr)
                with report_unwritable(job.out):
                    shutil.rmtree(job.folder)
        waiting.append(job)
    return waiting


def run_cells(waiting: Sequence[CellJob], total: int, processes: int) -> None:
    """Runs these jobs, the rest of `total`. With `processes` 1 in this process, which is for tests and debuggers.

    A cell that fails, or whose process is killed, is noted and the others go on. Raises
    `EmertInputError` where cells can't be written.
    """
    clock = Clock([job.cell.method for job in waiting], processes)
    bar = tqdm(total=total, initial=total - len(waiting), desc="benchmark", unit="cell", bar_format=_BAR)

    def finished(job: CellJob, seconds: float) -> None:
        bar.set_postfix_str(clock.finished(job.cell.method, seconds), refresh=False)
        bar.update()
        if job.failure.is_file():
            bar.write(f"failed: {job.cell} (see {job.failure})")

    with bar:
        if processes <= 1:
            for job in waiting:
                start = time.perf_counter()
                run_cell(job)
                finished(job, time.perf_counter() - start)
        else:
            _run_parallel(waiting, processes, finished)


_BAR = "{desc}: {n_fmt}/{total_fmt} cells |{bar}| {elapsed} so far{postfix}"


def _run_parallel(waiting: Sequence[CellJob], processes: int, finished: Callable[[CellJob, float], None]) -> None:
    """Every job gets a new process, so that none sees another's memory and the peak that is measured is its own.

    A fork server makes them, with the large libraries imported once.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    queue, running = list(waiting), {}
    try:
        while queue or running:
            while queue and len(running) < processes:
                job = queue.pop(0)
                process = context.Process(target=_run_alone, args=(job,))
                process.start()
                running[process.sentinel] = (process, job, time.perf_counter())
            for sentinel in wait(list(running)):
                process, job, start = running.pop(sentinel)
                process.join()
                if process.exitcode == _UNWRITABLE:
                    raise unwritable(job.out, f"{shutil.disk_usage(job.out).free / 1e6:.0f} MB free")
                if not job.folder.is_dir() and not job.failure.is_file():
                    killed = " (killed, often by lack of memory)" if process.exitcode == -signal.SIGKILL else ""
                    note_failure(job, f"its process ended with code {process.exitcode}{killed}")
                finished(job, time.perf_counter() - start)
    finally:
        for process, *_ in running.values():
            process.terminate()
            process.join()


def _run_alone(job: CellJob) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too; its parent reports it and ends this one
    try:
        with report_unwritable(job.out):
            job.failure.unlink(missing_ok=True)
        run_cell(job)
    except EmertInputError:
        sys.exit(_UNWRITABLE)  # the parent reports it, once for all cells


def run_cell(job: CellJob) -> None:
    """Runs the cell with one thread and renames its folder when it is complete; its output goes into a log.

    A stopped cell resumes from its last checkpoint. An exception is written to the file `failure` and the other cells go on.
    Raises `EmertInputError` where nothing can be written, since no other cell could be either.
    """
    with report_unwritable(job.out):
        job.partial.mkdir(parents=True, exist_ok=True)
        failed = _run_logged(job)
    if failed is not None:
        note_failure(job, failed)
        return
    with report_unwritable(job.out):
        job.failure.unlink(missing_ok=True)
        shutil.rmtree(job.folder, ignore_errors=True)
        os.replace(job.partial / "finished", job.folder)
        shutil.rmtree(job.partial)


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


@contextmanager
def report_unwritable(folder: Path) -> Iterator[None]:
    """Reports an `OSError`, such as a full disk, as an `EmertInputError`."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, f"{error.strerror or error}") from error


def unwritable(folder: Path, reason: str) -> EmertInputError:
    return EmertInputError(
        f"{folder}: can't be written ({reason}); make room or give another --out; the same command goes on where it was"
    )


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
    """The remaining time, from the mean of finished cells of the same method, else of the same kind, else of all."""

    def __init__(self, methods: Sequence[str], processes: int):
        self._left = list(methods)
        self._processes = max(1, processes)
        self._seconds: dict[str, list[float]] = {}

    def finished(self, method: str, seconds: float) -> str:
        """Notes a finished cell; gives the remaining time in words."""
        self._left.remove(method)
        for name in (method, get_method(method).kind, "all"):
            self._seconds.setdefault(name, []).append(seconds)
        left = sum(self._expected(name) for name in self._left) / self._processes
        return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"

    def _expected(self, method: str) -> float:
        known = next(name for name in (method, get_method(method).kind, "all") if name in self._seconds)
        return statistics.mean(self._seconds[known])
