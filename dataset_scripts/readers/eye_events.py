"""What trackers report of both eyes, made one: fixations, saccades, blinks, and the gaze point between the eyes.

Fixations are `(fixations, 4)` as in `Gaze`: x, y, start and duration in ms. Saccades are `(saccades, 3)`: start, duration,
amplitude in degrees. Blinks are `(blinks, 2)`: start, duration.
"""

from collections.abc import Mapping

import numpy as np

from dataset_scripts.readers.samples import covering

SIDES = ("left", "right")
X, Y, START, DURATION = range(4)
NO_NUMBER = 1e20  # no pixel, and no time in any unit; differences of smaller ones stay within float32


def tidy_fixations(fixations: np.ndarray, notes: list[str]) -> np.ndarray:
    """By start, float64, each once, without those that lack a number or last no time; a note says how many went."""
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
        notes.append(f"{len(fixations) - len(first)} fixations that stand in the file twice were left out.")
    return fixations[np.sort(first)]


def leading_eye(fixations: Mapping[str, np.ndarray]) -> str:
    """The side with more fixations, the left where they have as many."""
    return max(SIDES, key=lambda side: len(fixations.get(side, ())))


def one_list(fixations: Mapping[str, np.ndarray], notes: list[str]) -> np.ndarray:
    """One list out of one for each side: the leading eye's, with the mean of both points where the other's coincides.

    Some trackers find events in both eyes together and write each twice, others find them in each eye by itself.
    """
    sides = [side for side in SIDES if len(fixations.get(side, ()))]
    if not sides:
        return np.zeros((0, 4))
    leader = leading_eye(fixations)
    if len(sides) == 1:
        return fixations[leader]
    chosen, other = np.array(fixations[leader]), fixations["left" if leader == "right" else "right"]
    rows = {(start, duration): row for row, (_, _, start, duration) in enumerate(other.tolist())}
    twins = np.array([rows.get((start, duration), -1) for _, _, start, duration in chosen.tolist()])
    twice = twins >= 0
    chosen[twice, :START] = (chosen[twice, :START] + other[twins[twice], :START]) / 2
    notes.append(
        f"Of the two eyes' fixations the {leader} eye's are taken ({len(chosen)}; {len(other)} of the other); "
        f"{int(twice.sum())} have the same start and duration in both eyes, and their points are the means of both."
    )
    return chosen


def mean_of_eyes(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`gaze_x` and `gaze_y` from `gaze_left_x` and so on: the mean, or the one eye that is there."""
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
    # The end itself is the next event's: trackers count the last sample's own period into the duration.
    current = covering(times, start[order], np.nextafter(start[order] + duration[order], -np.inf))
    return np.where(current >= 0, np.append(order, -1)[current], -1)


def event_columns(times: np.ndarray, fixations: np.ndarray, saccades: np.ndarray | None) -> dict[str, np.ndarray]:
    """The columns that say which fixation or saccade is in progress at these times, all counted from the same zero."""
    fixation = inside(times, fixations[:, START], fixations[:, DURATION])
    columns = {"in_fixation": (fixation >= 0).astype(np.float32)}
    for name, part in (("fixation_x", X), ("fixation_y", Y), ("event_duration", DURATION)):
        columns[name] = np.append(fixations[:, part], np.nan)[fixation]
    if saccades is not None:
        saccade = inside(times, saccades[:, 0], saccades[:, 1])
        columns["in_saccade"] = (saccade >= 0).astype(np.float32)
        columns["saccade_amplitude"] = np.append(saccades[:, 2], np.nan)[saccade]
        durations = np.append(saccades[:, 1], np.nan)[saccade]
        columns["event_duration"] = np.where(fixation >= 0, columns["event_duration"], durations)
    return columns
