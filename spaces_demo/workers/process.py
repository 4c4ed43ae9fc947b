"""The main function of a worker process. Its heavy imports happen in that process, not in the page's."""

import contextlib
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

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
