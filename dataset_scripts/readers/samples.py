"""Steps that all readers share: rows by recording, columns by sample, events at the times of samples."""

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.errors_emert import EmertInputError

from .clock import restarts
from .text.text_table import TextColumn

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
    found = {ours: [numbers[name] for name in names if name in numbers] for ours, names in sources.items()}
    return {ours: columns[0] for ours, columns in found.items() if columns}


def all_or_none(columns: Mapping[str, np.ndarray], names: Iterable[str]) -> dict[str, np.ndarray]:
    """These columns with NaN in all of them where one is NaN: a point with two of three coordinates is none."""
    present = {name: columns[name] for name in names if name in columns}
    if not present:
        return {}
    missing = np.isnan(np.stack(list(present.values()))).any(axis=0)
    return {name: np.where(missing, np.nan, column) for name, column in present.items()}


def drop_where(columns: dict[str, np.ndarray], names: Iterable[str], missing: np.ndarray) -> None:
    """Sets those of the columns that exist to NaN in the rows that are `missing`: `(rows,)` bool."""
    for name in columns.keys() & set(names):
        columns[name] = np.where(missing, np.nan, columns[name])


def keep_positive(columns: dict[str, np.ndarray], *names: str) -> None:
    """Sets 0, negative numbers and other fill values of sizes and durations to NaN, in those columns that exist."""
    for name in columns.keys() & set(names):
        columns[name] = np.where(columns[name] > 0, columns[name], np.nan)


def has_value(columns: Mapping[str, np.ndarray], names: Iterable[str], rows: int) -> np.ndarray:
    """`(rows,)`: 1.0 where any of these columns has a value, else 0.0; NaN where none of them exists."""
    present = [columns[name] for name in names if name in columns]
    return (~np.isnan(np.stack(present))).any(axis=0).astype(np.float64) if present else np.full(rows, np.nan)


def take(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`values[index]`, NaN where the index is -1."""
    return np.append(values, np.nan)[index]


# More than any file has: then the column holds numbers and no names, and each would become a recording of its own.
MAX_GROUPS = 20_000
_BLOCK_ROWS = 2048


def group_rows(
    file: object, rows: np.ndarray, names: tuple[TextColumn | None, ...] = (), times: np.ndarray | None = None
) -> list[np.ndarray]:
    """`rows` by all the names together, in the order in which the groups begin.

    `times`: `(all rows,)` ms; a group is divided where its clock was set back, since a recording has one clock.

    Raises `EmertInputError` for more than `MAX_GROUPS`, and as `clock.restarts`.
    """
    groups = _by_names(file, rows, names)
    if times is not None:
        groups = [own[part] for own in groups for part in restarts(file, times[own])]
        check_count(file, len(groups))
    return groups


def _by_names(file: object, rows: np.ndarray, names: tuple[TextColumn | None, ...]) -> list[np.ndarray]:
    if len(rows) == 0:
        return []
    key = np.zeros(len(rows), np.int64)
    for texts in names:
        if texts is not None:
            # The remainder turns code -1 into that of the empty text at the end. Renumbering the keys after each column
            # keeps the product within int64.
            key = np.unique(key * len(texts.values) + texts.codes[rows] % len(texts.values), return_inverse=True)[1]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    check_count(file, len(first))
    by_group = np.split(rows[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    return [by_group[number] for number in np.argsort(first)]


def check_count(file: object, count: int) -> None:
    """Raises `EmertInputError` for more recordings than `MAX_GROUPS`."""
    if count > MAX_GROUPS:
        raise EmertInputError(
            f"{file} holds {count:,} recordings by its names and times, where at most {MAX_GROUPS:,} are expected; "
            "check whether its columns have the right names"
        )


def name_in(texts: TextColumn | None, row: int) -> str | None:
    """The name in that row; None for an empty cell or an absent column."""
    return (texts[row] if texts is not None else None) or None


def stack_columns(rows: int, columns: Mapping[str, np.ndarray], order: np.ndarray | None = None) -> np.ndarray:
    """`(rows, 39)` float32 from arrays `(rows,)` by column name, or `(len(order), 39)` of those rows in that order.

    Columns that are not given are NaN, and so are infinite values.
    """
    values = np.full((rows if order is None else len(order), NUM_COLUMNS), np.nan, np.float32)
    # In blocks that fit the processor's cache: column after column through all rows takes three times as long.
    for start in range(0, len(values), _BLOCK_ROWS):
        block = values[start : start + _BLOCK_ROWS]
        chosen = slice(start, start + _BLOCK_ROWS) if order is None else order[start : start + _BLOCK_ROWS]
        for name, column in columns.items():
            block[:, COLUMN_INDEX[name]] = column[chosen]
        block[np.isinf(block)] = np.nan
    return values


def covering(times: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For every time the index of the interval that holds it, or -1: `(times,)` int.

    `starts` must rise; of overlapping intervals the later one counts. All in the same unit.
    """
    index = np.searchsorted(starts, times, side="right") - 1
    inside = index >= 0
    inside[inside] = times[inside] <= ends[index[inside]]
    return np.where(inside, index, -1)


def nearest(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For every wanted time the index of the nearest known one, `(wanted,)` int; `known` rises and is not empty."""
    after = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    return np.where(np.abs(wanted - known[before]) <= np.abs(known[after] - wanted), before, after)
