"""The folder as a Space runs it: its metadata, and `app.py` with the package installed beside it."""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file

from spaces_demo import limits

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "spaces_demo"


def test_the_metadata_is_whole_and_true():
    _, header, text = (SPACE / "README.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(header)
    assert {"title", "emoji", "sdk", "sdk_version", "app_file", "python_version", "license"} <= set(metadata)
    assert metadata["sdk"] == "gradio"
    assert (SPACE / metadata["app_file"]).is_file()
    assert len(metadata["short_description"]) <= 60  # the Hub's limit
    for number, unit in ((limits.MAX_UPLOAD_MB, "MB"), (limits.ANSWER_SECONDS, "seconds"), (limits.MAX_BATCH, "recordings")):
        assert f"{number} {unit}" in text
    assert f"within {limits.UNUSED_UPLOAD_SECONDS // 60} minutes" in text


def test_the_command_refuses_a_folder_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture):
    from training.cli import main

    assert main(["demo", "--model", str(tmp_path)]) == 2
    assert "no model here" in capsys.readouterr().err


@pytest.mark.slow
def test_the_folder_runs_by_itself(checkpoint: Path, clips: Path, tmp_path: Path):
    """In a new venv with the package from a wheel of this tree; what it depends on is taken from this environment."""
    place = tmp_path / "space"
    place.mkdir()
    for name in ("app.py", "README.md", "requirements.txt", "packages.txt"):
        shutil.copy(SPACE / name, place)
    shutil.copytree(checkpoint, place / "model")
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".venv", ".git", "runs", "tests", "build", "*.egg-info"))
    wheels = tmp_path / "wheels"
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(tree)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = tmp_path / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "outer.pth").write_text(sysconfig.get_path("purelib"))
    options = ["--quiet", "--no-index", "--find-links", str(wheels), "--ignore-installed", "--no-deps"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", str(place / "requirements.txt")], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port)}
    process = subprocess.Popen([python, "app.py"], cwd=place, env=environment)
    try:
        client = _client(f"http://127.0.0.1:{port}", process)
        answer = client.predict(
            video=None, gaze=handle_file(clips / "gaze" / "p000-s000.csv"), participant="", model="", api_name="/answer"
        )
        assert answer["model"] == "space/model (trained on synthetic)"
    finally:
        process.terminate()
        process.wait(30)


def _client(url: str, process: subprocess.Popen) -> Client:
    for _ in range(180):
        assert process.poll() is None, "app.py has ended"
        try:
            return Client(url, verbose=False)
        except Exception:  # not there yet
            time.sleep(1)
    raise AssertionError("app.py did not answer within 3 minutes")
