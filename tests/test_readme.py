"""The README keeps its word: every command and every Python example in it runs, and its table is the one that was printed."""

import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from places import ROOT
from tiny_training import TINY, TINY_OVERRIDES

from modeling_emert.video_emert import read_frames
from training.cli import main, parse
from training.reports.by_source import sources_table
from training.reports.page import describe, primary_tables
from training.reports.tables import markdown_table

README = (ROOT / "README.md").read_text()
PAGES = ("README.md", "model_card.md", "docs/hub.md")
PLACEHOLDERS = {"RECORDINGS", "MODEL", "DATA"}


def _blocks(language: str, page: str = "README.md") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def _commands(page: str = "README.md") -> list[str]:
    lines = [line.split("#")[0].strip() for block in _blocks("bash", page) for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A folder in which the quickstart has run, with a clip and a gaze file of one's own."""
    place = tmp_path_factory.mktemp("readme")
    video, gaze = recordings / "videos" / "p000-s000.mp4", recordings / "gaze" / "p000-s000.csv"
    (place / "CLIP.mp4").write_bytes(video.read_bytes())
    (place / "GAZE.csv").write_bytes(gaze.read_bytes())
    Image.fromarray(read_frames(video, 1)[0][0]).save(place / "PHOTO.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr("training.quickstart.GeneratorSettings", lambda: TINY)
        assert main(["quickstart", *_tiny()]) == 0
    return place


def _tiny() -> list[str]:
    overrides = str(TINY_OVERRIDES).replace("'", '"')
    return [f"overrides={overrides}", "epochs=1", "image_size=32", "batch_size=8"]


def test_every_command_runs(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(workplace)
    ran = 0
    for command in _commands():
        words = shlex.split(command)
        if words[0] == "make":
            continue
        if words[0] == ".venv/bin/torchrun":
            words = words[words.index("training.cli") :]
        assert words[0] in (".venv/bin/emert", "training.cli"), command
        arguments = words[1:]
        if arguments[0] == "demo" or PLACEHOLDERS.intersection(arguments):
            parse(arguments)  # what stands for something else, and a server, which would not end
            continue
        if arguments[0] == "train":
            arguments = [*arguments[:2], *_tiny(), *arguments[2:]]
        assert main(arguments) == 0, f"{command}: {capsys.readouterr().err}"
        ran += 1
    assert ran >= 5


def test_the_cards_commands_are_those_of_the_workplace():
    """`workplace` has run the quickstart; what is installed is what this test runs in."""
    assert _commands("model_card.md") == ["pip install '.[train]'", "emert quickstart --out runs/quickstart"]
    parse(["quickstart", "--out", "runs/quickstart"])


@pytest.mark.parametrize("page", PAGES)
def test_every_python_example_runs(workplace: Path, monkeypatch: pytest.MonkeyPatch, page: str):
    monkeypatch.chdir(workplace)
    if not Path("training").exists():
        Path("training").symlink_to(ROOT / "training")
    if not Path("runs/dataset").is_dir():
        Path("runs/dataset").symlink_to(Path("runs/quickstart/dataset").resolve())
    examples = _blocks("python", page)
    assert len(examples) >= 2
    for example in examples:
        exec(compile(example, page, "exec"), {})


def test_the_make_targets_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = {shlex.split(command)[1] for command in _commands() if command.startswith("make ")}
    assert named
    assert named <= set(targets)


def test_the_recipes_and_sources_that_it_names_exist():
    from dataset_scripts.sources import SOURCES
    from training.recipes.recipe import load_recipe

    for name in re.findall(r"--recipe (\w+)", README):
        load_recipe(name)
    assert set(re.findall(r"--source (\w+)", README)) <= set(SOURCES)


def test_its_scores_on_real_people_are_the_stored_ones():
    stored = ROOT / "docs" / "people"
    sources = json.loads((stored / "results.json").read_text(encoding="utf-8"))["sources"]
    evidence = json.loads((ROOT / "spaces_demo" / "model" / "config.json").read_text(encoding="utf-8"))["evidence"]
    table = README.split("<!-- people -->")[1].split("<!-- /people -->")[0]
    assert table.strip() == markdown_table(*sources_table(sources, evidence))
    shipped = json.loads((ROOT / "spaces_demo" / "model" / "results.json").read_text(encoding="utf-8"))
    assert shipped["sources"] == sources


def test_it_begins_with_a_table_that_names_its_data():
    table = README.split("<!-- table -->")[1].split("<!-- /table -->")[0]
    assert "synthetic" in table
    results = json.loads((ROOT / "docs" / "results" / "quickstart.json").read_text(encoding="utf-8"))
    assert describe(results) in table
    for _, head, rows in primary_tables(results):
        assert markdown_table(head, rows) in table
