"""Trains the small model on generated recordings where no checkpoint is at hand, and says how far it is."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ..checkpoints import OWN_TRAINING, Checkpoint, open_checkpoint

_PACKAGES = Path(__file__).parents[2]
_busy = threading.Lock()
_SECONDS = 2.0
# What the quickstart leaves behind after each step.
_STEPS = (("recordings", "drawing 840 recordings"), ("dataset", "building the data set"), ("model", "training the network"))


def train_small(out: Path = OWN_TRAINING, command: tuple[str, ...] = ()) -> Iterator[tuple[float, str]]:
    """Share of the steps that are done and what is being done, every two seconds until the end.

    Ask [`trained`] for the model afterwards. `command`: what to run instead, for tests.

    Raises:
        EmertInputError: somebody else's training is under way, or it failed.
    """
    if not _busy.acquire(blocking=False):
        raise EmertInputError("The small model is being trained for another visitor already; wait for it and reload the page.")
    try:
        words = command or (sys.executable, "-m", "training.cli", "quickstart", "--out", str(out), "--overwrite")
        packages = {**os.environ, "PYTHONPATH": str(_PACKAGES)}  # in a Space they lie beside app.py and are not installed
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=packages)
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                yield _progress(out)
                try:
                    process.wait(_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:  # the visitor left
                process.kill()
                process.wait()
        reader.join()
        if process.returncode:
            last = next((line.strip() for line in reversed(errors) if line.strip()), "no reason given")
            raise EmertInputError(f"The training stopped: {last}")
    finally:
        _busy.release()


def trained(out: Path = OWN_TRAINING) -> Checkpoint:
    """The model of a training that has ended. Raises `EmertInputError` where there is none."""
    return open_checkpoint(out / "model")


def _progress(out: Path) -> tuple[float, str]:
    done = [name for name, _ in _STEPS if (out / name).is_dir()]
    if len(done) == len(_STEPS):
        return 0.95, "scoring it on people it has not seen"
    return len(done) / len(_STEPS), _STEPS[len(done)][1]
