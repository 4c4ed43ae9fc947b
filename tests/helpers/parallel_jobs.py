"""Jobs for processes of their own, which import them from here."""

import os
import signal
import time
from pathlib import Path


def act(job: str) -> tuple[int, str]:
    """Process and working directory; or the job is killed, raises, or sleeps."""
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "raise":
        raise ZeroDivisionError("planted")
    if job.startswith("sleep"):
        Path(job.split()[1]).write_text(str(os.getpid()))
        time.sleep(600)
    return os.getpid(), os.getcwd()
