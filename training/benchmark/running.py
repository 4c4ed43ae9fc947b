"""All cells of a benchmark, each in a process of its own, a few at a time; restartable at the cell where it stopped."""

import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait

from tqdm import tqdm

from dataset_scripts.common.parallel import end_with_parent
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import get_method

from .jobs import CellJob, note_failure, read_cell, run_cell, told_if_unwritable, unwritable

_UNWRITABLE = 74  # exit code of a cell's process that could not write, as EX_IOERR of sysexits.h


def find_waiting(jobs: Sequence[CellJob]) -> list[CellJob]:
    """Those that are not done yet; a cell that was damaged after it was done is removed, and said so."""
    waiting = []
    for job in jobs:
        if job.folder.is_dir():
            try:
                read_cell(job)
                continue
            except EmertInputError as error:
                print(f"damaged, so it is done again: {job.cell} ({error})", file=sys.stderr)
                with told_if_unwritable(job.out):
                    shutil.rmtree(job.folder)
        waiting.append(job)
    return waiting


def run_cells(waiting: Sequence[CellJob], total: int, processes: int) -> None:
    """Does these jobs, the rest of `total`. One process: in this one, which is for tests and debuggers.

    A cell that fails, or whose process is killed, leaves its sentence behind and the others go on. Raises
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
            _share_out(waiting, processes, finished)


_BAR = "{desc}: {n_fmt}/{total_fmt} cells |{bar}| {elapsed} so far{postfix}"


def _share_out(waiting: Sequence[CellJob], processes: int, finished: Callable[[CellJob, float], None]) -> None:
    """Every job gets a new process, so that none sees another's memory and the peak that is measured is its own.

    A fork server makes them, with the heavy libraries imported once.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.heavy"])
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
                    killed = " (killed, often for want of memory)" if process.exitcode == -signal.SIGKILL else ""
                    note_failure(job, f"its process ended with code {process.exitcode}{killed}")
                finished(job, time.perf_counter() - start)
    finally:
        for process, *_ in running.values():
            process.terminate()
            process.join()


def _run_alone(job: CellJob) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too; its parent says so and ends it
    try:
        with told_if_unwritable(job.out):
            job.failure.unlink(missing_ok=True)
        run_cell(job)
    except EmertInputError:
        sys.exit(_UNWRITABLE)  # the parent says so, once for all cells


class Clock:
    """How long the rest will take: what cells of the same method took, else of the same kind, else of all."""

    def __init__(self, methods: Sequence[str], processes: int):
        self._left = list(methods)
        self._processes = max(1, processes)
        self._seconds: dict[str, list[float]] = {}

    def finished(self, method: str, seconds: float) -> str:
        """Takes note of a finished cell and says what is left."""
        self._left.remove(method)
        for name in (method, get_method(method).kind, "all"):
            self._seconds.setdefault(name, []).append(seconds)
        left = sum(self._expected(name) for name in self._left) / self._processes
        return f"about {left / 60:.0f} min left" if left > 90 else f"about {left:.0f} s left"

    def _expected(self, method: str) -> float:
        known = next(name for name in (method, get_method(method).kind, "all") if name in self._seconds)
        return statistics.mean(self._seconds[known])
