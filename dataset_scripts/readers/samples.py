"""What every reader does with samples once they are numbers."""

from collections.abc import Iterable, Mapping

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS

# A date in any unit is less; beyond it differences of times are no longer numbers in float32.
NO_TIME_MS = 1e20


def stack_columns(rows: int, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """`(rows, 39)` float32 from arrays `(rows,)` by column name; columns that are not given are NaN."""
    values = np.full((rows, NUM_COLUMNS), np.nan, np.float32)
    for name, column in columns.items():
        values[:, COLUMN_INDEX[name]] = column
    return values


def rising(times: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Put samples in the order of their times.

    `times`: `(rows,)` float64, ms. Returns the indices of the samples to keep, `(kept,)` int; their times from the
    first, `(kept,)` float32, strictly rising; and notes on what was changed. Of samples with equal times the first
    stays, samples without a time are dropped.
    """
    order = np.argsort(times, kind="stable")
    timed = order[np.abs(times[order]) < NO_TIME_MS]
    relative = (times[timed] - times[timed[0]]).astype(np.float32) if len(timed) else np.zeros(0, np.float32)
    new = np.diff(relative, prepend=-1.0) > 0
    notes = []
    if len(timed) < len(times):
        notes.append(f"{len(times) - len(timed)} samples without a time were dropped.")
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


def clean_fixations(x: np.ndarray, y: np.ndarray, start: np.ndarray, duration: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(fixations, 4)` float32 by start, from `(rows,)` each (x, y in shares, start and duration in ms).

    Those that lack one of the four, or last less than no time, are left out; a sentence on it is added to `notes`.
    """
    with np.errstate(over="ignore"):  # beyond float32 is missing
        fixations = np.stack([x, y, start, duration], axis=1).astype(np.float32)
    good = np.isfinite(fixations).all(axis=1) & (fixations[:, 3] >= 0)
    if not good.all():
        notes.append(f"{int((~good).sum())} of {len(good)} fixations were left out: no place, no start or no duration.")
    fixations = fixations[good]
    return fixations[np.argsort(fixations[:, 2], kind="stable")]
