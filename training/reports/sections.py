"""The sections of the results: scores with intervals, folds, seeds, subgroups, calibration, votes, confusion.

All are plain data for JSON, computed from the table of predictions alone. An undefined figure is null, and its `note` says
why.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import Task

from ..metrics import collect, score
from ..metrics.emotion_classification.class_scores import BINS, entropy_to, vote_scores
from ..metrics.predictions import to_arrays, votes_of
from ..statistics.calibration import calibration, reliability
from ..statistics.intervals import FEWEST_PARTICIPANTS, Interval, intervals, intervals_of_means

LEVEL = 0.95  # of every interval


def score_section(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int, bins: int) -> dict:
    """What `results` holds of one method and task; `bins`: of the reliability curve, the ECE always takes 15."""
    targets, _ = to_arrays(task, rows)
    classes = task.kind == "classification"
    absent = [label for index, label in enumerate(task.labels) if classes and not (targets == index).any()]
    by_fold = _scores_by("fold", task, rows)
    return {
        **scores_of(task, rows, n_resamples, seed),
        "absent_labels": absent,
        "folds": summarise_folds(task.primary_metric, by_fold),
        "by_fold": by_fold,
        "by_seed": _scores_by("seed", task, rows),
        "subgroups": subgroups_of(task, rows, n_resamples, seed),
        "calibration": calibration_of(task, rows, bins) if classes else None,
        "confusion": confusion_of(task, rows) if classes else None,
        **votes_section(task, rows, n_resamples, seed),
    }


def scores_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    """`n` recordings, `participants` and `metrics`: each `{value, low, high, n_resamples, note}`, of one method and task.

    Seeds are pooled: a recording counts once for each.
    """
    participants = rows["participant_id"].nunique()
    found = intervals(task, rows, n_resamples, seed, LEVEL)
    return {
        "n": rows["recording_id"].nunique(),
        "participants": participants,
        "metrics": {name: plain_interval(interval, participants) for name, interval in found.items()},
    }


def plain_interval(interval: Interval, participants: int) -> dict:
    """NaN as null, with the reason as a note."""
    note = None
    if np.isnan(interval.value):
        note = "the truth does not vary"  # the only case in which rows leave a metric undefined
    elif participants < FEWEST_PARTICIPANTS:
        note = f"fewer than {FEWEST_PARTICIPANTS} participants"
    elif np.isnan(interval.low):
        note = "undefined in every resample"
    numbers = {name: or_none(getattr(interval, name)) for name in ("value", "low", "high")}
    if numbers["value"] is None:
        numbers = dict.fromkeys(numbers)
    return {**numbers, "n_resamples": interval.n_resamples, "note": note}


def primary_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    """As [`scores_of`], of the task's primary metric alone."""
    found = scores_of(task, rows, n_resamples, seed)
    return {**found, "metrics": {task.primary_metric: found["metrics"][task.primary_metric]}}


def _scores_by(column: str, task: Task, rows: pd.DataFrame) -> dict[str, float | None]:
    """The primary metric for each fold or seed; null where the truth does not vary."""
    metric = task.primary_metric
    parts = rows.groupby(column, sort=True)
    return {str(number): or_none(score(task, *to_arrays(task, part))[metric]) for number, part in parts}


def summarise_folds(metric: str, by_fold: dict[str, float | None]) -> dict:
    """`{metric, mean, std, n, note}` over the folds that have a score; std with n - 1."""
    values = np.array([value for value in by_fold.values() if value is not None])
    note = {0: "the truth does not vary in any fold", 1: "one fold has no spread"}.get(len(values))
    mean = float(values.mean()) if len(values) else None
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"metric": metric, "mean": mean, "std": std, "n": len(values), "note": note}


def subgroups_of(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    """By column and group, see [`primary_of`]; only columns that divide these rows into two groups or more."""
    found = {}
    for column, groups in _groups(rows):
        names = sorted(set(groups.dropna()))
        if len(names) > 1:
            found[column] = {name: primary_of(task, rows[groups == name], n_resamples, seed) for name in names}
    return found


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    known = [cell if isinstance(cell, dict) else {} for cell in rows["groups"]] if "groups" in rows else []
    for column in sorted({name for cell in known for name in cell}):
        yield column, pd.Series([cell.get(column) for cell in known], index=rows.index, dtype=object)


def calibration_of(task: Task, rows: pd.DataFrame, bins: int = BINS) -> dict:
    """`answers`: ECE, NLL, Brier and reliability bins of the probabilities as given; `before`: before the temperature, or null.

    Of classification tasks. Bins hold equally many recordings: `n`, and the means `confidence` and `accuracy` of each.
    """
    truth = to_arrays(task, rows)[0][:, 0].astype(np.int64)
    found: dict = {"answers": _calibrated(rows["prediction"], truth, bins), "before": None}
    scaled = [isinstance(cell, list) for cell in rows["uncalibrated"]] if "uncalibrated" in rows else []
    if any(scaled):  # with a temperature of exactly 1 nothing is stored: the probabilities before it are the same
        before = [row.uncalibrated if has else row.prediction for row, has in zip(rows.itertuples(), scaled, strict=True)]
        found["before"] = _calibrated(before, truth, bins)
    return found


def _calibrated(cells: Iterable[list[float]], truth: np.ndarray, bins: int) -> dict:
    probabilities = np.array(list(cells), np.float64)
    return {**calibration(probabilities, truth), "bins": reliability(probabilities, truth, bins).to_dict("records")}


def votes_section(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    """`{"votes": {n, least_nll, metrics}}` of the recordings that judges have voted on, or `{}` where there are none.

    `metrics`: as of `scores_of`, of [`vote_scores`]. `least_nll`: the NLL that the votes themselves would have.
    """
    votes = votes_of(task, rows)
    known = ~np.isnan(votes).any(axis=1)
    if not known.any():
        return {}
    rows, votes = rows[known], votes[known]
    participants = rows["participant_id"].to_numpy(str)
    found = intervals_of_means(vote_scores(to_arrays(task, rows)[1], votes), participants, n_resamples, seed, LEVEL)
    people = len(np.unique(participants))
    return {
        "votes": {
            "n": rows["recording_id"].nunique(),
            "least_nll": float(entropy_to(votes, votes).mean()),
            "metrics": {name: plain_interval(interval, people) for name, interval in found.items()},
        }
    }


def confusion_of(task: Task, rows: pd.DataFrame) -> list[list[int]]:
    """Counts `(K, K)`, rows the label, columns the answer, both in the order of the task's labels."""
    return collect(task, *to_arrays(task, rows)).astype(int).tolist()


def or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
