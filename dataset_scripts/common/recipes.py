"""Recipes: files of settings with a name, on a base, changed on the command line, and shown with the reasons in them."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import yaml

from modeling_emert.errors_emert import EmertInputError

from .settings import Settings, make_settings, to_plain
from .strict_yaml import dump_yaml, parse_yaml, read_yaml

KeyPath = tuple[str | int, ...]  # of a key within keys, such as ("overrides", "encoder_size")


@dataclass(frozen=True)
class Recipes(Generic[Settings]):
    """The recipes of one command: `shipped` names the files in `folder`, `what` says of which kind they are.

    A file is taken on top of the one that its key `base` names, and then changed by `key=value`; `key.inner=value` changes
    one of a key's own keys, and a `base` is changed in the same way. A `name` that the settings have and the file lacks is
    the file's.
    """

    kind: type[Settings]
    folder: Path
    shipped: Sequence[str]
    what: str

    def find(self, name: str) -> Path:
        """A `.yaml` file, or one of those that are shipped. Raises `EmertInputError` that lists them."""
        if not isinstance(name, str):
            raise EmertInputError(f"{name!r}: no such {self.what}; expected the name of one, or of a .yaml file")
        is_file = name.endswith((".yaml", ".yml"))
        path = Path(name) if is_file else self.folder / f"{name}.yaml"
        if not path.is_file() or not (is_file or name in self.shipped):  # the folder holds other commands' files as well
            raise EmertInputError(f"{name}: no such {self.what}; give a .yaml file or one of {', '.join(self.shipped)}")
        return path

    def content(self, name: str) -> tuple[dict, list[str]]:
        """What the file and its bases say, unchecked, and a sentence for each key that stands twice in one."""
        content, twice = {}, []
        for path in reversed(self._files(name)):
            own, found = read_yaml(path, recipe=True)
            own.pop("base", None)
            content, twice = merge(content, own), [*twice, *(f"{path.name}, {sentence}" for sentence in found)]
        if "name" in self.kind.__pydantic_fields__:
            content["name"] = own.get("name", path.stem)
        return content, twice

    def read(self, name: str, changes: Sequence[str] = ()) -> Settings:
        """Raises `EmertInputError` with everything that is wrong in the files or the changes."""
        content, problems = self.content(name)
        for change in changes:
            problems += [f"{change!r}: {sentence}" for sentence in _apply(content, change)]
        return make_settings(self.kind, content, " ".join((name, *changes)), problems)

    def show(self, name: str, changes: Sequence[str] = ()) -> str:
        """The whole recipe as YAML; above a key what it means, and the reason that its file gives for its value."""
        plain = to_plain(self.read(name, changes))
        changed = [tuple(change.partition("=")[0].split(".")) for change in changes]
        reasons: dict[KeyPath, str] = {}
        for path in reversed(self._files(name)):
            for key, is_merged, reason in _reasons(path.read_text(encoding="utf-8-sig")):
                replaced = [other for other in reasons if other[: None if is_merged else len(key)] == key]
                reasons = {other: words for other, words in reasons.items() if other not in replaced}
                if reason and not any(key[: len(one)] == one for one in changed):
                    reasons[key] = f"({path.stem}) {reason}"
        return "".join(self._shown(key, value, reasons) for key, value in plain.items())

    def _shown(self, key: str, value: Any, reasons: dict[KeyPath, str]) -> str:
        text = dump_yaml({key: value}).rstrip()
        lines = text.split("\n")
        for path, node, _ in reversed(list(_keys(yaml.compose(text)))):
            if path in reasons:
                lines[node.start_mark.line : node.start_mark.line] = _comment(reasons[path], _indent(lines, node))
        description = self.kind.__pydantic_fields__[key].description
        return "\n".join([*_comment(description or "", ""), *lines, ""])

    def _files(self, name: str) -> list[Path]:
        """The file, its base, the base of that, ..."""
        files: list[Path] = []
        while name is not None:
            path = self.find(name)
            if path in files:
                raise EmertInputError(f"{path} has itself as its base; name another")
            files.append(path)
            name = read_yaml(path, recipe=True)[0].get("base")
            if isinstance(name, str) and name.endswith((".yaml", ".yml")):
                name = str(path.parent / name)
        return files


def merge(base: dict, own: dict) -> dict:
    """`own` on top of `base`, key by key within keys."""
    both = {key: merge(base[key], own[key]) for key in base if isinstance(base[key], dict) and isinstance(own.get(key), dict)}
    return base | own | both


def _apply(content: dict, change: str) -> list[str]:
    """`a=1` sets a key, `a.b=1` a key within a key. What is wrong with the change."""
    path, equals, value = change.partition("=")
    if not equals:
        return ["expected key=value"]
    *outer, last = path.split(".")
    target = content
    for key in outer:
        if target.get(key) is None:
            target[key] = {}
        target = target[key]
        if not isinstance(target, dict):
            return [f"{key} holds {target!r}, which has no keys of its own"]
    try:
        target[last], twice = parse_yaml(value, recipe=True)
    except ValueError as error:
        return [f"the value is not YAML ({error})"]
    return twice


def _keys(node: yaml.Node | None, path: KeyPath = ()) -> Iterator[tuple[KeyPath, yaml.Node, yaml.Node]]:
    """Every key and list item that begins a line: its path, the node that begins it, and its value."""
    inner = []
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        inner = [((*path, key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
        inner = [((*path, index), item, item) for index, item in enumerate(node.value)]
    for own, begin, value in inner:
        yield own, begin, value
        yield from (item for item in _keys(value, own) if item[1].start_mark.line != begin.start_mark.line)


def _reasons(text: str) -> Iterator[tuple[KeyPath, bool, str]]:
    """For each key or list item, whether it holds keys, and the comment above it or behind its value, if any."""
    lines = text.splitlines()
    for path, node, value in _keys(yaml.compose(text)):
        at = first = node.start_mark.line
        while first and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        behind = re.search(r"""\s#\s*([^'"]*)$""", lines[at])
        words = [line.lstrip("# ").rstrip() for line in lines[first:at]] + ([behind[1]] if behind else [])
        yield path, isinstance(value, yaml.MappingNode), " ".join(words)


def _indent(lines: Sequence[str], node: yaml.Node) -> str:
    line = lines[node.start_mark.line]
    return line[: len(line) - len(line.lstrip())]


def _comment(words: str, indent: str) -> list[str]:
    return textwrap.wrap(re.sub(r"\s+", " ", words), 118, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def to_yaml(value: Any) -> str:
    return "".join(dump_yaml({key: plain}) for key, plain in to_plain(value).items())
