"""Our own format: CSV or TSV with `time_ms` and any of the 39 columns, by the names of `columns_emert`.

For a tracker without a reader: rename its columns and convert them to the units listed by `columns_markdown()`.

    time_ms,gaze_x,gaze_y,pupil_left
    0,0.51,0.48,3.2
    16.7,0.52,,3.2

Missing is an empty cell. Times are in ms and must rise; the first sample becomes time 0.
"""

from dataclasses import replace

import numpy as np

from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from .clock import rising
from .samples import stack_columns
from .text.text_table import Head, Header, read_table

NAME = "emert_csv"
TITLE = "our own CSV (time_ms and names of the 39 columns)"
TIME = "time_ms"


def find_header(head: Head) -> Header | None:
    """The first line, if it names `time_ms` or two of our columns (then `read` asks for `time_ms`)."""
    first = replace(head, lines=head.lines[:1])
    for name in (TIME, *COLUMN_NAMES):
        header = first.find(name)
        if header is not None and (name == TIME or len(set(COLUMN_NAMES) & set(header.names)) > 1):
            return header
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording: the format has no column for participants. Raises `EmertInputError`."""
    _check_names(head, header)
    cut: list[str] = []
    table = read_table(head, header, COLUMN_NAMES, times=(TIME,), notes=cut)
    if table.rows == 0:
        raise EmertInputError(f"{head.file} has a header and no samples; add one row for each sample")
    times = table.numbers.pop(TIME)
    wrong = np.flatnonzero(np.isnan(times) | np.r_[False, np.diff(times) <= 0])
    if len(wrong):
        row = int(wrong[0])
        raise EmertInputError(
            f"{head.file} has {times[row]:g} in column {TIME} of sample {row + 1}, where a time after that of the "
            "sample before is expected; sort the samples by time and leave out repeated ones"
        )
    # `rising` drops a time that differs from the one before in float64 but not in float32.
    order, relative, notes = rising(times, head.file, advice=f"write {TIME} in milliseconds", in_ms=True)
    notes += cut
    if times[0] != 0:
        notes.append(f"Times count from the first sample, which the file has at {times[0]:g} ms.")
    return [Gaze(stack_columns(table.rows, table.numbers, order), relative, format=NAME, notes=notes)]


def _check_names(head: Head, header: Header) -> None:
    """Raises `EmertInputError`."""
    unknown = [name for name in header.names if name not in (TIME, *COLUMN_NAMES)]
    if TIME not in header.names:
        raise EmertInputError(f"{head.file} has no column {TIME}; add the time of each sample in ms")
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5]) + (" and more" if len(unknown) > 5 else "")
        raise EmertInputError(
            f"{head.file} has columns that are none of the 39 of eye movements ({shown}); rename or remove them"
        )
    repeated = sorted({name for name in header.names if header.names.count(name) > 1})
    if repeated:
        raise EmertInputError(f"{head.file} names column {repeated[0]} twice; keep one of the two")
    if len(header.names) == 1:
        raise EmertInputError(f"{head.file} has {TIME} alone; add at least one of the 39 columns of eye movements")
