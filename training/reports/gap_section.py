"""The gap between felt and shown as a section of the results: labels against each other, scores where they agree and where
they differ, and how well the model's gap score separates the two kinds of recordings.

```
gap   labels    {er, fer, names, counts, answers}       which tasks; counts (K, K) of labels, rows ER, columns FER;
                                                        the same of the first method's answers
      methods   {method: {
                    subsets: {task: {agree, disagree}}, each {n, participants, metrics: {primary metric}}
                    scores: {seed: {n_agree, n_disagree, mean_agree, mean_disagree, auroc, spearman}}}}
```
"""

import math

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS

from ..metrics.predictions import to_arrays
from ..statistics.gap import agreement, gap_quality, gap_scores, label_table, split_by_agreement
from ..statistics.intervals import Interval
from .sections import or_none, plain_interval, primary_of

_VIEWS = ("er", "fer")


def gap_of(predictions: pd.DataFrame, n_resamples: int, seed: int) -> dict | None:
    """The section above; None where no recording has the labels of both views."""
    counts = label_table(predictions)
    if not counts.to_numpy().any():
        return None
    agree = agreement(predictions)
    methods = dict(list(predictions.groupby("method", sort=False)))
    er, fer = str(counts.index.name), str(counts.columns.name)
    return {
        "labels": {
            "er": er,
            "fer": fer,
            "names": list(counts.index),
            "counts": counts.to_numpy().astype(int).tolist(),
            "answers": _answers(next(iter(methods.values())), er, fer),
        },
        "methods": {
            str(method): {"subsets": _subsets(rows, agree, n_resamples, seed), "scores": _scores(rows, n_resamples, seed)}
            for method, rows in methods.items()
        },
    }


def _answers(rows: pd.DataFrame, er: str, fer: str) -> list[list[int]] | None:
    """Counts as of the labels, of the likeliest classes of one method and its first seed."""
    rows = rows[rows["seed"] == rows["seed"].min()]
    likeliest = {}
    for name in (er, fer):
        own = rows[rows["task"] == name]
        likeliest[name] = pd.Series(to_arrays(TASKS[name], own)[1].argmax(axis=1), own["recording_id"].to_numpy())
    felt, shown = likeliest[er], likeliest[fer]
    both = felt.index.intersection(shown.index)
    if len(both) == 0:
        return None
    counts = np.zeros((TASKS[er].size, TASKS[fer].size), int)
    np.add.at(counts, (felt[both].to_numpy(), shown[both].to_numpy()), 1)
    return counts.tolist()


def _subsets(rows: pd.DataFrame, agree: pd.Series, n_resamples: int, seed: int) -> dict:
    found = {}
    for name, task in TASKS.items():
        own = rows[rows["task"] == name]
        if task.view in _VIEWS and not task.is_own and len(own):
            parts = split_by_agreement(own, agree)
            found[name] = {which: primary_of(task, part, n_resamples, seed) for which, part in parts.items()}
    return found


def _scores(rows: pd.DataFrame, n_resamples: int, seed: int) -> dict[str, dict]:
    """By training seed, how well the distance of the network's two answers finds the recordings whose labels differ.

    Empty for a method that does not answer for both views.
    """
    return {
        str(number): _score(part, n_resamples, seed)
        for number, part in rows.groupby("seed", sort=True)
        if not gap_scores(part).empty
    }


def _score(rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    quality = gap_quality(rows, n_resamples, seed)
    participants = rows["participant_id"].nunique()
    return {
        **{name: getattr(quality, name) for name in ("n_agree", "n_disagree")},
        **{name: or_none(getattr(quality, name)) for name in ("mean_agree", "mean_disagree")},
        "auroc": _interval(quality.auroc, participants, "all labels agree, or all differ"),
        "spearman": _interval(quality.spearman, participants, "no valence and arousal of both views"),
    }


def _interval(interval: Interval, participants: int, why_undefined: str) -> dict:
    plain = plain_interval(interval, participants)
    return {**plain, "note": why_undefined} if math.isnan(interval.value) else plain
