"""YAML files that a user writes, read strictly: every key is known and of its type, and all mistakes come at once."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset_scripts.common.yaml_reader import parse_yaml
from modeling_emert.errors_emert import EmertInputError

MAX_YAML_BYTES = 1 << 17
REQUIRED: Any = object()  # in place of a default: the key must be there


def read_yaml(path: Path) -> dict:
    """What the file says, a mapping at its top. Raises `EmertInputError`: no such file, too large, no YAML, no mapping."""
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise EmertInputError(f"{path} has more than {MAX_YAML_BYTES:,} bytes, as no such file does; give another")
        content = parse_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise EmertInputError(f"{path} can't be read ({error.strerror or error}); write it, or give another") from error
    except ValueError as error:
        said = " ".join(str(error).split())[:200]
        raise EmertInputError(f"{path} is no YAML in UTF-8 ({said}); correct it") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{path} holds {describe(content)} where keys with values are expected; correct it")
    return content


def describe(value: object) -> str:
    """A value of YAML for a sentence."""
    names = {dict: "keys with values", list: "a list", type(None): "nothing"}
    return names.get(type(value), f"{str(value)[:40]!r}")


class Fields:
    """The keys of one part of the file. Each is asked for once; what is wrong goes to `mistakes`, and None is given."""

    def __init__(self, content: dict, mistakes: list[str], where: str = ""):
        self._content, self.mistakes, self.where = content, mistakes, where
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def _name(self, key: object) -> str:
        return f"{self.where}.{key}" if self.where else str(key)

    def wrong(self, key: str, found: object, expected: str) -> None:
        self.mistakes.append(f"{self._name(key)} is {describe(found)}, where {expected} is expected")

    def _get(self, key: str, default: Any, fits: Any, expected: str) -> Any:
        """The value where it fits; a null counts as left out where there is a default."""
        self._asked.append(key)
        value = self._content.get(key)
        if key not in self._content and default is REQUIRED:
            self.mistakes.append(f"{self._name(key)} is missing ({expected} is expected)")
            return None
        if value is None and default is not REQUIRED:
            return default
        if not fits(value):
            self.wrong(key, value, expected)
            return None
        return value

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        return self._get(key, default, lambda value: isinstance(value, str) and value.strip() != "", "a text")

    def flag(self, key: str, default: Any = REQUIRED) -> Any:
        return self._get(key, default, lambda value: isinstance(value, bool), "true or false")

    def choice(self, key: str, choices: Sequence[str], default: Any = REQUIRED) -> Any:
        return self._get(key, default, lambda value: value in choices, f"one of {', '.join(choices)}")

    def positive(self, key: str, default: Any = REQUIRED) -> Any:
        return self._get(key, default, lambda value: is_number(value) and value > 0, "a number above 0")

    def numbers(self, key: str, default: Any = REQUIRED) -> Any:
        return self._get(key, default, _are_numbers, "a list of numbers")

    def range(self, key: str, default: Any = REQUIRED) -> tuple[float, float] | None:
        """The lowest and the highest value, `[1, 9]`."""
        pair = self._get(key, default, _is_range, "[lowest, highest]")
        return None if pair is None else (float(pair[0]), float(pair[1]))

    def section(self, key: str, default: Any = REQUIRED) -> "Fields | None":
        """A part with keys of its own."""
        content = self._get(key, default, lambda value: isinstance(value, dict), "keys with values")
        return None if content is None else Fields(content, self.mistakes, self._name(key))

    @property
    def keys(self) -> list:
        return list(self._content)

    def value(self, key: str) -> Any:
        """As it is; the caller looks at its type."""
        return self._get(key, None, lambda value: True, "")

    def done(self) -> None:
        """Call it last: keys that nothing asked for are mistakes."""
        for key in self._content:
            if key not in self._asked:
                known = ", ".join(dict.fromkeys(self._asked))
                self.mistakes.append(f"{self._name(key)} is unknown (known are {known})")


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(map(is_number, value))


def _is_range(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1]
