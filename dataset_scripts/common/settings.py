"""Settings that a user writes in a YAML file, declared as dataclasses with types, ranges, choices and descriptions.

    @settings
    class Recipe:
        epochs: whole(1, 100_000) = Field(200, description="Upper bound.")

        @check
        def _short(self) -> Iterator[str]: ...  # yields a sentence for each problem of several keys together

All problems of a file come in one `EmertInputError`, each with its key, the value found and what is expected.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from types import NoneType
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_validator,
    with_config,
)
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ArgsKwargs, InitErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from modeling_emert.errors_emert import EmertInputError

from .strict_yaml import read_yaml, show_value

_MOST_PROBLEMS = 40
_EXPECTED = {
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "`key: value` lines",
    "dataclass_type": "`key: value` lines",
    "invalid_key": "text",
}
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_Problems = Callable[[Any], Iterator[str]]

Settings = TypeVar("Settings")


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def settings(cls: type[Settings]) -> type[Settings]:
    """A frozen dataclass that refuses unknown keys and wrong values with `EmertInputError` when it is made."""
    cls._every_problem = model_validator(mode="wrap")(classmethod(_every_problem))
    made = dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(cls)
    make = made.__init__

    def __init__(self: Any, *arguments: Any, **values: Any) -> None:
        try:
            make(self, *arguments, **values)
        except ValidationError as error:
            refuse_all(made.__name__, _sentences(error), "correct it", _MOST_PROBLEMS)

    made.__init__ = __init__
    return made


def check(problems: _Problems) -> _Problems:
    """Marks a method of settings that yields what is wrong with several keys together.

    Where a key has a wrong value, the other checks still run; one that reads this key ends there.
    """
    problems.is_check = True
    return problems


class _WrongValueError(Exception):
    """A check reads a key whose value is wrong, so that it has nothing to say."""


def _every_problem(cls: type, content: Any, make: Any) -> Any:
    fields: dict[str, FieldInfo] = cls.__pydantic_fields__
    try:
        made, found = make(content), []
    except ValidationError as error:
        if isinstance(content, ArgsKwargs):
            content = dict(zip(fields, content.args, strict=False)) | (content.kwargs or {})
        if not isinstance(content, dict):
            raise
        found = [_as_detail(one, fields) for one in error.errors(include_url=False)]
        made = _without_wrong_values(cls, content, {one["loc"][0] for one in found if one["loc"]})
    checks = [one for one in vars(cls).values() if getattr(one, "is_check", False)]
    if sentences := [sentence for one in checks for sentence in _told(one, made)]:
        detail = PydanticCustomError("together", "{sentences}", {"sentences": sentences})
        found.append(InitErrorDetails(type=detail, loc=(), input=content))
    if found:
        raise ValidationError.from_exception_data(cls.__name__, found)
    return made


def _told(problems: _Problems, made: Any) -> Iterator[str]:
    try:
        yield from problems(made)
    except _WrongValueError:
        return


def _without_wrong_values(cls: type, content: dict, wrong: set) -> Any:
    """Settings in which the other keys have their values; to read one of the wrong raises `_WrongValueError`."""

    class RightValues(cls):
        def __getattribute__(self, name: str) -> Any:
            if name in wrong:
                raise _WrongValueError
            return object.__getattribute__(self, name)

    made = object.__new__(RightValues)
    for name, field in cls.__pydantic_fields__.items():
        if name not in wrong:
            value = _type_of(field).validate_python(content[name]) if name in content else None
            object.__setattr__(made, name, value if name in content else field.get_default(call_default_factory=True))
    return made


def _type_of(field: FieldInfo) -> TypeAdapter:
    return TypeAdapter(Annotated[field.annotation, Field(), *field.metadata])


def _as_detail(found: dict, fields: dict[str, FieldInfo]) -> InitErrorDetails:
    """A problem that pydantic found within settings with these fields, with the words that the fields alone know."""
    kind, path, context = found["type"], found["loc"], found.get("ctx", {})
    field = fields.get(path[0]) if len(path) == 1 else None
    if kind == "missing" and field:
        kind = PydanticCustomError("absent", "{words}", {"words": _expected(_errors_of_nothing(field)[0])})
    elif kind in _UNKNOWN and len(path) == 1:
        kind = PydanticCustomError("unknown", "{known}", {"known": ", ".join(fields)})
    elif field and NoneType in get_args(field.annotation) and kind not in ("value_error", "together"):
        kind = PydanticCustomError("expected", "{words}", {"words": f"{_expected(found)}, or null"})
    elif kind in ("expected", "absent", "unknown", "together"):
        kind = PydanticCustomError(kind, found["msg"], context)
    return InitErrorDetails(type=kind, loc=path, input=found["input"], ctx=context)


def _errors_of_nothing(field: FieldInfo) -> list[dict]:
    try:
        _type_of(field).validate_python(object())
    except ValidationError as error:
        return error.errors(include_url=False)
    return [{"type": "expected", "ctx": {"words": "a value"}}]


# ---- Types of fields; YAML decides between 1, "1" and true, and nothing is converted


def expected(words: str) -> PydanticCustomError:
    """The error of a validator: what it expects."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def expects(words: str) -> WrapValidator:
    """Names what is expected in these words instead of pydantic's."""

    def validate(value: Any, make: Any) -> Any:
        try:
            return make(value)
        except ValueError as error:
            raise expected(words) from error

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
    return Annotated[tuple[item, ...], AfterValidator(at_least_one), AfterValidator(_unlike), one]


