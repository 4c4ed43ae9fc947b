"""How well a score by recording detects that felt and shown emotion differ. Only numpy and scipy, for `evaluate.load`."""

import numpy as np
from scipy.stats import rankdata


def auroc(scores: np.ndarray, differs: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Chance that a recording that differs has a higher score than one that agrees; equal scores count half. 0..1.

    `scores` `(n,)`, `differs` `(n,)` bool; `weights` `(..., n)`: how often each recording counts (one row a resample of a
    bootstrap). The result has the weights' leading axes; NaN where one of the two kinds is absent.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)  # where each distinct score begins
    if len(starts) == 0:
        return np.full(weights.shape[:-1], np.nan)
    different = np.add.reduceat(np.where(differs, weights, 0.0)[..., order], starts, axis=-1)  # (..., distinct scores)
    same = np.add.reduceat(np.where(differs, 0.0, weights)[..., order], starts, axis=-1)
    wins = (different * (np.cumsum(same, axis=-1) - same / 2)).sum(axis=-1)
    pairs = np.asarray(different.sum(axis=-1) * same.sum(axis=-1))
    return np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def spearman(scores: np.ndarray, distances: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Spearman's rank correlation of two `(n,)` numbers, -1..1; equal ones share the mean rank.

    `weights` as in `auroc`, with the ranks of the full set in every resample. NaN where the distances don't vary, 0 where only
    the scores don't.
    """
    weights = np.ones(len(scores)) if weights is None else weights
    x, y = rankdata(distances), rankdata(scores)
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1)
    x, y = x - (weights * x).sum(axis=-1, keepdims=True) / total, y - (weights * y).sum(axis=-1, keepdims=True) / total
    xx, yy, xy = ((weights * product).sum(axis=-1) for product in (x * x, y * y, x * y))
    rounding = 1e-9  # of integer and half ranks
    spread = np.sqrt(np.where(yy > rounding, xx * yy, 1.0))
    covariance = np.where(yy > rounding, xy, 0.0)
    return np.divide(covariance, spread, out=np.full(np.shape(spread), np.nan), where=xx > rounding)
