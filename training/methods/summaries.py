"""Every recording of a data set as summary vectors, one for each modality: the features of the classical methods.

A vector holds statistics of the recording's signals alone: no ids, no labels, not the stimulus's emotion, no personality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from modeling_emert.columns_emert import ACTION_UNITS, COLUMN_NAMES
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze, Recording

if TYPE_CHECKING:
    from dataset_scripts.dataset.reader import EmertData

NUM_FRAMES = 8  # as many as the networks see
_CROP = 48  # pixels, the side of the grey crop
_CELLS, _ORIENTATIONS = 6, 8  # cells along each side of it, directions of edges (of 180 degrees) in each
_EDGE_NOISE = 10.0  # grey levels: a cell whose edges sum up to less is mostly the camera's noise
_ROUNDING = 1e-9  # a standard deviation below this fraction of the largest value is rounding: the feature is constant
_UNIT_STATISTICS = ("mean", "std", "min", "max")
_EDGE_STATISTICS = ("mean", "std")
_EDGES = tuple(
    f"face_{row}_{column}_edge_{direction}"
    for row in range(_CELLS)
    for column in range(_CELLS)
    for direction in range(_ORIENTATIONS)
)

_COLUMN_STATISTICS = ("mean", "std", "min", "max", "missing")
FIXATION_STATISTICS = (
    "fixations_per_second",
    "fixations_duration_mean",  # ms
    "fixations_duration_std",  # ms
    "fixations_x_mean",  # in normalised coordinates of the stimulus, as all below except the last
    "fixations_x_std",
    "fixations_y_mean",
    "fixations_y_std",
    "fixations_scan_path",  # length per fixation
    "fixations_share",  # of the recording's time, 0..1
)

# Column by column: `in_fixation_mean`, `in_fixation_std`, ...; 39 x 5 = 195.
EYE_MOVEMENT_STATISTICS = tuple(f"{column}_{statistic}" for column in COLUMN_NAMES for statistic in _COLUMN_STATISTICS)

STATISTIC_NAMES: dict[Modality, tuple[str, ...]] = {
    "face": (
        *(f"{unit}_{statistic}" for statistic in _UNIT_STATISTICS for unit in ACTION_UNITS),
        *(f"{edge}_{statistic}" for statistic in _EDGE_STATISTICS for edge in _EDGES),
    ),
    "eye_movements": EYE_MOVEMENT_STATISTICS,
    "fixations": FIXATION_STATISTICS,
}

# Cache by folder and fingerprint of the data set; a few thousand recordings take some megabytes.
_TABLES: dict[tuple[Path, str], "SummaryTable"] = {}


@dataclass(frozen=True)
class SummaryTable:
    """Summary vectors of all rows of a data set.

    - `features`: by modality float64 `(rows, F)` in the order of `STATISTIC_NAMES`, NaN where unknown; without the
      modalities that no recording has.
    - `recordings`, `participants`, `stimuli`: `(rows,)` ids.
    """

    features: dict[Modality, np.ndarray]
    recordings: np.ndarray
    participants: np.ndarray
    stimuli: np.ndarray

    def joined(self, modalities: Sequence[Modality] = MODALITIES) -> np.ndarray:
        """`(rows, F)` of these modalities concatenated. Raises `EmertInputError` if the data set has none of them."""
        parts = [self.features[name] for name in MODALITIES if name in modalities and name in self.features]
        if not parts:
            found = ", ".join(self.features) or "no modality at all"
            raise EmertInputError(f"the data set has none of {', '.join(modalities)}; it has {found}; choose another method")
        return np.concatenate(parts, axis=1)

    def standardised(self) -> "SummaryTable":
        """The same with each participant's vectors as z-scores over that participant's own recordings.

        Where nobody has two recordings, as with photographs of strangers, all stays as it is: of one, every z-score is 0.
        """
        if len(np.unique(self.participants)) == len(self.participants):
            return self
        features = {name: standardise_by_participant(values, self.participants) for name, values in self.features.items()}
        return SummaryTable(features, self.recordings, self.participants, self.stimuli)


def summary_table(data: "EmertData", progress: bool = True) -> SummaryTable:
    """All rows, in one pass over the data set; cached in memory."""
    key = (data.folder.resolve(), data.metadata.fingerprint)
    if key not in _TABLES:
        bar = tqdm(range(len(data)), desc="summarising recordings", unit="recording", mininterval=0.5, disable=not progress)
        vectors = [summarise_recording(data.recording(row, NUM_FRAMES)) for row in bar]
        features = {name: np.stack([vector[name] for vector in vectors]) for name in MODALITIES}
        there = {name: values for name, values in features.items() if not np.isnan(values).all()}
        ids = data.ids
        _TABLES[key] = SummaryTable(there, ids["recording_id"], ids["participant_id"], ids["stimulus_id"])
    return _TABLES[key]


def summarise_recording(recording: Recording) -> dict[Modality, np.ndarray]:
    """float64 `(F,)` by modality in the order of `STATISTIC_NAMES`, NaN where unknown."""
    return {
        "face": summarise_face(recording.face, recording.action_units),
        "eye_movements": summarise_eye_movements(recording.gaze),
        "fixations": summarise_fixations(recording.gaze),
    }


def summarise_face(face: FaceTrack | None, units: ActionUnits | None) -> np.ndarray:
    """`(17 * 4 + 288 * 2,)`: mean, std, min and max over time of each action unit (0..5); if there are no action units, mean
    and std over time of the crops' edges, see `_edges`.
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
    """`(height, width, 3)` uint8 -> `(288,)`: strength of the edges of each direction in each cell, 0..1.

    Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), each cell normalised by itself, so that light and skin
    matter less than the expression.
    """
    image = Image.fromarray(frame).convert("L").resize((_CROP, _CROP), Image.Resampling.BOX)
    down, right = np.gradient(np.asarray(image, np.float64))
    direction = (np.arctan2(down, right) % np.pi * _ORIENTATIONS / np.pi).astype(int) % _ORIENTATIONS
    place = np.arange(_CROP) * _CELLS // _CROP
    bins = (place[:, None] * _CELLS + place) * _ORIENTATIONS + direction
    strength = np.bincount(bins.ravel(), np.hypot(down, right).ravel(), minlength=len(_EDGES))
    cells = strength.reshape(-1, _ORIENTATIONS)
    return (cells / np.sqrt((cells**2).sum(axis=1, keepdims=True) + _EDGE_NOISE**2)).ravel()


