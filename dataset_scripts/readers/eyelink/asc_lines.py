"""The lines of an EyeLink ASC file (SR Research's `edf2asc`), parsed into samples, events and trials.

Lines that begin with a digit are samples and are parsed by Arrow; the few others one by one. The layout of the samples may
change from one recording block to the next.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PureWindowsPath

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from modeling_emert.errors_emert import EmertInputError

from ..clock import MAX_DISTANCE_MS, RESTART_MS
from ..samples import SIDES
from ..text.encodings import decoded
from ..text.text_table import ROW_OF_OTHER_WIDTH, Head, line_chunks

EYES = {"L": "left", "R": "right", "LEFT": "left", "RIGHT": "right", "LR": "both"}
_OFFSET = re.compile(r"-?\d+(\.\d+)?\s+(?=\D)")  # a message may begin with its own delay in ms
_SCREEN = re.compile(r"(GAZE_COORDS|DISPLAY_COORDS|SCREEN_PIXEL_COORDS)\b(.*)", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_STIMULUS_VARIABLE = re.compile(r"image|img|stimul|picture|video|movie|clip", re.IGNORECASE)
_CUT_ROWS = {cells: re.compile(rb"(?m)^((?:[^\t\n]*\t){%d}[^\t\n]*)" % (cells - 1)) for cells in (4, 7)}
MAX_OTHERS = 1_000_000  # lines that are no samples; an hour with a message for every video frame has a quarter of that
# Missing data where EyeLink doesn't write a point: one number in samples, another in events.
MISSING, NO_NUMBER = -32768, 1e7


@dataclass
class Trial:
    """From `start` (ms) to the next trial. `stimulus`: the first that exists of a variable, a picture and the TRIALID."""

    start: float
    name: str
    variable: str | None = None
    picture: str | None = None

    @property
    def stimulus(self) -> str:
        return self.variable or self.picture or self.name


@dataclass
class AscLines:
    """The content of a file. Times in ms of the tracker's clock, positions in pixels, pupils in the tracker's own units.

    - `times`: `(samples,)` float64. `values`: `(samples, 6)` float32: x, y, pupil of the left and of the right eye.
    - `events`: by kind (EFIX, ESACC, EBLINK) and side, lists of the numbers in the line; missing is NaN.
    - `screens`: time, the message's name, and the edges left, top, right, bottom in pixels, in the order of the file.
    - `rates`: samples a second as the file states them.
    """

    times: np.ndarray = field(init=False)
    values: np.ndarray = field(init=False)
    events: dict[str, dict[str, list[list[float]]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    trials: list[Trial] = field(default_factory=list)
    screens: list[tuple[float, str, tuple[float, ...]]] = field(default_factory=list)
    rates: set[float] = field(default_factory=set)
    pupil_unit: str = "size"
    cut_rows: int = 0


class AscReader:
    def __init__(self, head: Head):
        self._head, self._file, self._found = head, head.file, AscLines()
        self._eyes: tuple[str, ...] = ()
        self._pending: list[bytes] = []
        self._times: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._sections: list[AscLines] = []
        self._earliest, self._latest = np.inf, -np.inf
        self._block_start: float | None = None
        self._named_since_end = False
        self._others = 0

    def read(self) -> list[AscLines]:
        """All lines of the file, divided where its clock was set back. Raises `EmertInputError` for an unreadable line."""
        for chunk in line_chunks(self._file, self._head.encoding):
            starts = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n")) + 1
            first = np.frombuffer(chunk, np.uint8)[np.r_[0, starts[:-1]]]
            numeric = (first >= ord("0")) & (first <= ord("9"))
            begin = 0
            for last in [*np.flatnonzero(np.diff(numeric)), len(numeric) - 1]:
                end = starts[last]
                if numeric[last]:
                    self._pending.append(chunk[begin:end])
                else:
                    self._take_others(chunk[begin:end].splitlines())
                begin = end
            self._flush()
        self._end_section()
        return self._sections

    def _end_section(self) -> None:
        self._flush()
        self._found.times = np.concatenate([np.zeros(0), *self._times])
        self._found.values = np.concatenate([np.zeros((0, 6), np.float32), *self._values])
        self._times, self._values = [], []
        self._sections.append(self._found)

    def _follow_clock(self, time: float, begins: bool, slack: float = RESTART_MS) -> None:
        """Begins another section where the clock was set back by more than `slack`, or on by more than a day.

        `begins`: a block or trial begins, after all that is before; other messages may be of a moment before the last samples.
        """
        if self._pending:
            last = _number(self._pending[-1].rstrip().rpartition(b"\n")[2].split(None, 1)[0].decode("latin-1"))
            self._latest = max(self._latest, self._latest if last is None else last)
        below = self._latest if begins else self._earliest
        if time < below - slack or time > self._latest + MAX_DISTANCE_MS > -np.inf:
            self._end_section()
            screens = [(-np.inf, name, edges) for _, name, edges in self._found.screens]
            self._found = AscLines(screens=screens, pupil_unit=self._found.pupil_unit, rates=set(self._found.rates))
            self._earliest, self._latest, self._named_since_end = np.inf, -np.inf, False
        self._earliest, self._latest = min(self._earliest, time), max(self._latest, time)

    # ---- samples

    def _flush(self) -> None:
        """The samples gathered so far, all of one layout, become arrays."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending = []
        if not self._eyes:
            raise EmertInputError(
                f"{self._file} has samples before any START or SAMPLES line that says which eye they are of; "
                "convert the EDF file again, with its start and end lines"
            )
        times, values = self._parse(_tabbed(data))
        places = [3 * SIDES.index(eye) + part for eye in self._eyes for part in range(3)]
        block = np.full((len(times), 6), np.nan, np.float32)
        block[:, places] = values
        self._latest = max(self._latest, float(times[-1])) if len(times) and np.isfinite(times[-1]) else self._latest
        self._times.append(times)
        self._values.append(block)

    def _parse(self, data: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Times `(rows,)` and values `(rows, 3 or 6)`. Rows may have further cells (velocity, flags), or too few."""
        cells = 1 + 3 * len(self._eyes)
        width = data[: data.index(b"\n")].count(b"\t") + 1
        table = self._table(data, cells, width) if width >= cells else None
        if table is None:  # rows of several widths: all are cut to the cells that count
            rows = _CUT_ROWS[cells].findall(data)
            self._found.cut_rows += data.count(b"\n") - len(rows)
            table = self._table(b"\n".join(rows) + b"\n", cells, cells) if rows else None
        if table is None:
            return np.zeros(0), np.zeros((0, cells - 1), np.float32)
        values = np.stack([column.to_numpy() for column in table.columns[1:]], axis=1)
        values[~((values > MISSING) & (values < NO_NUMBER))] = np.nan
        return np.array(table.column(0).to_numpy()), values

    def _table(self, data: bytes, cells: int, width: int) -> pa.Table | None:
        """The first cells of the rows; None where not all rows have this width."""
        names = [str(number) for number in range(width)]
        kinds = {name: pa.float32() if number else pa.float64() for number, name in enumerate(names[:cells])}
        try:
            return arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(column_names=names),
                arrow_csv.ParseOptions(delimiter="\t", quote_char=False),
                arrow_csv.ConvertOptions(include_columns=names[:cells], column_types=kinds, null_values=[".", "", "nan"]),
            )
        except pa.ArrowInvalid as error:
            if ROW_OF_OTHER_WIDTH.search(str(error)):
                return None
            found = re.search(r"invalid value '(.*)'", str(error), re.DOTALL)
            value = repr(found[1][:40]) if found else "a part that is no table"
            raise EmertInputError(
                f"{self._file} has {value} in a sample line, where a number or a point is expected; convert the EDF file again"
            ) from error

    # ---- the other lines

    def _take_others(self, lines: list[bytes]) -> None:
        self._others += len(lines)
        if self._others > MAX_OTHERS:
            raise EmertInputError(
                f"{self._file} has more than {MAX_OTHERS:,} lines that are no samples, more than any recording has; "
                "convert the EDF file again"
            )
        for line in lines:
            kind, _, rest = line.replace(b"\t", b" ").partition(b" ")
            if kind == b"MSG":
                self._message(decoded(rest))
            elif kind in (b"EFIX", b"ESACC", b"EBLINK"):
                self._event(kind.decode(), rest.decode("latin-1").split())
            elif kind in (b"START", b"SAMPLES", b"EVENTS", b"PUPIL", b"END"):
                self._block(kind.decode(), rest.decode("latin-1").upper().split())

    def _event(self, kind: str, cells: list[str]) -> None:
        try:
            side, numbers = EYES[cells[0]], [np.nan if cell == "." else float(cell) for cell in cells[1:]]
        except (ValueError, KeyError, IndexError):
            side, numbers = "", []
        if len(numbers) < {"EFIX": 5, "ESACC": 8, "EBLINK": 3}[kind]:
            self._found.cut_rows += 1
        else:
            self._found.events[kind][side].append(numbers)

    def _block(self, kind: str, cells: list[str]) -> None:
        if kind == "PUPIL":
            self._found.pupil_unit = cells[0].lower() if cells else "size"
            return
        if kind in ("START", "END"):
            time = _number(cells[0]) if cells else None
            if time is not None and kind == "START":
                self._follow_clock(time, begins=True, slack=0.0)
            self._block_start = time if kind == "START" else None
            self._named_since_end = self._named_since_end and kind == "START"
        elif cells and cells[0] != "GAZE" and cells[0] in ("HREF", "PUPIL", "RAW"):
            raise EmertInputError(
                f"{self._file} gives its {kind.lower()} as {cells[0]}, where GAZE in pixels of the screen is expected; "
                "convert the EDF file again with edf2asc's default, without -sh, -sr, -eh, -er"
            )
        if kind == "SAMPLES" and "RATE" in cells[:-1]:
            rate = _number(cells[cells.index("RATE") + 1])
            self._found.rates |= {rate} if rate is not None and rate > 0 else set()
        if kind in ("START", "SAMPLES"):
            sides = {EYES[cell] for cell in cells if cell in EYES}
            eyes = SIDES if "both" in sides else tuple(side for side in SIDES if side in sides)
            if eyes and eyes != self._eyes:
                self._flush()
                self._eyes = eyes

    def _message(self, text: str) -> None:
        time_text, _, text = text.strip().partition(" ")
        time = _number(time_text)
        if time is None:
            return
        self._follow_clock(time, begins=text.lstrip().startswith("TRIALID"))
        text = _OFFSET.sub("", text.strip(), count=1) if text.strip()[:1] in "-0123456789" else text.strip()
        if text.startswith("TRIALID"):
            self._trial(time, text[len("TRIALID") :].strip(" :="))
        elif text.startswith("!V ") and self._found.trials:
            _describe(self._found.trials[-1], text.split()[1:])
        elif screen := _SCREEN.search(text):
            edges = tuple(float(number) for number in _NUMBER.findall(screen[2])[:4])
            if len(edges) == 4:
                self._found.screens.append((time, screen[1].upper(), edges))

    def _trial(self, time: float, name: str) -> None:
        """Most experiments name a trial before its block starts; if it is named within, the trial starts with the block."""
        if self._block_start is not None and not self._named_since_end:
            time = self._block_start
        self._named_since_end = True
        self._found.trials.append(Trial(time, name or str(len(self._found.trials) + 1)))


def _tabbed(data: bytes) -> bytes:
    """edf2asc pads numbers with spaces between tabs, or with -sp writes only spaces."""
    if b"\t" not in data[: data.index(b"\n")]:
        data = re.sub(rb" *\n", b"\n", re.sub(rb" +", b"\t", data.replace(b"\r", b"").replace(b"\t", b" ")))
    return data.translate(None, b" \r")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _describe(trial: Trial, words: list[str]) -> None:
    """A Data Viewer command: TRIAL_VAR image face.jpg; IMGLOAD FILL pictures/face.jpg; VFRAME 1 0 0 clip.avi."""
    if len(words) >= 3 and words[0] == "TRIAL_VAR" and _STIMULUS_VARIABLE.search(words[1]):
        trial.variable = trial.variable or " ".join(words[2:])
    elif len(words) >= 3 and words[0] in ("IMGLOAD", "VFRAME"):
        files = [word for word in words[1:] if re.search(r"[A-Za-z].*\.\w+$", word)]
        if files:
            trial.picture = trial.picture or PureWindowsPath(files[0].replace("/", "\\")).name
