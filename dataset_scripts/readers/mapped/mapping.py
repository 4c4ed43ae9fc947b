"""The mapping file: which column of somebody's own CSV, TSV or Parquet table is which of ours. YAML, 64 kB at most.

It is given, or lies as `gaze_mapping.yaml` beside the table. `gaze_mapping_example.yaml` here is a full example; `emert data
mapping gaze` prints it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dataset_scripts.common.yaml_reader import parse_yaml
from dataset_scripts.readers.text.text_files import TextFile
from modeling_emert.columns_emert import COLUMNS
from modeling_emert.errors_emert import EmertInputError

FILE_NAME = "gaze_mapping.yaml"
EXAMPLE = Path(__file__).with_name("gaze_mapping_example.yaml")
MAX_BYTES = 1 << 16
MAX_DEPTH = 8
PIXELS = "px"

TIME_UNITS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ns": 1e-6}
# By the unit in which we keep a column: the units it may come in, the first of which is the default, and their factors.
_POINT = {"share": 1.0, "percent": 0.01, PIXELS: math.nan}
UNITS: dict[str, dict[str, float]] = {
    "share of the screen": _POINT,
    "share of the stimulus": _POINT,
    "share of the image": {"share": 1.0, "percent": 0.01},
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001},
    "degree": {"degree": 1.0, "radian": math.degrees(1)},
    "ms": TIME_UNITS,
    "0..1": {"share": 1.0, "percent": 0.01},
    "0 or 1": {"flag": 1.0},
}
KEPT_UNIT = {column.name: column.unit for column in COLUMNS}


@dataclass(frozen=True)
class MappedColumn:
    """`column`: its name in the table, without spaces. `missing`: the values that stand for nothing, as the table has them."""

    column: str
    unit: str
    missing: tuple[float, ...] = ()
    from_bottom: bool = False


@dataclass(frozen=True)
class MappedFixations:
    """`file`: the name of the table beside, None for the same. `columns`: start, duration, x, y."""

    file: str | None
    columns: dict[str, MappedColumn]


@dataclass(frozen=True)
class Mapping:
    """A mapping file that has been checked. `columns`: by the names of ours. `screen`, `area`: pixels.

    `keep`: a column, and what it holds in the rows that count.
    """

    time: MappedColumn
    columns: dict[str, MappedColumn]
    screen: tuple[float, float] | None = None
    area: tuple[float, float, float, float] | None = None
    participant: str | None = None
    stimulus: str | None = None
    keep: tuple[str, str] | None = None
    fixations: MappedFixations | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the table must have."""
        named = [column.column for column in (self.time, *self.columns.values())]
        more = (self.participant, self.stimulus, self.keep[0] if self.keep else None)
        own = self.fixations.columns.values() if self.fixations and self.fixations.file is None else ()
        return tuple(dict.fromkeys([*named, *(name for name in more if name), *(column.column for column in own)]))


def own_names(names: tuple[str, ...]) -> Mapping:
    """For a table that has our names already: `time_ms` in ms, and columns in the units in which we keep them."""
    columns = {name: MappedColumn(name, next(iter(UNITS[unit]))) for name, unit in KEPT_UNIT.items() if name in names}
    return Mapping(MappedColumn("time_ms", "ms"), columns)


