"""CCC, Pearson's r and the errors of numbers from sums, for any leading axes at once.

The one place for this arithmetic; it is in this folder, and knows numpy only, for `evaluate.load` (see
`emotion_classification/class_scores.py`).

With x the truth and y the prediction, and population moments:

- `ccc`, -1..1: Lin's concordance 1989. `pearson_r`, -1..1. Where the truth doesn't vary both are NaN: there is nothing to
  agree with. Where only the predictions don't, both are 0: they distinguish nothing. (scipy's r is NaN there; a score that
  vanishes where a method is worst would flatter it.)
- `mae`, `rmse`, in the unit of the numbers, and `mse`, in its square.

All are NaN without recordings.
"""

import numpy as np

# By name the title in tables; the first is the primary one.
NUMBER_TITLES = {"ccc": "CCC", "pearson_r": "Pearson r", "mae": "MAE", "mse": "MSE", "rmse": "RMSE"}
NUMBER_METRICS = tuple(NUMBER_TITLES)
LOWER_IS_BETTER = frozenset({"mae", "mse", "rmse"})

# What is summed over recordings: x and y are taken from a middle, so that the variance isn't a difference of large sums.
SUMS = ("n", "x", "y", "xx", "yy", "xy", "absolute_error", "squared_error")

# A variance below this fraction of the mean square is rounding: the numbers are constant.
_ROUNDING = 1e-12


def number_sums(
    truth: np.ndarray, predicted: np.ndarray, middle: float | np.ndarray, groups: np.ndarray, num_groups: int
) -> np.ndarray:
    """`SUMS` by group, `(num_groups, S, 8)`, of `(n, S)` numbers; NaN in the truth is left out, each number on its own.

    Sums can be added when they are taken about the same `middle`, a number or `(S,)`. `groups` are `(n,)` ints.
    """
    present = ~np.isnan(truth)
    x, y = np.where(present, truth - middle, 0.0), np.where(present, predicted - middle, 0.0)
    terms = np.stack([present.astype(np.float64), x, y, x * x, y * y, x * y, np.abs(x - y), (x - y) ** 2], axis=-1)
    sums = np.zeros((num_groups, truth.shape[1], len(SUMS)))
    np.add.at(sums, groups, terms)
    return sums


def number_scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    """`NUMBER_METRICS` of sums `(..., 8)`: each of shape `(...)`, so with the numbers' axis still there."""
    n = sums[..., :1]
    means = np.divide(sums[..., 1:], n, out=np.full_like(sums[..., 1:], np.nan), where=n > 0)
    x, y, xx, yy, xy, absolute_error, squared_error = np.moveaxis(means, -1, 0)
    variance_x, variance_y = _variance(x, xx), _variance(y, yy)
    covariance = np.where(variance_y > 0, xy - x * y, 0.0)
    # The denominators are 1 where they could be 0; those places are then 0 (y constant) or NaN (x constant).
    spread = np.sqrt(np.where(variance_y > 0, variance_x * variance_y, 1.0))
    distance = variance_x + variance_y + (x - y) ** 2
    varies = variance_x > 0
    r = np.divide(covariance, spread, out=np.full_like(spread, np.nan), where=varies)
    return {
        "ccc": np.divide(2 * covariance, distance, out=np.full_like(distance, np.nan), where=varies),
        "pearson_r": np.clip(r, -1, 1),
        "mae": absolute_error,
        "mse": squared_error,
        "rmse": np.sqrt(squared_error),
    }


def _variance(mean: np.ndarray, mean_square: np.ndarray) -> np.ndarray:
    variance = mean_square - mean**2
    return np.where(variance > _ROUNDING * mean_square, variance, 0.0)
