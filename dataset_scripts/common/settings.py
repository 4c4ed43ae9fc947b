"""Settings that a user writes in a YAML file, declared as dataclasses with types, ranges, choices and descriptions.

    @settings
    class Recipe:
        epochs: whole(1, 100_000) = Field(200, description="Upper bound.")

All problems of a file come in one `EmertInputError`, each with its key, the value found and what is expected.
"""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

import yaml
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError, WrapValidator
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from modeling_emert.errors_emert import EmertInputError

MAX_BYTES = 1 << 16
_MOST_PROBLEMS = 40
_EXPECTED = {
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "`key: value` lines",
    "dataclass_type": "`key: value` lines",
    "too_short": "at least one",
    "invalid_key": "text",
}

Settings = TypeVar("Settings")


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def settings(cls: type[Settings]) -> type[Settings]:
    """A frozen dataclass that refuses unknown keys and wrong values with `EmertInputError` when it is made."""
    made = dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(cls)
    check = made.__init__

    def __init__(self: Any, *arguments: Any, **values: Any) -> None:
        try:
            check(self, *arguments, **values)
        except ValidationError as error:
            _refuse(made.__name__, made, error)

    made.__init__ = __init__
    return made


# ---- Types of fields; YAML decides between 1, "1" and true, and nothing is converted


def expects(words: str) -> WrapValidator:
    """Names what is expected in these words instead of pydantic's."""

    def validate(value: Any, check: Any) -> Any:
        try:
            return check(value)
        except ValueError as error:
            raise PydanticCustomError("expected", "{words}", {"words": words}) from error

    return WrapValidator(validate)


def whole(low: int, high: int) -> Any:
    return Annotated[int, Strict(), Field(ge=low, le=high), expects(f"a whole number in {low}..{high}")]


def number(low: float = -1e300, high: float = 1e300, words: str = "") -> Any:
    return Annotated[float, Strict(), Field(ge=low, le=high), expects(words or f"a number in {low:g}..{high:g}")]


Flag = Annotated[bool, Strict()]
Text = Annotated[str, Field(pattern=r"\S"), expects("text")]
Positive = number(5e-324, words="a number above 0")


def _rising(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] >= pair[1]:
        raise ValueError
    return pair


Range = Annotated[tuple[number(), number()], AfterValidator(_rising), expects("[lowest, highest]")]


def _unlike(values: tuple) -> tuple:
    if twice := [value for value in values if values.count(value) > 1]:
        raise ValueError(f"{twice[0]} stands twice")
    return values


def different(item: Any) -> Any:
    """A list in which nothing stands twice."""
    return Annotated[tuple[item, ...], AfterValidator(_unlike)]


def some(item: Any) -> Any:
    """A list of at least one, nothing twice; a single value stands for a list of it."""
    one = BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,))
    return Annotated[tuple[item, ...], Field(min_length=1), AfterValidator(_unlike), one]


# ---- Reading


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
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            name = (key.tag, key.value)
            if name in first:
                problem = f"the key {key.value} stands twice, first in line {first[name]}; keep one"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            first[name] = key.start_mark.line + 1
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


