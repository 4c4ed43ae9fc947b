"""The gap between felt and shown as a section of the results: labels against each other, scores where they agree and where
they differ, and whether the model's gap score tells which is which.

```
gap   labels    {er, fer, names, counts, answers}       which tasks; counts (K, K) of labels, rows ER, columns FER;
                                                        the same of the first method's answers
      methods   {method: {
                    subsets: {task: {agree, disagree}}, each {n, participants, metrics: {primary metric}}
                    score: {n_agree, n_disagree, mean_agree, mean_disagree, auroc, spearman}}}
```
"""

import math

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS

from ..evaluation.predictions import to_arrays
from ..metrics import METRIC_TITLES
from ..statistics.gap import agreement, gap_quality, gap_scores, label_table, subset_scores
from .sections import or_none, plain_interval
from .tables import markdown_table, score_cell, two

_VIEWS = ("er", "fer")


def gap_of(predictions: pd.DataFrame, n_resamples: int, seed: int) -> dict | None:
    """The section of this module's head; None where no recording has the labels of both views."""
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
            str(method): {"subsets": _subsets(rows, agree, n_resamples, seed), "score": _score(rows, n_resamples, seed)}
            for method, rows in methods.items()
        },
    }


def _answers(rows: pd.DataFrame, er: str, fer: str) -> list[list[int]] | None:
    """As the labels' counts, of one method's likeliest classes over the recordings that have both labels."""
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
    for name in dict.fromkeys(rows["task"]):
        task = TASKS[str(name)]
        if task.view in _VIEWS:
            found[task.name] = {
                which: {
                    "n": part.n,
                    "participants": part.participants,
                    "metrics": {task.primary_metric: plain_interval(part.metrics[task.primary_metric], part.participants)},
                }
                for which, part in subset_scores(task, rows, agree, n_resamples, seed).items()
            }
    return {name: found[name] for name in TASKS if name in found}


def _score(rows: pd.DataFrame, n_resamples: int, seed: int) -> dict | None:
    """How well the gap between the method's two answers finds the recordings whose labels differ; None without both."""
    if gap_scores(rows).empty:
        return None
    quality = gap_quality(rows, n_resamples, seed)
    participants = rows["participant_id"].nunique()
    return {
        **{name: getattr(quality, name) for name in ("n_agree", "n_disagree")},
        **{name: or_none(getattr(quality, name)) for name in ("mean_agree", "mean_disagree")},
        "auroc": _interval(quality.auroc, participants, "all labels agree, or all differ"),
        "spearman": _interval(quality.spearman, participants, "no valence and arousal of both views"),
    }


def _interval(interval, participants: int, why_undefined: str) -> dict:
    plain = plain_interval(interval, participants)
    return {**plain, "note": why_undefined} if math.isnan(interval.value) else plain


def gap_markdown(results: dict) -> list[str]:
    """The section as parts of a page; none where there is none."""
    gap = results["gap"]
    if gap is None:
        return []
    labels = gap["labels"]
    total = sum(map(sum, labels["counts"]))
    same = sum(row[index] for index, row in enumerate(labels["counts"]))
    head = [f"`{labels['er']}` felt, by row; `{labels['fer']}` shown, by column", *labels["names"]]
    rows = [[name, *map(str, row)] for name, row in zip(labels["names"], labels["counts"], strict=True)]
    return [
        "## Felt against shown",
        f"Labels of {total} recordings: felt and shown are the same emotion in {same}, and differ in {total - same}.",
        markdown_table(head, rows),
        "Scores where the two labels agree, and where they differ. A method that only copies the face scores low on felt "
        "emotion where they differ.",
        markdown_table(["task", "method", "agree, n", "score", "differ, n", "score"], _subset_rows(gap)),
        *_score_markdown(gap),
    ]


def _subset_rows(gap: dict) -> list[list[str]]:
    rows = []
    for name, task in TASKS.items():
        for method, found in gap["methods"].items():
            if name in found["subsets"]:
                cells = [f"{name} {METRIC_TITLES[task.primary_metric]}", method]
                for part in found["subsets"][name].values():
                    cells += [str(part["n"]), score_cell(part["metrics"][task.primary_metric])]
                rows.append(cells)
    return rows


def _score_markdown(gap: dict) -> list[str]:
    rows = []
    for method, found in gap["methods"].items():
        if score := found["score"]:
            means = [two(score["mean_agree"]), two(score["mean_disagree"])]
            rows.append([method, *means, score_cell(score["auroc"]), score_cell(score["spearman"])])
    if not rows:
        return []
    return [
        "The gap score of a method is the distance between its felt and its shown distribution, 0..1. Beside its mean on both "
        "kinds of recordings: how well it tells them apart (AUROC, 0.5 is chance), and its rank correlation with the distance "
        "of felt from shown valence and arousal.",
        markdown_table(["method", "gap where they agree", "where they differ", "AUROC", "Spearman"], rows),
    ]
