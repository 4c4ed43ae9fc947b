"""Logistic regression, SVM and random forest on summary vectors: scikit-learn's, with one way of preparing and choosing."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn import linear_model
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC, SVR

from modeling_emert.tasks_emert import Task
from training.metrics import score

from .frequencies import Majority
from .preparation import as_features, labelled, preparation

_FOLDS = 3  # of the training rows, in which the SVM's probabilities are calibrated
_SHARPNESS = (-5.0, 5.0)  # bounds of its natural logarithm


class FittedMethod:
    """One head for all classes, or one for each number, on prepared features (see `preparation`).

    A grid has four settings, the same number for every method, from the simplest to the most flexible, so that a tie goes
    to the simpler one. Taken is the one with the best primary metric on the validation rows; without labelled validation
    rows the simplest but one. `chosen` is that setting after `fit`, None where there was nothing to choose.
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
        """Fit on the training rows that have a label. Training labels of one class only give the majority's answer.

        `train_groups` `(n,)`: the participants; see `SupportVectorMachine`.
        Raises `EmertInputError` if no training row has a label, `ValueError` for features and targets of unlike length.
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
        """`(n, task.size)`: probabilities (0 for a class that training never showed), or numbers within the range."""
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
        """None for a number that has no training label."""
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
        """`(n, classes that training showed)`."""
        return head.predict_proba(prepared)

    def _calibrate(self, prepared: np.ndarray, classes: np.ndarray, groups: np.ndarray | None) -> None:
        """For a method whose head gives no probabilities."""


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

    Its decision values become probabilities by a softmax of one sharpness for all classes, which leaves the decision as
    it is. The sharpness has the least negative log-likelihood on training rows that the SVM has not seen: three fits,
    each without a third of the training participants. With fewer than three participants it is 1.
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
        if groups is None or len(np.unique(groups)) < _FOLDS:
            return
        losses = []
        for train, rest in GroupKFold(_FOLDS).split(prepared, groups=groups):
            if len(np.unique(classes[train])) < 2:
                continue
            part = clone(head).fit(prepared[train], classes[train])
            rest = rest[np.isin(classes[rest], part.classes_)]
            losses.append((_decisions(part, prepared[rest]), np.searchsorted(part.classes_, classes[rest])))

        def loss(log_sharpness: float) -> float:
            parts = [log_softmax(np.exp(log_sharpness) * values, axis=1) for values, _ in losses]
            return -sum(part[np.arange(len(own)), own].sum() for part, (_, own) in zip(parts, losses, strict=True))

        if losses:
            self.sharpness = float(np.exp(minimize_scalar(loss, bounds=_SHARPNESS, method="bounded").x))


class RandomForest(FittedMethod):
    """200 trees with balanced classes; numbers are a forest each. The grid is of the fewest training rows in a leaf."""

    class_grid = (16.0, 8.0, 4.0, 1.0)
    number_grid = class_grid
    trees = 200

    def make_head(self, task: Task, setting: float) -> Any:
        shared = {"n_estimators": self.trees, "min_samples_leaf": int(setting), "random_state": self.seed}
        if task.kind == "regression":
            return RandomForestRegressor(max_features="sqrt", **shared)
        return RandomForestClassifier(class_weight="balanced", **shared)


def _decisions(head: SVC, prepared: np.ndarray) -> np.ndarray:
    """`(n, classes)`; of two classes scikit-learn gives the second one's alone."""
    values = head.decision_function(prepared)
    return np.stack([-values, values], axis=1) / 2 if values.ndim == 1 else values
