"""Parts of SMI's exports of samples and of events alike: the preamble, the screen's size, messages with stimuli."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from modeling_emert.errors_emert import EmertInputError

from ..text.text_table import Head, Header, Table, TextColumn, read_lines, select_lines

CALIBRATION_AREA = "Calibration Area"
# Common screen sizes, for files that don't give theirs.
COMMON_SCREENS = ((1024, 768), (1280, 1024), (1440, 900), (1680, 1050), (1920, 1080), (1920, 1200), (2560, 1440), (3840, 2160))
# The fraction of gaze points expected on the screen; the others may be beside it.
ON_SCREEN = 0.99

_MISSING_NAMES = ("", "-")
_MESSAGE = re.compile(r"#\s*Message:\s*(.+?)\s*$")
_FILE_NAME = re.compile(r"(?!UE-).+\.(jpe?g|png|bmp|gif|tiff?|avi|mp4|wmv|mpe?g|mov|mkv|webm|html?|pdf|txt|swf)", re.IGNORECASE)


@dataclass(frozen=True)
class StimulusMessage:
    """A stimulus is shown from `time` (in the file's unit) in the trial of that name."""

    time: float
    trial: str
    stimulus: str


def preamble(head: Head, header: Header) -> dict[str, str]:
    """`Name: value` lines above the header, with or without the `##` that some begin with."""
    return {name.lstrip("# "): value for name, value in head.preamble(header).items()}


def stimulus_messages(head: Head, rows: re.Pattern[bytes], separator: str, user_events: bool) -> list[StimulusMessage]:
    """The messages that name a picture or video, in the order of the file; not others (`START`, `UE-keypress A`).

    `user_events`: they are the lines that match `rows` (type, trial, number, time, text), as among events; else they are
    those of the other lines with the type MSG (time, type, trial, text), as between samples.
    """
    found = []
    for line in read_lines(select_lines(head, rows, others=not user_events)):
        cells = line.split(separator, 4 if user_events else 3)
        if user_events and len(cells) == 5:
            _, trial, _, time, text = cells
        elif not user_events and len(cells) == 4 and cells[1] == "MSG":
            time, _, trial, text = cells
        else:
            continue
        message = _MESSAGE.search(text.strip().strip('"'))
        if message is not None and _FILE_NAME.fullmatch(message[1]):
            with suppress(ValueError):  # a damaged time
                found.append(StimulusMessage(float(time), trial.strip(), message[1]))
    return found


def screen_size(head: Head, known: Mapping[str, str], x: np.ndarray, y: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(2,)` width and height in pixels: the calibration area's, else the smallest common screen that contains the gaze.

    `x`, `y`: the points in pixels. A note says so if the size is a guess.
    """
    text = known.get(CALIBRATION_AREA)
    if text is not None:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", text)
        size = [float(number.replace(",", ".")) for number in numbers[:2]]
        if len(size) < 2 or not all(1 < side < 1e5 for side in size):
            raise EmertInputError(
                f"{head.file} has {text[:40]!r} as {CALIBRATION_AREA}, where a size in pixels like 1680 1050 is expected; "
                "correct that line"
            )
        return np.array(size)
    present = np.isfinite(x) & np.isfinite(y)
    right, bottom = np.quantile(np.stack([x[present], y[present]]), ON_SCREEN, axis=1) if present.any() else (0.0, 0.0)
    guess = next((size for size in COMMON_SCREENS if size[0] >= right and size[1] >= bottom), COMMON_SCREENS[-1])
    notes.append(
        f"The file gives gaze in pixels and no size of the screen: {guess[0]} x {guess[1]} is a guess, the smallest common "
        f"screen that contains {ON_SCREEN:.0%} of the points. If it is wrong, add a line '## {CALIBRATION_AREA}: 1680 1050' "
        "with your screen's size at the top of the file."
    )
    return np.array(guess, float)


def text_column(table: Table, names: tuple[str, ...]) -> TextColumn:
    """The first of these columns that the table has, with `-` as empty; all empty if it has none."""
    column = next((table.texts[name] for name in names if name in table.texts), TextColumn(np.zeros(table.rows, int), ("",)))
    values = tuple("" if value.strip() in _MISSING_NAMES else value.strip() for value in column.values)
    return TextColumn(column.codes % len(values), values)  # no code -1 any more
