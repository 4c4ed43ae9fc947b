"""One mechanism reads all settings: strict YAML, changes, bases, and one error with every problem of a file."""

import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, JsonValue

from dataset_scripts.common.recipes import Recipes, to_yaml
from dataset_scripts.common.settings import (
    Flag,
    Positive,
    Problem,
    Text,
    check,
    different,
    list_some,
    number,
    read_settings,
    settings,
    some,
    to_plain,
    whole,
)
from dataset_scripts.common.strict_yaml import MAX_BYTES, read_yaml
from modeling_emert.errors_emert import EmertInputError


@settings
class _Part:
    column: Text
    scale: Positive = 1.0


@settings
class _Settings:
    rate: number(0, 1) = Field(description="How fast.")
    name: str = "unnamed"
    count: whole(1, 100) = 1
    other: number(0, 1) | None = None
    text: str = ""
    on: Flag = False
    inner: dict[str, JsonValue] = Field(default_factory=dict)
    names: different(str) = ()
    kinds: some(Literal["plain", "strict"]) = ("plain",)
    parts: dict[str, _Part] = Field(default_factory=dict)

    @check
    def _together(self) -> Iterator[str]:
        if self.rate * self.count > 90:
            yield f"count {self.count} is too much at rate {self.rate:g}"


def _recipes(folder: Path) -> Recipes:
    return Recipes(_Settings, folder, ("mine",), "recipe")


def _read(folder: Path, text: str, *changes: str) -> _Settings:
    (folder / "mine.yaml").write_text(text)
    return _recipes(folder).read(str(folder / "mine.yaml"), changes)


def _refusal(*arguments: object) -> str:
    with pytest.raises(EmertInputError) as caught:
        _read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_changes_numbers_and_the_files_name(tmp_path: Path):
    found = _read(tmp_path, "rate: 1e-3\ntext: '1e-3'\n", "count=1e2", "other=5e-1", "inner.a.b=[1]", "kinds=strict")
    expected = {"rate": 0.001, "name": "mine", "count": 100, "other": 0.5, "text": "1e-3", "inner": {"a": {"b": [1]}}}
    assert found == _Settings(**expected, kinds=("strict",))
    assert type(found.count) is int
    assert _read(tmp_path, "rate: 1\nname: own\n").name == "own"


def test_powers_of_ten_are_numbers_within_a_keys_own_keys_too(tmp_path: Path):
    found = _read(tmp_path, "rate: 1\ninner: {a: 1e-2, b: {c: [1e2, x]}, e: 1e, f: e-2, g: nan, h: '12'}\n", "inner.d=-5E+1")
    assert found.inner == {"a": 0.01, "b": {"c": [100, "x"]}, "e": "1e", "f": "e-2", "g": "nan", "h": "12", "d": -50}


