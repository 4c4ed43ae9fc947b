"""Settings in a YAML file with `key=value` changes, read into a dataclass that checks its values. All recipes are such."""

from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml

from modeling_emert.errors_emert import EmertInputError


def find_yaml(name: str, folder: Path, shipped: Sequence[str], what: str) -> Path:
    """A `.yaml` file, or one of those that are shipped in `folder`. Raises `EmertInputError` that lists them."""
    is_file = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_file else folder / f"{name}.yaml"
    if not path.is_file() or not (is_file or name in shipped):  # the folder holds other commands' files as well
        raise EmertInputError(f"{name}: no such {what}; give a .yaml file or one of {', '.join(shipped)}")
    return path


def read_settings(path: Path, changes: Sequence[str], settings: type) -> dict[str, Any]:
    """The keys and values of the file after `key=value` changes, ready for `settings(**...)`, a dataclass.

    `key.inner=value` reaches into a key's own keys. Numbers that YAML takes for text (`1e-3`) are numbers where the field
    is one. A `name` that the dataclass has and the file lacks is the file's.

    Raises:
        EmertInputError: the file is not YAML or has no keys; a key is unknown or missing; a change can't be made.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EmertInputError(f"{path}: not a YAML file ({str(error).splitlines()[0]})") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{path}: expected `key: value` lines, found {type(content).__name__}")
    for change in changes:
        _apply(content, change)
    known = {item.name: item for item in fields(settings)}
    if "name" in known:
        content.setdefault("name", path.stem)
    if unknown := sorted(str(key) for key in set(content) - set(known)):
        raise EmertInputError(f"{path}: unknown key {', '.join(unknown)}; known keys: {', '.join(known)}")
    required = [name for name, item in known.items() if item.default is MISSING and item.default_factory is MISSING]
    if missing := [name for name in required if name not in content]:
        raise EmertInputError(f"{path}: {', '.join(missing)} is missing; it has no default")
    return {name: _as_number(value) if _is_number(known[name].type) else value for name, value in content.items()}


def _apply(content: dict, change: str) -> None:
    """`a=1` sets a key, `a.b=1` a key within a key."""
    path, equals, value = change.partition("=")
    if not equals:
        raise EmertInputError(f"{change!r}: expected key=value")
    *outer, last = path.split(".")
    target = content
    for key in outer:
        if target.get(key) is None:
            target[key] = {}
        target = target[key]
        if not isinstance(target, dict):
            raise EmertInputError(f"{change!r}: {key} holds {target!r}, which has no keys of its own")
    try:
        target[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise EmertInputError(f"{change!r}: the value is not YAML ({str(error).splitlines()[0]})") from error


def _is_number(kind: Any) -> bool:
    return kind in (int, float, float | None)


def _as_number(value: Any) -> Any:
    """`1e-3`, which YAML takes for text since it lacks a point, as the number that everyone means."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
