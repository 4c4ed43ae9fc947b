"""Rows of a Tobii table, from Studio or Pro Lab: grouped into recordings, with the fixations that their samples belong to."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..samples import drop_where, group_rows, name_in, stack_columns
from ..text.text_table import Table, TextColumn

# Columns that need at least one eye.
_BOTH_EYES = ("gaze_x", "gaze_y", "gaze_mm_x", "gaze_mm_y", "gaze_stimulus_x", "gaze_stimulus_y")
ENTIRE_SCREEN_NOTE = "so the entire screen is taken as the stimulus."
NO_VALIDITY_NOTE = "The file has no validity codes: an eye counts as valid where it has a gaze point or a pupil."


def pick(table: Table, names: tuple[str, ...]) -> np.ndarray:
    """The first of these columns that the table has, `(rows,)`; NaN where it has none."""
    found = next((name for name in names if name in table.numbers), None)
    return np.full(table.rows, np.nan) if found is None else table.numbers[found]


def pick_text(table: Table, names: tuple[str, ...]) -> TextColumn | None:
    """The first of these text columns that the table has."""
    return next((table.texts[name] for name in names if name in table.texts), None)


@dataclass(frozen=True)
class Frame:
    """Pixels per axis, `(2, rows)` each: the screen, and where the stimulus lies on it. NaN where not given."""

    screen: np.ndarray
    corner: np.ndarray
    stimulus: np.ndarray

    def on_stimulus(self, points: np.ndarray) -> np.ndarray:
        """`(2, rows)` from normalised coordinates of the screen to those of the stimulus, beyond 0..1 beside it."""
        return (points * self.screen - self.corner) / self.stimulus


def drop_lost_eyes(columns: dict[str, np.ndarray], lost: dict[str, np.ndarray]) -> None:
    """Sets the values of an eye that was not found, which are fill values (-1280, 0), to NaN. `lost`: `(rows,)` by side."""
    for side, flags in lost.items():
        of_eye = [name for name in columns if f"_{side}" in name and not name.startswith("validity")]
        drop_where(columns, of_eye, flags)
    drop_where(columns, _BOTH_EYES, lost["left"] & lost["right"])


@dataclass(frozen=True)
class TobiiRows:
    """A table in our columns, `(rows,)` each."""

    columns: dict[str, np.ndarray]
    times_ms: np.ndarray
    samples: np.ndarray  # bool: the rows of the eye tracker
    frame: Frame
    fixation_index: np.ndarray | None  # NaN outside of fixations; None if the table has none
    names: tuple[TextColumn | None, TextColumn | None, TextColumn | None]  # of participants, recordings and stimuli

    def recordings(self, file: object, format: str, notes: list[str], participant: str | None = None) -> list[Gaze]:
        """One recording for each participant, recording and stimulus; `participant` is used where the rows name none.

        Raises `EmertInputError` for a recording without any time.
        """
        recordings = []
        for rows, who, stimulus in self._groups(file, notes):
            order, times, own_notes = rising(self.times_ms[rows], file)
            if len(times) == 0:
                raise EmertInputError(f"{file} has no time in any sample of {who}; export the column with the time stamps")
            values = stack_columns(len(rows), self.columns, rows[order])
            fixations = None if self.fixation_index is None else self._fixations(rows[order], times)
            recordings.append(Gaze(values, times, fixations, format=format, notes=[*notes, *own_notes]))
            recordings[-1].participant, recordings[-1].stimulus = who or participant, stimulus
        return recordings

    def _groups(self, file: object, notes: list[str]) -> Iterator[tuple[np.ndarray, str | None, str | None]]:
        """Row numbers, participant and stimulus of each recording, in the order in which they begin."""
        participants, _, stimuli = self.names
        samples = self.samples
        if stimuli is not None:
            named = stimuli.map(bool, bool) & samples
            if named.any() and (samples & ~named).any():
                notes.append(f"{int((samples & ~named).sum())} samples between the stimuli were left out.")
                samples = named
        for rows in group_rows(file, np.flatnonzero(samples), self.names, self.times_ms):
            yield rows, name_in(participants, rows[0]), name_in(stimuli, rows[0])

    @cached_property
    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """`(2, rows)` each, normalised to the stimulus: the fixation point, and the gaze point."""
        missing = np.full(len(self.samples), np.nan)
        fixation, screen, stimulus = (
            np.stack([self.columns.get(f"{name}_{axis}", missing) for axis in "xy"])
            for name in ("fixation", "gaze", "gaze_stimulus")
        )
        gaze = self.frame.on_stimulus(screen)
        return fixation, np.where(np.isnan(gaze), stimulus, gaze)

    def _fixations(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """`(fixations, 4)`: x, y, start, duration of those in these rows, by start.

        The tracker gives no point for a fixation beside the stimulus: then it is the mean of its gaze points. A fixation
        without any gaze point is left out.
        """
        inside = np.flatnonzero(~np.isnan(self.fixation_index[rows]))
        rows, times = rows[inside], times[inside]
        _, first, number = np.unique(self.fixation_index[rows], return_index=True, return_inverse=True)
        ends = np.maximum.reduceat(times[np.argsort(number, kind="stable")], _offsets(number)) if len(rows) else times
        point, gaze = self._points
        x, y = np.where(np.isnan(point[:, rows[first]]), _means(gaze[:, rows], number), point[:, rows[first]])
        duration = self.columns.get("event_duration", np.full(len(self.samples), np.nan))[rows[first]]
        duration = np.where(np.isnan(duration), ends - times[first], duration)
        fixations = np.stack([x, y, times[first], duration], axis=1)
        fixations = fixations[~np.isnan(fixations).any(axis=1)]
        return fixations[np.argsort(fixations[:, 2], kind="stable")]


def _offsets(number: np.ndarray) -> np.ndarray:
    """The first row of each group once the rows are sorted by group."""
    return np.r_[0, np.cumsum(np.bincount(number))[:-1]]


def _means(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """`(2, rows)` -> `(2, groups)`: means that ignore NaN; NaN for a group without a value."""
    known = ~np.isnan(values)
    counts = np.stack([np.bincount(number, row) for row in known])
    sums = np.stack([np.bincount(number, row) for row in np.where(known, values, 0.0)])
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
