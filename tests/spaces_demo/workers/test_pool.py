"""The pool of workers: those that are too slow, die or can't start."""

import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from spaces_demo.answers.messages import Request
from spaces_demo.workers.pool import Workers


def _kill_at_work(workers: Workers, process: int) -> None:
    """The worker sleeps through the next question and is killed meanwhile."""
    os.kill(process, signal.SIGSTOP)
    threading.Timer(1.0, os.kill, (process, signal.SIGKILL)).start()


@pytest.mark.slow
def test_a_worker_that_is_too_slow_or_dies_is_replaced(checkpoint: Path, clips: Path):
    request = Request(checkpoint, gaze=clips / "gaze" / "p000-s000.csv", pictures=False)
    workers = Workers([checkpoint], count=1, seconds=1e-4)
    try:
        assert workers.wait_until_warm()
        (first,) = workers.processes
        assert "longer than 0.0001 seconds" in workers.ask(request).refusal
        workers._seconds = 60
        assert workers.ask(request).answer["modalities"] == ["eye_movements", "fixations"]
        (second,) = workers.processes
        assert second != first
        os.kill(second, 9)
        assert workers.ask(request).answer  # nobody is told of a worker that died while it had nothing to do
        (third,) = workers.processes
        _kill_at_work(workers, third)
        refusal = workers.ask(request).refusal
        assert "stopped halfway" in refusal
        assert "shorter video" in refusal
        assert workers.ask(request).answer
        (fourth,) = workers.processes
        _kill_at_work(workers, fourth)
        refusal = workers.ask(replace(request, example=True)).refusal
        assert "try again" in refusal
        assert "shorter video" not in refusal
    finally:
        workers.close()
    assert workers.processes == []


@pytest.mark.slow
def test_where_no_worker_can_start_nobody_waits(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The header of the weights is sound, but one of them is missing: it would be random numbers."""
    from safetensors.numpy import load_file, save_file

    monkeypatch.setattr("spaces_demo.workers.pool._RETRY_SECONDS", 0.5)
    model = shutil.copytree(checkpoint, tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights.pop(max(weights))
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    workers = Workers([model], count=1)
    try:
        start = time.monotonic()
        assert "can't load its model" in workers.ask(Request(model, gaze=tmp_path / "x.csv")).refusal
        assert time.monotonic() - start < 90
    finally:
        workers.close()
    assert "model.safetensors lacks" in caplog.text
