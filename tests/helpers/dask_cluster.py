"""A dask scheduler and two workers on this machine, started as a user does; and what kills a worker in the middle of a job."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import parent_process
from pathlib import Path
from signal import SIGKILL

from dataset_scripts.sources.folder import SyntheticSource


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """The scheduler's address. All work in `folder`, which is not the working directory of the tests."""
    file, log_file = folder / "scheduler.json", folder / "cluster.log"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    worker = ["worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    with ExitStack() as stack:
        log = stack.enter_context(log_file.open("w"))
        for words in (scheduler, worker, worker):
            command = [sys.executable, "-m", "dask", *words]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        while log_file.read_text().count("Registered to:") < 2:
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


class DyingSource(SyntheticSource):
    """Notes each recording that is read in `reads.txt`. With the first recording's first reading dies the dask worker."""

    def load_gaze(self, entry):
        noted = self.path / "reads.txt"
        with noted.open("a") as file:
            file.write(f"{entry.recording_id}\n")
        first = min(one.recording_id for one in self.entries())
        if entry.recording_id == first and noted.read_text().split().count(first) == 1:
            os.kill(parent_process().pid, SIGKILL)
            time.sleep(60)  # ends with its parent
        return super().load_gaze(entry)
