"""The tables in `docs/benchmarks` are what `emert benchmark` wrote, to the last figure, of data that they name."""

import json
import re

import pytest
from places import ROOT

from training.benchmark.page import to_markdown
from training.benchmark.recipe import RECIPES, load_benchmark_recipe

DOCS = ROOT / "docs" / "benchmarks"
KEPT = sorted(folder.name for folder in DOCS.iterdir() if folder.is_dir())


def _results(name: str) -> dict:
    return json.loads((DOCS / name / "table.json").read_text(encoding="utf-8"))


def test_every_recipe_has_its_tables():
    assert set(KEPT) == {path.stem for path in RECIPES.glob("[!_]*.yaml")}


@pytest.mark.parametrize("name", KEPT)
def test_the_table_says_what_the_stored_results_say(name: str):
    page = (DOCS / name / "table.md").read_text(encoding="utf-8")
    assert to_markdown(_results(name)) == page, "call `emert benchmark table` on the run and copy both files"


@pytest.mark.parametrize("name", KEPT)
def test_the_stored_results_are_of_the_recipe_that_stands_in_the_repository(name: str):
    """But for the changes that the command names, which a reader sees beside the figures."""
    header = _results(name)["header"]
    words = header["command"].split()
    changes = [word.strip("'") for word in words if "=" in word]
    recipe = load_benchmark_recipe(name, changes)
    assert words[:3] == ["emert", "benchmark", name]
    assert [method["key"] for method in _results(name)["methods"]] == list(recipe.methods)
    kept = {"folds": header["folds"], "seeds": header["seeds"], "split_versions": header["split_versions"]}
    assert kept == {key: list(getattr(recipe, key)) for key in kept}
    assert header["failed_cells"] == 0


@pytest.mark.parametrize("name", KEPT)
def test_nothing_of_a_single_recording_is_kept(name: str):
    """The licences of the real sources allow figures over many recordings."""
    assert {path.name for path in (DOCS / name).iterdir()} == {"table.json", "table.md"}


def test_every_interval_of_the_account_stands_in_a_table():
    account = (DOCS / "README.md").read_text(encoding="utf-8")
    tables = "".join((DOCS / name / "table.md").read_text(encoding="utf-8") for name in KEPT)
    told = re.findall(r"\d\.\d\d \[[^\]]+\]", account.replace("\n", " "))
    assert len(told) > 10
    assert [figure for figure in told if figure not in tables] == []
