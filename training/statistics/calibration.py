"""Calibration of class probabilities: its errors, reliability bins, and the temperature and offsets that improve it."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from modeling_emert.tasks_emert import ABSENT_CLASS

from ..metrics.emotion_classification.class_scores import BINS, probability_scores, reliability_bins

# The range of temperatures: at 0.05 every confidence is 1, at 20 all classes are equal.
COLDEST, HOTTEST = 0.05, 20.0


def calibration(probabilities: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """`{"ece", "nll", "brier"}` of `(n, K)` probabilities, lower is better; NaN without recordings.

    `targets` `(n,)` class indices; -100 and NaN: absent, left out. What each is: `probability_scores`. Raises `ValueError`
    for shapes that don't fit, unknown classes and predictions that aren't finite.
    """
    return probability_scores(*_known(probabilities, targets))


def reliability(probabilities: np.ndarray, targets: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """One row a bin, from the least to the most confident: `n` recordings, mean `confidence`, `accuracy` (both 0..1).

    Bins hold equally many recordings, except that equal confidences are in one bin. Arguments and errors as in `calibration`.
    """
    values, truth = _known(probabilities, targets)
    if len(truth) == 0:
        return pd.DataFrame({"n": np.zeros(0, np.int64), "confidence": np.zeros(0), "accuracy": np.zeros(0)})
    return pd.DataFrame(reliability_bins(values, truth, bins))


def fit_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """What to divide logits `(n, K)` by, 0.05..20, so that the NLL of their softmax is least (Guo et al. 2017).

    Fit on validation recordings only. It changes no order of classes, so no score but the calibration. 1.0 where there are
    no recordings with a label. Log probabilities do as well as logits. `targets` and errors as in `calibration`.
    """
    values, truth = _known(logits, targets)
    if len(truth) == 0:
        return 1.0

    def nll(log_temperature: float) -> float:
        return -log_softmax(values / np.exp(log_temperature), axis=1)[np.arange(len(truth)), truth].mean()

    # Convex in 1 / temperature, so there is one minimum and the search finds it.
    found = minimize_scalar(nll, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x))


def fit_offsets(logits: np.ndarray, targets: np.ndarray, power: float) -> np.ndarray:
    """`(K,)` what to add to logits `(n, K)`, 0 on average, so that the weighted NLL of their softmax is least.

    A class with fewer recordings than the median class weighs (median / its recordings) ** `power`, every other class 1: with
    0 most answers are right, with 1 the rare classes are found. So offsets take back what weights of the loss took from the
    common classes, and leave the rare ones what they gained. 0 for a class without a recording. Fit on validation recordings
    only, before the temperature. `targets` and errors as in `calibration`.
    """
    values, truth = _known(logits, targets)
    counts = np.bincount(truth, minlength=values.shape[1])
    offsets, present = np.zeros(len(counts)), counts > 0
    if present.sum() < 2:
        return offsets
    weight = (np.maximum(1, np.median(counts[present]) / np.maximum(counts, 1)) ** power)[truth]

    def nll(parameters: np.ndarray) -> float:
        sharpness, offsets[present] = np.exp(parameters[0]), parameters[1:]
        errors = -log_softmax((values + offsets) * sharpness, axis=1)[np.arange(len(truth)), truth]
        return float(np.average(errors, weights=weight))

    sharpness = (-np.log(HOTTEST), -np.log(COLDEST))
    found = minimize(nll, np.zeros(1 + present.sum()), method="L-BFGS-B", bounds=[sharpness, *[(None, None)] * present.sum()])
    offsets[present] = found.x[1:] - found.x[1:].mean()
    return offsets


def _known(values: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows `(m, K)` and class indices `(m,)` of the recordings that have a label."""
    values, truth = np.asarray(values, np.float64), np.asarray(targets, np.float64)
    if values.ndim != 2 or truth.shape != values.shape[:1]:
        raise ValueError(f"expected values (n, K) and targets (n,), got {values.shape} and {truth.shape}")
    present = ~np.isnan(truth) & (truth != ABSENT_CLASS)
    values, truth = values[present], truth[present]
    wrong = truth[(truth != np.round(truth)) | (truth < 0) | (truth >= values.shape[1])]
    if wrong.size:
        raise ValueError(f"targets must be class indices 0..{values.shape[1] - 1}, got {wrong[0]:g}")
    if not np.isfinite(values).all():
        raise ValueError("predictions hold NaN or infinity")
    return values, truth.astype(np.int64)
