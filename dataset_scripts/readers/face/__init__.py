"""Action units that another program estimated from a face, read into `ActionUnits`. The program is told by the columns.

- OpenFace 2 (`FeatureExtraction`, `FaceLandmarkVidMulti`, `FaceLandmarkImg`): `AU01_r` ... `AU45_r`, intensities 0..5, and
  `timestamp` in s; with or without spaces after the commas. Rows with `success` 0 are missing.
- py-feat (a `Fex` table): `AU01` ... `AU43`, 0..1: probabilities (its `xgb` model) or 0 and 1 (`svm`), which are not
  intensities. They are multiplied by 5, so that "surely there" and "fully there" are the same number; a network that learned
  from one program's numbers should be trusted with the other's only after a test. `AU43` (eyes closed) is taken as `AU45`
  (blink). The table has frame numbers and, in newer versions, times in whole seconds (`approx_time`), from which the rate is
  estimated; without them 30 frames a second are assumed.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits

from ..text.text_files import TextFile
from ..text.text_table import Head, Header, Table, read_head, read_table

MOST_INTENSE = 5.0  # of `ActionUnits`
ASSUMED_RATE = 30.0  # frames a second
_ROUNDING = 1e-3


class _Program(NamedTuple):
    """`required`: columns that tell it. `highest`: value of a unit. `faces`: columns of the face's name; `found`: of whether
    there is one, in a row where it is 0 or empty there is none."""

    title: str
    required: tuple[str, ...]
    units: tuple[str, ...]
    highest: float
    faces: tuple[str, ...]
    found: str


OPENFACE = _Program(
    "OpenFace's CSV (timestamp, success, AU01_r, ...)",
    ("AU12_r", "AU45_r"),
    tuple(f"{unit}_r" for unit in ACTION_UNITS),
    5.0,
    ("face_id", "face"),
    "success",
)
PY_FEAT = _Program(
    "py-feat's CSV (frame, FaceScore, AU01, ...)",
    ("AU12", "AU43", "FaceScore"),
    tuple("AU43" if unit == "AU45" else unit for unit in ACTION_UNITS),
    1.0,
    ("Identity",),
    "FaceScore",
)
PROGRAMS = (OPENFACE, PY_FEAT)


def read_faces(path: str | Path, face: str | None = None) -> ActionUnits:
    """The action units of the one face in the file, or of the one of that name (OpenFace's `face_id`, py-feat's `Identity`).

    Rows without a face, and units that the program does not estimate, are NaN. A file may be compressed (`.gz`, `.xz`).

    Raises `EmertInputError` for a file that is absent, empty, too large, damaged or of no known program; for a value out of
    its scale; and for several faces, of which it names the first ones.
    """
    head = read_head(TextFile(Path(path)))
    for program in PROGRAMS:
        header = head.find(*program.required)
        if header is not None:
            return _read(program, head, header, face)
    known = " or ".join(program.title for program in PROGRAMS)
    raise EmertInputError(f"{path} has no action units: it begins with {head.first_line[:60]!r}, where {known} is expected")


def _read(program: _Program, head: Head, header: Header, face: str | None) -> ActionUnits:
    texts = (*program.faces, "approx_time")
    table = read_table(head, header, {*program.units, program.found}, texts, ("timestamp", "frame"), notes=[])
    if not table.rows:
        raise EmertInputError(f"{head.file} has a header and no rows; run the program on the video again")
    rows = _rows_of(program, head, table, face)
    units = np.full((table.rows, len(ACTION_UNITS)), np.nan, np.float32)
    for column, name in enumerate(program.units):
        if name in table.numbers:
            units[:, column] = table.numbers[name]
    if program.found in table.numbers:
        units[~(table.numbers[program.found] > 0)] = np.nan
    _check_scale(program, head, units)
    times = _times(program, head, table)[rows]
    if not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        problem = "two rows of one frame, or rows that go back in time" if np.isfinite(times).all() else "a row without a time"
        raise EmertInputError(f"{head.file} has {problem}: the face of one person in one recording is expected; export it so")
    return ActionUnits(units[rows] * np.float32(MOST_INTENSE / program.highest), times)


def _rows_of(program: _Program, head: Head, table: Table, face: str | None) -> np.ndarray:
    """Numbers of the rows of the chosen face, or of all where there is one."""
    column = next((table.texts[name] for name in program.faces if name in table.texts), None)
    if column is None:
        if face is not None:
            raise EmertInputError(f"{head.file} names no faces, so {face!r} can't be chosen; leave it out")
        return np.arange(table.rows)
    names = column.map(lambda text: text.strip())
    # A row without a face has no name in py-feat's tables; it belongs to whom there is.
    known = [name for name in dict.fromkeys(names.tolist()) if name]
    if face is not None and face not in known:
        raise EmertInputError(f"{head.file} has no face {face!r}; it has {_some(known)}")
    if face is None and len(known) > 1:
        raise EmertInputError(
            f"{head.file} holds {len(known)} faces ({_some(known)}) where one is expected; export the face of one person, or "
            "choose one: read_faces(path, face=...)"
        )
    return np.flatnonzero((names == face) if face is not None else np.ones(len(names), bool))


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _check_scale(program: _Program, head: Head, units: np.ndarray) -> None:
    wrong = (units < -_ROUNDING) | (units > program.highest + _ROUNDING)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise EmertInputError(
            f"{head.file} has {units[row, column]:g} as {program.units[column]} in row {row + 1}, where a number in "
            f"0..{program.highest:g} is expected; give the program's own file"
        )


def _times(program: _Program, head: Head, table: Table) -> np.ndarray:
    """`(rows,)` float64, ms."""
    if "timestamp" in table.numbers:
        return table.numbers["timestamp"] * 1000
    if "frame" in table.numbers:
        frames = table.numbers["frame"]
        return frames * (1000 / (_rate(table, frames) or ASSUMED_RATE))
    if table.rows == 1 or program is OPENFACE:  # of a photograph: each row is a face
        return np.zeros(table.rows)
    raise EmertInputError(f"{head.file} has neither a column timestamp nor frame; export it with all columns")


def _rate(table: Table, frames: np.ndarray) -> float | None:
    """Frames a second, from the frames at which the whole second (`approx_time`, such as 01:23) changes; None: not known."""
    if "approx_time" not in table.texts:
        return None
    seconds = table.texts["approx_time"].map(_seconds, float)
    changes = np.flatnonzero(np.diff(seconds) > 0) + 1
    if len(changes) < 2:
        return None
    first, last = changes[0], changes[-1]
    return float((frames[last] - frames[first]) / (seconds[last] - seconds[first])) or None


def _seconds(text: str) -> float:
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        return np.nan
    return sum(part * 60**power for power, part in enumerate(reversed(parts)))
