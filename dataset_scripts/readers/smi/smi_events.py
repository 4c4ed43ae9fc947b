"""SMI BeGaze: events, as the text export with one table for each kind of event, or as the newer Event Statistics.

Times are in microseconds in the first and milliseconds in the second, positions in pixels. Neither tells the size of the
screen: it is taken from a line `Calibration Area: ...`, from the samples exported beside it (`... Samples.txt` beside
`... Events.txt`), or guessed from the points, with a note. Time zero is the first fixation's start in each trial.
"""

import re
from collections.abc import Iterator

import numpy as np

from dataset_scripts.readers.eye_events import START, one_list, tidy_fixations
from dataset_scripts.readers.grouping import group_rows
from dataset_scripts.readers.smi.smi_shared import (
    CALIBRATION_AREA,
    StimulusMessage,
    preamble,
    screen_size,
    stimulus_message,
    text_column,
)
from dataset_scripts.readers.text.line_chunks import data_header, select_lines
from dataset_scripts.readers.text.text_files import read_lines
from dataset_scripts.readers.text.text_table import Head, Header, Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "smi_events"
TITLE = "SMI BeGaze's events (Table Header for Fixations, or Category, Event Duration [ms], ...)"

FIXATION_ROWS = re.compile(rb'(?m)^"?(?:Fixation|Visual Intake)\b[^\n]*+\n')
USER_EVENT_ROWS = re.compile(rb'(?m)^"?User ?Event\b[^\n]*+\n')
FIXATIONS = ("Fixation", "VisualIntake")

# What is needed -> its names in the text export and in Event Statistics (spaces don't count), with the unit of times in ms.
KIND = ("EventType", "Category")
TRIAL = ("Trial",)
PARTICIPANT = ("Subject", "Participant")
STIMULUS = ("Image", "Stimulus")
EYE = ("EyeL/R",)
BEGIN = {"Start": 1e-3, "EventStartTrialTime[ms]": 1.0, "EventStartRawTime[ms]": 1.0}
LASTS = {"Duration": 1e-3, "EventDuration[ms]": 1.0}
POINT = (("LocationX", "FixationPositionX[px]"), ("LocationY", "FixationPositionY[px]"))
SEPARATORS = "\t,;"


def find_header(head: Head) -> Header | None:
    """The header of the fixations; of the text export also where it has none, so that `read` can say so."""
    for row, line in enumerate(head.lines):
        if line.strip().startswith("Table Header for Fixations"):
            found = [(at, text) for at, text in enumerate(head.lines[row + 1 : row + 4], row + 1) if "Event Type" in text]
            if found:
                at, text = found[0]
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
    begin, lasts = (_times(head, table, names) for names in (BEGIN, LASTS))
    x, y = (table.numbers[_present(head, table.numbers, names)] for names in POINT)
    known |= {} if CALIBRATION_AREA in known else _beside(head)
    size = screen_size(head, known, x, y, notes)
    rows = np.stack([x / size[0], y / size[1], begin, lasts], axis=1)
    messages = _messages(head, header) if "EventType" in header.names else []
    recordings = []
    for by_side, person, trial, stimulus in _groups(head.file, table):
        own = list(notes)
        fixations = tidy_fixations(one_list({side: rows[indices] for side, indices in by_side.items()}, own), own)
        if len(fixations):
            fixations[:, START] -= fixations[0, START]
            stimulus = _shown(stimulus, trial, messages) or known.get("Stimulus")
            person = person or known.get("Subject", "")
            recordings.append(
                Gaze(
                    fixations=fixations,
                    participant=person or None,
                    stimulus=stimulus or None,
                    format=NAME,
                    notes=own,
                    fixations_on_screen=True,
                )
            )
    if not recordings:
        raise EmertInputError(f"{head.file} has no fixation with a point and a duration; export the fixations of a recording")
    return recordings


def _fixation_table(head: Head, header: Header, notes: list[str]) -> Table:
    if not header.names:
        raise EmertInputError(f"{head.file} has events and no table of fixations; export the fixations from BeGaze too")
    if "EventType" in header.names:
        head = select_lines(head, FIXATION_ROWS)
        header = data_header(header, head)
    numbers = [name for names in POINT for name in names]
    texts = (*KIND, *TRIAL, *PARTICIPANT, *STIMULUS, *EYE)
    return read_table(head, header, numbers, texts, times=(*BEGIN, *LASTS), notes=notes)


def _present(head: Head, columns: dict[str, np.ndarray], names: tuple[str, ...]) -> str:
    found = next((name for name in names if name in columns), None)
    if found is None:
        raise EmertInputError(f"{head.file} has no column {' or '.join(names)} for its fixations; tick it in BeGaze's export")
    return found


def _times(head: Head, table: Table, names: dict[str, float]) -> np.ndarray:
    name = _present(head, table.numbers, tuple(names))
    return table.numbers[name] * names[name]


def _groups(file: object, table: Table) -> Iterator[tuple[dict[str, np.ndarray], str, str, str]]:
    """Row numbers of each eye's fixations, participant, trial and stimulus, in the order in which they begin."""
    kinds, eyes, *names = (text_column(table, names) for names in (KIND, EYE, PARTICIPANT, TRIAL, STIMULUS))
    fixes = np.array([value.replace(" ", "").startswith(FIXATIONS) for value in kinds.values])[kinds.codes]
    by_eye, by_kind = (np.array([_side(value) or "" for value in column.values])[column.codes] for column in (eyes, kinds))
    right = np.where(by_eye == "", by_kind, by_eye) == "right"
    for own in group_rows(file, np.flatnonzero(fixes), tuple(names)):
        person, trial, stimulus = (column.values[column.codes[own[0]]] for column in names)
        yield {"left": own[~right[own]], "right": own[right[own]]}, person, trial, stimulus


def _side(text: str) -> str | None:
    """ "Fixation L" or "Left" -> "left"; None for what names no eye."""
    last = text.split()[-1:] or [""]
    return {"l": "left", "left": "left", "r": "right", "right": "right"}.get(last[0].lower())


def _messages(head: Head, header: Header) -> list[StimulusMessage]:
    """Those in the user events that name a stimulus, in the order of the file."""
    found = []
    for line in read_lines(select_lines(head, USER_EVENT_ROWS)):
        cells = line.split(header.separator, 4)
        if len(cells) == 5:
            found.append(stimulus_message(cells[3], cells[1], cells[4]))
    return [message for message in found if message is not None]


def _shown(stimulus: str, trial: str, messages: list[StimulusMessage]) -> str:
    """The stimulus by the fixation's own column, or by the first message of its trial."""
    return stimulus or next((message.stimulus for message in messages if message.trial == trial), "")


def _beside(head: Head) -> dict[str, str]:
    """The calibration area out of the samples that BeGaze exports beside the events."""
    other = head.file.beside(re.sub("events", "Samples", head.file.name, flags=re.IGNORECASE))
    if other is None or other.name == head.file.name:
        return {}
    found = preamble(read_head(other), Header(100, "\t", ()))
    return {CALIBRATION_AREA: found[CALIBRATION_AREA]} if CALIBRATION_AREA in found else {}
