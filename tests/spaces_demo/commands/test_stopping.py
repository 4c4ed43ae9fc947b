"""The command as a process of its own: stopped before it is warm, or kept from starting, it leaves nothing behind."""

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

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.server import check_port


def test_a_port_that_is_taken_is_told_before_anything_starts(
    checkpoint: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from spaces_demo import server as serving
    from training.cli import main

    monkeypatch.setattr(serving, "running", lambda *_: pytest.fail("started"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--model", str(checkpoint), "--port", str(port)]) == 2
    told = capsys.readouterr().err
    assert f"port: {port} can't be opened on 127.0.0.1 (Address already in use)" in told
    assert told.count("\n") == 1
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port", "words"), [("127.0.0.1", 70_000, "port: found 70000"), ("no.such.", 80, "host")])
def test_an_address_that_is_none_is_refused(host: str, port: int, words: str):
    with pytest.raises(EmertInputError, match=words):
        check_port(host, port)


def test_the_port_that_a_space_asks_for_is_checked_as_well(monkeypatch: pytest.MonkeyPatch):
    from spaces_demo import app
    from spaces_demo import server as serving

    monkeypatch.setattr(serving, "running", lambda *_: pytest.fail("started"))
    monkeypatch.setenv("GRADIO_SERVER_PORT", "many")
    with pytest.raises(SystemExit, match="emert: GRADIO_SERVER_PORT: found 'many', expected a number"):
        app.main()
    with socket.create_server(("0.0.0.0", 0)) as taken:
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(taken.getsockname()[1]))
        with pytest.raises(SystemExit, match=r"emert: port: .* can't be opened on 0\.0\.0\.0"):
            app.main()


@pytest.mark.parametrize("content", [b"hi", b"", b"\x02\0\0\0\0\0\0\0{}", None], ids=["text", "empty", "no weights", "cut"])
def test_weights_that_cannot_be_read_are_told_before_anything_starts(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, content: bytes | None
):
    from spaces_demo import server as serving
    from training.cli import main

    monkeypatch.setattr(serving, "running", lambda *_: pytest.fail("started"))
    model = shutil.copytree(checkpoint, tmp_path / "model")
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100] if content is None else content)
    assert main(["demo", "--model", str(model)]) == 2
    told = capsys.readouterr().err
    assert f"{file}: " in told
    assert "train the model again" in told
    assert told.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which processes have ended")
@pytest.mark.parametrize("seconds", [0.0, 4.0, 9.0], ids=["at once", "while the workers import", "while they warm up"])
def test_an_interrupt_while_it_starts_leaves_nothing(checkpoint: Path, tmp_path: Path, seconds: float):
    """As Ctrl-C does it: every process of the group is told."""
    command = [sys.executable, "-m", "training.cli", "demo", "--model", str(checkpoint)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("emert-demo-*/scratch")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)  # until all that hold its stderr have ended
    assert "Traceback" not in told
    assert not list(tmp_path.glob("emert-demo-*"))
