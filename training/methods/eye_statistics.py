"""A recording's eyes as vectors of plain statistics, one of the eye movements and one of the fixations."""

import numpy as np

from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.recording_emert import Gaze

_OF_COLUMN = ("mean", "std", "min", "max", "missing")
FIXATION_STATISTICS = (
    "fixations_per_second",
    "fixations_duration_mean",  # ms
    "fixations_duration_std",  # ms
    "fixations_x_mean",  # shares of the stimulus, as everything below but the last
    "fixations_x_std",
    "fixations_y_mean",
    "fixations_y_std",
    "fixations_scan_path",  # length for each fixation
    "fixations_share",  # of the recording's time, 0..1
)

# Column by column: `in_fixation_mean`, `in_fixation_std`, ...; 39 x 5 = 195.
EYE_MOVEMENT_STATISTICS = tuple(f"{column}_{statistic}" for column in COLUMN_NAMES for statistic in _OF_COLUMN)

# A standard deviation below this share of the largest value is rounding: the feature is constant.
_ROUNDING = 1e-9


def summarise_eye_movements(gaze: Gaze | None) -> np.ndarray:
    """float64 `(195,)` in the order of `EYE_MOVEMENT_STATISTICS`, **NaN where unknown**: throughout without eye movements.

    Mean, std (population), min and max of a column are in its own unit over the samples that are finite; its missing
    share is 0..1.
    """
    if gaze is None or gaze.eye_movements is None or len(gaze.eye_movements) == 0:
        return np.full(len(EYE_MOVEMENT_STATISTICS), np.nan)
    values = finite(gaze.eye_movements)  # (T, 39)
    return np.stack([*moments(values), np.isnan(values).mean(axis=0)], axis=1).ravel()


def summarise_fixations(gaze: Gaze | None) -> np.ndarray:
    """float64 `(9,)` in the order of `FIXATION_STATISTICS`, **NaN where unknown**: throughout without fixations.

    A recording in which fixations were looked for and none was found has 0 fixations per second and 0 time fixated, and
    the rest unknown.
    """
    if gaze is None or gaze.fixations is None:
        return np.full(len(FIXATION_STATISTICS), np.nan)
    fixations = finite(gaze.fixations)
    fixations = fixations[np.argsort(fixations[:, 2], kind="stable")]  # the scan path depends on the order
    mean, std, _, _ = moments(fixations)  # x, y, start, duration
    steps = np.hypot(*np.diff(fixations[:, :2], axis=0).T)
    path = np.nansum(steps) / len(fixations) if len(fixations) else np.nan
    total = gaze.duration_ms if gaze.duration_ms > 0 else np.nan
    # Fixations of a tracker may overlap by a sample, so their sum can be a little more than the whole.
    share = np.minimum(np.nansum(fixations[:, 3]) / total, 1.0)
    rate = 1000 * len(fixations) / total
    return np.array([rate, mean[3], std[3], mean[0], std[0], mean[1], std[1], path, share])


def standardise_by_participant(features: np.ndarray, participants: np.ndarray) -> np.ndarray:
    """z-scores `(n, F)` of each participant's features over that participant's own recordings.

    Takes out what is the person's habit (pupil size, seat, calibration). It needs no labels, so it may be used on test
    participants too, but it does need several of their recordings: it doesn't fit one clip on its own. NaN stays NaN;
    a feature that doesn't vary within a participant, or is known once only, becomes 0. `participants`: `(n,)` ids.
    Raises `ValueError` where the lengths differ.
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
    """Mean, population std, min and max of each column of `(n, F)`, without its NaNs; NaN for a column of nothing else.

    Like numpy's nan-functions, but silent about empty columns, which are common here.
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
