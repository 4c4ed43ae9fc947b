"""Independent jobs, each in a process of its own, with a progress bar: on this machine, or on the workers of a dask scheduler.

Both are a `concurrent.futures.Executor`. What it runs is `run_alone`, which starts the process beside the thread that runs it.
So no job sees another's memory, and a process that is killed costs its own job only.
"""

import os
import pickle
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import current_process, get_context, parent_process
from multiprocessing.connection import Connection
from threading import Event, Thread
from typing import Generic, TypeVar

from tqdm import tqdm

from modeling_emert.errors_emert import EmertInputError

from .code_fingerprint import code_fingerprint
from .extras import how_to_install

Job = TypeVar("Job")
Result = TypeVar("Result")

_TIMEOUT_S = 10  # to connect to a scheduler


@dataclass(frozen=True)
class Done(Generic[Job, Result]):
    """A job that has ended: what it returned and how long it took, or why its process ended without a result (`lost`)."""

    job: Job
    result: Result | None = None
    seconds: float = 0.0
    lost: str | None = None


class JobLost(Exception):
    """The process of a job ended without a result."""


def run_parallel(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    bar: tqdm,
    num_workers: int,
    scheduler: str | None = None,
    preload: Sequence[str] = (),
) -> Iterator[Done[Job, Result]]:
    """Yields the jobs in the order in which they end; `bar` counts them, and is closed.

    `num_workers`: processes at a time; with 1 the jobs run in this process. `scheduler`: address of a dask scheduler such as
    `tcp://HOST:8786`, whose workers take the place of them. They need this code, its environment, and the same folders. A
    worker that dies costs its job, which dask gives to another one. `preload`: modules that the jobs use beside the function's;
    they are imported once for all processes, and count for whether a worker has this code.

    Raises what a job raises, and `EmertInputError` where the scheduler can't be used; the other jobs are stopped then.
    """
    with bar:
        if not jobs:
            return
        if scheduler is None and num_workers <= 1:
            for job in jobs:
                start = time.perf_counter()
                yield Done(job, function(job), time.perf_counter() - start)
                bar.update()
            return
        with open_executor(num_workers, scheduler) as executor:
            modules = (function.__module__, *preload)
            code = None if scheduler is None else code_fingerprint(modules)
            call = partial(run_alone, modules, folder=os.getcwd(), code=code)
            submitted = {executor.submit(call, pickle.dumps((function, job))): job for job in jobs}
            for future in as_completed(submitted):
                yield _done(submitted[future], future, scheduler)
                bar.update()


@contextmanager
def open_executor(num_workers: int, scheduler: str | None) -> Iterator[Executor]:
    """Threads of this process, or those of the scheduler's workers. At the end jobs that wait are cancelled; those that run
    are ended on this machine, and go on to their end on others.
    """
    if scheduler is None:
        stop = Event()
        executor = _StoppableThreads(num_workers, stop)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            stop.set()
            executor.shutdown()
        return
    client = _connect(scheduler)
    try:
        if not client.scheduler_info()["workers"]:
            print(f"{scheduler} has no workers yet; waiting for them", file=sys.stderr)
        yield client.get_executor(pure=False)
    finally:
        client.close()


class _StoppableThreads(ThreadPoolExecutor):
    """Threads for `run_alone`, which ends its process when `stop` is set."""

    def __init__(self, num_workers: int, stop: Event):
        super().__init__(num_workers)
        self._stop = stop

    def submit(self, function: Callable, /, *args: object) -> Future:
        return super().submit(function, *args, stop=self._stop)


def _connect(scheduler: str):
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise EmertInputError(f"--scheduler needs {error.name}: {how_to_install('cluster')}") from error
    try:
        return Client(scheduler, timeout=_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise EmertInputError(
            f"--scheduler {scheduler}: no dask scheduler answers there; expected tcp://HOST:PORT, as `dask scheduler` prints it"
        ) from error


def _done(job: Job, future: Future, scheduler: str | None) -> Done[Job, Result]:
    try:
        outcome, value = pickle.loads(future.result())
    except JobLost as error:
        return Done(job, lost=str(error))
    except CancelledError as error:
        raise EmertInputError(f"--scheduler {scheduler}: it has ended; the same command goes on where it was") from error
    except Exception as error:
        if scheduler is None:
            raise
        from distributed import KilledWorker

        if not isinstance(error, KilledWorker):
            raise
        return Done(job, lost="every worker that had it was killed, often by lack of memory")
    if outcome == "raised":
        raise value
    return Done(job, *value)


def run_alone(modules: tuple[str, ...], call: bytes, folder: str, code: str | None = None, stop: Event | None = None) -> bytes:
    """Calls a function with a job, `call` being both, in a new process that works in `folder` and has these modules.

    Returns "returned" with what it returned and the seconds that it took, or "raised" with the exception. Both ways as pickled
    bytes, so that a worker of dask needs nothing that the function imports. A fork server starts the process, since a forked
    process with threads (Arrow, torch) may hang. Raises `JobLost` where the process is killed, also by `stop`;
    `EmertInputError` where the modules' code is not `code`.
    """
    if code is not None and code_fingerprint(modules) != code:
        raise EmertInputError(f"worker {socket.gethostname()} has another version of the code; start it in this environment")
    if current_process().daemon:  # as dask starts its workers; a daemon may have no children
        current_process().daemon = False
    context = get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run_in_child, args=(sender, call, folder))
    process.start()
    sender.close()
    try:
        while not receiver.poll(0.2):
            if stop is not None and stop.is_set():
                process.terminate()
                break
        return receiver.recv_bytes()
    except EOFError:
        process.join()
        killed = " (killed, often by lack of memory)" if process.exitcode == -signal.SIGKILL else ""
        raise JobLost(f"its process ended with code {process.exitcode}{killed}") from None
    finally:
        receiver.close()
        process.join()


def _run_in_child(sender: Connection, call: bytes, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too; its parent reports it and ends this one
    _end_with_parent()
    try:
        _enter(folder)
        function, job = pickle.loads(call)
        start = time.perf_counter()
        outcome = "returned", (function(job), time.perf_counter() - start)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        outcome = "raised", error
    sender.send_bytes(pickle.dumps(outcome))


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise EmertInputError(
            f"{folder}: not there on {socket.gethostname()} ({error.strerror}); the workers must share this machine's folders"
        ) from error


def _end_with_parent() -> None:
    """Ends this process when its parent is killed; otherwise it would go on with nobody to take its result."""
    Thread(target=lambda: (parent_process().join(), os._exit(1)), daemon=True).start()
