"""`emert demo`: it reports problems before anything starts, and an interrupt leaves nothing behind."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import ROOT

from spaces_demo import server
from training.cli import main


def test_a_port_that_is_taken_is_reported_before_anything_starts(
    checkpoint: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server, "running", lambda *_: pytest.fail("started"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--model", str(checkpoint), "--port", str(port)]) == 2
    reported = capsys.readouterr().err
    assert f"port: {port} can't be opened on 127.0.0.1 (Address already in use)" in reported
    assert reported.count("\n") == 1
    server.check_port("127.0.0.1", port)


@pytest.mark.parametrize("content", [b"hi", b"", b"\x02\0\0\0\0\0\0\0{}", None], ids=["text", "empty", "no weights", "cut"])
def test_weights_that_cannot_be_read_are_reported_before_anything_starts(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, content: bytes | None
):
    monkeypatch.setattr(server, "running", lambda *_: pytest.fail("started"))
    model = shutil.copytree(checkpoint, tmp_path / "model")
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    assert main(["demo", "--model", str(model)]) == 2
    reported = capsys.readouterr().err
    assert f"{file}: " in reported
    assert "train the model again" in reported
    assert reported.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which processes have ended")
@pytest.mark.parametrize("seconds", [0.0, 4.0, 9.0], ids=["at once", "while the workers import", "while they warm up"])
def test_an_interrupt_while_it_starts_leaves_nothing(checkpoint: Path, tmp_path: Path, seconds: float):
    """As Ctrl-C does it: every process of the group gets the signal."""
    command = [sys.executable, "-m", "training.cli", "demo", "--model", str(checkpoint)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("emert-demo-*/scratch")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, reported = process.communicate(timeout=60)  # until all that hold its stderr have ended
    assert "Traceback" not in reported
    assert not list(tmp_path.glob("emert-demo-*"))