def parse_yaml(text: str, recipe: bool = False) -> Any:
    """What the text says. `recipe`: one part may refer to another by an alias, and `1e-3` is a number.

    Raises `ValueError` with the line, the column and what is wrong there.
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


def read_yaml(file: Any, recipe: bool = False) -> dict:
    """The keys and values of a YAML file in UTF-8, at most 64 kB: a `Path`, or another object with `open()`.

    Raises `EmertInputError` where it can't be read, is no YAML of keys with values, or has a key twice.
    """
    try:
        with file.open("rb") if isinstance(file, Path) else file.open() as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise EmertInputError(f"{file} can't be read ({error.strerror or error}); write it, or give another") from error
    if len(data) > MAX_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_BYTES:,} bytes, as no file of settings has; give another")
    try:
        content = parse_yaml(data.decode("utf-8-sig"), recipe)
    except ValueError as error:
        reason = " ".join(str(error).split())[:200]
        raise EmertInputError(f"{file} is not YAML in UTF-8 ({reason}); correct it") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{file} holds {_show(content)}, expected `key: value` lines; see an example of such a file")
    return content


def make_settings(kind: type[Settings], content: dict, where: object) -> Settings:
    """Raises `EmertInputError` that lists every problem of the content."""
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        _refuse(where, kind, error)


def read_settings(kind: type[Settings], file: Any) -> Settings:
    """From a file as `read_yaml` takes it. Raises `EmertInputError` with every problem of the file."""
    return make_settings(kind, read_yaml(file), file)


def find_yaml(name: str, folder: Path, shipped: Sequence[str], what: str) -> Path:
    """A `.yaml` file, or one of those that are shipped in `folder`. Raises `EmertInputError` that lists them."""
    if not isinstance(name, str):
        raise EmertInputError(f"{name!r}: no such {what}; expected the name of one, or of a .yaml file")
    is_file = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_file else folder / f"{name}.yaml"
    if not path.is_file() or not (is_file or name in shipped):  # the folder holds other commands' files as well
        raise EmertInputError(f"{name}: no such {what}; give a .yaml file or one of {', '.join(shipped)}")
    return path


def read_recipe(
    kind: type[Settings], name: str, changes: Sequence[str], folder: Path, shipped: Sequence[str], what: str
) -> Settings:
    """The recipe of this name or file, on top of the one that its key `base` names, after `key=value` changes.

    `key.inner=value` changes one of a key's own keys, and a `base` is changed in the same way. A `name` that the dataclass
    has and the file lacks is the file's. Raises `EmertInputError` for anything that is wrong in the files or the changes.
    """
    path = find_yaml(name, folder, shipped, what)
    content = _with_base(path, folder, shipped, what, ())
    if "name" in kind.__pydantic_fields__:
        content.setdefault("name", path.stem)
    for change in changes:
        _apply(content, change)
    return make_settings(kind, content, " ".join((name, *changes)))


def _with_base(path: Path, folder: Path, shipped: Sequence[str], what: str, above: tuple[Path, ...]) -> dict:
    if path in above:
        raise EmertInputError(f"{path} has itself as its base; name another")
    content = read_yaml(path, recipe=True)
    base = content.pop("base", None)
    if base is None:
        return content
    beside = str(path.parent / base) if isinstance(base, str) and base.endswith((".yaml", ".yml")) else base
    return _merge(_with_base(find_yaml(beside, folder, shipped, what), folder, shipped, what, (*above, path)), content)


def _merge(base: dict, own: dict) -> dict:
    both = {key: _merge(base[key], own[key]) for key in base if isinstance(base[key], dict) and isinstance(own.get(key), dict)}
    return base | own | both


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
        target[last] = parse_yaml(value, recipe=True)
    except ValueError as error:
        raise EmertInputError(f"{change!r}: the value is not YAML ({error})") from error


# ---- Problems


def list_some(sentences: Sequence[str], most: int = 10) -> str:
    """The first `most` of them, and how many more there are."""
    more = f"; and {len(sentences) - most} more" if len(sentences) > most else ""
    return "; ".join(sentences[:most]) + more


def refuse_all(where: object, errors: Sequence[str], remedy: str, most: int = 10) -> None:
    """Raises one `EmertInputError` that names `where`, the number of errors and the first `most`; none: does nothing."""
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise EmertInputError(f"{where} has {count}: {list_some(errors, most)}; {remedy}")


def _refuse(where: object, kind: Any, error: ValidationError) -> None:
    """Raises `EmertInputError` with every problem that pydantic found."""
    unknown: dict[str, list[str]] = {}
    problems = []
    for found in error.errors(include_url=False):
        path, problem = found["loc"], found["type"]
        expected = _EXPECTED.get(problem, found["msg"].removeprefix("Input should be "))
        if problem == "unexpected_keyword_argument":
            unknown.setdefault(", ".join(_known_keys(kind, path[:-1])), []).append(_name(path))
        elif problem == "missing":
            problems.append(f"{_name(path)} is missing")
        elif problem == "value_error":  # of a validator of ours, which may find several
            problems += [f"{_name(path)}: {sentence}".removeprefix(": ") for sentence in found["ctx"]["error"].args]
        elif path[-1:] == ("[key]",) or problem == "invalid_key":
            inside = _name(path[:-2]) or "the file"
            problems.append(f"{inside} has the key {_show(found['input'])}, expected {expected}")
        else:
            problems.append(f"{_name(path) or 'the file'} is {_show(found['input'])}, expected {expected}")
    for known, names in unknown.items():
        problems.append(f"unknown key{'s' * (len(names) > 1)} {', '.join(names)}, known keys: {known}")
    refuse_all(where, problems, "correct it", _MOST_PROBLEMS)


def _name(path: Sequence[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part not in ("dict", "list"))
    return "".join(parts).removeprefix(".")


def _known_keys(kind: Any, path: Sequence[str | int]) -> list[str]:
    """Of the settings that stand at this place within settings of this kind."""
    for part in path:
        if part in getattr(kind, "__pydantic_fields__", {}):  # else a list's index or a dict's key
            inner = kind.__pydantic_fields__[part].annotation
            kind = next((own for own in _parts_of(inner) if hasattr(own, "__pydantic_fields__")), None)
    return list(kind.__pydantic_fields__) if kind else []


def _parts_of(kind: Any) -> list[Any]:
    """A type and what it is made of: `dict[str, A] | None` holds `A`."""
    return [kind, *(inner for part in get_args(kind) for inner in _parts_of(part))]


def _show(value: object) -> str:
    """Short, whatever it is."""
    try:
        return "nothing" if value is None else repr(value)[:60].replace("\n", " ")
    except ValueError:  # a whole number of more digits than Python writes
        return "a huge number"


# ---- Writing


def to_plain(value: Any) -> dict[str, Any]:
    """Plain lists and dicts, of which the settings can be made again."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def to_yaml(value: Any, comments: bool = False) -> str:
    """`comments`: the descriptions of the keys stand above them."""
    lines = []
    for key, plain in to_plain(value).items():
        if comments and (description := type(value).__pydantic_fields__[key].description):
            lines += textwrap.wrap(re.sub(r"\s+", " ", description), 118, initial_indent="# ", subsequent_indent="# ")
        lines.append(yaml.safe_dump({key: plain}, sort_keys=False).rstrip())
    return "\n".join(lines) + "\n"
