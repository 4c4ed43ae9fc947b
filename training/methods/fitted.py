"""scikit-learn's logistic regression, SVM and random forest on summary vectors, with common preparation and model selection.

The preparation learns from the training rows alone.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn import linear_model
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from modeling_emert.tasks_emert import Task
from training.metrics import score

from .classical import Majority, labelled

_CALIBRATION_FOLDS = 3  # of the training rows, for the SVM's probabilities
_LOG_SHARPNESS = (-5.0, 5.0)  # bounds of the natural logarithm of the SVM's sharpness
_OUTLIER = 5.0  # interquartile ranges from the quartiles; values beyond are clipped


class FittedMethod:
    """One estimator for all classes, or one for each number, on prepared features (see `preparation`).

    A grid has four settings for every method, ordered from the simplest to the most flexible. `fit` takes the one with the
    best primary metric on the validation rows (of equals the simplest); without labelled validation rows the second. `chosen`
    is that setting, None where there was nothing to choose.
    """

    sees = "summaries"
    class_grid: tuple[float, ...]
    number_grid: tuple[float, ...]
    chosen: float | None = None

    def __init__(self, seed: int = 0):
        self.seed = seed

    def make_head(self, task: Task, setting: float) -> Any:
        """A scikit-learn estimator that is not fitted yet."""
        raise NotImplementedError

    def fit(
        self,
        task: Task,
        train_features: np.ndarray,
        train_targets: np.ndarray,
        validation_features: np.ndarray | None = None,
        validation_targets: np.ndarray | None = None,
        train_groups: np.ndarray | None = None,
    ) -> Self:
        """Fits on the training rows that have a label. If all have the same class, the answer is that of `Majority`.

        `train_groups` `(n,)`: the participants, see `SupportVectorMachine`.
        Raises `EmertInputError` if no training row has a label, `ValueError` for features and targets of unequal length.
        """
        self._task, self.chosen, self._heads = task, None, []
        targets, kept = labelled(task, train_targets)
        self._fallback = Majority().fit(task, train_features, train_targets)
        if task.kind == "classification" and len(np.unique(targets)) == 1:
            return self
        rows = as_features(train_features, len(kept))[kept]
        self.preparation = preparation().fit(rows)
        prepared = self.preparation.transform(rows)
        grid = self.class_grid if task.kind == "classification" else self.number_grid
        fitted = {setting: self._fit_heads(prepared, targets, setting) for setting in grid}
        self.chosen = self._choose(fitted, validation_features, validation_targets)
        self._heads = fitted[self.chosen]
        if task.kind == "classification":
            self._calibrate(prepared, targets[:, 0].astype(int), None if train_groups is None else train_groups[kept])
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """`(n, task.size)`: probabilities (0 for a class without training rows), or numbers within the range."""
        return self._predict(self._heads, features)

    def _predict(self, heads: Sequence[Any], features: np.ndarray) -> np.ndarray:
        answer = self._fallback.predict(features)
        if not heads or not len(answer):
            return answer
        prepared = self.preparation.transform(as_features(features, len(answer)))
        if self._task.kind == "classification":
            answer[:] = 0.0
            answer[:, heads[0].classes_] = self._probabilities(heads[0], prepared)
            return answer
        for index, head in enumerate(heads):
            if head is not None:
                answer[:, index] = head.predict(prepared)
        return np.clip(answer, *self._task.range) if self._task.range else answer

    def _fit_heads(self, prepared: np.ndarray, targets: np.ndarray, setting: float) -> list[Any]:
        """One estimator for all classes, or one for each number, None for a number without training labels."""
        if self._task.kind == "classification":
            return [self.make_head(self._task, setting).fit(prepared, targets[:, 0].astype(int))]
        known = [~np.isnan(column) for column in targets.T]
        return [
            self.make_head(self._task, setting).fit(prepared[rows], values[rows]) if rows.any() else None
            for rows, values in zip(known, targets.T, strict=True)
        ]

    def _choose(self, fitted: dict[float, list], features: np.ndarray | None, targets: np.ndarray | None) -> float:
        grid = list(fitted)
        if features is None or targets is None:
            return grid[1]
        answers = [self._predict(heads, features) for heads in fitted.values()]
        values = [score(self._task, targets, answer)[self._task.primary_metric] for answer in answers]
        return grid[1] if np.isnan(values).all() else grid[int(np.nanargmax(values))]

    def _probabilities(self, head: Any, prepared: np.ndarray) -> np.ndarray:
        """`(n, classes with training rows)`."""
        return head.predict_proba(prepared)

    def _calibrate(self, prepared: np.ndarray, classes: np.ndarray, groups: np.ndarray | None) -> None:
        """For a method whose estimator gives no probabilities."""


class LogisticRegression(FittedMethod):
    """Logistic regression with balanced classes; for numbers ridge regression. The grid is of C (of alpha)."""

    class_grid = (0.001, 0.01, 0.1, 1.0)
    number_grid = (10_000.0, 1_000.0, 100.0, 10.0)

    def make_head(self, task: Task, setting: float) -> Any:
        if task.kind == "regression":
            return linear_model.Ridge(alpha=setting)
        return linear_model.LogisticRegression(C=setting, class_weight="balanced", max_iter=2000)


class SupportVectorMachine(FittedMethod):
    """An SVM with radial kernel and balanced classes; for numbers support vector regression. The grid is of C.

    Probabilities are the softmax of its decision values times a sharpness, one for all classes, which does not change the
    predicted class. The sharpness minimises the negative log-likelihood of training rows that the SVM has not seen: three
    fits, each without a third of the training participants. With fewer than three participants it is 1.
    """

    class_grid = (0.1, 1.0, 10.0, 100.0)
    number_grid = (0.01, 0.1, 1.0, 10.0)
    sharpness = 1.0

    def make_head(self, task: Task, setting: float) -> Any:
        if task.kind == "regression":
            low, high = task.range or (-1.0, 1.0)
            return SVR(C=setting, epsilon=0.05 * (high - low))
        return SVC(C=setting, class_weight="balanced")

    def _probabilities(self, head: Any, prepared: np.ndarray) -> np.ndarray:
        return softmax(self.sharpness * _decisions(head, prepared), axis=1)

    def _calibrate(self, prepared: np.ndarray, classes: np.ndarray, groups: np.ndarray | None) -> None:
        self.sharpness = 1.0
        (head,) = self._heads
        if groups is None or len(np.unique(groups)) < _CALIBRATION_FOLDS:
            return
        losses = []
        for train, rest in GroupKFold(_CALIBRATION_FOLDS).split(prepared, groups=groups):
            if len(np.unique(classes[train])) < 2:
                continue
            part = clone(head).fit(prepared[train], classes[train])
            rest = rest[np.isin(classes[rest], part.classes_)]
            losses.append((_decisions(part, prepared[rest]), np.searchsorted(part.classes_, classes[rest])))

        def loss(log_sharpness: float) -> float:
            parts = [log_softmax(np.exp(log_sharpness) * values, axis=1) for values, _ in losses]
            return -sum(part[np.arange(len(own)), own].sum() for part, (_, own) in zip(parts, losses, strict=True))

        if losses:
            self.sharpness = float(np.exp(minimize_scalar(loss, bounds=_LOG_SHARPNESS, method="bounded").x))


class RandomForest(FittedMethod):
    """200 trees with balanced classes; one forest for each number. The grid is of the minimum number of rows in a leaf."""

    class_grid = (16.0, 8.0, 4.0, 1.0)
    number_grid = class_grid
    trees = 200

    def make_head(self, task: Task, setting: float) -> Any:
        shared = {"n_estimators": self.trees, "min_samples_leaf": int(setting), "random_state": self.seed}
        if task.kind == "regression":
            return RandomForestRegressor(max_features="sqrt", **shared)
        return RandomForestClassifier(class_weight="balanced", **shared)


def _decisions(head: SVC, prepared: np.ndarray) -> np.ndarray:
    """`(n, classes)`; for two classes scikit-learn gives only the second one's."""
    values = head.decision_function(prepared)
    return np.stack([-values, values], axis=1) / 2 if values.ndim == 1 else values


