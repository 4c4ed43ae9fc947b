"""Tobii Studio 1 and 2: the exports "Fixation-Data" and "Event-Data", both with a preamble.

The first lists fixations in pixels of the stimulus, whose size it does not give, so the screen's is used. The second lists
clicks, keys and marks and no eye data: it gives an empty recording with a note.
"""

from dataclasses import replace

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..eye_events import START, tidy_fixations
from ..samples import group_rows, name_in
from ..text.text_table import Head, Header, Table, read_table
from . import tobii_studio
from .tobii_rows import ENTIRE_SCREEN_NOTE, pick_text
from .tobii_studio import SIZE, drop_absent_points, resolution, screen_of, stimulus_size

NAME = "tobii_studio_events"
TITLE = "Tobii Studio's export of fixations or events (Timestamp, FixationDuration, MappedFixationPointX; Timestamp, EventKey)"

TIME, DURATION, EVENT = "Timestamp", "FixationDuration", "Event"
POINT = ("MappedFixationPointX", "MappedFixationPointY")
# "user": in published collections that join these exports into one table.
PARTICIPANT = ("ParticipantName", "Participant", "Subject", "user")
STIMULUS = ("StimuliName", "MediaName")
# In the preamble: "Recording time: 13:13:39:000 (corresponds to time 0)".
_COUNTED_FROM_START = "corresponds to time 0"


def find_header(head: Head) -> Header | None:
    """Either export, but not the table of samples, which has these columns too."""
    if tobii_studio.find_header(head) is not None:
        return None
    header = head.find(TIME, DURATION, *POINT)
    if header is not None:
        return replace(header, content="fixations")
    header = head.find(TIME, EVENT, "EventKey")
    return header and replace(header, content="events")


def read(head: Head, header: Header) -> list[Gaze]:
    """Recordings of fixations without samples; of events an empty one with a note. Raises `EmertInputError`."""
    preamble = head.preamble(header)
    participant = preamble.get("Participant") or preamble.get("Subject")
    if header.content == "events":
        return [Gaze(participant=participant, format=NAME, notes=[_count_events(head, header)])]
    notes: list[str] = []
    table = read_table(head, header, (*POINT, *SIZE, DURATION), (*PARTICIPANT, *STIMULUS), (TIME,), notes=notes)
    if table.rows == 0:
        raise EmertInputError(f"{head.file} has a header and no fixations; export the recording again")
    fixations = _fixations(table, _stimulus_size(head, table, preamble, notes))
    counted_from_start = any(_COUNTED_FROM_START in line for line in head.lines[: header.row])
    participants, stimuli = pick_text(table, PARTICIPANT), pick_text(table, STIMULUS)
    recordings = []
    for rows in group_rows(head.file, np.arange(table.rows), (participants, stimuli)):
        own_notes = [*notes]
        own = tidy_fixations(fixations[rows], own_notes)
        if len(own) and not counted_from_start:
            own[:, START] -= own[0, START]
            own_notes.append("Times are counted from the first fixation.")
        who, stimulus = name_in(participants, rows[0]) or participant, name_in(stimuli, rows[0])
        recordings.append(Gaze(fixations=own, participant=who, stimulus=stimulus, format=NAME, notes=own_notes))
    return recordings


def _stimulus_size(head: Head, table: Table, preamble: dict[str, str], notes: list[str]) -> np.ndarray:
    """`(2, rows)` pixels: of the stimulus where the table has its size, else of the screen."""
    size = stimulus_size(table)
    if np.isfinite(size).all(axis=0).any():
        return size
    screen = np.array(resolution(head, screen_of(preamble)))
    if np.isnan(screen).any():
        raise EmertInputError(
            f"{head.file} gives fixations in pixels and no size of the screen, where a line like "
            "'Screen resolution: 1280 x 1024' is expected above the header; export it with its preamble, or add that line"
        )
    notes.append(f"The file gives no MediaWidth and MediaHeight, {ENTIRE_SCREEN_NOTE}")
    return np.repeat(screen[:, None], table.rows, axis=1)


def _fixations(table: Table, size: np.ndarray) -> np.ndarray:
    """`(rows, 4)` as in `Gaze`, NaN for what is missing, in the file's order and with its times."""
    points = drop_absent_points(*(table.numbers[name] for name in POINT))
    x, y = points["fixation_x"] / size[0], points["fixation_y"] / size[1]
    return np.stack([x, y, table.numbers[TIME], table.numbers[DURATION]], axis=1)


def _count_events(head: Head, header: Header) -> str:
    """The note on what the file holds, the most frequent kinds of event first."""
    events = read_table(head, header, texts=(EVENT,)).texts[EVENT]
    counts = np.bincount(events.codes % max(1, len(events.values)), minlength=len(events.values))
    known = sorted(((n, kind) for n, kind in zip(counts.tolist(), events.values, strict=True) if kind and n), reverse=True)
    listed = ", ".join(f"{count} {kind[:40]}" for count, kind in known[:5])
    return (
        f"The file holds {sum(count for count, _ in known)} events of mouse, keys and screen ({listed or 'none'}) and "
        "nothing of the eyes: for those give Studio's export of samples (All-Data) or of fixations (Fixation-Data)."
    )
