"""Every recording of a data set as summary vectors, one a modality: what classical methods see, and nothing else.

A vector is made of the recording's signals alone. Ids, labels, the stimulus's meant emotion and personality are not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, FaceTrack, Recording
from training.methods.eye_statistics import (
    EYE_MOVEMENT_STATISTICS,
    FIXATION_STATISTICS,
    finite,
    moments,
    standardise_by_participant,
    summarise_eye_movements,
    summarise_fixations,
)

NUM_FRAMES = 8  # as many as the networks see
_CROP = 48  # pixels, the side of the grey crop that is described
_CELLS, _ORIENTATIONS = 6, 8  # cells along each side of it, directions of edges (of 180 degrees) in each
_EVEN = 10.0  # edges of so many grey levels in sum are where a cell counts as even: below lies the camera's noise
_UNIT_STATISTICS = ("mean", "std", "min", "max")
_EDGE_STATISTICS = ("mean", "std")
_EDGES = tuple(
    f"face_{row}_{column}_edge_{direction}"
    for row in range(_CELLS)
    for column in range(_CELLS)
    for direction in range(_ORIENTATIONS)
)

STATISTIC_NAMES: dict[Modality, tuple[str, ...]] = {
    "face": (
        *(f"{unit}_{statistic}" for statistic in _UNIT_STATISTICS for unit in ACTION_UNITS),
        *(f"{edge}_{statistic}" for statistic in _EDGE_STATISTICS for edge in _EDGES),
    ),
    "eye_movements": EYE_MOVEMENT_STATISTICS,
    "fixations": FIXATION_STATISTICS,
}

# By folder and fingerprint of the data set. Summaries of a few thousand recordings take some megabytes.
_KNOWN: dict[tuple[Path, str], "SummaryTable"] = {}


@dataclass(frozen=True)
class SummaryTable:
    """Summary vectors of all rows of a data set.

    - `features`: by modality float64 `(rows, F)` in the order of `STATISTIC_NAMES`, NaN where unknown; a modality that no
      recording has is left out.
    - `recordings`, `participants`, `stimuli`: `(rows,)` ids.
    """

    features: dict[Modality, np.ndarray]
    recordings: np.ndarray
    participants: np.ndarray
    stimuli: np.ndarray

    def joined(self, modalities: Sequence[Modality] = MODALITIES) -> np.ndarray:
        """`(rows, F)` of these modalities side by side. Raises `EmertInputError` if the data set has none of them."""
        parts = [self.features[name] for name in MODALITIES if name in modalities and name in self.features]
        if not parts:
            found = ", ".join(self.features) or "no modality at all"
            raise EmertInputError(f"the data set has none of {', '.join(modalities)}; it has {found}; choose another method")
        return np.concatenate(parts, axis=1)

    def standardised(self) -> "SummaryTable":
        """The same with each participant's vectors as z-scores over that participant's own recordings."""
        features = {name: standardise_by_participant(values, self.participants) for name, values in self.features.items()}
        return SummaryTable(features, self.recordings, self.participants, self.stimuli)


def summary_table(data: EmertData, progress: bool = True) -> SummaryTable:
    """All rows in one pass over the data set; kept in memory, so that the next call costs nothing."""
    key = (data.folder.resolve(), data.metadata.fingerprint)
    if key not in _KNOWN:
        bar = tqdm(range(len(data)), desc="summarising recordings", unit="recording", mininterval=0.5, disable=not progress)
        vectors = [summarise_recording(data.recording(row, NUM_FRAMES)) for row in bar]
        features = {name: np.stack([vector[name] for vector in vectors]) for name in MODALITIES}
        there = {name: values for name, values in features.items() if not np.isnan(values).all()}
        ids = data.ids
        _KNOWN[key] = SummaryTable(there, ids["recording_id"], ids["participant_id"], ids["stimulus_id"])
    return _KNOWN[key]


def summarise_recording(recording: Recording) -> dict[Modality, np.ndarray]:
    """float64 `(F,)` by modality in the order of `STATISTIC_NAMES`, NaN where unknown."""
    return {
        "face": summarise_face(recording.face, recording.action_units),
        "eye_movements": summarise_eye_movements(recording.gaze),
        "fixations": summarise_fixations(recording.gaze),
    }


def summarise_face(face: FaceTrack | None, units: ActionUnits | None) -> np.ndarray:
    """`(17 * 4 + 288 * 2,)`: each action unit's mean, std, min and max over time (0..5); and where there are no action
    units, mean and std over time of the crops' edges, see `_edges`.
    """
    of_units = np.full((len(_UNIT_STATISTICS), len(ACTION_UNITS)), np.nan)
    of_edges = np.full((len(_EDGE_STATISTICS), len(_EDGES)), np.nan)
    if units is not None and np.isfinite(units.intensities).any():
        of_units[:] = moments(finite(units.intensities))
    elif face is not None and len(face.frames):
        edges = np.stack([_edges(frame) for frame in face.frames])  # (frames, 288)
        of_edges[:] = edges.mean(axis=0), edges.std(axis=0)
    return np.concatenate([of_units.ravel(), of_edges.ravel()])


def _edges(frame: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` uint8 -> `(288,)`: how strong the edges of each direction are in each cell, 0..1.

    Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), each cell normalised on its own, so that the room's
    light and the skin say less than the expression.
    """
    image = Image.fromarray(frame).convert("L").resize((_CROP, _CROP), Image.Resampling.BOX)
    down, right = np.gradient(np.asarray(image, np.float64))
    direction = (np.arctan2(down, right) % np.pi * _ORIENTATIONS / np.pi).astype(int) % _ORIENTATIONS
    place = np.arange(_CROP) * _CELLS // _CROP
    bins = (place[:, None] * _CELLS + place) * _ORIENTATIONS + direction
    strength = np.bincount(bins.ravel(), np.hypot(down, right).ravel(), minlength=len(_EDGES))
    cells = strength.reshape(-1, _ORIENTATIONS)
    return (cells / np.sqrt((cells**2).sum(axis=1, keepdims=True) + _EVEN**2)).ravel()
