"""What SMI's exports of samples and of events have in common: the preamble, the screen's size, messages with stimuli."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataset_scripts.readers.text.text_table import Head, Header, Table, TextColumn
from modeling_emert.errors_emert import EmertInputError

CALIBRATION_AREA = "Calibration Area"
# Sizes of screens that are in use, for files that don't tell theirs.
USUAL_SCREENS = ((1024, 768), (1280, 1024), (1440, 900), (1680, 1050), (1920, 1080), (1920, 1200), (2560, 1440), (3840, 2160))
# So much of the gaze lies on the screen; the rest may run off it.
ON_SCREEN = 0.99

_MISSING_NAMES = ("", "-")
_MESSAGE = re.compile(r"#\s*Message:\s*(.+?)\s*$")
_FILE_NAME = re.compile(r"(?!UE-).+\.(jpe?g|png|bmp|gif|tiff?|avi|mp4|wmv|mpe?g|mov|mkv|webm|html?|pdf|txt|swf)", re.IGNORECASE)


@dataclass(frozen=True)
class StimulusMessage:
    """From `time` (in the file's unit) on, in the trial of that name, a stimulus is shown."""

    time: float
    trial: str
    stimulus: str


def preamble(head: Head, header: Header) -> dict[str, str]:
    """`Name: value` lines above the header, with or without the `##` that some begin with."""
    return {name.lstrip("# "): value for name, value in head.preamble(header).items()}


def stimulus_message(time: str, trial: str, text: str) -> StimulusMessage | None:
    """A message that names a picture or video; None for others (`START`, `UE-keypress A`)."""
    message = _MESSAGE.search(text.strip().strip('"'))
    if message is None or not _FILE_NAME.fullmatch(message[1]):
        return None
    try:
        return StimulusMessage(float(time), trial.strip(), message[1])
    except ValueError:
        return None


def screen_size(head: Head, known: Mapping[str, str], x: np.ndarray, y: np.ndarray, notes: list[str]) -> np.ndarray:
    """`(2,)` width and height in pixels: the calibration area's, or else the smallest usual screen that holds the gaze.

    `x`, `y`: the points in pixels. A note says where the size is a guess.
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
    guess = next((size for size in USUAL_SCREENS if size[0] >= right and size[1] >= bottom), USUAL_SCREENS[-1])
    notes.append(
        f"The file gives gaze in pixels and no size of the screen: {guess[0]} x {guess[1]} is a guess, the smallest usual "
        f"screen that holds {ON_SCREEN:.0%} of the points. Put a line '## {CALIBRATION_AREA}: 1680 1050' with your screen's "
        "size at the top of the file if it is another."
    )
    return np.array(guess, float)


def text_column(table: Table, names: tuple[str, ...]) -> TextColumn:
    """The first of these columns that the table has, `-` as empty; all empty where it has none."""
    column = next((table.texts[name] for name in names if name in table.texts), TextColumn(np.zeros(table.rows, int), ("",)))
    values = tuple("" if value.strip() in _MISSING_NAMES else value.strip() for value in column.values)
    return TextColumn(column.codes % len(values), values)  # code -1 is the empty text at the end
