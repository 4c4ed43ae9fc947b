"""The mapping file: which column of somebody's own CSV, TSV or Parquet table is which of ours. YAML, 64 kB at most.

It is given, or lies as `gaze_mapping.yaml` beside the table. `gaze_mapping_example.yaml` here is a full example; `emert data
mapping gaze` prints it.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from dataset_scripts.common.settings import check, expects, keyed, number, read_settings, settings
from modeling_emert.columns_emert import COLUMNS
from modeling_emert.errors_emert import EmertInputError

from ..text.text_files import TextFile

FILE_NAME = "gaze_mapping.yaml"
EXAMPLE = Path(__file__).with_name("gaze_mapping_example.yaml")
PIXELS = "px"

TIME_UNITS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "100ns": 1e-4, "ns": 1e-6, "min": 6e4}
_FRACTION = {"fraction": 1.0, "percent": 0.01}
_OLD_UNITS = {"share": "fraction"}
POINT_UNITS = _FRACTION | {PIXELS: math.nan}
# Degrees and -1..1 count from the middle of the screen, the others from its top left corner unless `origin` says otherwise.
CENTRED, DEGREE = "centred", "degree"
LENGTHS = {"mm": 1.0, "cm": 10.0}
SCREEN_UNITS = POINT_UNITS | {CENTRED: 0.5, DEGREE: math.nan} | LENGTHS
# By how the unit ends in which we keep a column: the units that it may come in, the first of which is the default.
_UNITS = {
    "of the screen": SCREEN_UNITS,
    "of the stimulus": POINT_UNITS,
    "of the image": _FRACTION,
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001},
    "degree": {"degree": 1.0, "radian": math.degrees(1)},
    "ms": TIME_UNITS,
    "0..1": _FRACTION,
    "0 or 1": {"flag": 1.0},
}
# By the names of our columns: the factors from the units that each may come in.
UNITS = {column.name: next(units for end, units in _UNITS.items() if column.unit.endswith(end)) for column in COLUMNS}
ON_SCREEN = frozenset(column.name for column in COLUMNS if column.unit.endswith("of the screen"))


def _name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError
    return str(value).replace(" ", "")


def _text(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError
    return str(value)


_Name = Annotated[str, BeforeValidator(_name), expects("the name of a column")]  # without spaces, as headers are read
_FileName = Annotated[str, Field(pattern=r"^[^/\\:\x00]*[^/\\:\x00.]+$"), expects("the name of a file in the same folder")]
_Pixels = number(-1e6, 1e6)
_Size = number(5e-324, 1e6)


@settings
class MappedColumn:
    """`column`: its name in the table. `missing`: the values that stand for nothing, as the table has them."""

    column: _Name
    unit: str = ""
    missing: Annotated[
        tuple[number(), ...],
        Field(max_length=100),
        BeforeValidator(lambda value: value if isinstance(value, list | tuple) else [value]),
        expects("a list of at most 100 numbers"),
    ] = ()
    origin: Literal["top", "bottom", "centre", "centre_up"] = "top"


def _in_units(column: MappedColumn, units: dict[str, float], vertical: bool = False) -> MappedColumn:
    """With the default unit where none is given."""
    problems, unit = [], _OLD_UNITS.get(column.unit, column.unit)
    if unit and unit not in units:
        problems.append(f"unit is {column.unit!r}, expected one of {', '.join(units)}")
    is_point = PIXELS in units
    if column.origin in ("bottom", "centre_up") and not (vertical and is_point):
        problems.append(f"origin is {column.origin!r}, expected 'top' but for the y of a point")
    if column.origin == "centre" and not is_point:
        problems.append("origin is 'centre', expected 'top' but for a point")
    if problems:
        raise ValueError(*problems)
    return replace(column, unit=unit or next(iter(units)))


# A column may be given by its name alone.
_Column = Annotated[MappedColumn, BeforeValidator(lambda value: value if isinstance(value, dict) else {"column": value})]


def _in(units: dict[str, float], vertical: bool = False) -> Any:
    return Annotated[_Column, AfterValidator(partial(_in_units, units=units, vertical=vertical))]


@settings
class MappedFixations:
    """`file`: the name of the table beside, None for the same."""

    start: _in(TIME_UNITS)
    duration: _in(TIME_UNITS)
    x: _in(POINT_UNITS)
    y: _in(POINT_UNITS, vertical=True)
    file: _FileName | None = None

    @property
    def columns(self) -> dict[str, MappedColumn]:
        return {part: getattr(self, part) for part in ("start", "duration", "x", "y")}


@settings
class KeepWhere:
    """A column, and what it holds in the rows that count."""

    column: _Name
    equals: Annotated[str, BeforeValidator(_text), expects("a number or a text")]


@settings
class Mapping:
    """A mapping file. `columns`: by the names of ours. `screen`, `stimulus_area`: pixels. `viewing_distance`: mm."""

    time: _in(TIME_UNITS)
    columns: keyed({name: _in(units, name.endswith("y")) for name, units in UNITS.items()})
    screen: Annotated[tuple[_Size, _Size], expects("2 numbers of pixels above 0")] | None = None
    stimulus_area: (
        Annotated[tuple[_Pixels, _Pixels, _Size, _Size], expects("4 numbers of pixels, the last two above 0")] | None
    ) = None
    screen_mm: Annotated[tuple[_Size, _Size], expects("width and height in mm, 2 numbers above 0")] | None = None
    viewing_distance: _Size | None = None
    participant: _Name | None = None
    stimulus: _Name | None = None
    keep_where: KeepWhere | None = None
    fixations: MappedFixations | None = None

    @check
    def _screen(self) -> Iterator[str]:
        every = [*self.columns.values(), *(self.fixations.columns.values() if self.fixations else ())]
        if self.screen is None and (self.stimulus_area is not None or any(column.unit == PIXELS for column in every)):
            yield "screen: [width, height] in pixels is missing, which stimulus_area and the unit px need"
        own = [column for name, column in self.columns.items() if name in ON_SCREEN]
        if self.screen_mm is None and any(column.unit in (DEGREE, *LENGTHS) for column in own):
            yield "screen_mm: [width, height] is missing, which gaze in mm, cm or degree needs"
        if self.viewing_distance is None and any(column.unit == DEGREE for column in own):
            yield "viewing_distance: MM is missing, which gaze in degree needs"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that the table must have."""
        named = [column.column for column in (self.time, *self.columns.values())]
        more = (self.participant, self.stimulus, self.keep_where.column if self.keep_where else None)
        own = self.fixations.columns.values() if self.fixations and self.fixations.file is None else ()
        return tuple(dict.fromkeys([*named, *(name for name in more if name), *(column.column for column in own)]))


def own_names(names: tuple[str, ...]) -> Mapping:
    """For a table that has our names already: `time_ms` in ms, and columns in the units in which we keep them."""
    return Mapping(time="time_ms", columns={name: name for name in UNITS if name in names})


def read_mapping(file: TextFile) -> Mapping:
    """The checked mapping. Raises `EmertInputError` that names every problem at once."""
    mapping = read_settings(Mapping, file)
    if not mapping.columns:
        raise EmertInputError(f"{file}: columns is empty, expected at least one of our columns (`emert data columns`)")
    return mapping
