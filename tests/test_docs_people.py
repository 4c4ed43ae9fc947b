"""docs/people/README.md: the commands that made the model which comes with emert, on fewer people and for an epoch."""

import json
import subprocess
from pathlib import Path

import pytest
from audience_tree import audience_tree
from ferplus_tree import ferplus_tree
from pages import commands, run_page
from places import REAL, ROOT

PAGE = "docs/people/README.md"


def shrink(words: list[str]) -> list[str]:
    return [*words[:2], "epochs=1", "batch_size=16", "image_size=64", *words[2:]] if words[0] == "train" else words


def test_every_command_of_the_page_is_one():
    run_page(PAGE, slow=False)


def test_make_people_does_what_the_page_tells():
    told = subprocess.run(["make", "--dry-run", "people", "REAL=/real"], cwd=ROOT, capture_output=True, text=True, check=True)
    made = [f"emert {line.split('/emert ')[1]}" for line in told.stdout.splitlines() if "cd runs/people" in line]
    named = [line.replace(f"/real/{name}", name.upper()) for line in made for name in [line.split()[4]]]
    assert [line.removesuffix(" --overwrite") for line in named] == commands(PAGE)[: len(made)]
    assert len(made) == 6


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif(not (REAL / "ceap_360vr").is_dir(), reason="no CEAP-360VR here")
def test_every_command_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, tree, size in (("FERPLUS", ferplus_tree, 40), ("AUDIENCE_EFFECTS", audience_tree, 30)):
        (tmp_path / name).mkdir()
        tree(tmp_path / name, size)
    (tmp_path / "CEAP_360VR").symlink_to(REAL / "ceap_360vr")
    run_page(PAGE, slow=True, shrink=shrink)
    evidence = json.loads((tmp_path / "people" / "config.json").read_text())["evidence"]
    assert {"ferplus", "audience_effects", "ceap_360vr"} == {test["source"] for test in evidence}
    assert any("participants and stimuli both new" in test["split"] for test in evidence)  # of the strict training
