"""The baselines that see no network: the majority, and logistic regression on summary statistics.

All have the same two methods. `fit` learns from the training rows alone; validation rows only choose among settings;
`predict` gives `(n, task.size)`: probabilities in label order, or numbers within the task's range. Both are
deterministic. Features are float `(n, F)`, NaN where unknown; targets as in `metrics.as_targets`.
"""

from typing import Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import Task

from .metrics import as_targets, score

# From the strongest regularisation to the weakest, so that a tie goes to the simpler model.
_GRID_C = (0.001, 0.01, 0.1, 1.0)
_GRID_ALPHA = (10_000.0, 1_000.0, 100.0, 10.0)

# A feature further than this many interquartile ranges from the quartiles is moved there.
_FAR = 5.0


class Baseline(Protocol):
    """What every baseline can do."""

    name: str

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
    ) -> Self: ...

    def predict(self, features: np.ndarray) -> np.ndarray: ...


class Majority:
    """Always the same: the class frequencies of the training rows (so the argmax is their majority, of equals the first
    label), or the mean of each number (the middle of the range for a number without any training label).
    """

    name = "majority"

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
    ) -> Self:
        """Count the training labels; the features and the validation rows are not looked at.

        Raises `EmertInputError` if no training row has a label.
        """
        targets, _ = _labelled(task, train_targets)
        if task.kind == "classes":
            self._answer = np.bincount(targets[:, 0].astype(int), minlength=task.size) / len(targets)
        else:
            middle = sum(task.range) / 2 if task.range else 0.0
            known = [column[~np.isnan(column)] for column in targets.T]
            self._answer = np.array([column.mean() if len(column) else middle for column in known])
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)`, every row the same."""
        return np.tile(self._answer, (len(features), 1))


class LogisticRegressionBaseline:
    """Logistic regression with balanced classes, or for numbers ridge regression, one for each number.

    Far-off features are moved in, unknown ones become the training median, all are scaled; C (or alpha) is the one
    with the best primary metric on the validation rows. Without labelled validation rows it is the grid's strongest
    regularisation but one. `chosen` is that value after `fit`, None where there was nothing to choose.
    """

    name = "logistic regression"
    chosen: float | None = None

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
    ) -> Self:
        """Fit on the training rows that have a label. Training labels of one class only give the majority's answer.

        Raises `EmertInputError` if no training row has a label, `ValueError` for features and targets of unlike length.
        """
        self._task = task
        self.chosen = None
        targets, kept = _labelled(task, train_targets)
        self._fallback = Majority().fit(task, train_features, train_targets)
        self._heads: list[LogisticRegression] | list[Ridge | None] = []
        if task.kind == "classes" and len(np.unique(targets)) == 1:
            return self
        rows = _as_features(train_features, len(kept))[kept]
        self._prepare = _preparation().fit(rows)
        prepared = self._prepare.transform(rows)
        grid = _GRID_C if task.kind == "classes" else _GRID_ALPHA
        fitted = {setting: self._fit_heads(prepared, targets, setting) for setting in grid}
        self.chosen = self._choose(fitted, validation_features, validation_targets)
        self._heads = fitted[self.chosen]
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)`: probabilities (0 for a class that training never showed), or numbers within the range."""
        return self._predict(self._heads, features)

    def _predict(self, heads: list, features: np.ndarray) -> np.ndarray:
        answer = self._fallback.predict(features)
        if not heads or not len(answer):
            return answer
        prepared = self._prepare.transform(_as_features(features, len(answer)))
        if self._task.kind == "classes":
            (head,) = heads
            answer[:] = 0.0
            answer[:, head.classes_] = head.predict_proba(prepared)
            return answer
        for index, head in enumerate(heads):
            if head is not None:
                answer[:, index] = head.predict(prepared)
        return np.clip(answer, *self._task.range) if self._task.range else answer

    def _fit_heads(
        self, prepared: np.ndarray, targets: np.ndarray, setting: float
    ) -> list[LogisticRegression] | list[Ridge | None]:
        """One head for all classes, or one a number (None for a number that has no training label)."""
        if self._task.kind == "classes":
            head = LogisticRegression(C=setting, class_weight="balanced", max_iter=2000)
            return [head.fit(prepared, targets[:, 0].astype(int))]
        known = [~np.isnan(column) for column in targets.T]
        pairs = zip(known, targets.T, strict=True)
        return [Ridge(alpha=setting).fit(prepared[rows], y[rows]) if rows.any() else None for rows, y in pairs]

    def _choose(self, fitted: dict[float, list], features: np.ndarray | None, targets: np.ndarray | None) -> float:
        grid = list(fitted)
        if features is None or targets is None:
            return grid[1]
        answers = [self._predict(heads, features) for heads in fitted.values()]
        values = [score(self._task, targets, answer)[self._task.primary_metric] for answer in answers]
        if np.isnan(values).all():
            return grid[1]
        return grid[int(np.nanargmax(values))]


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


def _preparation() -> Pipeline:
    return Pipeline(
        [
            ("clip", ClipOutliers()),
            # A column without a single training value becomes 0 instead of vanishing.
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
        ]
    )


def _labelled(task: Task, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The targets that are there, `(labelled, 1 or size)`, and which rows have them, bool `(n,)`."""
    values = as_targets(task, targets)
    kept = ~np.isnan(values).all(axis=1)
    if not kept.any():
        raise EmertInputError(f"task {task.name}: none of the {len(kept)} training recordings has a label; leave the task out")
    return values[kept], kept


def _as_features(features: np.ndarray, count: int) -> np.ndarray:
    """float64 `(count, F)`; infinities count as unknown."""
    values = np.array(features, np.float64)
    if values.ndim != 2 or len(values) != count:
        raise ValueError(f"features must be ({count}, F), one row a target, got {values.shape}")
    values[~np.isfinite(values)] = np.nan
    return values
