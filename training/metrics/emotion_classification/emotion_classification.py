"""The scores of predicted emotion classes as an `evaluate` metric: see `EmotionClassification`.

`evaluate.load` copies this script and the siblings that it imports, and reads the imports line by line: so no `import a, b`,
only siblings and public packages. The package uses this same file.
"""

from collections.abc import Sequence
from numbers import Integral

import datasets
import evaluate
import numpy as np

from .class_scores import class_scores, confusion_matrices, probability_scores

ABSENT = -100  # how transformers and modeling_emert write a label that is not there

_DESCRIPTION = "UAR, macro and weighted F1 and WAR over a fixed label set; with probabilities also ECE, NLL and Brier."
_CITATION = "Schuller et al. 2009 (UAR); Nixon et al. 2019 (ECE in equal-mass bins); Brier 1950."


class EmotionClassification(evaluate.Metric):
    """Scores of predicted classes.

    Args of `compute`:
        predictions: `(n,)` class indices, or `(n, K)` probabilities in label order (of equals, the first label wins).
        references: `(n,)` class indices; -100 or NaN: the label is absent, and the recording is left out.
        labels: the label set, as a count, as names, or as the name of one of EMERT's tasks (this needs the `emert` package).
            Indices beyond it are refused. Without: as many as the probabilities have, or as the indices show.
        participants: `(n,)` ids, to have the same scores for each participant too.

    Returns a dict of floats, each 0..1 unless said otherwise, NaN where undefined: `uar`, `macro_f1`, `weighted_f1`, `war`;
    with probabilities `ece`, `nll` (0 and up, nats) and `brier` (0..2); with participants `by_participant`, such a dict
    for each id. A class that is not in the truth takes no part in `uar`; one that is only predicted counts as 0 in `macro_f1`.

    Raises `ValueError` for empty lists, an index that is not a class, rows that are no probabilities, and other lengths.

    Three of four recordings are right, and one of the two sad ones is found:

    >>> metric = EmotionClassification(keep_in_memory=True)
    >>> found = metric.compute(predictions=[0, 0, 1, 2], references=[0, 1, 1, 2], labels=["happiness", "sadness", "fear"])
    >>> {name: round(found[name], 4) for name in ("uar", "macro_f1", "weighted_f1", "war")}
    {'uar': 0.8333, 'macro_f1': 0.7778, 'weighted_f1': 0.75, 'war': 0.75}
    >>> found = metric.compute(predictions=[[0.8, 0.2], [0.6, 0.4]], references=[0, 1], labels=2)
    >>> {name: round(found[name], 4) for name in ("uar", "ece", "nll", "brier")}
    {'uar': 0.5, 'ece': 0.4, 'nll': 0.5697, 'brier': 0.4}
    """

    # `_info` and `add_batch` stand in each metric's own file: `evaluate.load` copies one folder and nothing beside it.
    def _info(self) -> evaluate.MetricInfo:
        # float64 for the indices as well: as int64 a probability of 0.7 would silently become class 0.
        number, row = datasets.Value("float64"), datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=type(self).__doc__,
            features=[
                datasets.Features({"predictions": number, "references": number}),
                datasets.Features({"predictions": row, "references": number}),
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
        labels: int | str | Sequence[str] | None = None,
        participants: Sequence[str] | None = None,
    ) -> dict:
        guesses, truth = np.asarray(predictions, np.float64), np.asarray(references, np.float64)
        present = ~np.isnan(truth) & (truth != ABSENT)
        people = None if participants is None else np.asarray(participants, str)
        if people is not None and len(people) != len(truth):
            raise ValueError(f"{len(truth)} references need as many participants, got {len(people)}")
        guesses, truth = guesses[present], truth[present]
        size = _size(labels, guesses, truth)
        truth = _indices("references", truth, size)
        if guesses.ndim == 1:
            guesses = _indices("predictions", guesses, size)
        else:
            _check_probabilities(guesses, size)
        result = _scores(guesses, truth, size)
        if people is not None:
            people = people[present]
            result["by_participant"] = {
                str(name): _scores(guesses[people == name], truth[people == name], size) for name in np.unique(people)
            }
        return result


def _scores(guesses: np.ndarray, truth: np.ndarray, size: int) -> dict[str, float]:
    predicted = guesses if guesses.ndim == 1 else guesses.argmax(axis=1)
    found = class_scores(confusion_matrices(truth, predicted, size)[0])
    more = {} if guesses.ndim == 1 else probability_scores(guesses, truth)
    return {**{name: float(value) for name, value in found.items()}, **more}


def _size(labels: int | str | Sequence[str] | None, guesses: np.ndarray, truth: np.ndarray) -> int:
    if isinstance(labels, str):
        try:
            from modeling_emert.tasks_emert import get_task
        except ImportError as error:
            raise ValueError(f"labels={labels!r}: task names need the emert package; give a count or names") from error
        task = get_task(labels)
        if task.kind != "classification":
            raise ValueError(f"labels={labels!r}: that task has numbers, not classes; take the metric emotion_regression")
        return task.size
    if labels is not None:
        size = int(labels) if isinstance(labels, Integral) else len(labels)
        if size < 1 or isinstance(labels, bool):
            raise ValueError(f"labels must be a count of at least 1, names, or the name of a task; got {labels!r}")
        return size
    if guesses.ndim == 2:
        return guesses.shape[1]
    return int(max(truth.max(initial=0), guesses.max(initial=0))) + 1


def _indices(name: str, values: np.ndarray, size: int) -> np.ndarray:
    # Written so that NaN is wrong too.
    wrong = values[~((values == np.round(values)) & (values >= 0) & (values < size))]
    if wrong.size:
        raise ValueError(f"{name} must be class indices 0..{size - 1}, got {wrong[0]:g}")
    return values.astype(np.int64)


def _check_probabilities(rows: np.ndarray, size: int) -> None:
    if rows.shape[1] != size:
        raise ValueError(f"predictions must have {size} probabilities a row, got {rows.shape[1]}")
    # 0.01: what half precision leaves of a sum of one.
    if not ((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) <= 0.01).all()):
        raise ValueError("predictions must be probabilities, 0..1 with sum 1 in each row; take the softmax of logits")
