"""Can one tell from where somebody looked which clip it was? If so, a method may read the clip and not the feeling."""

from dataclasses import dataclass

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording
from training.methods.summaries import summarise_fixations

_GRID = 4  # cells a side, over which the time fixated is summed


@dataclass(frozen=True)
class ClipProbe:
    """A linear classifier names the clip from the fixations of participants whom it has never seen; shares of recordings.

    - `accuracy`; `shuffled`: the same with the training clips' names dealt out by chance; `chance`: of the most frequent clip.
    - `stimuli`, `recordings`: how many took part.
    """

    accuracy: float
    shuffled: float
    chance: float
    stimuli: int
    recordings: int


def clip_probe(data: EmertData, folds: tuple[int, ...], seed: int = 0) -> ClipProbe:
    """On the test participants of these folds, pooled; a fold in which there is nothing to learn or to test is left out.

    Raises `EmertInputError` where that are all folds, or no recording has fixations.
    """
    gaze = data.gaze_only(range(len(data)))
    there = np.array([item.gaze is not None and item.gaze.fixations is not None for item in gaze])
    if not there.any():
        raise EmertInputError("no recording has fixations, so there is nothing to read it from")
    features = np.stack([_describe(item) for item in gaze])
    clips, rng = data.ids["stimulus_id"], np.random.default_rng(seed)
    right, by_chance = [], []
    for fold in folds:
        rows = data.select(fold)
        train, test = rows["train"][there[rows["train"]]], rows["test"][there[rows["test"]]]
        if len(test) == 0 or not 2 <= len(np.unique(clips[train])) < len(train):
            continue
        for names, hits in ((clips[train], right), (rng.permutation(clips[train]), by_chance)):
            classifier = make_pipeline(
                SimpleImputer(keep_empty_features=True),
                StandardScaler(),
                LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
            ).fit(features[train], names)
            hits.append(classifier.predict(features[test]) == clips[test])
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
    """The fixations' statistics, and the share of the fixated time in each cell of a grid over the stimulus."""
    statistics = summarise_fixations(recording.gaze)
    if recording.gaze is None or recording.gaze.fixations is None:
        return np.concatenate([statistics, np.full(_GRID**2, np.nan)])
    x, y, _, duration = np.nan_to_num(recording.gaze.fixations).T
    time, _, _ = np.histogram2d(y, x, bins=_GRID, range=[[0, 1], [0, 1]], weights=duration)
    return np.concatenate([statistics, time.ravel() / max(time.sum(), 1.0)])
