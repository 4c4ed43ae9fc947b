"""YAML that a user writes: UTF-8, 64 kB at most, no tags that run code, and every key that stands twice is found.

Beside it, how our own is written.
"""

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from modeling_emert.errors_emert import EmertInputError

MAX_BYTES = 1 << 16
_MOST_VALUES = 1 << 16  # a file of that size without aliases can't have more


class _Loader(yaml.SafeLoader):
    """YAML forbids a key twice in one mapping; PyYAML takes the last one and says nothing. `twice` names them.

    What grows without bounds by aliases of aliases is refused, since to show or check it would take the memory.
    """

    def __init__(self, text: str):
        super().__init__(text)
        self.deep_construct = True  # refuses an alias to what holds it, which has no end
        self.twice: list[str] = []

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _values(node, {}) > _MOST_VALUES:
            problem = f"aliases (*name) make more than {_MOST_VALUES:,} values of it; write fewer"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # such as 2026-13-01, which looks like a date and is none
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            name = (key.tag, key.value)
            if name in first:
                self.twice.append(f"{_place(key.start_mark)}: the key {key.value} stands twice, first in line {first[name]}")
            first.setdefault(name, key.start_mark.line + 1)
        return node


class _RecipeLoader(_Loader):
    """Powers of ten without a point or a sign (`1e-3`), which YAML 1.1 takes for text, are numbers."""


_RecipeLoader.add_implicit_resolver("!power", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))
_RecipeLoader.add_constructor("!power", lambda loader, node: int(n) if (n := float(node.value)).is_integer() else n)


class _PlainLoader(_Loader):
    """Without aliases, of which a small file can make a huge one."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read; write that part out", problem_mark=mark)
        return super().compose_node(parent, index)


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node is, where an alias counts as what it stands for. `known`: of nodes seen, by their `id`."""
    if id(node) not in known:
        known[id(node)] = 1  # an alias to what holds it, which the construction refuses
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        items = [item for one in inner for item in (one if isinstance(one, tuple) else (one,))]
        known[id(node)] = 1 + sum(_values(item, known) for item in items)
    return known[id(node)]


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def parse_yaml(text: str, recipe: bool = False) -> tuple[Any, list[str]]:
    """What the text says, and a sentence for each key that stands twice, of which the last value is taken.

    `recipe`: one part may refer to another by an alias, and `1e-3` is a number.

    Raises `ValueError` with the line, the column and what is wrong there.
    """
    return deepcopy(_parse(text, recipe))


@lru_cache(maxsize=32)  # every cell of a benchmark reads the recipe that it trains by, and that one's base
def _parse(text: str, recipe: bool) -> tuple[Any, list[str]]:
    loader = None
    try:
        loader = (_RecipeLoader if recipe else _PlainLoader)(text)
        return loader.get_single_data(), loader.twice
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"{_place(error.problem_mark or error.context_mark)}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"line {line}: the character {chr(error.character)!r}: {error.reason}") from error
    except RecursionError as error:
        raise ValueError("lists or keys lie too deep within each other") from error
    finally:
        if loader is not None:
            loader.dispose()


def read_yaml(file: Any, recipe: bool = False) -> tuple[dict, list[str]]:
    """The keys and values of a YAML file in UTF-8, at most 64 kB: a `Path`, or another object with `open()`; and a sentence
    for each key that stands twice.

    Raises `EmertInputError` where it can't be read, or is no YAML of keys with values.
    """
    try:
        with file.open("rb") if isinstance(file, Path) else file.open() as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise EmertInputError(f"{file} can't be read ({error.strerror or error}); write it, or give another") from error
    if len(data) > MAX_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_BYTES:,} bytes, as no file of settings has; give another")
    try:
        content, twice = parse_yaml(data.decode("utf-8-sig"), recipe)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise EmertInputError(f"{file} is not YAML in UTF-8 ({reason}); correct it") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{file} holds {show_value(content)}, expected `key: value` lines; see an example of such a file")
    return content, twice


def dump_yaml(content: Any) -> str:
    """Keys stay in their order. The dumper in C, where PyYAML has it, writes the same and is ten times as fast."""
    return yaml.dump(content, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)


def show_value(value: object) -> str:
    """Short, whatever it is."""
    try:
        return "nothing" if value is None else repr(value)[:60].replace("\n", " ")
    except ValueError:  # a whole number of more digits than Python writes
        return "a huge number"
