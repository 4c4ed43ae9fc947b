"""UAR, F1 and WAR from confusion matrices, for any leading axes at once.

The one place for this arithmetic. It lives in the metric's folder, and knows numpy only, because `evaluate.load` copies a
metric's script and its sibling files and nothing else; `training.metrics.sums` imports it from here.

The rules for absent classes:

- `uar`: mean recall over the classes **present in the truth**; a class without recordings is no evidence.
- `macro_f1`: mean F1 over the label set; a class absent from both truth and predictions is left out, one that is only
  predicted counts as 0.
- `weighted_f1`: F1 weighted by how often the class is the truth, so that an absent class weighs nothing.
- `war`: fraction of recordings that are right.

All are 0..1, and NaN without recordings.
"""

import numpy as np

# By name the title in tables; the first is the primary one.
CLASS_TITLES = {
    "uar": "UAR",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "war": "WAR",
}
CLASS_METRICS = tuple(CLASS_TITLES)


def confusion_matrices(
    truth: np.ndarray, predicted: np.ndarray, size: int, groups: np.ndarray | None = None, num_groups: int = 1
) -> np.ndarray:
    """Counts `(num_groups, size, size)`, rows the truth, columns the prediction; class indices and groups are `(n,)` ints."""
    codes = np.zeros(len(truth), np.int64) if groups is None else groups
    cells = (codes * size + truth) * size + predicted
    counts = np.bincount(cells, minlength=num_groups * size**2)
    return counts.reshape(num_groups, size, size).astype(np.float64)


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """`CLASS_METRICS` of matrices `(..., K, K)`: each of shape `(...)`."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., K)
    true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    recall, f1 = ratio(right, true), ratio(2 * right, true + predicted)
    return {
        "uar": mean_defined(recall),
        "macro_f1": mean_defined(f1),
        "weighted_f1": ratio((true * np.nan_to_num(f1)).sum(axis=-1), true.sum(axis=-1)),
        "war": ratio(right.sum(axis=-1), true.sum(axis=-1)),
    }


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where below is 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


PROBABILITY_METRICS = ("ece", "nll", "brier")
BINS = 15

# A probability of 0 for the true class would cost infinity; this is the smallest that float64 distinguishes from 0 beside 1.
_SMALLEST = np.finfo(np.float64).eps


def probability_scores(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """`PROBABILITY_METRICS` of probabilities `(n, K)` against class indices `(n,)`; NaN without recordings.

    - `ece`, 0..1: expected calibration error, the mean distance between confidence (the largest probability) and accuracy
      over 15 bins that hold equally many recordings (Nixon et al. 2019); see `reliability_bins`.
    - `nll`, 0 and up, nats: mean negative log of the truth's probability, which is cut to 2.2e-16 and up.
    - `brier`, 0..2: mean squared distance between the probabilities and the truth, summed over the classes (Brier 1950).
    """
    if len(truth) == 0:
        return dict.fromkeys(PROBABILITY_METRICS, float("nan"))
    bins = reliability_bins(probabilities, truth, BINS)
    of_truth = probabilities[np.arange(len(truth)), truth]
    squares = (probabilities**2).sum(axis=1) - 2 * of_truth + 1
    return {
        "ece": float((bins["n"] * np.abs(bins["confidence"] - bins["accuracy"])).sum() / len(truth)),
        "nll": float(-np.log(np.clip(of_truth, _SMALLEST, 1)).mean()),
        "brier": float(squares.mean()),
    }


VOTE_TITLES = {"nll_votes": "NLL of the votes", "js_votes": "Jensen-Shannon"}
VOTE_METRICS = tuple(VOTE_TITLES)


def vote_scores(probabilities: np.ndarray, votes: np.ndarray) -> dict[str, np.ndarray]:
    """`VOTE_METRICS` of each recording, `(n,)`, from probabilities and the judges' votes, both `(n, K)` with sum 1.

    - `nll_votes`, nats: mean over the judges of the negative log of the probability of what each chose, cut to 2.2e-16 and
      up. It is least, the entropy of the votes, where the probabilities are the votes.
    - `js_votes`, 0..1: Jensen-Shannon divergence to the base 2 (Lin 1991); 0 where the probabilities are the votes.
    """
    middle = (probabilities + votes) / 2
    divergences = [entropy_to(given, middle) - entropy_to(given, given) for given in (votes, probabilities)]
    return {"nll_votes": entropy_to(votes, probabilities), "js_votes": np.mean(divergences, axis=0) / np.log(2)}


def entropy_to(given: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cross entropy `(n,)` in nats of `other` `(n, K)` under `given` `(n, K)`; of `given` with itself its entropy."""
    return -(given * np.log(np.clip(other, _SMALLEST, 1))).sum(axis=1)


def reliability_bins(probabilities: np.ndarray, truth: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    """Recordings in the order of their confidence, cut into `bins` of equal size: `{"n", "confidence", "accuracy"}`, `(B,)`.

    `confidence` and `accuracy` are means over the bin, 0..1. Recordings of one and the same confidence share a bin (a
    constant predictor has one), so that the order of the rows can't matter; B is then less than `bins`.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    _, level, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts  # how many recordings are less confident than this level
    _, bin_of_level = np.unique(below * bins // len(truth), return_inverse=True)
    cells = bin_of_level[level]
    n = np.bincount(cells)
    return {
        "n": n,
        "confidence": np.bincount(cells, weights=confidence) / n,
        "accuracy": np.bincount(cells, weights=right) / n,
    }
