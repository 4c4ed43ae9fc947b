"""Tobii Studio: tables of samples as Studio 3 exports them, and as Studio 1 and 2 did, with a preamble.

One mapping table (`tobii_columns`) serves both. Header names are compared without spaces, since Studio writes
`GazePointX (MCSpx)` as well as `GazePointX(MCSpx)`. ADCSpx counts pixels of the screen, MCSpx pixels of the stimulus,
ADCSmm millimetres.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.samples import rising, stack_columns
from dataset_scripts.readers.text_table import Head, Header, Table, read_table
from dataset_scripts.readers.tobii_columns import (
    FIXATION,
    NUMBERS,
    PARTICIPANT,
    RECORDING,
    SAMPLE_INDEX,
    STIMULUS,
    TEXTS,
    TIME,
    Frame,
    find_frame,
    our_columns,
    pick,
)
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "tobii_studio"
TITLE = "Tobii Studio's export of samples (RecordingTimestamp, GazePointX(ADCSpx), ...)"


def find_header(head: Head) -> Header | None:
    """Studio 3 by its time stamp beside a gaze point, Studio 1 and 2 by the gaze point's old name."""
    for required in (
        ("RecordingTimestamp", "GazePointX(ADCSpx)"),
        ("RecordingTimestamp", "GazePointLeftX(ADCSpx)"),
        ("RecordingTimestamp", "GazePointX(MCSpx)"),
        ("Timestamp", "GazePointXLeft"),
    ):
        header = head.find(*required)
        if header is not None:
            return header
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each participant, recording and stimulus named. Raises `EmertInputError`."""
    table = read_table(head, header, NUMBERS, TEXTS, times=TIME)
    index = next((table.numbers[name] for name in SAMPLE_INDEX if name in table.numbers), np.zeros(table.rows))
    samples = ~np.isnan(index)
    if not samples.any():
        raise EmertInputError(f"{head.file} has a header and no samples; export the gaze data of a recording")
    preamble = head.preamble(header)
    notes: list[str] = []
    frame = find_frame(head, table, preamble, notes)
    columns = our_columns(table, frame, notes)
    values = stack_columns(table.rows, columns)
    fixations = _Fixations.of(table, columns, frame)
    recordings = []
    for rows, participant, stimulus in _groups(table, samples, preamble, notes):
        order, times, own_notes = rising(pick(table, TIME)[rows])
        if len(times) == 0:
            raise EmertInputError(f"{head.file} has no time in any sample of {participant}; export the column {TIME[0]}")
        recordings.append(
            Gaze(
                eye_movements=values[rows[order]],
                times_ms=times,
                fixations=fixations.within(rows[order], times) if fixations else None,
                participant=participant,
                stimulus=stimulus,
                format=NAME,
                notes=[*notes, *own_notes],
            )
        )
    return recordings


def _groups(
    table: Table, samples: np.ndarray, preamble: dict[str, str], notes: list[str]
) -> Iterator[tuple[np.ndarray, str | None, str | None]]:
    """Row numbers, participant and stimulus of each recording, in the order in which they begin."""
    found = [next((table.texts[n] for n in names if n in table.texts), None) for names in (PARTICIPANT, RECORDING, STIMULUS)]
    participants, _, stimuli = found
    if stimuli is not None:
        named = np.array([bool(value) for value in stimuli.values])[stimuli.codes] & samples
        if named.any() and (samples & ~named).any():
            notes.append(f"{int((samples & ~named).sum())} samples between the stimuli were left out.")
            samples = named
    rows = np.flatnonzero(samples)
    key = np.zeros(len(rows), np.int64)
    for texts in found:
        if texts is not None:
            # Code -1 stands for the empty text at the end of `values`: the remainder puts it there.
            key = key * len(texts.values) + texts.codes[rows] % len(texts.values)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    by_group = np.split(rows[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    for number in np.argsort(first):
        row = by_group[number][0]
        yield (
            by_group[number],
            (participants.values[participants.codes[row]] if participants else preamble.get("Participant")) or None,
            (stimuli.values[stimuli.codes[row]] if stimuli else None) or None,
        )


@dataclass(frozen=True)
class _Fixations:
    """What the rows say about fixations, `(rows,)` each; `gaze` `(2, rows)` is the point on the stimulus's plane."""

    index: np.ndarray
    point: np.ndarray
    gaze: np.ndarray
    duration: np.ndarray

    @classmethod
    def of(cls, table: Table, columns: dict[str, np.ndarray], frame: Frame) -> "_Fixations | None":
        if FIXATION not in table.numbers:
            return None
        missing = np.full(table.rows, np.nan)
        point = np.stack([columns.get(f"fixation_{axis}", missing) for axis in "xy"])
        screen = np.stack([columns.get(f"gaze_{axis}", missing) for axis in "xy"])
        # Pixels of the screen -> pixels from the stimulus's corner -> shares of the stimulus, beyond 0..1 beside it.
        gaze = (screen * frame.screen - frame.corner) / frame.stimulus
        return cls(table.numbers[FIXATION], point, gaze, columns.get("event_duration", missing))

    def within(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """`(fixations, 4)`: x, y, start, duration of those in these rows, by start.

        The tracker gives no point for a fixation beside the stimulus, so that is the mean of its gaze points; one
        without any gaze point is left out.
        """
        inside = np.flatnonzero(~np.isnan(self.index[rows]))
        rows, times = rows[inside], times[inside]
        _, first, number = np.unique(self.index[rows], return_index=True, return_inverse=True)
        ends = np.maximum.reduceat(times[np.argsort(number, kind="stable")], _offsets(number)) if len(rows) else times
        x, y = (
            np.where(np.isnan(point), mean, point)
            for point, mean in zip(self.point[:, rows[first]], _means(self.gaze[:, rows], number), strict=True)
        )
        duration = self.duration[rows[first]]
        duration = np.where(np.isnan(duration), ends - times[first], duration)
        fixations = np.stack([x, y, times[first], duration], axis=1)
        fixations = fixations[~np.isnan(fixations).any(axis=1)]
        return fixations[np.argsort(fixations[:, 2], kind="stable")]


def _offsets(number: np.ndarray) -> np.ndarray:
    """Where each group begins once the rows are sorted by group."""
    return np.r_[0, np.cumsum(np.bincount(number))[:-1]]


def _means(values: np.ndarray, number: np.ndarray) -> np.ndarray:
    """`(2, rows)` -> `(2, groups)`: means that leave NaN out; NaN for a group that has nothing else."""
    known = ~np.isnan(values)
    counts = np.stack([np.bincount(number, row) for row in known])
    sums = np.stack([np.bincount(number, row) for row in np.where(known, values, 0.0)])
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
