"""All cells of a benchmark, each in a process of its own, a few at a time; restartable at the cell where it stopped."""

import signal
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait

from tqdm import tqdm

from dataset_scripts.parallel import end_with_parent
from training.methods.registry import get_method

from .cells import CellJob, note_failure, run_cell


def run_cells(jobs: Sequence[CellJob], processes: int) -> None:
    """Does the jobs whose folder is not there yet. One process: in this one, which is for tests and debuggers.

    A cell that fails, or whose process is killed, leaves its sentence behind and the others go on.
    """
    waiting = [job for job in jobs if not job.folder.is_dir()]
    clock = Clock([job.cell.method for job in waiting], processes)
    bar = tqdm(total=len(jobs), initial=len(jobs) - len(waiting), desc="benchmark", unit="cell", bar_format=_BAR)

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
                if not job.folder.is_dir() and not job.failure.is_file():
                    note_failure(job, f"its process ended with code {process.exitcode} (-9: killed, often for want of memory)")
                finished(job, time.perf_counter() - start)
    finally:
        for process, *_ in running.values():
            process.terminate()
            process.join()


def _run_alone(job: CellJob) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too; its parent says so and ends it
    job.failure.unlink(missing_ok=True)
    run_cell(job)


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
