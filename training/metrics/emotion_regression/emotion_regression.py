"""The scores of predicted numbers (valence, arousal, intensity) as an `evaluate` metric: see `EmotionRegression`.

Written for `evaluate.load`, as `emotion_classification.py` is: no `import a, b`, only siblings and public packages.
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from .number_scores import number_scores, number_sums

ABSENT = -100  # how transformers writes a label that is not there, as in our other metrics

_DESCRIPTION = "CCC, Pearson's r, MAE, MSE and RMSE of one or several numbers a recording."
_CITATION = "Lin 1989 (concordance correlation coefficient)."


class EmotionRegression(evaluate.Metric):
    """Scores of predicted numbers.

    Args of `compute`:
        predictions: `(n,)` numbers, or `(n, S)`: S numbers a recording.
        references: of the same shape; NaN or `absent`: that number is absent and left out.
        labels: names of the S numbers, to have the scores of each as well (`ccc_valence`).
        absent: -100; None where it is a number like others, as on a scale from -100 to 100: then only NaN is absent.
        participants: `(n,)` ids, to have the same scores for each participant too.

    Returns a dict of floats, NaN where undefined, each the mean over the numbers for which it is defined: `ccc` and
    `pearson_r`, -1..1; `mae` and `rmse` in the unit of the numbers, `mse` in its square; with participants
    `by_participant`, such a dict for each id. Predictions that don't vary have `ccc` and `pearson_r` 0; where the truth
    doesn't vary, they are undefined.

    Raises `ValueError` for empty lists, shapes that differ, and predictions that are not finite where there is a reference.

    The predictions move with the truth, but by half as much:

    >>> metric = EmotionRegression(keep_in_memory=True)
    >>> found = metric.compute(predictions=[-0.5, 0.0, 0.5], references=[-1.0, 0.0, 1.0])
    >>> {name: round(found[name], 4) for name in ("ccc", "pearson_r", "mae", "mse", "rmse")}
    {'ccc': 0.8, 'pearson_r': 1.0, 'mae': 0.3333, 'mse': 0.1667, 'rmse': 0.4082}
    >>> rows = [[-1.0, 0.2], [0.0, 0.4], [1.0, 0.6]]
    >>> found = metric.compute(predictions=rows, references=rows, labels=["valence", "arousal"])
    >>> round(found["ccc"], 4), round(found["ccc_arousal"], 4)
    (1.0, 1.0)
    """

    # `_info` and `add_batch` stand in each metric's own file: `evaluate.load` copies one folder and nothing beside it.
    def _info(self) -> evaluate.MetricInfo:
        number, row = datasets.Value("float64"), datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=type(self).__doc__,
            features=[
                datasets.Features({"predictions": number, "references": number}),
                datasets.Features({"predictions": row, "references": row}),
            ],
        )

    def add_batch(self, *, predictions: Sequence | None = None, references: Sequence | None = None, **more) -> None:
        """Every recording goes through here, `compute`'s as well."""
        for name, values in (("predictions", predictions), ("references", references)):
            if values is not None and len(values) == 0:
                raise ValueError(f"{name} are empty; give at least one recording")
        super().add_batch(predictions=predictions, references=references, **more)

    def _compute(
        self,
        predictions: Sequence,
        references: Sequence,
        labels: Sequence[str] | None = None,
        absent: float | None = ABSENT,
        participants: Sequence[str] | None = None,
    ) -> dict:
        guesses, truth = _columns(predictions), _columns(references)
        if guesses.shape != truth.shape:
            raise ValueError(f"predictions and references must have the same shape, got {guesses.shape} and {truth.shape}")
        if absent is not None:
            truth[truth == absent] = np.nan
        if not np.isfinite(guesses[~np.isnan(truth)]).all():
            raise ValueError("predictions hold NaN or infinity where there is a reference")
        if labels is not None and len(labels) != truth.shape[1]:
            raise ValueError(f"{truth.shape[1]} numbers a recording need as many labels, got {', '.join(map(str, labels))}")
        result = _scores(guesses, truth, labels or ())
        if participants is not None:
            people = np.asarray(participants, str)
            if len(people) != len(truth):
                raise ValueError(f"{len(truth)} references need as many participants, got {len(people)}")
            result["by_participant"] = {
                str(name): _scores(guesses[people == name], truth[people == name], labels or ()) for name in np.unique(people)
            }
        return result


def _columns(values: Sequence) -> np.ndarray:
    values = np.array(values, np.float64)
    return values[:, None] if values.ndim == 1 else values


def _scores(guesses: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    present = ~np.isnan(truth)
    # About the truth's own mean, since the range is not known here: sums of numbers far from 0 would lose digits.
    middle = np.where(present, truth, 0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    found = number_scores(number_sums(truth, guesses, middle, np.zeros(len(truth), np.int64), 1)[0])
    defined = {name: values[~np.isnan(values)] for name, values in found.items()}
    result = {name: float(values.mean()) if len(values) else float("nan") for name, values in defined.items()}
    for index, label in enumerate(labels):
        result |= {f"{name}_{label}": float(values[index]) for name, values in found.items()}
    return result