@pytest.mark.parametrize(
    ("text", "change", "told"),
    [
        ("count: 1\n", "count=2", "rate is missing, expected a number in 0..1"),
        ("rate: 1\n", "speed=2", "unknown key speed (2), known keys: rate, name"),
        ("rate: 1\n", "rate.slow=2", "rate holds 1, which has no keys of its own"),
        ("rate: 1\n", "rate", "expected key=value"),
        ("rate: 1\n", "rate=[", "not YAML"),
        ("rate: 1\n", "rate=true", "rate is True, expected a number in 0..1"),
        ("rate: 1\n", "rate='1'", "rate is '1', expected a number in 0..1"),
        ("rate: 1\n", "rate=.nan", "rate is nan, expected a number in 0..1"),
        ("rate: 1\n", "rate=", "rate is nothing, expected a number in 0..1"),
        ("rate: 1\n", "count=2.0", "count is 2.0, expected a whole number in 1..100"),
        ("rate: 1\n", "count=0", "count is 0, expected a whole number in 1..100"),
        ("rate: 1\n", "count=true", "count is True, expected a whole number in 1..100"),
        ("rate: 1\n", "on=1", "on is 1, expected true or false"),
        ("rate: 1\n", "on='yes'", "on is 'yes', expected true or false"),
        ("rate: 1\n", "text=3", "text is 3, expected text"),
        ("- rate\n", "rate=1", "mine.yaml holds ['rate'], expected `key: value` lines"),
        ("rate: [\n", "rate=1", "mine.yaml is not YAML in UTF-8 (line 2, column 1: "),
        ("rate: 1\ncount: 2\nrate: 3\n", "count=1", "line 3, column 1: the key rate stands twice, first in line 1"),
        ("rate: 1\ninner:\n  a: 1\n  b: {c: 1, 'c': 2}\n", "count=1", "line 4, column 13: the key c stands twice"),
        ("rate: 1\n", "inner={a: 1, a: 2}", "the key a stands twice"),
        ("rate: 1\n\tcount: 2\n", "count=1", "line 2, column 1: found character"),
        ("rate: 1\nname: 2026-13-01\n", "count=1", "line 2, column 7: month must be in 1..12"),
        ("rate: 1\nname: \x01\n", "count=1", "line 2: the character"),
        ("rate: 1\ninner: &it {a: *it}\n", "count=1", "line 2, column 8: found unconstructable recursive node"),
        ("[" * 1000, "count=1", "too deep"),
        ("#" * (MAX_BYTES + 1), "count=1", "more than 65,536 bytes"),
        ("rate: 1\n", "names=[{a: b}]", "names[0] is {'a': 'b'}, expected text"),
        ("rate: 1\n", "names=[[a]]", "names[0] is ['a'], expected text"),
        ("rate: 1\n", "names=[a, a]", "names: a stands twice"),
        ("rate: 1\n", "names=a", "names is 'a', expected a list"),
        ("rate: 1\n", "names={a: b}", "names is {'a': 'b'}, expected a list"),
        ("rate: 1\n", "kinds=[plain, 3]", "kinds[1] is 3, expected 'plain' or 'strict'"),
        ("rate: 1\n", "kinds=[]", "kinds is [], expected at least one"),
        ("rate: 1\n", "inner=[]", "inner is [], expected `key: value` lines"),
        ("rate: 1\n", "inner={3: 1}", "inner has the key 3, expected text"),
        ("rate: 1\n", "inner={name: x, more: [{2: 1}]}", "inner.more[0] has the key 2, expected text"),
        ("rate: 1\n3: 4\n", "count=1", "the file has the key 3, expected text"),
        ("rate: 1\n", "parts.a=x", "parts.a is 'x', expected `key: value` lines"),
        (
            "rate: 1\n",
            "parts.a.size=x",
            "column is missing, expected text; unknown key parts.a.size ('x'), known keys: column, scale",
        ),
        (
            "rate: 1\n",
            "parts.a={column: ' ', scale: 0}",
            "parts.a.column is ' ', expected text; parts.a.scale is 0, expected a",
        ),
        ("rate: 1\nbase: other\n", "count=1", "other: no such recipe"),
        ("rate: 1\nbase: [a]\n", "count=1", "['a']: no such recipe"),
        ("rate: 1\nbase: mine.yaml\n", "count=1", "mine.yaml has itself as its base"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, change: str, told: str):
    assert told in _refusal(tmp_path, text, change)


def test_all_problems_come_at_once_with_the_file_and_the_changes(tmp_path: Path):
    message = _refusal(tmp_path, "speed: 2\nsped: 3\ncount: x\ntext: []\n", "on=maybe")
    assert re.match(rf"{tmp_path}/mine.yaml on=maybe has 5 \w+: ", message)
    for part in ("rate is missing", "unknown keys speed (2), sped (3), known", "count is 'x'", "text is []", "on is 'maybe'"):
        assert part in message


def test_huge_values_are_shown_short(tmp_path: Path):
    assert "count is a huge number" in _refusal(tmp_path, f"rate: 1\ncount: 0x{'f' * 9000}\n")
    assert len(_refusal(tmp_path, f"rate: 1\ncount: {'x' * 9000}\n")) < 300


def test_settings_made_in_code_are_checked_alike():
    with pytest.raises(EmertInputError, match=r"_Settings has 2 .*: rate is 2, expected a number in 0..1; unknown key a"):
        _Settings(rate=2, a=1)


def test_what_merges_keys_from_elsewhere_is_no_key_twice(tmp_path: Path):
    text = "rate: 1\ninner:\n  one: &one {a: 1, b: 2}\n  two: {<<: *one, b: 3}\n"
    assert _read(tmp_path, text).inner == {"one": {"a": 1, "b": 2}, "two": {"a": 1, "b": 3}}


def test_a_base_gives_what_the_file_does_not_say(tmp_path: Path):
    (tmp_path / "first.yaml").write_text("rate: 1\ncount: 3\nname: first\ninner: {a: 1, b: {c: 2, d: 3}}\n")
    (tmp_path / "second.yaml").write_text("base: first.yaml\ncount: 4\n")
    found = _read(tmp_path, "base: second.yaml\nname: third\ninner: {b: {c: 5}}\n", "inner.b.d=6")
    assert (found.rate, found.count, found.name, found.inner) == (1, 4, "third", {"a": 1, "b": {"c": 5, "d": 6}})


def test_a_file_is_taken_by_its_ending_alone(tmp_path: Path):
    (tmp_path / "own.yml").write_text("rate: 1\n")
    assert Recipes(_Settings, tmp_path, [], "recipe").find(str(tmp_path / "own.yml")) == tmp_path / "own.yml"
    with pytest.raises(EmertInputError, match=r"no such recipe; give a \.yaml file or one of a, b"):
        Recipes(_Settings, tmp_path, ["a", "b"], "recipe").find("own")


def test_a_mapping_file_takes_no_aliases_and_powers_of_ten_as_names(tmp_path: Path):
    (tmp_path / "x.yaml").write_bytes(b"a: &a [1]\nb: *a")
    with pytest.raises(EmertInputError, match=r"aliases \(\*name\) are not read"):
        read_yaml(tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfcolumn: 1e3")
    assert read_settings(_Part, tmp_path / "x.yaml") == _Part("1e3")
    with pytest.raises(EmertInputError, match="can't be read"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("where", ["{}\nnames: *a9", "names:\n- - {}\n  - *a9", "parts: {{x: [{}, *a9]}}"])
def test_a_small_file_that_becomes_a_huge_one_by_its_aliases_is_refused(tmp_path: Path, where: str):
    """Billions of values, which a message that shows them would write out."""
    lines = ["&a0 [x]", *(f"&a{i} [{', '.join([f'*a{i - 1}'] * 12)}]" for i in range(1, 10))]
    flat = "\n".join(f"k{number}: {line}" for number, line in enumerate(lines))
    text = where.format(flat if where.startswith("{}") else f"[{', '.join(lines)}]")
    with pytest.raises(EmertInputError, match=r"aliases \(\*name\) make more than 65,536 values of it"):
        _read(tmp_path, text + "\n")


def test_they_are_written_with_their_comments_and_read_again(tmp_path: Path):
    found = _read(tmp_path, "rate: 0.5\n", "names=[a, b]", "parts.a.column=x")
    assert to_plain(found)["names"] == ["a", "b"]
    assert _read(tmp_path, to_yaml(found)) == found
    text = _recipes(tmp_path).show("mine", ["names=[a, b]", "parts.a.column=x"])
    assert text.startswith("# How fast.\nrate: 0.5\nname: mine\n")
    assert _read(tmp_path, text) == found


def test_what_is_shown_has_the_reasons_of_the_files_for_the_values_that_hold(tmp_path: Path):
    first = "# The file.\n\n# Slow.\nrate: 0.1\n# Old.\ncount: 2\ninner:\n  # Of a.\n  a: 1\n  b: 2 # of b\nnames: [x] # two\n"
    (tmp_path / "first.yaml").write_text(first)
    mine = "# My file.\nbase: first.yaml\n# More.\ncount: 3\ninner: {}\nkinds:\n# Hard.\n- strict\n"
    (tmp_path / "mine.yaml").write_text(mine)
    text = _recipes(tmp_path).show("mine", ["names=[y]"])
    assert "# How fast.\n# (first) Slow.\nrate: 0.1\n" in text
    assert "# (mine) More.\ncount: 3\n" in text
    assert "inner:\n  # (first) Of a.\n  a: 1\n  # (first) of b\n  b: 2\n" in text
    assert "kinds:\n# (mine) Hard.\n- strict\n" in text
    assert [words for words in ("Old", "two", "file") if words in text] == []
    assert _read(tmp_path, text) == _read(tmp_path, (tmp_path / "mine.yaml").read_text(), "names=[y]")


def test_what_is_wrong_with_keys_together_comes_beside_what_is_wrong_with_others(tmp_path: Path):
    told = _refusal(tmp_path, "rate: 0.9\nrate: 1\ncount: 99\nother: x\nkinds: [loose]\nspeed: [1]\n")
    for part in (
        " has 5 errors: mine.yaml, line 2, column 1: the key rate stands twice, first in line 1; other is 'x'",
        "expected a number in 0..1, or null; kinds[0] is 'loose', expected 'plain' or 'strict'; count 99 is too much at rate 1",
        "unknown key speed ([1]), known keys: rate",
    ):
        assert part in told
    assert "too much" not in _refusal(tmp_path, "rate: 3\ncount: 99\n")  # what a wrong value would be, nobody knows


def test_problems_of_one_cause_are_one_sentence_with_their_number_and_two_more_examples():
    end = "where one is expected; of the recordings #1 {}, #2 {} give one"
    problems = [
        Problem(name, f"/my data/{name}.tsv has no recording of participant '{name}' of stimulus 'rain' {end.format(*order)}")
        for name, order in (("anna", "ab"), ("ben", "ba"), ("carl", "ab"), ("dora", "ba"))
    ]
    other = Problem("ella", "/my data/ella.tsv has a sample every 8.33e+03 ms")
    assert list_some([*problems, "another", other]) == f"{problems[0]} [4 times, also ben, carl]; another; {other}"
    same = [Problem(f"line {number}", "5 cells, where 7 are expected") for number in range(2, 5)]
    assert list_some(same) == "line 2: 5 cells, where 7 are expected [3 times, also line 3, line 4]"
    assert pickle.loads(pickle.dumps(same[1])).cause == same[0].cause  # as worker processes answer


def test_problems_of_other_columns_or_files_missing_are_other_causes():
    whats = [
        "label er3 is 'x', where y is expected",
        "label er7 is 'x', where y is expected",
        "er7 can't be 'x'",
        "er7 can't be",
    ]
    problems = [Problem(f"r{number}", what) for number, what in enumerate(whats)]
    assert list_some(problems) == "; ".join(problems)
    assert list_some([*(str(number) for number in range(12)), *problems]).endswith("; 9; and 6 more")
