"""Confidence intervals by a bootstrap over participants.

Recordings of one participant resemble each other, so resampling recordings would give intervals that are too narrow.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import Task

from .metrics import collect, scores
from .predictions import to_arrays


@dataclass(frozen=True)
class Interval:
    """A metric on all rows, and its percentile interval over the draws in which it is defined.

    NaN: `value` where the metric is undefined (see `metrics.scores`); `low` and `high` where no draw defines it, or
    where there are fewer than two participants (nothing to resample). `draws`: how many draws the interval rests on.
    """

    value: float
    low: float
    high: float
    draws: int


def intervals(
    task: Task, predictions: pd.DataFrame, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """The metrics of one method on one task with their intervals.

    `predictions` are rows of the predictions table; those of other tasks are left out. Each draw takes as many
    participants as there are, with replacement, and all of their rows. The same seed and the same participants give
    the same draws, for every method and in whatever order the rows come. Raises `ValueError` for rows of more than one
    method, and for nonsense in `draws` or `level`.
    """
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"draws must be 1 or more and level between 0 and 1, got {draws} and {level}")
    rows = predictions[predictions["task"] == task.name]
    methods = rows["method"].unique()
    if len(methods) > 1:
        raise ValueError(f"intervals are for one method at a time, got {', '.join(methods)}")
    names, codes = np.unique(rows["participant_id"].to_numpy(str), return_inverse=True)  # sorted: order can't matter
    statistics = collect(task, *to_arrays(task, rows), groups=codes, num_groups=len(names))  # (P, ...)
    values = scores(task, statistics.sum(axis=0))
    if len(names) < 2:
        return {name: Interval(float(value), np.nan, np.nan, 0) for name, value in values.items()}
    drawn = scores(task, np.tensordot(draw_counts(len(names), draws, seed), statistics, axes=1))
    return {name: _interval(float(value), drawn[name], level) for name, value in values.items()}


def draw_counts(participants: int, draws: int, seed: int) -> np.ndarray:
    """How often each participant is in each draw: float64 `(draws, participants)`, each row sums to `participants`."""
    picks = np.random.default_rng(seed).integers(participants, size=(draws, participants))
    cells = picks + participants * np.arange(draws)[:, None]
    counts = np.bincount(cells.ravel(), minlength=draws * participants)
    return counts.reshape(draws, participants).astype(np.float64)


def _interval(value: float, drawn: np.ndarray, level: float) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if len(defined) == 0:
        return Interval(value, np.nan, np.nan, 0)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), len(defined))
