"""Worker processes that answer, so that no file a visitor gives can harm the page, and no memory is lost for good.

Each worker is a process of its own: one that takes too long, dies or has answered `RENEW_AFTER` requests is replaced, and
the replacement is warm before it takes its first request. All are forked from one process that has imported everything
and run nothing, so that they share its memory and start in about a second.
"""

import logging
import multiprocessing
import queue
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from .limits import ANSWER_SECONDS, RENEW_AFTER, WORKERS
from .request import Reply, Request

log = logging.getLogger("emert.demo")

_START_SECONDS = 180  # the first import of torch on a slow disk
_RETRY_SECONDS = 10
_TOO_SLOW = "The answer took longer than {} seconds and was stopped; give a shorter video or a smaller gaze file."
_NONE_FREE = "No worker became free; the server is overloaded or can't load its model. Try again in a few minutes."
_DIED = "The answer stopped halfway, most likely for want of memory; give a shorter video or a smaller gaze file."


class _Worker:
    """One process and the line to it; used by one thread at a time."""

    def __init__(self, context: "multiprocessing.context.BaseContext", models: Sequence[Path]):
        from . import worker  # its heavy imports happen in the process, not here

        self._line, far_end = context.Pipe()
        self.process = context.Process(target=worker.serve, args=(far_end, list(models)), daemon=True)
        self.process.start()
        far_end.close()
        self.answers = 0
        self.retired = False

    def wait_until_warm(self) -> None:
        """Raises `RuntimeError` where the process could not load its models."""
        if not self._line.poll(_START_SECONDS):
            raise RuntimeError(f"a worker did not start within {_START_SECONDS} s")
        if (word := self._line.recv()) != "warm":
            raise RuntimeError(f"a worker could not start: {word}")

    def ask(self, request: Request, seconds: float) -> Reply:
        """Raises `TimeoutError` and `EOFError`; the worker is then of no use any more."""
        self._line.send(request)
        if not self._line.poll(seconds):
            raise TimeoutError
        self.answers += 1
        return self._line.recv()

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self._line.close()


class Workers:
    """`count` workers for any number of threads."""

    def __init__(
        self,
        models: Sequence[Path],
        count: int = WORKERS,
        seconds: float = ANSWER_SECONDS,
        renew_after: int = RENEW_AFTER,
    ):
        self._models, self._seconds, self._renew_after = list(models), seconds, renew_after
        if sys.platform == "linux":
            self._context = multiprocessing.get_context("forkserver")
            self._context.set_forkserver_preload(["spaces_demo.worker_imports"])
        else:
            self._context = multiprocessing.get_context("spawn")
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(count):
            self._start_in_background()

    def ask(self, request: Request) -> Reply:
        """Waits for a free worker and for its answer; what goes wrong there comes back as a refusal."""
        try:
            worker = self._take()
        except queue.Empty:
            return Reply(refusal=_NONE_FREE)
        try:
            reply = worker.ask(request, self._seconds)
        except TimeoutError:
            self._replace(worker)
            return Reply(refusal=_TOO_SLOW.format(f"{self._seconds:g}"))
        except (EOFError, OSError):
            self._replace(worker)
            return Reply(refusal=_DIED)
        self._give_back(worker)
        return reply

    def wait_until_warm(self, seconds: float = _START_SECONDS) -> bool:
        """Whether a worker became free in that time."""
        deadline = time.monotonic() + seconds
        while self._free.empty() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self._free.empty()

    def add_model(self, model: Path) -> None:
        """Later requests may name it; workers load it when they are first asked."""
        self._models.append(model)

    @property
    def processes(self) -> list[int]:
        """Process ids of the workers that live."""
        with self._lock:
            return [worker.process.pid for worker in self._all if worker.process.pid is not None]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            remaining, self._all = self._all, []
        for worker in remaining:
            worker.stop()

    def _take(self) -> _Worker:
        while True:
            worker = self._free.get(timeout=_START_SECONDS)
            if not worker.retired:
                return worker
            self._drop(worker)

    def _give_back(self, worker: _Worker) -> None:
        if worker.answers == self._renew_after:  # it answers on until its successor is warm
            self._start_in_background(predecessor=worker)
        self._free.put(worker)

    def _replace(self, worker: _Worker) -> None:
        self._drop(worker)
        if worker.answers < self._renew_after:  # else its successor is on its way
            self._start_in_background()

    def _drop(self, worker: _Worker) -> None:
        with self._lock:
            if worker in self._all:
                self._all.remove(worker)
        worker.stop()

    def _start_in_background(self, predecessor: _Worker | None = None) -> None:
        threading.Thread(target=self._start, args=(predecessor,), daemon=True).start()

    def _start(self, predecessor: _Worker | None) -> None:
        worker = _Worker(self._context, self._models)
        with self._lock:
            self._all.append(worker)
            closed = self._closed
        try:
            worker.wait_until_warm()
        except (RuntimeError, EOFError, OSError) as error:
            self._drop(worker)
            if not (closed or self._closed):
                log.error("worker: %s; another one is tried in %d s", error, _RETRY_SECONDS)
                time.sleep(_RETRY_SECONDS)
                self._start(predecessor)
            return
        if self._closed:
            self._drop(worker)
            return
        self._free.put(worker)
        if predecessor is not None:
            predecessor.retired = True
