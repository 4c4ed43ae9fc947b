"""Trains the small model on generated recordings where there is no checkpoint yet, and shows the progress."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import gradio as gr

from modeling_emert.errors_emert import EmertInputError

from ..checkpoints import OWN_TRAINING, open_checkpoint
from ..service import Service
from .html import banner, progress_bar, refusal

_OFFER = """<div class="emert-banner" role="note"><strong>There is no trained model here yet.</strong> The small one can
be trained now on generated recordings; it takes some minutes on two processor cores.</div>"""
_PACKAGES = Path(__file__).parents[2]
_busy = threading.Lock()
# The folders that `emert quickstart` writes, in this order, and what it does until each of them is there.
_STEPS = (("recordings", "drawing 840 recordings"), ("dataset", "building the data set"), ("model", "training the network"))


def add_training_offer(service: Service, model: gr.Dropdown, synthetic: gr.HTML) -> None:
    """A button, visible while there is no model. Afterwards the picker `model` and the banner `synthetic` show the new one."""
    with gr.Group(visible=not service.checkpoints) as offer:
        gr.HTML(_OFFER)
        train = gr.Button("Train the small model", variant="primary", elem_id="train")
        status = gr.HTML()
    alone = {"concurrency_limit": 1, "api_visibility": "private", "show_progress": "hidden"}
    train.click(partial(_train, service), None, [status, offer, model, synthetic], **alone)


def _train(service: Service) -> Iterator[tuple]:
    try:
        for fraction, words in train_small():
            yield progress_bar(fraction, words), gr.skip(), gr.skip(), gr.skip()
        service.add_checkpoint(open_checkpoint(OWN_TRAINING / "model"))
    except EmertInputError as error:
        yield refusal(str(error)), gr.skip(), gr.skip(), gr.skip()
        return
    names = [one.name for one in service.checkpoints]
    chosen = gr.Dropdown(names, value=names[0], visible=len(names) > 1)
    yield "", gr.Group(visible=False), chosen, banner(service.checkpoint(None).synthetic)


def train_small(out: Path = OWN_TRAINING, command: tuple[str, ...] = (), every: float = 2.0) -> Iterator[tuple[float, str]]:
    """Runs `emert quickstart` into `out`; gives the fraction of its steps that are done and the current one, `every` s.

    The model is then in `out / "model"`. `command`: what to run instead, for tests.

    Raises:
        EmertInputError: another visitor's training is running, or this one failed.
    """
    if not _busy.acquire(blocking=False):
        raise EmertInputError("The small model is being trained for another visitor already; wait for it and reload the page.")
    words = command or (sys.executable, "-m", "training.cli", "quickstart", "--out", str(out), "--overwrite")
    packages = {**os.environ, "PYTHONPATH": str(_PACKAGES)}  # in a Space they lie beside app.py and are not installed
    try:
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors, env=packages)
            try:
                while process.poll() is None:
                    yield _progress(out)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(every)
            finally:
                process.kill()  # where the visitor left; a process that has ended is not touched
                process.wait()
            if process.returncode:
                errors.seek(0)
                lines = [line.strip() for line in errors if line.strip()]
                raise EmertInputError(f"The training stopped: {lines[-1] if lines else 'no reason given'}")
    finally:
        _busy.release()


def _progress(out: Path) -> tuple[float, str]:
    done = sum((out / name).is_dir() for name, _ in _STEPS)
    if done == len(_STEPS):
        return 0.95, "scoring it on people it has not seen"
    return done / len(_STEPS), _STEPS[done][1]