def summarise_eye_movements(gaze: Gaze | None) -> np.ndarray:
    """float64 `(195,)` in the order of `EYE_MOVEMENT_STATISTICS`; all NaN without eye movements.

    Mean, population std, min and max of a column's finite samples, in its own unit; the fraction that is missing, 0..1.
    """
    if gaze is None or gaze.eye_movements is None or len(gaze.eye_movements) == 0:
        return np.full(len(EYE_MOVEMENT_STATISTICS), np.nan)
    values = finite(gaze.eye_movements)  # (T, 39)
    return np.stack([*moments(values), np.isnan(values).mean(axis=0)], axis=1).ravel()


def summarise_fixations(gaze: Gaze | None) -> np.ndarray:
    """float64 `(9,)` in the order of `FIXATION_STATISTICS`; all NaN if fixations are unknown.

    A recording with an empty list of fixations has 0 fixations per second and 0 time fixated; the rest is NaN.
    """
    if gaze is None or gaze.fixations is None:
        return np.full(len(FIXATION_STATISTICS), np.nan)
    fixations = finite(gaze.fixations)
    fixations = fixations[np.argsort(fixations[:, 2], kind="stable")]  # the scan path depends on the order
    mean, std, _, _ = moments(fixations)  # x, y, start, duration
    steps = np.hypot(*np.diff(fixations[:, :2], axis=0).T)
    path = np.nansum(steps) / len(fixations) if len(fixations) else np.nan
    total = gaze.duration_ms if gaze.duration_ms > 0 else np.nan
    # Fixations of a tracker may overlap by a sample, so their sum can be a little more than the duration.
    fraction = np.minimum(np.nansum(fixations[:, 3]) / total, 1.0)
    rate = 1000 * len(fixations) / total
    return np.array([rate, mean[3], std[3], mean[0], std[0], mean[1], std[1], path, fraction])


def standardise_by_participant(features: np.ndarray, participants: np.ndarray) -> np.ndarray:
    """z-scores `(n, F)` of each participant's features over that participant's own recordings.

    Removes personal habits (pupil size, seat, calibration). It uses no labels, so it may be applied to test participants, but
    it needs several of their recordings. NaN stays NaN; a feature that is constant within a participant, or known only
    once, becomes 0. `participants`: `(n,)` ids. Raises `ValueError` if the lengths differ.
    """
    values = finite(features)
    ids = np.asarray(participants)
    if values.ndim != 2 or ids.shape != (len(values),):
        raise ValueError(f"features must be (n, F) with n participants, got {values.shape} and {ids.shape}")
    result = np.full_like(values, np.nan)
    for participant in np.unique(ids):
        own = ids == participant
        mean, std, low, high = moments(values[own])
        varies = std > _ROUNDING * np.maximum(np.abs(low), np.abs(high))
        scaled = np.divide(values[own] - mean, std, out=np.zeros_like(values[own]), where=varies)
        result[own] = np.where(np.isnan(values[own]), np.nan, scaled)
    return result


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, population std, min and max of each column of `(n, F)`, ignoring NaN; NaN for a column of NaN only.

    Like numpy's nan-functions, but without warnings for empty columns, which are common here.
    """
    known = ~np.isnan(values)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    std = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / count)
    low = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
    return mean, std, np.where(np.isnan(count), np.nan, low), np.where(np.isnan(count), np.nan, high)


def finite(values: np.ndarray) -> np.ndarray:
    """A float64 copy in which infinities are NaN."""
    values = np.array(values, np.float64)
    values[~np.isfinite(values)] = np.nan
    return values
