"""Probes: how well a linear classifier names the participant from a model's features, and the clip from the fixations.

The features are fixed. A probe that finds nothing proves nothing: a network with more layers might find it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import MASK_OF, MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Recording

from ..data.dataset import RecordingDataset, collate, statistics_by_participant
from ..methods.summaries import summarise_fixations

_FOLDS = 5
_SHUFFLES = 5  # repetitions with shuffled labels, whose mean is the baseline
_GRID = 4  # cells a side, over which the time fixated is summed


@dataclass(frozen=True)
class ParticipantProbe:
    """How well a linear classifier tells the participants apart; all are fractions of recordings, 0..1.

    - `accuracy`: on recordings that the classifier has not seen, of participants whom it has.
    - `shuffled`, `shuffled_highest`: the same with shuffled names: mean and highest of the repetitions. With few participants
      they lie below `chance`, since a name in a test fold is rarer in the other folds.
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
    """How well the participants can be told apart by features.

    A linear discriminant analysis with shrinkage (Ledoit and Wolf) on standardised features: from few recordings it finds
    a single informative feature among many others, where a logistic regression does not. Cross-validated over the
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
    return float((cross_val_predict(classifier(), values, codes, cv=folds) == codes).mean())


def classifier(*before: BaseEstimator) -> Pipeline:
    """A linear discriminant analysis with shrinkage on standardised features."""
    return make_pipeline(*before, StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))


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
    return read_out(model, RecordingDataset(data, rows, processor, [], statistics, modalities=modalities))[0]


@torch.no_grad()
def read_out(
    model: EmertForEmotionRecognition, batches: RecordingDataset, only: str | None = None
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Features as of [`pooled_features`]; which of `MASK_OF` each recording has, `(rows, 4)` bool; logits by task.

    `only`: one of `MASK_OF`; the others are not given to the model.
    """
    features, present, logits = [], [], defaultdict(list)
    for batch in DataLoader(batches, 32, collate_fn=collate):
        del batch["labels"]
        size = len(next(iter(batch.values())))
        there = [batch[mask].any(dim=1) if mask in batch else torch.zeros(size, dtype=torch.bool) for mask in MASK_OF.values()]
        present.append(torch.stack(there, dim=1).numpy())
        unused = () if only is None else [name for pair in MASK_OF.items() if pair[0] != only for name in pair]
        output = model(**{name: value.to(model.device) for name, value in batch.items() if name not in unused})
        features.append(output.pooler_output.float().cpu().numpy())
        for name, values in output.logits.items():
            logits[name].append(values.float().cpu().numpy())
    return np.concatenate(features), np.concatenate(present), {name: np.concatenate(parts) for name, parts in logits.items()}


@dataclass(frozen=True)
class ClipProbe:
    """How well a linear classifier names the clip from the fixations of new participants; fractions of recordings.

    If it can, a method may read the clip and not the feeling.

    - `accuracy`; `shuffled`: the same with the training clips' names shuffled; `chance`: of the most frequent clip.
    - `stimuli`, `recordings`: how many took part.
    """

    accuracy: float
    shuffled: float
    chance: float
    stimuli: int
    recordings: int


def clip_probe(data: EmertData, folds: tuple[int, ...], seed: int = 0) -> ClipProbe:
    """On the test participants of these folds, pooled; a fold with too little to learn or nothing to test is left out.

    Raises `EmertInputError` where that are all folds, or no recording has fixations.
    """
    gaze = data.gaze_only(range(len(data)))
    there = np.array([item.gaze is not None and item.gaze.fixations is not None for item in gaze])
    if not there.any():
        raise EmertInputError("no recording has fixations")
    features = np.stack([_describe(item) for item in gaze])
    clips, rng = data.ids["stimulus_id"], np.random.default_rng(seed)
    right, by_chance = [], []
    for fold in folds:
        rows = data.select(fold)
        train, test = rows["train"][there[rows["train"]]], rows["test"][there[rows["test"]]]
        if len(test) == 0 or not 2 <= len(np.unique(clips[train])) < len(train):
            continue
        for names, hits in ((clips[train], right), (rng.permutation(clips[train]), by_chance)):
            fitted = classifier(SimpleImputer(keep_empty_features=True)).fit(features[train], names)
            hits.append(fitted.predict(features[test]) == clips[test])
    if not right:
        raise EmertInputError(
            f"the {there.sum()} recordings with fixations, of {len(np.unique(clips[there]))} different clips, are too few to "
            "learn clips from; the probe needs 2 clips, and more training recordings than clips"
        )
    _, counts = np.unique(clips[there], return_counts=True)
    return ClipProbe(
        accuracy=float(np.concatenate(right).mean()),
        shuffled=float(np.concatenate(by_chance).mean()),
        chance=float(counts.max() / counts.sum()),
        stimuli=len(counts),
        recordings=sum(map(len, right)),
    )


def _describe(recording: Recording) -> np.ndarray:
    """The fixations' statistics, and the fraction of the fixated time in each cell of a grid over the stimulus."""
    statistics = summarise_fixations(recording.gaze)
    if recording.gaze is None or recording.gaze.fixations is None:
        return np.concatenate([statistics, np.full(_GRID**2, np.nan)])
    x, y, _, duration = np.nan_to_num(recording.gaze.fixations).T
    time, _, _ = np.histogram2d(y, x, bins=_GRID, range=[[0, 1], [0, 1]], weights=duration)
    return np.concatenate([statistics, time.ravel() / max(time.sum(), 1.0)])
