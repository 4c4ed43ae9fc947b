"""A call in a process of its own, which is killed at a chosen moment or finds the disk full."""

import itertools
import multiprocessing
import os
import pkgutil
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from tqdm import tqdm

_PATIENCE = 300  # s


def run_in_child(
    call: Callable[[], object],
    reason: Path,
    die_in: str | None = None,
    calls: int = 1,
    seconds: float | None = None,
    largest_file: int | None = None,
) -> int:
    """Exit code of the child: 0 done, 2 refused, -9 killed.

    It is killed by SIGKILL in the call number `calls` of what `die_in` names, or after so many seconds. `largest_file`:
    writing more bytes to one file fails, as on a full disk. Why it refused is left in the file `reason`.
    """
    context = multiprocessing.get_context("fork")  # what is imported need not be again
    child = context.Process(target=_run, args=(call, reason, die_in, calls, largest_file))
    child.start()
    child.join(seconds or _PATIENCE)
    if child.is_alive():
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        if seconds is None:
            raise TimeoutError("the child waits for what a thread of this process held when it was forked")
    return child.exitcode


def _run(call: Callable[[], object], reason: Path, die_in: str | None, calls: int, largest_file: int | None) -> None:
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    tqdm.set_lock(threading.RLock())  # its own lock is shared by forked processes, and who is killed never gives it back
    try:
        with nullcontext() if die_in is None else mock.patch(die_in, _die_in_call(calls, pkgutil.resolve_name(die_in))):
            call()
    except Exception as error:
        reason.write_text(f"{type(error).__name__}: {error}"[:2000])
        os._exit(2)
    os._exit(0)


def _die_in_call(calls: int, real: Callable) -> Callable:
    count = itertools.count(1)

    def call(*args: object, **kwargs: object) -> object:
        if next(count) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    return call