def read_mapping(file: TextFile) -> Mapping:
    """The checked mapping. Raises `EmertInputError` that names every mistake at once."""
    with file.open() as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_BYTES:,} bytes, which no mapping of columns has; look at what it is")
    try:
        text = data.decode("utf-8-sig")
        _check_events(file, text)
        content = parse_yaml(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(error, EmertInputError):
            raise
        reason = " ".join(str(error).split())[:160]
        raise EmertInputError(
            f"{file} is no YAML ({reason}); see the example in dataset_scripts/readers/mapped/mapping.py"
        ) from error
    checked = _Check(content)
    mapping = checked.mapping()
    if checked.mistakes:
        raise EmertInputError(f"{file} has to be mended in {len(checked.mistakes)} places: {'; '.join(checked.mistakes[:40])}")
    return mapping


def _check_events(file: TextFile, text: str) -> None:
    """Turns away what costs YAML more than its size: parts that are repeated by name, and deep nesting."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise EmertInputError(f"{file} refers to another part of itself with *; write that part out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise EmertInputError(f"{file} has lists or fields within each other more than {MAX_DEPTH} deep; see the example")


class _Check:
    """Turns what YAML gave into a `Mapping`, and collects every mistake on the way."""

    def __init__(self, content: Any):
        self.mistakes: list[str] = []
        allowed = ("time", "screen", "stimulus_area", "participant", "stimulus", "columns", "keep_where", "fixations")
        self._top = self._fields("the file", content, allowed, ("time", "columns"))

    def mapping(self) -> Mapping:
        """To be used only where `mistakes` is empty afterwards."""
        top = self._top
        screen = self._pixels("screen", 2)
        area = self._pixels("stimulus_area", 4)
        if area is not None and screen is None:
            self.mistakes.append("stimulus_area needs screen: [width, height]")
        columns = self._fields("columns", top.get("columns", {}), tuple(KEPT_UNIT), ())
        if not columns and "columns" in top:
            self.mistakes.append("columns names none of the 39 columns")
        mapped = {name: self._column(f"columns.{name}", value, UNITS[KEPT_UNIT[name]]) for name, value in columns.items()}
        fixations = self._fixations(top["fixations"]) if "fixations" in top else None
        every = [*mapped.values(), *(fixations.columns.values() if fixations else ())]
        if screen is None and any(column.unit == PIXELS for column in every):
            self.mistakes.append("screen: [width, height] in pixels is missing and a unit is px")
        return Mapping(
            self._column("time", top.get("time", {"column": "absent"}), TIME_UNITS),
            mapped,
            screen,
            area,
            self._name("participant", top.get("participant")),
            self._name("stimulus", top.get("stimulus")),
            self._keep(top.get("keep_where")),
            fixations,
        )

    def _fields(self, where: str, value: Any, allowed: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Any]:
        """The known fields of an object; unknown and missing ones are mistakes."""
        if not isinstance(value, dict):
            self.mistakes.append(f"{where} is {_show(value)} where fields with values are expected")
            return {}
        for name in value:
            if name not in allowed:
                choices = "one of the 39 columns (emert data columns)" if len(allowed) > 20 else "one of " + ", ".join(allowed)
                self.mistakes.append(f"{where} has {_show(name)}, where {choices} is expected")
        self.mistakes += [f"{where} lacks {name}" for name in needed if name not in value]
        return {name: value[name] for name in allowed if name in value}

    def _column(self, where: str, value: Any, units: dict[str, float]) -> MappedColumn:
        """A column as an object, or as its name alone."""
        if isinstance(value, str):
            value = {"column": value}
        fields = self._fields(where, value, ("column", "unit", "missing", "origin"), ("column",))
        unit = fields.get("unit", next(iter(units)))
        if not isinstance(unit, str) or unit not in units:
            self.mistakes.append(f"{where}.unit is {_show(unit)} where one of {', '.join(units)} is expected")
        missing = fields.get("missing", [])
        missing = missing if isinstance(missing, list) else [missing]
        if not all(_is_number(number) for number in missing) or len(missing) > 100:
            self.mistakes.append(f"{where}.missing is {_show(missing)} where a list of numbers is expected")
            missing = []
        origin = fields.get("origin", "top")
        if origin not in ("top", "bottom") or (origin == "bottom" and not (where.endswith("y") and units is _POINT)):
            self.mistakes.append(f"{where}.origin is {_show(origin)} where top, or for the y of a point bottom, is expected")
        name = self._name(f"{where}.column", fields.get("column")) or ""
        return MappedColumn(name, str(unit), tuple(map(float, missing)), origin == "bottom")

    def _name(self, where: str, value: Any) -> str | None:
        """A column's name without spaces, as tables' headers are read; None where none is given."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
            self.mistakes.append(f"{where} is {_show(value)} where the name of a column is expected")
            return None
        return str(value).replace(" ", "")

    def _pixels(self, where: str, count: int) -> Any:
        value = self._top.get(where)
        if value is None:
            return None
        if (
            not isinstance(value, list)
            or len(value) != count
            or not all(_is_number(number) and abs(number) <= 1e6 for number in value)
            or min(value[-2:]) <= 0
        ):
            self.mistakes.append(f"{where} is {_show(value)} where {count} numbers of pixels are expected, sizes above 0")
            return None
        return tuple(map(float, value))

    def _keep(self, value: Any) -> tuple[str, str] | None:
        if value is None:
            return None
        fields = self._fields("keep_where", value, ("column", "equals"), ("column", "equals"))
        equals = fields.get("equals", "")
        if not isinstance(equals, (str, int, float)):
            self.mistakes.append(f"keep_where.equals is {_show(equals)} where a number or a text is expected")
        return (self._name("keep_where.column", fields.get("column")) or "", str(equals))

    def _fixations(self, value: Any) -> MappedFixations:
        parts = ("start", "duration", "x", "y")
        fields = self._fields("fixations", value, ("file", *parts), parts)
        file = fields.get("file")
        if file is not None and (not isinstance(file, str) or not file or set(file) & set("/\\:\0") or file in (".", "..")):
            self.mistakes.append(f"fixations.file is {_show(file)} where the name of a file in the same folder is expected")
        units = {"start": TIME_UNITS, "duration": TIME_UNITS, "x": _POINT, "y": _POINT}
        columns = {part: self._column(f"fixations.{part}", fields[part], units[part]) for part in parts if part in fields}
        return MappedFixations(file, columns)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _show(value: Any) -> str:
    """Short, whatever it is."""
    try:
        return repr(value)[:60].replace("\n", " ")
    except ValueError:  # a whole number of more digits than Python writes
        return "a huge number"
