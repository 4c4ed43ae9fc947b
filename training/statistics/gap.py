"""Felt against shown emotion: scores where the labels agree and where they differ, and how well the gap score separates them.

All from the table of predictions. Whether the ER and the FER label of a recording agree is judged by the seven classes, and
by the three where it doesn't have both of the seven. A model that copies the face scores low where they differ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from modeling_emert.tasks_emert import TASKS

from ..metrics.emotion_gap.gap_scores import auroc, spearman
from ..metrics.predictions import to_arrays
from .intervals import Interval, make_interval, resample_counts

# Finest first.
_PAIRS = (("er7", "fer7"), ("er3", "fer3"))
_NUMBERS = ("er_va", "fer_va")


@dataclass(frozen=True)
class GapQuality:
    """How well a method's gap score finds the recordings whose labels differ.

    `auroc` 0..1, 0.5 is chance. `spearman` -1..1, with the distance of felt from shown valence and arousal. `mean_*`: mean gap
    score, 0..1. NaN where undefined: none that differ, none that agree, or no distances.
    """

    n_agree: int
    n_disagree: int
    mean_agree: float
    mean_disagree: float
    auroc: Interval
    spearman: Interval


def agreement(predictions: pd.DataFrame) -> pd.Series:
    """By recording_id: True where its ER and its FER label agree, False where they differ; others are left out."""
    seven, three = (_side_by_side(_labels(predictions, er), _labels(predictions, fer)) for er, fer in _PAIRS)
    return (seven[0] == seven[1]).combine_first(three[0] == three[1]).astype(bool).sort_index().rename("agree")


def label_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Counts of recordings by true labels, `(K, K)`: rows ER, columns FER; seven classes, or three where no recording has
    both of the seven. All zero where none has either."""
    for er, fer in _PAIRS:
        felt, shown = _side_by_side(_labels(predictions, er), _labels(predictions, fer))
        labels = TASKS[er].labels
        table = pd.crosstab(felt.to_numpy(), shown.to_numpy()).reindex(
            index=range(len(labels)), columns=range(len(labels)), fill_value=0
        )
        if len(felt):
            break
    return table.set_axis(pd.Index(labels, name=er)).set_axis(pd.Index(labels, name=fer), axis=1)


def split_by_agreement(rows: pd.DataFrame, agree: pd.Series) -> dict[str, pd.DataFrame]:
    """`{"agree", "disagree"}`: the rows of the recordings whose two labels agree, and differ; `agree` as from [`agreement`].

    A recording without both labels is in neither.
    """
    verdict = rows["recording_id"].map(agree)
    return {name: rows[(verdict == wanted).to_numpy()] for name, wanted in (("agree", True), ("disagree", False))}


def gap_scores(predictions: pd.DataFrame) -> pd.Series:
    """One method's gap by recording_id, 0..1: the total variation distance of its ER and FER probabilities.

    As `modeling_emert.answers_emert.gap`, unrounded, but from the three classes where the method has not both of the
    seven. Empty where it has not both views. Raises `ValueError` for rows of more than one method.
    """
    methods = predictions["method"].unique()
    if len(methods) > 1:
        raise ValueError(f"gap scores are for one method at a time, got {', '.join(methods)}")
    for er, fer in _PAIRS:
        felt, shown = _side_by_side(_rows(predictions, er)["prediction"], _rows(predictions, fer)["prediction"])
        if len(felt):
            break
    distance = [np.abs(np.subtract(one, other)).sum() / 2 for one, other in zip(felt, shown, strict=True)]
    return pd.Series(distance, felt.index, np.float64, name="gap")


def distances(predictions: pd.DataFrame) -> pd.Series:
    """By recording_id: Euclidean distance of the true felt from the true shown valence and arousal, 0..2.83.

    Only for recordings that have all four numbers.
    """
    felt, shown = _side_by_side(*(_rows(predictions, name)["target"] for name in _NUMBERS))
    length = [np.linalg.norm(np.subtract(one, other)) for one, other in zip(felt, shown, strict=True)]
    return pd.Series(length, felt.index, np.float64, name="distance").dropna()


def gap_quality(predictions: pd.DataFrame, n_resamples: int = 1000, seed: int = 0) -> GapQuality:
    """How well one method's `gap_scores` find the true disagreement, with intervals by participant.

    `predictions`: rows of one method, with both views. Recordings without a gap score don't count. Raises `ValueError` as
    `gap_scores`.
    """
    gaps = gap_scores(predictions)
    differs = 1.0 - agreement(predictions).astype(np.float64).reindex(gaps.index)
    people = predictions.drop_duplicates("recording_id").set_index("recording_id")["participant_id"].reindex(gaps.index)
    far = distances(predictions).reindex(gaps.index)
    scores = gaps.to_numpy()
    return GapQuality(
        n_agree=int((differs == 0).sum()),
        n_disagree=int((differs == 1).sum()),
        mean_agree=float(gaps[differs == 0].mean()),
        mean_disagree=float(gaps[differs == 1].mean()),
        auroc=_with_interval(auroc, scores, differs.to_numpy(), people, n_resamples, seed),
        spearman=_with_interval(spearman, scores, far.to_numpy(), people, n_resamples, seed),
    )


def _with_interval(
    measure: Callable[..., np.ndarray], scores: np.ndarray, truth: np.ndarray, people: pd.Series, n_resamples: int, seed: int
) -> Interval:
    """`measure(scores, truth, weights)` over the recordings whose truth is known, and its interval."""
    known = ~np.isnan(truth)
    names, codes = np.unique(people.to_numpy(str)[known], return_inverse=True)
    scores, truth = scores[known], truth[known]
    weights = resample_counts(len(names), n_resamples, seed)[:, codes]  # (n_resamples, n)
    return make_interval(float(measure(scores, truth)), measure(scores, truth, weights), len(names))


def _rows(predictions: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task by recording_id, sorted; the truth is the same in every method's row."""
    rows = predictions[predictions["task"] == task]
    return rows.drop_duplicates("recording_id").set_index("recording_id").sort_index()


def _labels(predictions: pd.DataFrame, task: str) -> pd.Series:
    rows = _rows(predictions, task)
    return pd.Series(to_arrays(TASKS[task], rows)[0][:, 0], rows.index)


def _side_by_side(felt: pd.Series, shown: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Both for the recordings that have both, in the same order."""
    both = felt.index.intersection(shown.index)
    return felt[both], shown[both]
