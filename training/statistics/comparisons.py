"""Tests for a difference between two methods on the same recordings.

`python tests/helpers/simulation.py` measures their rate of false alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t

from modeling_emert.tasks_emert import Task

from ..metrics import METRICS, collect, scores
from ..metrics.predictions import to_arrays
from .intervals import FEWEST_PARTICIPANTS, make_interval, resample_counts, tail_in_truth


@dataclass(frozen=True)
class Difference:
    """A metric of the first method minus that of the second, its 95 % interval, and a two-sided p.

    The interval leaves 0 out where p is below 0.05, and now and then where few participants make up the difference, so that
    p is larger. NaN: `value` where a metric is undefined; the others as in `Interval`.
    """

    value: float
    low: float
    high: float
    p: float


def compare(
    task: Task,
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Paired bootstrap by participant: both methods are scored on the same resamples.

    `first` and `second` are rows of the predictions table, one method each; those of other tasks are left out. `metric` is
    one of `METRICS[task.kind]`, by default the primary one; a lower error of the first method is a negative difference.
    It takes the predictions as they are: that another training run would give others isn't in it; for that, see
    `nadeau_bengio`. There are many resamples because the smallest p that they can show must survive `holm` over twenty methods.
    Raises `ValueError` where the two don't answer for the same recordings with the same labels, and for a metric that the
    task doesn't have.
    """
    metric = metric or task.primary_metric
    if metric not in METRICS[task.kind]:
        raise ValueError(f"{task.name} has the metrics {', '.join(METRICS[task.kind])}; got {metric!r}")
    first, second = (_rows(task, rows) for rows in (first, second))
    truth = to_arrays(task, first)[0]
    same = first["recording_id"].tolist() == second["recording_id"].tolist()
    if not same or not np.array_equal(truth, to_arrays(task, second)[0], equal_nan=True):
        raise ValueError(f"two methods can be compared on {task.name} only where both answer for the same labelled recordings")
    names, codes = np.unique(first["participant_id"].to_numpy(str), return_inverse=True)
    pair = [collect(task, *to_arrays(task, rows), groups=codes, num_groups=len(names)) for rows in (first, second)]
    return compare_sums(task, *pair, n_resamples, seed)[metric]


def compare_sums(
    task: Task, first: np.ndarray, second: np.ndarray, n_resamples: int = 10_000, seed: int = 0
) -> dict[str, Difference]:
    """The same for each metric from each participant's sums, as in `intervals_of_sums`."""
    counts = resample_counts(len(first), n_resamples, seed)
    totals = [scores(task, statistics.sum(axis=0)) for statistics in (first, second)]
    resampled = [scores(task, np.tensordot(counts, statistics, axes=1)) for statistics in (first, second)]
    # Both methods with the answers of one participant swapped between them, for each participant.
    swapped = [scores(task, one.sum(axis=0) - one + other) for one, other in ((first, second), (second, first))]
    found = {}
    for name in METRICS[task.kind]:
        gains = resampled[0][name] - resampled[1][name]
        interval = make_interval(float(totals[0][name] - totals[1][name]), gains, len(first))
        counted = ~np.isclose(swapped[0][name] - swapped[1][name], interval.value, rtol=0, atol=1e-12)
        p = two_sided_p(gains, len(first), int(counted.sum()))
        found[name] = Difference(interval.value, interval.low, interval.high, p)
    return found


def two_sided_p(resampled: np.ndarray, participants: int, differing: int | None = None) -> float:
    """Twice the fraction of resamples `(n_resamples,)` on the other side of 0, at least 1 / (n_resamples + 1), moved as the
    ends of the intervals are.

    `differing`: participants whose answers make a difference if they are swapped between the two methods (all, if not
    given). Were the methods equally good, each of them would speak for either by the toss of a coin, so that p is at least
    2 / 2^differing. Without that bound a few recordings of a few people, all in favour of one method, would be a proof.

    1 where all resamples are 0 (the methods answer alike), NaN for fewer than `FEWEST_PARTICIPANTS`.
    """
    defined = resampled[~np.isnan(resampled)]
    if participants < FEWEST_PARTICIPANTS or len(defined) == 0:
        return float("nan")
    fraction = (min((defined <= 0).sum(), (defined >= 0).sum()) + 1) / (len(defined) + 1)
    tail = tail_in_truth(fraction, participants) if fraction < 0.5 else 0.5
    return min(1.0, 2 * max(tail, 0.5 ** (participants if differing is None else differing)))


def smallest_p(participants: int, n_resamples: int) -> float:
    """Below which [`two_sided_p`] can't fall, however clear the difference. NaN for fewer than `FEWEST_PARTICIPANTS`."""
    return two_sided_p(np.ones(n_resamples), participants)


def nadeau_bengio(differences: Sequence[float], test_fraction: float) -> float:
    """Two-sided p of the corrected resampled t-test (Nadeau and Bengio 2003) on the differences by fold.

    Folds share training recordings, so their differences vary less than those of independent trainings would; the variance
    of their mean is therefore taken as (1 / folds + test / training) times the variance between folds. `test_fraction`:
    of all recordings, those that one fold tests, between 0 and 1 (0.2 for five folds). NaN differences are left out. NaN for
    fewer than two folds; 1 where every difference is 0. Raises `ValueError` for another `test_fraction`.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must be between 0 and 1, got {test_fraction}")
    values = np.asarray(differences, np.float64)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return float("nan")
    if not values.any():
        return 1.0
    error = np.sqrt((1 / len(values) + test_fraction / (1 - test_fraction)) * values.var(ddof=1))
    return float(2 * t.sf(abs(values.mean()) / error, len(values) - 1)) if error > 0 else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number (Holm 1979), in the order given: reject those below 0.05, and the chance of one
    false alarm among all is at most 0.05. NaN (no test was possible) stays and isn't counted."""
    values = np.asarray(p_values, np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def _rows(task: Task, predictions: pd.DataFrame) -> pd.DataFrame:
    rows = predictions[predictions["task"] == task.name].sort_values("recording_id")
    methods = rows["method"].unique()
    if len(methods) > 1:
        raise ValueError(f"compare one method with one other, got {', '.join(methods)}")
    return rows
