"""Does a gap score find where felt and shown emotion differ? As an `evaluate` metric: see `EmotionGap`.

Written for `evaluate.load`, as `emotion_classification.py` is: no `import a, b`, only siblings and public packages.
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from .gap_scores import auroc, spearman

_DESCRIPTION = "AUROC of a gap score against the true disagreement of felt (ER) and shown (FER) emotion, and its correlation."
_CITATION = "Hanley and McNeil 1982 (AUROC as a probability)."


class EmotionGap(evaluate.Metric):
    """Scores of a gap score: one number a recording, the higher the further the felt emotion is from the shown one.

    Args of `compute`:
        predictions: `(n,)` gap scores, in any unit (EMERT's is 0..1).
        references: `(n,)`, 1 where the ER and the FER label differ, 0 where they agree; NaN or -100: not known, left out.
        distances: `(n,)` distances of the felt from the shown valence and arousal, 0 and up; NaN: not known.

    Returns a dict of numbers, NaN where undefined: `auroc`, 0..1, the chance that a recording that differs scores higher
    than one that agrees (0.5: no better than chance); `mean_agree` and `mean_disagree`, the mean score of each kind;
    `n_agree` and `n_disagree`; with distances `spearman`, -1..1, over the recordings that have one.

    Raises `ValueError` for references other than 0 and 1, and for scores that are not finite.

    >>> metric = EmotionGap(keep_in_memory=True)
    >>> found = metric.compute(predictions=[0.1, 0.4, 0.3, 0.9], references=[0, 0, 1, 1], distances=[0.0, 0.2, 0.5, 1.4])
    >>> {name: round(value, 4) for name, value in found.items()}
    {'auroc': 0.75, 'mean_agree': 0.25, 'mean_disagree': 0.6, 'n_agree': 2, 'n_disagree': 2, 'spearman': 0.8}
    """

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=type(self).__doc__,
            features=datasets.Features({"predictions": number, "references": number}),
        )

    def _compute(self, predictions: Sequence, references: Sequence, distances: Sequence | None = None) -> dict:
        gaps, truth = np.asarray(predictions, np.float64), np.asarray(references, np.float64)
        truth[truth == -100] = np.nan
        known = ~np.isnan(truth)
        if not np.isin(truth[known], (0, 1)).all():
            raise ValueError("references must be 1 (the ER and FER labels differ), 0 (they agree), or NaN")
        if not np.isfinite(gaps).all():
            raise ValueError("predictions hold NaN or infinity")
        agree, disagree = gaps[truth == 0], gaps[truth == 1]
        result = {
            "auroc": float(auroc(gaps[known], truth[known] == 1)),
            "mean_agree": float(agree.mean()) if len(agree) else float("nan"),
            "mean_disagree": float(disagree.mean()) if len(disagree) else float("nan"),
            "n_agree": len(agree),
            "n_disagree": len(disagree),
        }
        if distances is not None:
            far = np.asarray(distances, np.float64)
            if far.shape != gaps.shape:
                raise ValueError(f"{len(gaps)} predictions need as many distances, got {far.shape}")
            measured = ~np.isnan(far)
            result["spearman"] = float(spearman(gaps[measured], far[measured]))
        return result
