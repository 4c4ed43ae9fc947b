"""Probes: what can be read from a model's features that it was not asked for.

A probe is a linear classifier on features that stay as they are. That it finds nothing is no proof that nothing is there:
a network with more layers might find it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor

from ..data.dataset import RecordingDataset, collate, statistics_by_participant

_FOLDS = 5
_SHUFFLES = 5  # draws of shuffled labels, whose mean is the baseline


@dataclass(frozen=True)
class ParticipantProbe:
    """How well a linear classifier tells the participants apart; all shares of recordings, 0..1.

    - `accuracy`: on recordings that the classifier has not seen, of participants whom it has.
    - `shuffled`, `shuffled_highest`: the same with names dealt out by chance: mean and highest of the resamples. With few
      participants they lie below `chance`, since a name that a fold tests is scarcer in what it has learned from.
    - `chance`: of always naming the participant with the most recordings.
    - `participants`, `recordings`: how many took part. `left_out`: participants with a single recording, who can't.
    """

    accuracy: float
    shuffled: float
    shuffled_highest: float
    chance: float
    participants: int
    recordings: int
    left_out: int

    def table(self, features: str = "the model's features") -> str:
        """For people, with `features` as their name."""
        lines = [
            ("", "accuracy"),
            (features, f"{self.accuracy:.3f}"),
            ("the same, names shuffled", f"{self.shuffled:.3f} (at most {self.shuffled_highest:.3f})"),
            ("chance: the most frequent", f"{self.chance:.3f}"),
        ]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in lines)


def participant_probe(features: np.ndarray, participants: Sequence[str], seed: int = 0) -> ParticipantProbe:
    """How much of the participant's identity is left in features.

    A linear discriminant analysis with shrinkage (Ledoit and Wolf) on standardised features: from few recordings it finds
    even one telling number among many that tell nothing, where a logistic regression does not. Cross-validated over the
    recordings of the same participants, in up to five folds, as many as the participant with the fewest recordings has.

    `features` `(recordings, size)`, `participants` one name a recording.

    Raises:
        EmertInputError: fewer than two participants have two recordings or more, or all have too few to learn from.
        ValueError: the features are not `(recordings, size)` or hold NaN or infinity.
    """
    values, names = np.asarray(features, np.float64), np.asarray(participants)
    if values.ndim != 2 or len(values) != len(names) or not np.isfinite(values).all():
        raise ValueError(f"features must be finite and ({len(names)}, size), got {values.shape}")
    known, codes, counts = np.unique(names, return_inverse=True, return_counts=True)
    kept = counts[codes] >= 2
    if (counts >= 2).sum() < 2:
        raise EmertInputError(
            f"{(counts >= 2).sum()} of {len(known)} participants have two recordings or more; the probe learns a participant "
            "from some recordings and tries others, so it needs at least 2 such participants: give more recordings"
        )
    values, codes, counts = values[kept], codes[kept], counts[counts >= 2]
    parts = min(_FOLDS, int(counts.min()))
    if len(codes) - -(-len(codes) // parts) <= len(counts):
        raise EmertInputError(
            f"{len(codes)} recordings of {len(counts)} participants: the probe learns from a part of them, which must hold "
            "more recordings than participants: give more recordings of each"
        )
    rng = np.random.default_rng(seed)
    folds = StratifiedKFold(parts, shuffle=True, random_state=seed)
    by_chance = [_accuracy(values, rng.permutation(codes), folds) for _ in range(_SHUFFLES)]
    return ParticipantProbe(
        accuracy=_accuracy(values, codes, folds),
        shuffled=float(np.mean(by_chance)),
        shuffled_highest=max(by_chance),
        chance=float(counts.max() / counts.sum()),
        participants=len(counts),
        recordings=len(codes),
        left_out=len(known) - len(counts),
    )


def _accuracy(values: np.ndarray, codes: np.ndarray, folds: StratifiedKFold) -> float:
    classifier = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
    return float((cross_val_predict(classifier, values, codes, cv=folds) == codes).mean())


@torch.no_grad()
def pooled_features(
    model: EmertForEmotionRecognition,
    processor: EmertProcessor,
    data: EmertData,
    rows: Sequence[int],
    modalities: Sequence[Modality] = MODALITIES,
) -> np.ndarray:
    """`(rows, hidden_size)` float32: the mean of the fused tokens of each recording, by a model in eval mode.

    `modalities`: what its method is given.
    """
    own = processor.feature_extractor.normalisation == "participant"
    statistics = statistics_by_participant(data, range(len(data))) if own else None
    collected = []
    batches = RecordingDataset(data, rows, processor, [], statistics, modalities=modalities)
    for batch in DataLoader(batches, 32, collate_fn=collate):
        del batch["labels"]
        inputs = {name: value.to(model.device) for name, value in batch.items()}
        collected.append(model(**inputs).pooler_output.float().cpu().numpy())
    return np.concatenate(collected)
