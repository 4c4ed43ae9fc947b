"""SMI BeGaze: events, as the text export with one table for each kind of event, or as the newer Event Statistics.

Times are in microseconds in the first and milliseconds in the second, positions in pixels. Neither gives the size of the
screen: it is taken from a line `Calibration Area: ...`, from the samples exported beside it (`... Samples.txt` beside
`... Events.txt`), or guessed from the points, with a note. Time zero is the start of the first fixation in each trial.
"""

import re
from collections.abc import Iterator

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..eye_events import START, one_list, tidy_fixations
from ..samples import group_rows
from ..text.text_table import Head, Header, Table, data_header, read_head, read_table, select_lines
from .smi_samples import CALIBRATION_AREA, preamble, screen_size, stimulus_messages, text_column

NAME = "smi_events"
TITLE = "SMI BeGaze's events (Table Header for Fixations, or Category, Event Duration [ms], ...)"

FIXATION_ROWS = re.compile(rb'(?m)^"?(?:Fixation|Visual Intake)\b[^\n]*+\n')
USER_EVENT_ROWS = re.compile(rb'(?m)^"?User ?Event\b[^\n]*+\n')
FIXATIONS = ("Fixation", "VisualIntake")

# The names in the text export and in Event Statistics (without spaces), with the factor to ms or pixels.
KIND = ("EventType", "Category")
TRIAL = ("Trial",)
PARTICIPANT = ("Subject", "Participant")
STIMULUS = ("Image", "Stimulus")
EYE = ("EyeL/R",)
BEGIN = {"Start": 1e-3, "EventStartTrialTime[ms]": 1.0, "EventStartRawTime[ms]": 1.0}
DURATION = {"Duration": 1e-3, "EventDuration[ms]": 1.0}
X, Y = (dict.fromkeys((f"Location{axis}", f"FixationPosition{axis}[px]"), 1.0) for axis in "XY")
SEPARATORS = "\t,;"


def find_header(head: Head) -> Header | None:
    """The header of the fixations; for a text export without any, one without names, so that `read` can say so."""
    for row, line in enumerate(head.lines):
        if line.strip().startswith("Table Header for Fixations"):
            found = [(at, text) for at, text in enumerate(head.lines[row + 1 : row + 4], row + 1) if "Event Type" in text]
            for at, text in found[:1]:
                separator = max(SEPARATORS, key=text.count)
                names = tuple(name.strip().strip('"').replace(" ", "") for name in text.split(separator))
                return Header(at, separator, names, "fixations")
    header = head.find("EventDuration[ms]", "Category")
    if header is None:
        texts = [row for row, line in enumerate(head.lines) if line.strip().startswith("Table Header for ")]
        return Header(texts[0], "\t", (), "events") if texts else None
    return Header(header.row, header.separator, header.names, "fixations")


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording of fixations for each participant, trial and stimulus. Raises `EmertInputError`."""
    notes: list[str] = []
    known = preamble(head, header)
    table = _fixation_table(head, header, notes)
    begin, duration, x, y = (_column(head, table, names) for names in (BEGIN, DURATION, X, Y))
    known |= {} if CALIBRATION_AREA in known else _beside(head)
    size = screen_size(head, known, x, y, notes)
    rows = np.stack([x / size[0], y / size[1], begin, duration], axis=1)
    in_text = "EventType" in header.names
    messages = stimulus_messages(head, USER_EVENT_ROWS, header.separator, user_events=True) if in_text else []
    recordings = []
    for by_side, person, trial, stimulus in _groups(head.file, table):
        own = list(notes)
        fixations = tidy_fixations(one_list({side: rows[indices] for side, indices in by_side.items()}, own), own)
        if len(fixations):
            fixations[:, START] -= fixations[0, START]
            shown = next((message.stimulus for message in messages if message.trial == trial), None)
            gaze = Gaze(fixations=fixations, format=NAME, notes=own, fixations_on_screen=True)
            gaze.participant = person or known.get("Subject") or None
            gaze.stimulus = stimulus or shown or known.get("Stimulus") or None
            recordings.append(gaze)
    if not recordings:
        raise EmertInputError(f"{head.file} has no fixation with a point and a duration; export the fixations of a recording")
    return recordings


def _fixation_table(head: Head, header: Header, notes: list[str]) -> Table:
    if not header.names:
        raise EmertInputError(f"{head.file} has events and no table of fixations; export the fixations from BeGaze too")
    if "EventType" in header.names:
        head = select_lines(head, FIXATION_ROWS)
        header = data_header(header, head)
    texts = (*KIND, *TRIAL, *PARTICIPANT, *STIMULUS, *EYE)
    return read_table(head, header, (*X, *Y), texts, times=(*BEGIN, *DURATION), notes=notes)


def _column(head: Head, table: Table, names: dict[str, float]) -> np.ndarray:
    """The first of these columns that the table has, in ms or pixels. Raises `EmertInputError` if it has none."""
    name = next((name for name in names if name in table.numbers), None)
    if name is None:
        raise EmertInputError(f"{head.file} has no column {' or '.join(names)} for its fixations; tick it in BeGaze's export")
    return table.numbers[name] * names[name]


def _groups(file: object, table: Table) -> Iterator[tuple[dict[str, np.ndarray], str, str, str]]:
    """Row numbers of each eye's fixations, participant, trial and stimulus, in the order in which they begin."""
    kinds, eyes, *names = (text_column(table, names) for names in (KIND, EYE, PARTICIPANT, TRIAL, STIMULUS))
    fixes = kinds.map(lambda text: text.replace(" ", "").startswith(FIXATIONS))
    by_eye, by_kind = eyes.map(_side), kinds.map(_side)
    right = np.where(by_eye == "", by_kind, by_eye) == "right"
    for own in group_rows(file, np.flatnonzero(fixes), tuple(names)):
        person, trial, stimulus = (column[own[0]] for column in names)
        yield {"left": own[~right[own]], "right": own[right[own]]}, person, trial, stimulus


def _side(text: str) -> str:
    """ "Fixation L" or "Left" -> "left"; empty for a text that names no eye."""
    last = text.split()[-1:] or [""]
    return {"l": "left", "left": "left", "r": "right", "right": "right"}.get(last[0].lower(), "")


def _beside(head: Head) -> dict[str, str]:
    """The calibration area in the preamble of the samples that BeGaze exports beside the events."""
    other = head.file.beside(re.sub("events", "Samples", head.file.name, flags=re.IGNORECASE))
    if other is None or other.name == head.file.name:
        return {}
    found = preamble(read_head(other), Header(100, "\t", ()))
    return {CALIBRATION_AREA: found[CALIBRATION_AREA]} if CALIBRATION_AREA in found else {}
