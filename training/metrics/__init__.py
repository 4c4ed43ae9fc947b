"""The metrics of a task: `sums` for arrays and bootstraps, and the same as `evaluate` metrics in their own folders."""

from typing import TYPE_CHECKING, Any

from .emotion_regression.number_scores import LOWER_IS_BETTER
from .sums import (
    METRIC_TITLES,
    METRICS,
    as_predictions,
    as_targets,
    collect,
    score,
    scores,
    uar_batchmean16,
)

if TYPE_CHECKING:
    from .emotion_classification.emotion_classification import EmotionClassification
    from .emotion_gap.emotion_gap import EmotionGap
    from .emotion_regression.emotion_regression import EmotionRegression

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "METRIC_TITLES",
    "EmotionClassification",
    "EmotionGap",
    "EmotionRegression",
    "as_predictions",
    "as_targets",
    "collect",
    "score",
    "scores",
    "uar_batchmean16",
]


def __getattr__(name: str) -> Any:
    """The three classes when they are asked for: `evaluate` takes seconds to import, and most users of scores need none."""
    if name == "EmotionClassification":
        from .emotion_classification.emotion_classification import EmotionClassification as found
    elif name == "EmotionRegression":
        from .emotion_regression.emotion_regression import EmotionRegression as found
    elif name == "EmotionGap":
        from .emotion_gap.emotion_gap import EmotionGap as found
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return found
