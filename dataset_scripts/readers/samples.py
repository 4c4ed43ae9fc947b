"""What every reader does with samples once they are numbers."""

from collections.abc import Iterable, Mapping

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS

# A day: float32 still tells 8 ms apart there. A time further away from the others is a mistake of whoever wrote it.
MAX_DISTANCE_MS = 86_400_000.0
_BLOCK_ROWS = 2048


def stack_columns(rows: int, columns: Mapping[str, np.ndarray], order: np.ndarray | None = None) -> np.ndarray:
    """`(rows, 39)` float32 from arrays `(rows,)` by column name, or `(len(order), 39)` of those rows in that order.

    Columns that are not given are NaN, and so is what is infinite (or has become so by a division).
    """
    values = np.full((rows if order is None else len(order), NUM_COLUMNS), np.nan, np.float32)
    # A block at a time, which the processor's cache holds: column after column through all rows takes thrice as long.
    for start in range(0, len(values), _BLOCK_ROWS):
        block = values[start : start + _BLOCK_ROWS]
        chosen = slice(start, start + _BLOCK_ROWS) if order is None else order[start : start + _BLOCK_ROWS]
        for name, column in columns.items():
            block[:, COLUMN_INDEX[name]] = column[chosen]
        block[np.isinf(block)] = np.nan
    return values


def rising(times: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Put samples in the order of their times.

    `times`: `(rows,)` float64, ms. Returns the indices of the samples to keep, `(kept,)` int; their times from the
    first, `(kept,)` float32, strictly rising; and notes on what was changed. Of samples with equal times the first
    stays; samples without a time, or with one that is over a day from that in the middle, are dropped.
    """
    order = np.argsort(times, kind="stable")
    timed = order[np.isfinite(times[order])]
    known = len(timed)
    if known:
        timed = timed[np.abs(times[timed] - times[timed[(known - 1) // 2]]) <= MAX_DISTANCE_MS]
    relative = (times[timed] - times[timed[0]]).astype(np.float32) if len(timed) else np.zeros(0, np.float32)
    new = np.diff(relative, prepend=-1.0) > 0
    notes = []
    if known < len(times):
        notes.append(f"{len(times) - known} samples without a time were dropped.")
    if len(timed) < known:
        notes.append(f"{known - len(timed)} samples whose time is over a day from the others' were dropped.")
    if not new.all():
        notes.append(f"{int((~new).sum())} samples with the time of the sample before were dropped.")
    if (np.diff(timed) < 0).any():
        notes.append("The samples were not in the order of their times and were sorted.")
    return timed[new], relative[new], notes


def all_or_none(columns: Mapping[str, np.ndarray], names: Iterable[str]) -> dict[str, np.ndarray]:
    """Where one of these columns is missing, all are: a point with two of its three coordinates is no point."""
    present = {name: columns[name] for name in names if name in columns}
    if not present:
        return {}
    missing = np.isnan(np.stack(list(present.values()))).any(axis=0)
    return {name: np.where(missing, np.nan, column) for name, column in present.items()}


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