class ClipOutliers(TransformerMixin, BaseEstimator):
    """Clips each feature to 5 interquartile ranges around the training quartiles; NaN stays NaN.

    One lost calibration would otherwise decide a column's scale. If half the values of a feature are equal, that range is 0 (a
    rare flag, for example), and the bounds are the training minimum and maximum. A feature without training values becomes NaN.
    """

    def fit(self, features: np.ndarray, targets: np.ndarray | None = None) -> Self:
        """Learn the bounds from `(n, F)`."""
        seen = ~np.isnan(features).all(axis=0)
        self.low_, self.high_ = np.full((2, features.shape[1]), np.nan)
        values = features[:, seen]
        first, third = np.nanquantile(values, [0.25, 0.75], axis=0) if seen.any() else np.zeros((2, 0))
        margin = np.where(third > first, _OUTLIER * (third - first), np.inf)
        self.low_[seen] = np.maximum(first - margin, np.nanmin(values, axis=0))
        self.high_[seen] = np.minimum(third + margin, np.nanmax(values, axis=0))
        return self

    def transform(self, features: np.ndarray) -> np.ndarray:
        """`(n, F)` within the bounds."""
        return np.clip(features, self.low_, self.high_)


class DropConstant(TransformerMixin, BaseEstimator):
    """Removes features that are constant over the training rows: a forest would sample them among the others."""

    def fit(self, features: np.ndarray, targets: np.ndarray | None = None) -> Self:
        """`(n, F)` without NaN. One feature is kept in any case, since estimators need one."""
        self.kept_ = np.ptp(features, axis=0) > 0
        if not self.kept_.any():
            self.kept_[:1] = True
        return self

    def transform(self, features: np.ndarray) -> np.ndarray:
        """`(n, kept)`."""
        return features[:, self.kept_]


def preparation() -> Pipeline:
    """Outliers clipped, unknown values replaced by the training median, constant features removed, the rest scaled."""
    return Pipeline(
        [
            ("clip", ClipOutliers()),
            # A column without any training value becomes 0 instead of being removed, and then is constant.
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("drop", DropConstant()),
            ("scale", StandardScaler()),
        ]
    )


def as_features(features: np.ndarray, count: int) -> np.ndarray:
    """float64 `(count, F)`, NaN for unknown and infinite values. Raises `ValueError` for another shape."""
    values = np.array(features, np.float64)
    if values.ndim != 2 or len(values) != count:
        raise ValueError(f"features must be ({count}, F), one row a target, got {values.shape}")
    values[~np.isfinite(values)] = np.nan
    return values