def at_least_one(values: Any) -> Any:
    """For what may not be empty. pydantic's own `min_length` counts right values only."""
    if not values:
        raise expected("at least one")
    return values


def keyed(types: dict[str, Any], needed: bool = False) -> Any:
    """A dict whose keys have a type each; `needed`: each must be there."""
    fields = {name: FieldInfo.from_annotation(kind) for name, kind in types.items()}

    def validate(value: Any, make: Any) -> Any:
        try:
            return make(value)
        except ValidationError as error:
            found = [_as_detail(one, fields) for one in error.errors(include_url=False)]
            raise ValidationError.from_exception_data("keys", found) from error

    kind = with_config(ConfigDict(extra="forbid"))(TypedDict("_Keys", types, total=needed))
    return Annotated[kind, WrapValidator(validate)]


# ---- Reading


def make_settings(kind: type[Settings], content: dict, where: object, problems: Sequence[str] = ()) -> Settings:
    """Raises `EmertInputError` that lists these problems, and every problem of the content."""
    found = []
    try:
        made = TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        found = _sentences(error)
    refuse_all(where, [*problems, *found], "correct it", _MOST_PROBLEMS)
    return made


def read_settings(kind: type[Settings], file: Any) -> Settings:
    """From a file as `read_yaml` takes it. Raises `EmertInputError` with every problem of the file."""
    content, twice = read_yaml(file)
    return make_settings(kind, content, file, twice)


# ---- Problems


class Problem(str):
    """The sentence "where: what" of one row or recording among many; `list_some` says those of one cause once."""

    def __new__(cls, where: str, what: str) -> "Problem":
        made = super().__new__(cls, f"{where}: {what}")
        made.where, made.what = where, what
        return made

    def __getnewargs__(self) -> tuple[str, str]:
        return self.where, self.what

    @property
    def cause(self) -> str:
        """What is the same in all of one cause: all but files, quoted values, numbers, its own name, and the remedy after ;"""
        own = rf"(?<!\w){re.escape(self.where)}(?!\w)"
        return _VALUES.sub("*", re.sub(own, "*", self.what.partition("; ")[0]))

    @property
    def values(self) -> list[str]:
        return _QUOTED.findall(self.what)


_QUOTED = re.compile(r"(?<!\w)'[^']*'|(?<!\w)\"[^\"]*\"")
_VALUES = re.compile(rf"{_QUOTED.pattern}|[^\s:]*/[^\s:]*|(?<!\w)-?\d[\d.,e+-]*")
_MORE_NAMED = 2  # of those with the same cause, beside the first


