"""How far class probabilities can be trusted: ECE, NLL, Brier. Here for the reason given in `class_scores`."""

import numpy as np

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
