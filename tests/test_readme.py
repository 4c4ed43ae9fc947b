"""The README is told in short, and its tables, like those of docs, are the stored ones; tests/test_docs.py runs its blocks."""

import json
import re

import pytest
from docs_tables import TABLES, with_tables
from pages import PAGES, README
from places import ROOT

from training.recipes.recipe import load_recipe

TEXT = README.read_text(encoding="utf-8")


def test_it_is_short_and_shows_how_to_begin_at_once():
    assert len(TEXT.split()) <= 800
    assert TEXT.split("```bash\n")[1].startswith("make quickstart")
    assert len(TEXT.split("```bash\n")[0].split()) < 120


@pytest.mark.parametrize("page", TABLES)
def test_its_tables_are_made_of_stored_results_and_code(page: str):
    text = PAGES[page].read_text(encoding="utf-8")
    assert text == with_tables(page), "call .venv/bin/python tests/helpers/docs_tables.py"


def test_its_scores_name_their_data():
    people, generated = (TEXT.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0] for name in ("people", "table"))
    assert "(synthetic)" in generated
    assert "synthetic" not in people
    shipped = json.loads((ROOT / "spaces_demo" / "model" / "results.json").read_text(encoding="utf-8"))
    stored = json.loads((ROOT / "docs" / "people" / "results.json").read_text(encoding="utf-8"))
    assert shipped["sources"] == stored["sources"]
    assert all(source in people for source in ("ferplus", "audience_effects"))


def test_the_recipes_and_sources_that_the_pages_name_exist():
    from dataset_scripts.sources import SOURCES

    text = "".join(path.read_text(encoding="utf-8") for path in PAGES.values())
    recipes = set(re.findall(r"--recipe (\w+)", text)) | set(re.findall(r"emert train (\w+)", text))
    assert len(recipes) > 2
    for name in recipes:
        load_recipe(name)
    assert set(re.findall(r"--source (\w+)", text)) <= set(SOURCES)
