"""Events of two eyes merged into one list: fixations and saccades, and the gaze point between the eyes.

Fixations are `(fixations, 4)` as in `Gaze`: x, y, start and duration in ms. Saccades are `(saccades, 3)`: start, duration,
amplitude in degrees.
"""

from collections.abc import Mapping

import numpy as np

from .samples import SIDES, covering, take

X, Y, START, DURATION = range(4)
NO_NUMBER = 1e20  # beyond any pixel or time; differences of smaller numbers stay within float32


def tidy_fixations(fixations: np.ndarray, notes: list[str]) -> np.ndarray:
    """Sorted by start, float64, without duplicates and incomplete ones; notes say how many were left out."""
    fixations = fixations.astype(np.float64)
    sound = (np.abs(fixations) < NO_NUMBER).all(axis=1) & (fixations[:, DURATION] > 0)
    if not sound.all():
        notes.append(f"{int((~sound).sum())} of {len(sound)} fixations lack a point, a time or a duration and were left out.")
    if (np.diff(fixations[sound, START]) < 0).any():
        notes.append("The fixations were not in the order of their times and were sorted.")
    fixations = fixations[sound]
    fixations = fixations[np.argsort(fixations[:, START], kind="stable")]
    _, first = np.unique(fixations, axis=0, return_index=True)
    if len(first) < len(fixations):
        notes.append(f"{len(fixations) - len(first)} fixations that are in the file twice were left out.")
    return fixations[np.sort(first)]


def leading_eye(fixations: Mapping[str, np.ndarray]) -> str:
    """The side with more fixations; the left if both have as many."""
    return max(SIDES, key=lambda side: len(fixations.get(side, ())))


def one_list(fixations: Mapping[str, np.ndarray], notes: list[str]) -> np.ndarray:
    """The leading eye's fixations; where the other eye has the same one, its point is the mean of both.

    Some trackers detect events in both eyes together and write each twice, others detect them in each eye separately.
    """
    leader = leading_eye(fixations)
    chosen, other = (np.array(fixations.get(side, np.zeros((0, 4)))) for side in (leader, *(set(SIDES) - {leader})))
    if len(other) == 0:
        return chosen
    rows = {(start, duration): row for row, (_, _, start, duration) in enumerate(other.tolist())}
    same = np.array([rows.get((start, duration), -1) for _, _, start, duration in chosen.tolist()])
    twice = same >= 0
    chosen[twice, :START] = (chosen[twice, :START] + other[same[twice], :START]) / 2
    notes.append(
        f"Of the two eyes' fixations the {leader} eye's are taken ({len(chosen)}; {len(other)} of the other); "
        f"{int(twice.sum())} have the same start and duration in both eyes, and their points are the means of both."
    )
    return chosen


def mean_of_eyes(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`gaze_x` and `gaze_y` from `gaze_left_x` and so on: the mean, or the one eye that is present."""
    mean = {}
    for axis in "xy":
        found = [columns[name] for name in (f"gaze_{side}_{axis}" for side in SIDES) if name in columns]
        if len(found) == 1:
            mean[f"gaze_{axis}"] = found[0]
        elif found:
            left, right = found
            mean[f"gaze_{axis}"] = np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))
    return mean


def inside(times: np.ndarray, start: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """For every time the index of the event in progress, or -1: `(times,)` int. The events may be in any order."""
    order = np.argsort(start, kind="stable")
    # The end itself belongs to the next event: trackers include the period of the last sample in the duration.
    current = covering(times, start[order], np.nextafter(start[order] + duration[order], -np.inf))
    return np.where(current >= 0, np.append(order, -1)[current], -1)


def fixation_columns(fixations: np.ndarray, current: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the fixation in progress. `current`: its index for every sample, or -1."""
    parts = {"fixation_x": X, "fixation_y": Y, "event_duration": DURATION}
    return {name: take(fixations[:, part], current) for name, part in parts.items()} | {"in_fixation": current >= 0}


def event_columns(times: np.ndarray, fixations: np.ndarray, saccades: np.ndarray | None) -> dict[str, np.ndarray]:
    """The columns of the fixation or saccade in progress at these times, all in ms from the same zero."""
    fixation = inside(times, fixations[:, START], fixations[:, DURATION])
    columns = fixation_columns(fixations, fixation)
    if saccades is not None:
        saccade = inside(times, saccades[:, 0], saccades[:, 1])
        columns["in_saccade"] = (saccade >= 0).astype(np.float32)
        columns["saccade_amplitude"] = take(saccades[:, 2], saccade)
        columns["event_duration"] = np.where(fixation >= 0, columns["event_duration"], take(saccades[:, 1], saccade))
    return columns
