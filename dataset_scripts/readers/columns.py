"""Columns of an export under our names, and what counts as missing in them. A column is an array `(rows,)`."""

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np

SIDES = ("left", "right")


def spell(mapping: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Our columns and their exported names with the placeholders written out for both sides and two or three axes.

    `{side}` is left, `{Side}` Left, `{S}` L; `{xy}` is x or y, `{XY}` X or Y; `{xyz}` and `{XYZ}` include z.
    """
    spelt = {}
    for ours, exported in mapping.items():
        for side, axis in product(SIDES, "xyz" if "{xyz}" in ours else "xy"):
            values = {"side": side, "Side": side.title(), "S": side[0].upper()}
            values |= {"xy": axis, "xyz": axis, "XY": axis.upper(), "XYZ": axis.upper()}
            spelt[ours.format(**values)] = tuple(name.format(**values) for name in exported)
    return spelt


def find_columns(numbers: Mapping[str, np.ndarray], sources: Mapping[str, tuple[str, ...]]) -> dict[str, np.ndarray]:
    """Our columns, each from the first of its exported names that the file has; without those that it lacks."""
    found = ((ours, next((name for name in names if name in numbers), None)) for ours, names in sources.items())
    return {ours: numbers[name] for ours, name in found if name is not None}


def all_or_none(columns: Mapping[str, np.ndarray], names: Iterable[str]) -> dict[str, np.ndarray]:
    """These columns with NaN in all of them where one is NaN: a point with two of three coordinates is none."""
    present = {name: columns[name] for name in names if name in columns}
    if not present:
        return {}
    missing = np.isnan(np.stack(list(present.values()))).any(axis=0)
    return {name: np.where(missing, np.nan, column) for name, column in present.items()}


def drop_where(columns: dict[str, np.ndarray], names: Iterable[str], missing: np.ndarray) -> None:
    """Sets those of the columns that exist to NaN in the rows that are `missing`: `(rows,)` bool."""
    for name in names:
        if name in columns:
            columns[name] = np.where(missing, np.nan, columns[name])


def keep_positive(columns: dict[str, np.ndarray], *names: str) -> None:
    """Sets 0, negative numbers and other fill values of sizes and durations to NaN, in those columns that exist."""
    for name in names:
        if name in columns:
            columns[name] = np.where(columns[name] > 0, columns[name], np.nan)


def has_value(columns: Mapping[str, np.ndarray], names: Iterable[str], rows: int) -> np.ndarray:
    """`(rows,)`: 1.0 where any of these columns has a value, else 0.0; NaN where none of them exists."""
    present = [columns[name] for name in names if name in columns]
    return (~np.isnan(np.stack(present))).any(axis=0).astype(np.float64) if present else np.full(rows, np.nan)


def take(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`values[index]`, NaN where the index is -1."""
    return np.append(values, np.nan)[index]