def list_some(sentences: Sequence[str], most: int = 10) -> str:
    """The first `most` of them, and how many more there are; of `Problem`s with the same cause the first, and their number."""
    groups: dict[str | int, list[str]] = {}
    for number, sentence in enumerate(sentences):
        groups.setdefault(sentence.cause if isinstance(sentence, Problem) else number, []).append(sentence)
    shown = [_say_once(group) for group in list(groups.values())[:most]]
    if more := sum(map(len, list(groups.values())[most:])):
        shown.append(f"and {more} more")
    return "; ".join(shown)


def _say_once(group: Sequence[Any]) -> str:
    """The first sentence, the number of all, and where else: rather those with other values."""
    if len(group) == 1:
        return group[0]
    first, *others = group
    by_values: dict[tuple[str, ...], Problem] = {}
    for other in others:
        if other.values != first.values:
            by_values.setdefault(tuple(other.values), other)
    named = list(by_values.values())[:_MORE_NAMED] or others[:_MORE_NAMED]
    new = [", ".join(value for value in other.values if value not in (*first.values, repr(other.where))) for other in named]
    also = ", ".join(f"{other.where}{f' ({values})' if values else ''}" for other, values in zip(named, new, strict=True))
    return f"{first} [{len(group)} times, also {also}]"


def refuse_all(where: object, errors: Sequence[str], remedy: str, most: int = 10) -> None:
    """Raises one `EmertInputError` that names `where`, the number of errors and the first `most`; none: does nothing."""
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise EmertInputError(f"{where} has {count}: {list_some(errors, most)}; {remedy}")


def _sentences(error: ValidationError) -> list[str]:
    """Every problem that pydantic found."""
    unknown: dict[str, dict[str, Any]] = {}
    problems = []
    for found in error.errors(include_url=False):
        path, problem, value = found["loc"], found["type"], show_value(found["input"])
        name = _name(path)
        if problem == "unknown":
            unknown.setdefault(found["ctx"]["known"], {})[name] = found["input"]
        elif problem == "absent":
            problems.append(f"{name} is missing, expected {_expected(found)}")
        elif problem == "together":
            problems += [f"{name}: {sentence}".removeprefix(": ") for sentence in found["ctx"]["sentences"]]
        elif problem == "value_error":  # of a validator of ours, which may find several
            problems += [f"{name}: {sentence}".removeprefix(": ") for sentence in found["ctx"]["error"].args]
        elif path[-1:] == ("[key]",) or problem == "invalid_key":
            problems.append(f"{_name(path[:-2]) or 'the file'} has the key {value}, expected {_expected(found)}")
        else:
            problems.append(f"{name or 'the file'} is {value}, expected {_expected(found)}")
    return problems + [unknown_keys(values, known.split(", ")) for known, values in unknown.items()]


def unknown_keys(values: dict[str, Any], known: Iterable[str]) -> str:
    """One sentence, with their values and the names that each may stand for, or all where one is like none of them."""
    known = list(known)
    found = ", ".join(f"{name} ({show_value(value)})" for name, value in values.items())
    meant = [get_close_matches(name.rpartition(".")[2], known, n=1, cutoff=0.8) for name in values]
    what = f"unknown key{'s' * (len(values) > 1)} {found}"
    if all(meant):
        return f"{what}; did you mean {', '.join(name for (name,) in meant)}?"
    return f"{what}, known keys: {', '.join(known)}"


def _expected(found: dict) -> str:
    words = found.get("ctx", {}).get("words") or _EXPECTED.get(found["type"])
    return words or found["msg"].removeprefix("Input should be ")


def _name(path: Sequence[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path if part not in ("dict", "list"))
    return "".join(parts).removeprefix(".")


def to_plain(value: Any) -> dict[str, Any]:
    """Plain lists and dicts, of which the settings can be made again."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")
