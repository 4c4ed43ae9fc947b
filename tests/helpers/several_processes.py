"""The `emert` command under `torchrun`, on two processes of this machine, and how to kill them all at a chosen moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

LAUNCHERS = {
    "torchrun": "torch.distributed.run --standalone --nproc_per_node 2",
    "accelerate": "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no "
    "--dynamo_backend no",
}
_COMMAND = "\nimport sys\nfrom training.cli import main\nsys.exit(main(sys.argv[1:]))\n"
# The first process stops for ever in a call of what is named; the other waits for it.
_STOP = """
import os, pkgutil, time
from itertools import count
from pathlib import Path
from unittest import mock
calls, real = count(1), pkgutil.resolve_name({name!r})
def stop(*args, **kwargs):
    if os.environ["RANK"] == "0" and next(calls) == {calls}:
        Path({marker!r}).touch()
        time.sleep(600)
    return real(*args, **kwargs)
mock.patch({dotted!r}, stop).start()
"""


def run_on_two(folder: Path, command: list[str], changed: str = "", launcher: str = "torchrun") -> str:
    """Standard output of `emert COMMAND` on two processes, each of which runs the Python text `changed` first."""
    started = _start(folder, command, changed, launcher)
    output, errors = started.communicate(timeout=300)
    assert started.returncode == 0, errors[-8000:]
    return output


def kill_on_two(folder: Path, command: list[str], name: str, calls: int) -> None:
    """Kills both processes and their launcher by SIGKILL when the first comes to call number `calls` of `module:name`."""
    marker = folder / "stopped"
    marker.unlink(missing_ok=True)
    changed = _STOP.format(name=name, dotted=name.replace(":", "."), calls=calls, marker=str(marker))
    started = _start(folder, command, changed, "torchrun")
    try:
        deadline = time.monotonic() + 300
        while not marker.exists():
            assert started.poll() is None, started.communicate()[1][-2000:]
            assert time.monotonic() < deadline, f"{name} was not called {calls} times"
            time.sleep(0.05)
    finally:
        children = psutil.Process(started.pid).children(recursive=True) if started.poll() is None else []
        for process in (started.pid, *(child.pid for child in children)):
            os.kill(process, signal.SIGKILL)
        started.communicate()
        psutil.wait_procs(children, timeout=30)


def _start(folder: Path, command: list[str], changed: str, launcher: str) -> subprocess.Popen:
    script = folder / "worker.py"
    script.write_text(changed + _COMMAND)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(
        [sys.executable, "-m", *LAUNCHERS[launcher].split(), str(script), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
