"""A recording's eyes as one vector of plain statistics: what the simple baselines see."""

import numpy as np

from modeling_emert.columns_emert import COLUMN_NAMES, NUM_COLUMNS
from modeling_emert.recording_emert import Gaze

_OF_COLUMN = ("mean", "std", "min", "max", "missing")
_OF_FIXATIONS = (
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

# Column by column (`in_fixation_mean`, `in_fixation_std`, ...), then the fixations: 39 x 5 + 9 = 204.
STATISTIC_NAMES: tuple[str, ...] = (
    *(f"{column}_{statistic}" for column in COLUMN_NAMES for statistic in _OF_COLUMN),
    *_OF_FIXATIONS,
)

# A standard deviation below this share of the largest value is rounding: the feature is constant.
_ROUNDING = 1e-9


def summarise(gaze: Gaze | None) -> np.ndarray:
    """float64 `(204,)` in the order of `STATISTIC_NAMES`, **NaN where unknown**.

    Mean, std (population), min and max of a column are in its own unit over the samples that are finite; its missing
    share is 0..1. None, or a part of the gaze that is absent, gives NaN throughout; a recording without a single
    fixation has 0 fixations per second and 0 time fixated, and the rest unknown.
    """
    if gaze is None:
        return np.full(len(STATISTIC_NAMES), np.nan)
    return np.concatenate([_summarise_columns(gaze.eye_movements).ravel(), _summarise_fixations(gaze)])


def standardise_by_participant(features: np.ndarray, participants: np.ndarray) -> np.ndarray:
    """z-scores `(n, F)` of each participant's features over that participant's own recordings.

    Takes out what is the person's habit (pupil size, seat, calibration). It needs no labels, so it may be used on test
    participants too, but it does need several of their recordings: it doesn't fit one clip on its own. NaN stays NaN;
    a feature that doesn't vary within a participant, or is known once only, becomes 0. `participants`: `(n,)` ids.
    Raises `ValueError` where the lengths differ.
    """
    values = _finite(features)
    ids = np.asarray(participants)
    if values.ndim != 2 or ids.shape != (len(values),):
        raise ValueError(f"features must be (n, F) with n participants, got {values.shape} and {ids.shape}")
    result = np.full_like(values, np.nan)
    for participant in np.unique(ids):
        own = ids == participant
        mean, std, low, high = _moments(values[own])
        varies = std > _ROUNDING * np.maximum(np.abs(low), np.abs(high))
        scaled = np.divide(values[own] - mean, std, out=np.zeros_like(values[own]), where=varies)
        result[own] = np.where(np.isnan(values[own]), np.nan, scaled)
    return result


def _summarise_columns(samples: np.ndarray | None) -> np.ndarray:
    """`(T, 39)` -> `(39, 5)`."""
    if samples is None or len(samples) == 0:
        return np.full((NUM_COLUMNS, len(_OF_COLUMN)), np.nan)
    values = _finite(samples)
    return np.stack([*_moments(values), np.isnan(values).mean(axis=0)], axis=1)


def _summarise_fixations(gaze: Gaze) -> np.ndarray:
    """`(9,)`. Fixations are put in order of time first: the scan path depends on it."""
    if gaze.fixations is None:
        return np.full(len(_OF_FIXATIONS), np.nan)
    fixations = _finite(gaze.fixations)
    fixations = fixations[np.argsort(fixations[:, 2], kind="stable")]
    mean, std, _, _ = _moments(fixations)  # x, y, start, duration
    steps = np.hypot(*np.diff(fixations[:, :2], axis=0).T)
    path = np.nansum(steps) / len(fixations) if len(fixations) else np.nan
    total = gaze.duration_ms if gaze.duration_ms > 0 else np.nan
    # Fixations of a tracker may overlap by a sample, so their sum can be a little more than the whole.
    share = np.minimum(np.nansum(fixations[:, 3]) / total, 1.0)
    rate = 1000 * len(fixations) / total
    return np.array([rate, mean[3], std[3], mean[0], std[0], mean[1], std[1], path, share])


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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


def _finite(values: np.ndarray) -> np.ndarray:
    """A float64 copy in which infinities are NaN."""
    values = np.array(values, np.float64)
    values[~np.isfinite(values)] = np.nan
    return values
