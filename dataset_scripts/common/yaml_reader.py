"""YAML in which a key stands once, and whose errors name their line."""

import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML forbids a key twice in one mapping; PyYAML takes the last one and says nothing."""

    def __init__(self, text: str):
        super().__init__(text)
        self.deep_construct = True  # refuses an alias to what holds it, which has no end

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # such as 2026-13-01, which looks like a date and is none
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name = (key.tag, key.value)
            if name in first:
                problem = f"the key {key.value} stands twice, first in line {first[name]}; keep one"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            first[name] = key.start_mark.line + 1
        return node


class _RecipeLoader(_Loader):
    """Powers of ten without a point or a sign (`1e-3`), which YAML 1.1 takes for text, are numbers."""


_RecipeLoader.add_implicit_resolver("!power", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))
_RecipeLoader.add_constructor("!power", lambda loader, node: _power(node.value))


def _power(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


class _PlainLoader(_Loader):
    """Without aliases, of which a small file can make a huge one."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read; write that part out", problem_mark=mark)
        return super().compose_node(parent, index)


def parse_yaml(text: str, recipe: bool = False) -> Any:
    """What the text says. `recipe`: one part may refer to another by an alias, and `1e-3` is a number.

    Raises:
        ValueError: one sentence with line, column and what is wrong there.
    """
    try:
        return yaml.load(text, _RecipeLoader if recipe else _PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"line {line}: the character {chr(error.character)!r}: {error.reason}") from error
    except RecursionError as error:
        raise ValueError("lists or keys lie too deep within each other") from error
