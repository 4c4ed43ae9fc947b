"""Recordings as they come from a worse tracker or camera: gaze lost, gaze noisy, frames of the face lost.

Each change has a level 0..1; a higher level loses all that a lower one loses. The random numbers depend on the seed and the
recording's id alone, so that recordings can be read in any order.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.inspection.quality import BLINK_MS
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.recording_emert import Gaze, Recording
from modeling_emert.rows_emert import Frames

from ..augmentation.gaze import move_points

Change = Callable[[Recording, float, np.random.Generator], Recording]

# Where the gaze is lost, validity is 0 instead of missing, if the tracker reports one.
_VALIDITY = [COLUMN_INDEX[name] for name in ("validity_left", "validity_right")]


@dataclass
class ChangedData(EmertData):
    """A data set whose recordings are changed as they are read; ids and labels are unchanged."""

    change: Change = lambda recording, level, rng: recording
    level: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, data: EmertData, change: Change, level: float, seed: int) -> "ChangedData":
        return cls(data.folder, data.metadata, data.assignment, change, level, seed)

    def recording(self, row: int, frames: Frames = None) -> Recording:
        """All stored frames are read, so that lost ones are lost before the network's few are chosen."""
        name = f"{self.seed} {self.ids['recording_id'][row]}".encode()
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name).digest()[:8], "little"))
        return self.change(super().recording(row, None), self.level, rng)


def lose_gaze(recording: Recording, level: float, rng: np.random.Generator) -> Recording:
    """Removes the gaze for the fraction `level` of the time, in blocks as long as blinks (75 to 500 ms).

    Every column of a lost sample is missing, its validity is 0 where the tracker reports one; a fixation that is lost for
    more than half of its time is gone. Where the gaze has fixations only, one is always left.
    """
    gaze = recording.gaze
    if gaze is None or gaze.duration_ms <= 0:
        return recording
    begin = float(gaze.times_ms[0]) if gaze.times_ms is not None and len(gaze.times_ms) else 0.0
    lost = _lost_times(gaze.duration_ms - begin, level, rng)  # (ms,) bool
    changes: dict = {}
    if gaze.eye_movements is not None:
        gone = lost[np.clip((gaze.times_ms - begin).astype(int), 0, len(lost) - 1)]
        samples = gaze.eye_movements.copy()
        validity = samples[:, _VALIDITY]
        samples[gone] = np.nan
        samples[:, _VALIDITY] = np.where(gone[:, None] & ~np.isnan(validity), 0, validity)
        changes["eye_movements"] = samples
    if gaze.fixations is not None:
        fractions = np.array([_lost_fraction(lost, start - begin, length) for _, _, start, length in gaze.fixations])
        kept = fractions <= 0.5
        if gaze.eye_movements is None and len(fractions) and not kept.any():
            kept[fractions.argmin()] = True
        changes["fixations"] = gaze.fixations[kept]
    return replace(recording, gaze=replace(gaze, **changes))


def _lost_times(duration_ms: float, level: float, rng: np.random.Generator) -> np.ndarray:
    """By ms, whether the gaze is lost: blocks at random places until that fraction is reached."""
    lost = np.zeros(max(1, int(np.ceil(duration_ms)) + 1), bool)
    while lost.mean() < level:
        length = rng.uniform(*BLINK_MS)
        start = rng.uniform(-length, len(lost))
        lost[max(0, int(start)) : max(0, int(start + length))] = True
    return lost


def _lost_fraction(lost: np.ndarray, start: float, length: float) -> float:
    first = int(np.clip(start, 0, len(lost) - 1))
    return float(lost[first : max(first + 1, int(start + length))].mean())


def blur_gaze(recording: Recording, level: float, rng: np.random.Generator) -> Recording:
    """Gaussian noise on every gaze point, of standard deviation `level` in fractions of the screen, the same for both eyes.

    A fixation moves by the mean of the noise over its samples, or, where there are no samples, by noise of that deviation.
    """
    gaze = recording.gaze
    if gaze is None:
        return recording
    changes: dict = {}
    noise = None if gaze.times_ms is None else level * rng.standard_normal((len(gaze.times_ms), 2))
    if gaze.eye_movements is not None:
        changes["eye_movements"] = move_points(gaze.eye_movements, noise)
    if gaze.fixations is not None:
        alone = level * rng.standard_normal((len(gaze.fixations), 2))
        changes["fixations"] = gaze.fixations.copy()
        changes["fixations"][:, :2] += _noise_of_fixations(gaze, noise, alone)
    return replace(recording, gaze=replace(gaze, **changes))


def _noise_of_fixations(gaze: Gaze, noise: np.ndarray | None, alone: np.ndarray) -> np.ndarray:
    """`(fixations, 2)`; `noise` `(samples, 2)`, `alone` `(fixations, 2)` for those without a sample."""
    if noise is None:
        return alone
    moved = alone.copy()
    for index, (_, _, start, length) in enumerate(gaze.fixations):
        inside = (gaze.times_ms >= start) & (gaze.times_ms <= start + length)
        if inside.any():
            moved[index] = noise[inside].mean(axis=0)
    return moved


def lose_frames(recording: Recording, level: float, rng: np.random.Generator) -> Recording:
    """Removes the fraction `level` of the stored face crops, and of the rows of action units, at random; one of each is always
    left.
    """
    changed = {}
    for name, of_frames in _OF_FRAMES.items():
        if (part := getattr(recording, name)) is not None:
            count = len(part.times_ms)
            order = rng.permutation(count)
            kept = np.sort(order[: max(1, round((1 - level) * count))])
            changed[name] = replace(part, **{field: getattr(part, field)[kept] for field in of_frames})
    return replace(recording, **changed) if changed else recording


# Fields of a recording that hold the face, and which of theirs have a frame a row.
_OF_FRAMES = {"face": ("frames", "times_ms", "detected"), "action_units": ("intensities", "times_ms")}


def has_frames_to_lose(recording: Recording) -> bool:
    """Whether the face has more than one frame, or row of action units."""
    parts = (getattr(recording, name) for name in _OF_FRAMES)
    return any(part is not None and len(part.times_ms) > 1 for part in parts)
