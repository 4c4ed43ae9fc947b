"""docs/architecture.md: its picture is drawn from today's imports, its ways name files that exist and stay short."""

import re

import pytest
from draw_rooms import draw
from places import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_picture_shows_todays_imports():
    assert (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8") == draw(), "run the command in docs/architecture.md"


@pytest.mark.parametrize(("way", "longest"), [("From a clip to an answer", 15), ("From a recipe to a model", 18)])
def test_a_way_is_short_and_its_files_exist(way: str, longest: int):
    section = PAGE.split(f"## {way}\n")[1].split("\n## ")[0]
    files = re.findall(r"^\d+\. `([^`]+)`", section, flags=re.MULTILINE)
    assert 10 <= len(files) <= longest
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_place_that_it_names_exists():
    names = re.findall(r"`((?:modeling_emert|dataset_scripts|training|spaces_demo|tests)/[\w/.]+)`", PAGE)
    assert len(names) > 30
    assert [name for name in names if not (ROOT / name).exists()] == []
