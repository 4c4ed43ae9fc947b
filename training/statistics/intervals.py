"""Confidence intervals by a bootstrap over participants.

Recordings of one participant resemble each other, so resampling recordings would give intervals that are too narrow.

The interval is an *expanded percentile* interval (Hesterberg 2015): a bootstrap of few participants gives too narrow a
distribution, by sqrt((n - 1) / n) and the difference between a normal and a Student's t; so the quantiles are taken further
out, as much as would make the interval of a mean right. With many participants it is the plain percentile interval.

How often a 95 % interval held the truth on simulated data with 20, 40 and 70 participants (1,000 data sets each): UAR 0.96,
0.94, 0.94; CCC 0.93, 0.95, 0.94; RMSE, the most skewed, 0.92, 0.94, 0.93. Plain percentiles of 20: UAR 0.94, macro F1 0.91,
CCC 0.92, RMSE 0.90. `python tests/helpers/simulation.py` measures all metrics again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from modeling_emert.tasks_emert import Task

from ..metrics import collect, scores
from ..metrics.predictions import to_arrays

# With fewer there are too few different resamples (35 of four) for any tail of them to be 2.5 %: no interval is better than one
# that looks like the others.
FEWEST_PARTICIPANTS = 5


@dataclass(frozen=True)
class Interval:
    """A metric on all rows, and its interval over the resamples in which it is defined.

    NaN: `value` where the metric is undefined (see `metrics.scores`); `low` and `high` where no resample defines it, or
    where there are fewer than `FEWEST_PARTICIPANTS`. `n_resamples`: how many resamples the interval rests on.
    """

    value: float
    low: float
    high: float
    n_resamples: int


def intervals(
    task: Task, predictions: pd.DataFrame, n_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """The metrics of one method on one task with their intervals.

    `predictions` are rows of the predictions table; those of other tasks are left out. Each resample takes as many
    participants as there are, with replacement, and all of their rows. The same seed and the same participants give
    the same resamples, for every method and in whatever order the rows come. Raises `ValueError` for rows of more than one
    method, and for nonsense in `n_resamples` or `level`.
    """
    rows = predictions[predictions["task"] == task.name]
    methods = rows["method"].unique()
    if len(methods) > 1:
        raise ValueError(f"intervals are for one method at a time, got {', '.join(methods)}")
    names, codes = np.unique(rows["participant_id"].to_numpy(str), return_inverse=True)  # sorted: order can't matter
    statistics = collect(task, *to_arrays(task, rows), groups=codes, num_groups=len(names))  # (P, ...)
    return intervals_of_sums(task, statistics, n_resamples, seed, level)


def intervals_of_sums(
    task: Task, statistics: np.ndarray, n_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """The same from the sums of each participant, `(P, K, K)` or `(P, S, 8)`: what `metrics.collect` gives by group."""
    values = scores(task, statistics.sum(axis=0))
    resampled = scores(task, np.tensordot(resample_counts(len(statistics), n_resamples, seed), statistics, axes=1))
    return {name: make_interval(float(value), resampled[name], len(statistics), level) for name, value in values.items()}


def intervals_of_means(
    values: Mapping[str, np.ndarray],
    participants: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Of the means over recordings of figures `(n,)` that each recording has. `participants` `(n,)`: whose recordings."""
    names, codes = np.unique(participants, return_inverse=True)
    counts = resample_counts(len(names), n_resamples, seed)
    sizes = counts @ np.bincount(codes)
    return {
        name: make_interval(float(own.mean()), counts @ np.bincount(codes, own) / sizes, len(names), level)
        for name, own in values.items()
    }


def resample_counts(participants: int, n_resamples: int, seed: int) -> np.ndarray:
    """How often each participant is in each resample: float64 `(n_resamples, participants)`, each row sums to `participants`.

    Raises `ValueError` for fewer than one resample.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be 1 or more, got {n_resamples}")
    picks = np.random.default_rng(seed).integers(max(participants, 1), size=(n_resamples, participants))
    cells = picks + participants * np.arange(n_resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=n_resamples * participants)
    return counts.reshape(n_resamples, participants).astype(np.float64)


def make_interval(value: float, resampled: np.ndarray, participants: int, level: float = 0.95) -> Interval:
    """From a figure and what the resamples gave for it, `(n_resamples,)`, NaN where undefined. Raises `ValueError` for `level`
    outside 0..1."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    defined = resampled[~np.isnan(resampled)]
    if participants < FEWEST_PARTICIPANTS or len(defined) == 0:
        return Interval(value, np.nan, np.nan, 0)
    outside = tail_in_draws((1 - level) / 2, participants)
    low, high = np.quantile(defined, [outside, 1 - outside])
    return Interval(value, float(low), float(high), len(defined))


def tail_in_draws(tail: float, participants: int) -> float:
    """The fraction of the resamples to leave out at one end so that the fraction `tail` of intervals misses the truth there."""
    return float(norm.cdf(np.sqrt(participants / (participants - 1)) * t.ppf(tail, participants - 1)))


def tail_in_truth(fraction: float, participants: int) -> float:
    """The inverse of `tail_in_draws`."""
    return float(t.cdf(norm.ppf(fraction) / np.sqrt(participants / (participants - 1)), participants - 1))
