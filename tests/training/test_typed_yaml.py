"""One loader reads every recipe: the same changes, the same numbers, the same words for what is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modeling_emert import EmertInputError
from training.adaptation_recipe import load_adaptation_recipe
from training.benchmark.recipe import load_benchmark_recipe
from training.recipe import load_recipe
from training.typed_yaml import find_yaml, read_settings

LOADERS = {"laptop": load_recipe, "lora": load_adaptation_recipe, "small": load_benchmark_recipe}


@dataclass
class _Settings:
    rate: float
    name: str = "unnamed"
    count: int = 1
    other: float | None = None
    text: str = ""
    inner: dict = field(default_factory=dict)


def _read(folder: Path, text: str, *changes: str) -> _Settings:
    (folder / "mine.yaml").write_text(text)
    return _Settings(**read_settings(folder / "mine.yaml", changes, _Settings))


def test_changes_numbers_and_the_files_name(tmp_path: Path):
    found = _read(tmp_path, "rate: 1e-3\ntext: 1e-3\n", "count=1e2", "other=5e-1", "inner.a.b=[1]")
    assert found == _Settings(0.001, "mine", 100, 0.5, "1e-3", {"a": {"b": [1]}})
    assert type(found.count) is int
    assert _read(tmp_path, "rate: 1\nname: own\n").name == "own"


@pytest.mark.parametrize(
    ("text", "change", "told"),
    [
        ("count: 1\n", "count=2", "rate is missing"),
        ("rate: 1\n", "speed=2", "unknown key speed; known keys: rate, name"),
        ("rate: 1\n", "rate.slow=2", "rate holds 1, which has no keys of its own"),
        ("rate: 1\n", "rate", "expected key=value"),
        ("rate: 1\n", "rate=[", "not YAML"),
        ("- rate\n", "rate=1", "expected `key: value` lines, found list"),
        ("rate: [\n", "rate=1", "not a YAML file"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, change: str, told: str):
    with pytest.raises(EmertInputError, match=told.replace("[", r"\[")):
        _read(tmp_path, text, change)


@pytest.mark.parametrize("name", LOADERS)
def test_every_kind_of_recipe_says_the_same(name: str):
    for arguments, told in (
        (("nothing",), rf"nothing: no such .*recipe.*; give a .yaml file or one of .*{name}"),
        ((name, ["x=1"]), "unknown key x; known keys: "),
        ((name, ["seed"]), "expected key=value"),
        ((name, ["a.b=["]), "not YAML"),
    ):
        with pytest.raises(EmertInputError, match=told):
            LOADERS[name](*arguments)


def test_a_file_is_taken_by_its_ending_alone(tmp_path: Path):
    (tmp_path / "own.yml").write_text("rate: 1\n")
    assert find_yaml(str(tmp_path / "own.yml"), tmp_path, [], "recipe") == tmp_path / "own.yml"
    with pytest.raises(EmertInputError, match=r"no such recipe; give a \.yaml file or one of a, b"):
        find_yaml("own", tmp_path, ["a", "b"], "recipe")


def test_recipe_of_another_command_is_no_recipe():
    with pytest.raises(EmertInputError, match=r"lora: no such recipe; give a \.yaml file or one of authors"):
        load_recipe("lora")
