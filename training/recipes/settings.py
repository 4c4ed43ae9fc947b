"""Settings in a YAML file with `key=value` changes, read into a dataclass that checks its values. All recipes are such."""

import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from dataset_scripts.common.yaml_reader import parse_yaml
from modeling_emert.errors_emert import EmertInputError

_POWER = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # a number without a point or a sign is text to YAML


def find_yaml(name: str, folder: Path, shipped: Sequence[str], what: str) -> Path:
    """A `.yaml` file, or one of those that are shipped in `folder`. Raises `EmertInputError` that lists them."""
    if not isinstance(name, str):
        raise EmertInputError(f"{name!r}: no such {what}; expected the name of one, or of a .yaml file")
    is_file = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_file else folder / f"{name}.yaml"
    if not path.is_file() or not (is_file or name in shipped):  # the folder holds other commands' files as well
        raise EmertInputError(f"{name}: no such {what}; give a .yaml file or one of {', '.join(shipped)}")
    return path


def read_settings(path: Path, changes: Sequence[str], settings: type) -> dict[str, Any]:
    """The keys and values of the file after `key=value` changes, ready for `settings(**...)`, a dataclass.

    `key.inner=value` reaches into a key's own keys. Numbers that YAML takes for text (`1e-3`) are numbers where the field
    is one, and within a field's own keys. A `name` that the dataclass has and the file lacks is the file's.

    Raises:
        EmertInputError: the file is not YAML or has no keys; a key is unknown, missing, there twice or no text; a list of
            names holds something else; a change can't be made.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"), aliases=True) or {}
    except ValueError as error:
        raise EmertInputError(f"{path}: not a YAML file ({error})") from error
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
    if wrong := [problem for name, value in content.items() for problem in _wrong_kinds(name, value, known[name].type)]:
        raise EmertInputError(f"{path}: {'; '.join(wrong)}")
    return {name: _with_numbers(value, known[name].type) for name, value in content.items()}


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
        target[last] = parse_yaml(value, aliases=True)
    except ValueError as error:
        raise EmertInputError(f"{change!r}: the value is not YAML ({error})") from error


def _wrong_kinds(name: str, value: Any, kind: Any) -> list[str]:
    """What no dataclass of settings could check without falling over it: all look names up in tables."""
    if (strange := _strange_key(value)) is not None:
        return [f"{name}: found the key {strange!r}; expected a name"]
    if not _is_list_of_names(kind):
        return []
    if not isinstance(value, (list, str)):  # a single name is some settings' short form of a list
        return [f"{name} is {value!r}; expected a list of names"]
    return [f"{name} holds {item!r}; expected names alone" for item in value if not isinstance(item, str)]


def _strange_key(value: Any) -> Any:
    """The first key within, at any depth, that is no text; None if all are."""
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            return key
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for found in map(_strange_key, inner) if found is not None), None)


def _is_list_of_names(kind: Any) -> bool:
    element = get_args(kind)[0] if get_origin(kind) is tuple else None
    return element is str or get_origin(element) is Literal


def _with_numbers(value: Any, kind: Any) -> Any:
    """Numbers that YAML has taken for text, where one is expected or where anything may stand: in a field's own keys."""
    if kind in (int, float, float | None):
        return _as_number(value)
    return value if kind is str or _is_list_of_names(kind) else _powers_as_numbers(value)


def _powers_as_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _powers_as_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_powers_as_numbers(inner) for inner in value]
    return _as_number(value) if isinstance(value, str) and _POWER.fullmatch(value) else value


def _as_number(value: Any) -> Any:
    """`1e-3`, which YAML takes for text since it lacks a point, as the number that everyone means."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number
