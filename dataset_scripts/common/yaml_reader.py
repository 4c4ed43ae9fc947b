"""YAML in which a key stands once, and whose mistakes are told with their line."""

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


class _PlainLoader(_Loader):
    """Without aliases, of which a small file can make a huge one."""

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read; write that part out", problem_mark=mark)
        return super().compose_node(parent, index)


def parse_yaml(text: str, aliases: bool = False) -> Any:
    """What the text says. `aliases`: whether one part may name another, as in a recipe of one's own.

    Raises:
        ValueError: one sentence with line, column and what is wrong there.
    """
    try:
        return yaml.load(text, _Loader if aliases else _PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"line {line}: the character {chr(error.character)!r}: {error.reason}") from error
    except RecursionError as error:
        raise ValueError("lists or keys lie too deep within each other") from error
