"""Our own form: CSV or TSV with `time_ms` and any of the 39 columns, by the names of `columns_emert`.

For a tracker that has no reader: rename its columns, convert to the units listed by `columns_markdown()`, done.

    time_ms,gaze_x,gaze_y,pupil_left
    0,0.51,0.48,3.2
    16.7,0.52,,3.2

Missing is an empty cell. Times are in ms and must rise; the first sample becomes time 0.
"""

import numpy as np

from dataset_scripts.readers.samples import rising, stack_columns
from dataset_scripts.readers.text.text_table import Head, Header, read_table
from modeling_emert.columns_emert import COLUMN_NAMES, GAZE_COLUMNS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "emert_csv"
TITLE = "our own CSV (time_ms and names of the 39 columns)"
TIME = "time_ms"
_FAR_OFF = 20.0  # screens beside the screen; nobody's gaze rests there, and pixels lie far beyond


def find_header(head: Head) -> Header | None:
    """The first line, where it names `time_ms`, or two of our columns (then the reader asks for `time_ms`)."""
    header = Head(head.file, head.encoding, head.lines[:1]).find(TIME)
    if header is not None:
        return header
    for name in COLUMN_NAMES:
        header = Head(head.file, head.encoding, head.lines[:1]).find(name)
        if header is not None and len(set(COLUMN_NAMES) & set(header.names)) > 1:
            return header
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording: such a file holds no names of participants. Raises `EmertInputError`."""
    _check_names(head, header)
    cut: list[str] = []
    table = read_table(head, header, COLUMN_NAMES, times=(TIME,), notes=cut)
    if table.rows == 0:
        raise EmertInputError(f"{head.file} has a header and no samples; add one row for each sample")
    times = table.numbers.pop(TIME)
    steps = np.diff(times)
    if np.isnan(times).any() or (steps <= 0).any():
        row = int(np.flatnonzero(np.isnan(times) | np.r_[False, steps <= 0])[0])
        raise EmertInputError(
            f"{head.file} has {times[row]:g} in column {TIME} of sample {row + 1}, where a time after that of the "
            "sample before is expected; sort the samples by time and leave out repeated ones"
        )
    _check_shares(head, table.numbers)
    # Two times may differ in float64 only: `rising` drops the second, which float32 can't tell from the first.
    order, relative, notes = rising(times)
    notes += cut
    if times[0] != 0:
        notes.append(f"Times count from the first sample, which the file has at {times[0]:g} ms.")
    return [Gaze(stack_columns(table.rows, table.numbers, order), relative, format=NAME, notes=notes)]


def _check_shares(head: Head, numbers: dict[str, np.ndarray]) -> None:
    """Points are shares of the screen or the stimulus: far beyond 1 they were written in pixels."""
    for name in GAZE_COLUMNS:
        known = np.abs(numbers[name][~np.isnan(numbers[name])]) if name in numbers else np.zeros(0)
        if len(known) and np.median(known) > _FAR_OFF:
            raise EmertInputError(
                f"{head.file} has values around {np.median(known):g} in column {name}, where a share from 0 to 1 is expected; "
                "divide pixels by the screen's size"
            )


def _check_names(head: Head, header: Header) -> None:
    unknown = [name for name in header.names if name not in (TIME, *COLUMN_NAMES)]
    if TIME not in header.names:
        raise EmertInputError(f"{head.file} has no column {TIME}; add the time of each sample in ms")
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5]) + (" and more" if len(unknown) > 5 else "")
        raise EmertInputError(
            f"{head.file} has columns that are none of the 39 of eye movements ({shown}); "
            "rename them to one of those or take them out"
        )
    repeated = sorted({name for name in header.names if header.names.count(name) > 1})
    if repeated:
        raise EmertInputError(f"{head.file} names column {repeated[0]} twice; keep one of the two")
    if len(header.names) == 1:
        raise EmertInputError(f"{head.file} has {TIME} alone; add at least one of the 39 columns of eye movements")
