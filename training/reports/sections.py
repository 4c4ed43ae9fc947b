"""The sections of the results beside the scores themselves: parts of the recordings, calibration, confusion.

All are plain data for JSON, computed from the table of predictions alone. A figure that can't be had is null, and its
`note` says why.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import Task

from ..evaluation.predictions import to_arrays
from ..metrics import collect
from ..statistics.calibration import calibration, reliability
from ..statistics.intervals import FEWEST_PARTICIPANTS, Interval, intervals


def scores_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int, level: float) -> dict:
    """`n`, `participants` and `metrics`: each `{value, low, high, n_resamples, note}` over the rows of one method and task."""
    participants = rows["participant_id"].nunique()
    found = intervals(task, rows, n_resamples, seed, level)
    return {
        "n": len(rows),
        "participants": participants,
        "metrics": {name: plain_interval(interval, participants) for name, interval in found.items()},
    }


def plain_interval(interval: Interval, participants: int) -> dict:
    """NaN as null, and the note that says why."""
    note = None
    if np.isnan(interval.value):
        note = "the truth does not vary"  # the only way in which rows leave a metric undefined
    elif participants < FEWEST_PARTICIPANTS:
        note = f"fewer than {FEWEST_PARTICIPANTS} participants"
    elif np.isnan(interval.low):
        note = "undefined in every resample"
    numbers = {name: or_none(getattr(interval, name)) for name in ("value", "low", "high")}
    if numbers["value"] is None:
        numbers = dict.fromkeys(numbers)
    return {**numbers, "n_resamples": interval.n_resamples, "note": note}


def primary_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int, level: float) -> dict:
    """As [`scores_of`], of the task's first metric alone: what is said of a part of the recordings."""
    whole = scores_of(task, rows, n_resamples, seed, level)
    return {**whole, "metrics": {task.primary_metric: whole["metrics"][task.primary_metric]}}


def subgroups_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int, level: float) -> dict:
    """By column and group, see [`primary_of`]; only columns that divide these rows into two groups or more."""
    found = {}
    for column, groups in _groups(rows):
        names = sorted(set(groups.dropna()))
        if len(names) > 1:
            found[column] = {name: primary_of(task, rows[groups == name], n_resamples, seed, level) for name in names}
    return found


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    known = [cell if isinstance(cell, dict) else {} for cell in rows["groups"]] if "groups" in rows else []
    for column in sorted({name for cell in known for name in cell}):
        yield column, pd.Series([cell.get(column) for cell in known], index=rows.index, dtype=object)


def calibration_of(task: Task, rows: pd.DataFrame) -> dict:
    """`answers`: ECE, NLL, Brier and reliability bins of the probabilities as given; `before`: before the temperature, or null.

    Of class tasks. Bins hold equally many recordings: `n`, and the means `confidence` and `accuracy` of each.
    """
    targets, _ = to_arrays(task, rows)
    truth = targets[:, 0].astype(np.int64)
    found: dict = {"answers": _calibrated(rows["prediction"], truth), "before": None}
    plain = [isinstance(cell, list) for cell in rows["uncalibrated"]] if "uncalibrated" in rows else []
    if any(plain):  # a fold whose temperature is exactly 1 has none of its own: its answers are as they were
        before = [row.uncalibrated if has else row.prediction for row, has in zip(rows.itertuples(), plain, strict=True)]
        found["before"] = _calibrated(before, truth)
    return found


def _calibrated(cells: Iterable[list[float]], truth: np.ndarray) -> dict:
    probabilities = np.array(list(cells), np.float64)
    return {**calibration(probabilities, truth), "bins": reliability(probabilities, truth).to_dict("records")}


def confusion_of(task: Task, rows: pd.DataFrame) -> list[list[int]]:
    """Counts `(K, K)`, rows the label, columns the answer, both in the order of the task's labels."""
    return collect(task, *to_arrays(task, rows)).astype(int).tolist()


def or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
