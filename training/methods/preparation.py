"""What stands between summary vectors and a classical method: all of it learnt from the training rows alone."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import Task
from training.metrics import as_targets

# A feature further than this many interquartile ranges from the quartiles is moved there.
_FAR = 5.0


class ClipOutliers(TransformerMixin, BaseEstimator):
    """Moves each feature into the training quartiles and 5 interquartile ranges around them; NaN stays NaN.

    One lost calibration would otherwise decide a column's scale. A feature of which half the values are equal has no
    such range (a rare flag, say): there the training minimum and maximum are the bounds. A feature that training has
    never seen becomes NaN.
    """

    def fit(self, features: np.ndarray, targets: np.ndarray | None = None) -> Self:
        """Learn the bounds from `(n, F)`."""
        seen = ~np.isnan(features).all(axis=0)
        self.low_, self.high_ = np.full((2, features.shape[1]), np.nan)
        values = features[:, seen]
        first, third = np.nanquantile(values, [0.25, 0.75], axis=0) if seen.any() else np.zeros((2, 0))
        margin = np.where(third > first, _FAR * (third - first), np.inf)
        self.low_[seen] = np.maximum(first - margin, np.nanmin(values, axis=0))
        self.high_[seen] = np.minimum(third + margin, np.nanmax(values, axis=0))
        return self

    def transform(self, features: np.ndarray) -> np.ndarray:
        """`(n, F)` within the bounds."""
        return np.clip(features, self.low_, self.high_)


class DropConstant(TransformerMixin, BaseEstimator):
    """Leaves out features that don't vary over the training rows: a forest that draws features would draw them too."""

    def fit(self, features: np.ndarray, targets: np.ndarray | None = None) -> Self:
        """Learn from `(n, F)` without NaN which features vary. One stays in any case, since methods need one."""
        self.kept_ = np.ptp(features, axis=0) > 0
        if not self.kept_.any():
            self.kept_[:1] = True
        return self

    def transform(self, features: np.ndarray) -> np.ndarray:
        """`(n, kept)`."""
        return features[:, self.kept_]


def preparation() -> Pipeline:
    """Outliers moved in, unknown values the training median, constant features left out, the rest scaled."""
    return Pipeline(
        [
            ("clip", ClipOutliers()),
            # A column without a single training value becomes 0 instead of vanishing, and then is constant.
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("drop", DropConstant()),
            ("scale", StandardScaler()),
        ]
    )


def labelled(task: Task, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The targets that are there, `(labelled, 1 or size)`, and which rows have them, bool `(n,)`.

    Raises `EmertInputError` if no row has a label.
    """
    values = as_targets(task, targets)
    kept = ~np.isnan(values).all(axis=1)
    if not kept.any():
        raise EmertInputError(f"task {task.name}: none of the {len(kept)} training recordings has a label; leave the task out")
    return values[kept], kept


def as_features(features: np.ndarray, count: int) -> np.ndarray:
    """float64 `(count, F)`; infinities count as unknown."""
    values = np.array(features, np.float64)
    if values.ndim != 2 or len(values) != count:
        raise ValueError(f"features must be ({count}, F), one row a target, got {values.shape}")
    values[~np.isfinite(values)] = np.nan
    return values
