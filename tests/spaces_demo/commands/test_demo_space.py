"""A Space's folder: its metadata, its requirements, and `app.py` with the packages beside it, not installed."""

import json
import os
import shutil
import socket
import subprocess
import time
import tomllib
import venv
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file
from packaging.requirements import Requirement
from packaging.version import Version
from places import ROOT

from spaces_demo.files.pair import MAX_BATCH
from spaces_demo.files.uploads import MAX_UPLOAD_MB, UNUSED_UPLOAD_SECONDS
from spaces_demo.space_folder import write_space
from spaces_demo.workers.pool import ANSWER_SECONDS

SPACE = ROOT / "spaces_demo"


def test_the_metadata_is_complete_and_its_limits_are_those_of_the_code():
    _, header, text = (SPACE / "README.md").read_text().split("---\n", 2)
    metadata = yaml.safe_load(header)
    assert {"title", "emoji", "sdk", "sdk_version", "app_file", "python_version", "license"} <= set(metadata)
    assert {"models", "datasets", "tags"} <= set(metadata)
    assert Version(metadata["sdk_version"]) <= Version(version("gradio")), "a fresh machine may have a newer one"
    assert metadata["sdk"] == "gradio"
    assert (SPACE / metadata["app_file"]).is_file()
    assert len(metadata["short_description"]) <= 60  # the Hub's limit
    for number, unit in ((MAX_UPLOAD_MB, "MB"), (ANSWER_SECONDS, "seconds"), (MAX_BATCH, "recordings")):
        assert f"{number} {unit}" in text
    assert f"within {UNUSED_UPLOAD_SECONDS // 60} minutes" in text


def test_the_command_refuses_a_folder_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture):
    from training.cli import main

    assert main(["demo", "--model", str(tmp_path)]) == 2
    assert "no model here" in capsys.readouterr().err


def test_the_requirements_are_those_of_the_package_without_emert_itself_as_they_were_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["data"], *extras["train"], *extras["demo"]]
    wanted = [line for line in map(Requirement, wanted) if line.name != "emert"]
    lines = [line for line in (SPACE / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    for line, required in zip(map(Requirement, lines), wanted, strict=True):
        assert (line.name, line.extras, line.marker) == (required.name, required.extras, required.marker)
        (pinned,) = line.specifier
        assert pinned.operator == "=="
        assert required.specifier.contains(pinned.version)
        assert Version(pinned.version) <= Version(version(line.name)), "a fresh machine may have a newer one"
    assert "# --extra-index-url https://download.pytorch.org/whl/cpu" in (SPACE / "requirements.txt").read_text()


def test_a_space_is_written_completely_or_not_at_all(checkpoint: Path, tmp_path: Path):
    from training.cli import main

    assert main(["demo", "--space", str(tmp_path / "space"), "--model", str(checkpoint)]) == 0
    written = {path.relative_to(tmp_path / "space").as_posix() for path in (tmp_path / "space").rglob("*") if path.is_file()}
    assert {"app.py", "README.md", "requirements.txt", "packages.txt", "model/model.safetensors"} <= written
    assert {"spaces_demo/page/screen.py", "training/recipes/laptop.yaml", "modeling_emert/modeling_emert.py"} <= written
    assert not any("__pycache__" in name or name.startswith("runs") for name in written)
    assert main(["demo", "--space", str(tmp_path / "space")]) == 2  # nothing is overwritten
    assert main(["demo", "--space", str(tmp_path / "other"), "--model", str(tmp_path)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["space"]


@pytest.mark.parametrize(
    ("sources", "licence", "reason"),
    [
        ([{"name": "study", "licence": "CC-BY-4.0", "redistributable": True}], "cc-by-4.0", None),
        ([{"name": "vr", "licence": "CC-BY-NC-SA-4.0", "redistributable": False}], "cc-by-nc-sa-4.0", "licence of source vr"),
        (None, "unknown", "it can't be told who may have it"),
    ],
    ids=["open", "non-commercial", "unknown"],
)
def test_a_space_states_the_licence_of_its_model(checkpoint: Path, tmp_path: Path, capsys, sources, licence, reason):
    from training.cli import main

    model = shutil.copytree(checkpoint, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"sources": sources}))
    record = json.loads((model / "training_record.json").read_text())
    (model / "training_record.json").write_text(json.dumps(record | {"sources": None}))
    assert main(["demo", "--space", str(tmp_path / "space"), "--model", str(model)]) == 0
    card = yaml.safe_load((tmp_path / "space" / "README.md").read_text().split("---\n", 2)[1])
    assert card["license"] == licence
    printed = capsys.readouterr().out
    assert ("keep that Space private" in printed) == (reason is not None)
    assert reason is None or reason in printed


@pytest.mark.slow
def test_the_folder_runs_by_itself(checkpoint: Path, clips: Path, tmp_path: Path):
    """In a new venv with what the Space's own files name and nothing else, as Hugging Face builds it."""
    place = write_space(tmp_path / "space", checkpoint)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    metadata = yaml.safe_load((place / "README.md").read_text().split("---\n", 2)[1])
    install = [python, "-m", "pip", "install", "--quiet", f"gradio=={metadata['sdk_version']}", "-r", "requirements.txt"]
    subprocess.run(install, check=True, cwd=place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen([python, "app.py"], cwd=place, env=environment | {"GRADIO_SERVER_PORT": str(port)})
    try:
        client = _client(f"http://127.0.0.1:{port}", process)
        clip = {"video": clips / "videos" / "p000-s000.mp4", "gaze": clips / "gaze" / "p000-s000.csv"}
        files = {name: handle_file(path) for name, path in clip.items()}
        answer = client.predict(**files, participant="", model="", api_name="/answer")
        assert answer["model"] == "space/model (trained on synthetic)"
        assert answer["modalities"] == ["face", "eye_movements", "fixations"]
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(tmp_path / "venv")  # some gigabytes


def _client(url: str, process: subprocess.Popen) -> Client:
    for _ in range(180):
        assert process.poll() is None, "app.py has ended"
        try:
            return Client(url, verbose=False)
        except Exception:  # not there yet
            time.sleep(1)
    raise AssertionError("app.py did not answer within 3 minutes")
