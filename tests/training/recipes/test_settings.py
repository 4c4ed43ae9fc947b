"""One loader reads every recipe: the same changes, the same numbers, the same words for what is wrong."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from modeling_emert import EmertInputError
from training.adaptation.recipe import load_adaptation_recipe
from training.benchmark.recipe import load_benchmark_recipe
from training.recipes.recipe import load_recipe
from training.recipes.settings import find_yaml, read_settings

LOADERS = {"laptop": load_recipe, "lora": load_adaptation_recipe, "small": load_benchmark_recipe}


@dataclass
class _Settings:
    rate: float
    name: str = "unnamed"
    count: int = 1
    other: float | None = None
    text: str = ""
    inner: dict = field(default_factory=dict)
    names: tuple[str, ...] = ()
    kinds: tuple[Literal["plain", "strict"], ...] = ()
    parts: tuple[dict, ...] = ()


def _read(folder: Path, text: str, *changes: str) -> _Settings:
    (folder / "mine.yaml").write_text(text)
    return _Settings(**read_settings(folder / "mine.yaml", changes, _Settings))


def test_changes_numbers_and_the_files_name(tmp_path: Path):
    found = _read(tmp_path, "rate: 1e-3\ntext: 1e-3\n", "count=1e2", "other=5e-1", "inner.a.b=[1]")
    assert found == _Settings(0.001, "mine", 100, 0.5, "1e-3", {"a": {"b": [1]}})
    assert type(found.count) is int
    assert _read(tmp_path, "rate: 1\nname: own\n").name == "own"


def test_powers_of_ten_are_numbers_within_a_fields_own_keys_too(tmp_path: Path):
    found = _read(tmp_path, "rate: 1\ninner: {a: 1e-2, b: {c: [1e2, x]}}\nparts: [{chance: 1e-1}]\n", "inner.d=-5E+1")
    assert (found.inner, found.parts) == ({"a": 0.01, "b": {"c": [100, "x"]}, "d": -50}, [{"chance": 0.1}])
    assert _read(tmp_path, "rate: 1\ninner: {a: 1e, b: e-2, c: nan, d: '12'}\nnames: [1e-2]\n").inner == {
        "a": "1e",
        "b": "e-2",
        "c": "nan",
        "d": "12",
    }
    assert _read(tmp_path, "rate: 1\nnames: [1e-2]\n").names == ["1e-2"]


@pytest.mark.parametrize(
    ("text", "change", "told"),
    [
        ("count: 1\n", "count=2", "rate is missing"),
        ("rate: 1\n", "speed=2", "unknown key speed; known keys: rate, name"),
        ("rate: 1\n", "rate.slow=2", "rate holds 1, which has no keys of its own"),
        ("rate: 1\n", "rate", "expected key=value"),
        ("rate: 1\n", "rate=[", "not YAML"),
        ("- rate\n", "rate=1", "expected `key: value` lines, found list"),
        ("rate: [\n", "rate=1", "not a YAML file (line 2, column 1: "),
        ("rate: 1\ncount: 2\nrate: 3\n", "count=1", "line 3, column 1: the key rate stands twice, first in line 1"),
        ("rate: 1\ninner:\n  a: 1\n  b: {c: 1, 'c': 2}\n", "count=1", "line 4, column 13: the key c stands twice"),
        ("rate: 1\n", "inner={a: 1, a: 2}", "the key a stands twice"),
        ("rate: 1\n\tcount: 2\n", "count=1", "line 2, column 1: found character"),
        ("rate: 1\nname: 2026-13-01\n", "count=1", "line 2, column 7: month must be in 1..12"),
        ("rate: 1\nname: \x01\n", "count=1", "line 2: the character"),
        ("rate: 1\ninner: &it {a: *it}\n", "count=1", "line 2, column 8: found unconstructable recursive node"),
        ("[" * 1000, "count=1", "too deep"),
        ("rate: 1\n", "names=[{a: b}]", "names holds {'a': 'b'}; expected names alone"),
        ("rate: 1\n", "names=[[a]]", "names holds ['a']; expected names alone"),
        ("rate: 1\n", "kinds=[plain, 3]", "kinds holds 3; expected names alone"),
        ("rate: 1\n", "names={a: b}", "names is {'a': 'b'}; expected a list of names"),
        ("rate: 1\n", "inner={3: 1}", "inner: found the key 3; expected a name"),
        ("rate: 1\n", "parts=[{name: x, more: [{2: 1}]}]", "parts: found the key 2"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, change: str, told: str):
    with pytest.raises(EmertInputError, match=re.escape(told)):
        _read(tmp_path, text, change)


def test_what_merges_keys_from_elsewhere_is_no_key_twice(tmp_path: Path):
    text = "rate: 1\ninner:\n  one: &one {a: 1, b: 2}\n  two: {<<: *one, b: 3}\n"
    assert _read(tmp_path, text).inner == {"one": {"a": 1, "b": 2}, "two": {"a": 1, "b": 3}}


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


@pytest.mark.parametrize("change", ["methods=[{a: b}]", "methods=5", "split_versions=[[plain]]", "training.recipe=[a]"])
def test_a_benchmark_recipe_names_what_is_no_name(change: str):
    with pytest.raises(EmertInputError, match=r"expected (names|a list of names|the name)"):
        load_benchmark_recipe("small", [change])


def test_recipe_of_another_command_is_no_recipe():
    with pytest.raises(EmertInputError, match=r"lora: no such recipe; give a \.yaml file or one of authors"):
        load_recipe("lora")
