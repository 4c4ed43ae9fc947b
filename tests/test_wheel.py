"""The built wheel, installed outside of the clone: nothing is missing from it."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from places import ROOT

ROOMS = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of copies of what it is made of, so that nothing of an earlier build gets in."""
    source = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    subprocess.run(build, cwd=source, check=True)
    [built] = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a new environment with the wheel; everything else it takes from the packages that these tests run with."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(install, check=True)
    [packages] = place.glob("lib/python*/site-packages")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others))  # the .pth files of those are not read, so no clone is found
    return place / "bin"


@pytest.mark.slow
def test_every_file_of_the_rooms_is_in_it(wheel: Path):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if not re.match(r"emert-.*\.dist-info/", name)}
    tracked = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert inside == set(tracked.stdout.split())
    licences = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/licenses/LICENSE")]
    assert len(licences) == 1


_IN_PYTHON = """
import json
import modeling_emert
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.model_card_emert import make_model_card
from training.benchmark.recipe import BENCHMARKS
from training.metrics import EmotionClassification, EmotionGap, EmotionRegression
from training.recipes.recipe import TRAINING

names = [*map(TRAINING.find, TRAINING.shipped), *map(BENCHMARKS.find, BENCHMARKS.shipped)]
metrics = [metric().info.description for metric in (EmotionClassification, EmotionRegression, EmotionGap)]
rows = len(EmertData.open("dataset"))
print(json.dumps([modeling_emert.__file__, rows, len(names), len(metrics), make_model_card(modeling_emert.EmertConfig())]))
"""


@pytest.mark.slow
def test_it_works_outside_of_the_clone(bin_folder: Path, recordings: Path, tmp_path: Path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def run(*words: str) -> str:
        done = subprocess.run([bin_folder / words[0], *words[1:]], cwd=place, env=kept, capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    assert re.fullmatch(r"emert \d+\.\d+\.\d+\n", run("emert", "--version"))
    listed = run("emert", "--help")
    assert all(name in listed for name in ("quickstart", "predict", "demo", "release"))
    clip, gaze = recordings / "videos" / "p000-s000.mp4", recordings / "gaze" / "p000-s000.csv"
    answer = json.loads(run("emert", "predict", "--video", str(clip), "--gaze", str(gaze), "--json"))
    assert "fer7" in answer["tasks"]
    assert "participant" in run("emert", "data", "mapping")
    run("emert", "data", "build", "--source", "synthetic", "--path", str(recordings), "--out", "dataset")
    run("emert", "data", "inspect", str(gaze), "--plot", "pictures")
    assert list((place / "pictures").glob("*.png"))
    found, rows, recipes, metrics, card = json.loads(run("python", "-c", _IN_PYTHON))
    assert str(bin_folder.parent) in found
    assert (rows, metrics) == (42, 3)
    assert recipes == len([*(ROOT / "training" / "recipes").rglob("[!_]*.yaml")]) - 1, "lora.yaml is of `emert adapt`"
    assert "## " in card
    assert "# " in run("emert", "train", "laptop", "--show")
    run("emert", "demo", "--space", "space")
    assert (place / "space" / "model" / "model.safetensors").is_file()
    started = run(
        "python", "-c", "import sys; sys.path.insert(0, 'space'); import spaces_demo.server, app; print(app.__file__)"
    )
    assert started.strip().endswith("space/app.py")
    release = [bin_folder / "emert", "release", "--namespace", "me", "--without", "data", "--dry-run"]
    done = subprocess.run(release, cwd=place, env=kept, capture_output=True, text=True)
    assert done.returncode == 1, "its licence, and no tests here"
    assert "-> https://huggingface.co/spaces/me/emotion_gap (4 files" in done.stdout
