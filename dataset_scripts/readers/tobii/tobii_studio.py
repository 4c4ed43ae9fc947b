"""Tobii Studio: tables of samples as Studio 3 exports them, and Studio 1 and 2 with a preamble.

`tobii_columns` serves both. Header names are compared without spaces, since Studio writes `GazePointX (MCSpx)` as well as
`GazePointX(MCSpx)`. ADCSpx are pixels of the screen, MCSpx pixels of the stimulus, ADCSmm millimetres.
"""

import numpy as np

from dataset_scripts.readers.text.text_table import Head, Header, read_table
from dataset_scripts.readers.tobii.tobii_columns import (
    FIXATION,
    NUMBERS,
    PARTICIPANT,
    RECORDING,
    SAMPLE_INDEX,
    STIMULUS,
    TEXTS,
    TIME,
    find_frame,
    our_columns,
)
from dataset_scripts.readers.tobii.tobii_rows import TobiiRows, pick, pick_text
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "tobii_studio"
TITLE = "Tobii Studio's export of samples (RecordingTimestamp, GazePointX(ADCSpx), ...)"


def find_header(head: Head) -> Header | None:
    """Studio 3 by its time stamp and a gaze point, Studio 1 and 2 by the gaze point's old name."""
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
    """One recording for each participant, recording and stimulus. Raises `EmertInputError`."""
    notes: list[str] = []
    table = read_table(head, header, NUMBERS, TEXTS, times=TIME, notes=notes)
    index = next((table.numbers[name] for name in SAMPLE_INDEX if name in table.numbers), np.zeros(table.rows))
    samples = ~np.isnan(index)
    if not samples.any():
        raise EmertInputError(f"{head.file} has a header and no samples; export the gaze data of a recording")
    preamble = head.preamble(header)
    frame = find_frame(head, table, preamble, notes)
    columns = our_columns(table, frame, notes)
    rows = TobiiRows(
        columns=columns,
        times_ms=pick(table, TIME),
        samples=samples,
        frame=frame,
        fixation_index=table.numbers.get(FIXATION),
        names=(pick_text(table, PARTICIPANT), pick_text(table, RECORDING), pick_text(table, STIMULUS)),
    )
    return rows.recordings(head.file, NAME, notes, preamble.get("Participant") or preamble.get("Subject"))
