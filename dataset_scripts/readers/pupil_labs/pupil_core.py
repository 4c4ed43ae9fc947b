"""Pupil Labs Core: `gaze_positions.csv` of an export, with the files beside it.

`fixations.csv`, `blinks.csv` and `pupil_positions.csv` are read from the same folder, by exactly these names; the first of them
can also be read alone. A headset has only the scene camera's image, so it is taken as both the screen and the stimulus. eye0
is the right eye, eye1 the left; where only one of them was used for a gaze point, its centre stands in the columns of eye0
whichever it is, and `base_data` ("12.5-0 12.6-1", the pupils used) says which. Older versions write `timestamp` and `index`.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..eye_events import DURATION, START, fixation_columns, tidy_fixations
from ..samples import covering, drop_where, group_rows, nearest, stack_columns, take
from ..text.text_files import ExportFiles, TextFile
from ..text.text_table import Content, Head, Header, Table, read_head, read_table

NAME = "pupil_core"
TITLE = "Pupil Core's gaze_positions.csv (gaze_timestamp, norm_pos_x, ...)"

FIXATIONS, BLINKS, PUPILS = "fixations.csv", "blinks.csv", "pupil_positions.csv"
FILES = ExportFiles("gaze_positions.csv", (FIXATIONS, BLINKS, PUPILS))
TIMES = ("gaze_timestamp", "timestamp")
USED = "base_data"
EYES = {0: "right", 1: "left"}
LOW_CONFIDENCE = 0.6  # Pupil Labs recommend to leave out samples below
# A pupil measured more than this (two and a half frames at 120 Hz) from a gaze sample is not assigned to it.
PUPIL_TOLERANCE_S = 0.02

UNCHANGED = {"gaze_mm_x": "gaze_point_3d_x", "gaze_mm_y": "gaze_point_3d_y"} | {
    f"eye_{side}_{axis}": f"eye_center{eye}_3d_{axis}" for eye, side in EYES.items() for axis in "xyz"
}
_GAZE = ("gaze_x", "gaze_y", "gaze_stimulus_x", "gaze_stimulus_y", "gaze_mm_x", "gaze_mm_y")
_TABLES = (
    ("samples", TIMES[:1]),
    ("samples", (TIMES[1], "norm_pos_x", USED)),
    ("fixations", ("start_timestamp", "norm_pos_x")),
    ("events", ("start_timestamp", "start_frame_index")),
    ("events", ("pupil_timestamp", "eye_id")),
)
_FIXATION_COLUMNS = ("start_timestamp", "duration", "norm_pos_x", "norm_pos_y")
_FRAME_NOTE = (
    "Pupil Core has only the scene camera's image: gaze_x, gaze_y, gaze_stimulus_x, gaze_stimulus_y and the "
    "fixations are all normalised coordinates of it."
)


def find_header(head: Head) -> Header | None:
    """The header of any of the export's tables."""
    return find_table(head, _TABLES)


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each run of the clock; of fixations.csv one with fixations, of the other tables one with notes only.

    Raises `EmertInputError`.
    """
    if header.content == "fixations":
        return [_read_fixations(head, header)]
    if header.content == "events":
        return without_gaze(head, header, ("start_timestamp", "pupil_timestamp"), FILES.gaze, NAME)
    required = ("confidence", "norm_pos_x", "norm_pos_y")
    require(head.file, header, required)
    cut: list[str] = []
    table = read_table(head, header, (*required, *UNCHANGED.values()), times=TIMES, notes=cut)
    seconds = next(table.numbers[name] for name in TIMES if name in table.numbers)
    if not np.isfinite(seconds).any():
        raise EmertInputError(f"{head.file} has a header and no samples; export the recording again")
    columns = {ours: table.numbers[name] for ours, name in UNCHANGED.items() if name in table.numbers}
    # The file has its origin at the bottom left, ours is at the top left.
    columns["gaze_x"] = columns["gaze_stimulus_x"] = table.numbers["norm_pos_x"]
    columns["gaze_y"] = columns["gaze_stimulus_y"] = 1 - table.numbers["norm_pos_y"]
    columns |= _eyes(head, header, table, columns)
    runs, notes = group_rows(head.file, np.arange(table.rows), times=seconds * 1000), [_FRAME_NOTE, *cut]
    spans = [(np.nanmin(seconds[rows]), np.nanmax(seconds[rows])) for rows in runs]
    fixations = None
    if all(one[1] < other[0] for one, other in pairwise(sorted(spans))):
        fixations, of_fixations = _fixations_beside(head.file, seconds, min(spans)[0], notes)
        columns |= of_fixations | _pupils(head.file, seconds) | _blinks(head.file, seconds)
    else:
        notes.append(
            "The clock was set back: fixations, blinks and pupils beside are left out: their times are in both recordings."
        )
    blink = columns["blink"] == 1 if "blink" in columns else np.zeros(table.rows, bool)
    lost = ~(table.numbers["confidence"] >= LOW_CONFIDENCE) | blink
    drop_where(columns, _GAZE, lost)
    drop_where(columns, ("pupil_left", "pupil_right"), blink)
    if lost.any():
        notes.append(
            f"{int(lost.sum())} of {table.rows} gaze points count as missing: confidence under {LOW_CONFIDENCE} or a blink."
        )
    recordings = []
    for rows, (first, last) in zip(runs, spans, strict=True):
        order, times, own_notes = rising(seconds[rows] * 1000, head.file)
        own, start = None, (first - min(spans)[0]) * 1000
        if fixations is not None:
            begins = fixations[:, START] + fixations[:, DURATION] if first == min(spans)[0] else fixations[:, START]
            own = fixations[(begins >= start) & (fixations[:, START] <= (last - min(spans)[0]) * 1000)] - [0, 0, start, 0]
        values = stack_columns(len(order), columns, rows[order])
        recordings.append(Gaze(values, times, own, format=NAME, notes=[*notes, *own_notes]))
    return recordings


def _eyes(head: Head, header: Header, table: Table, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The eyes' centres, and the gaze point's confidence for each eye that was used for it, 0 for one that was not.

    An eye that was never used (a headset with one camera) is missing. Without `base_data` an eye with a centre was used.
    """
    missing = np.full(table.rows, np.nan, np.float32)
    centres = {eye: [columns.get(f"eye_{side}_{axis}", missing) for axis in "xyz"] for eye, side in EYES.items()}
    used = {eye: ~np.isnan(centre[0]) for eye, centre in centres.items()}
    told_by_columns = (used[0] == used[1]).all() and used[0].any()  # always both: then it needs no second look
    raw = {} if told_by_columns else read_table(head, header, raw=(USED,), notes=[]).raw
    if USED in raw:
        named = {eye: _names_pupil(raw[USED], eye) for eye in EYES}
        told = named[0] | named[1]
        used = {eye: np.where(told, named[eye], used[eye]) for eye in EYES}
        own = {eye: ~told | named[eye] for eye in EYES}
        first, second = (np.stack(centre) for centre in centres.values())
        second = np.where(named[1] & ~named[0] & np.isnan(second[0]), first, second)
        centres = {eye: [*np.where(own[eye], centre, np.nan)] for eye, centre in ((0, first), (1, second))}
    confidence = table.numbers["confidence"]
    found = {f"validity_{EYES[eye]}": np.where(flags, confidence, 0.0) for eye, flags in used.items() if flags.any()}
    for eye, centre in centres.items():
        if any(np.isfinite(x).any() for x in centre):
            found |= {f"eye_{EYES[eye]}_{axis}": x for axis, x in zip("xyz", centre, strict=True)}
    return dict.fromkeys([name for name in columns if name.startswith("eye_")], missing) | found


def _names_pupil(used: pa.ChunkedArray, eye: int) -> np.ndarray:
    """`(rows,)` bool: whether the row lists a pupil of this eye."""
    import pyarrow.compute as pc  # here, since it loads pandas

    found = pc.match_substring_regex(used, rf"-{eye}(\s|$)")
    return pc.fill_null(found, False).to_numpy().astype(bool)


def _read_fixations(head: Head, header: Header) -> Gaze:
    """fixations.csv alone: times count from the first fixation."""
    require(head.file, header, _FIXATION_COLUMNS)
    start, *rest = _fixation_columns(read_table(head, header, _FIXATION_COLUMNS[1:], ("method",), times=_FIXATION_COLUMNS[:1]))
    if not np.isfinite(start).any():
        raise EmertInputError(f"{head.file} has a header and no fixations; export the recording again")
    notes = [_FRAME_NOTE, "Without gaze_positions.csv in the same folder times count from the first fixation."]
    fixations = _fixations(start, *rest, zero=np.nanmin(start), notes=notes)
    return Gaze(fixations=fixations, format=NAME, notes=notes)


def _fixation_columns(table: Table) -> list[np.ndarray]:
    """Start (s), duration (ms), x, y (origin at the bottom), `(fixations,)` each.

    If exports of both kinds of gaze were joined, the three-dimensional one is kept, so that no fixation counts twice.
    """
    columns = [table.numbers[name] for name in _FIXATION_COLUMNS]
    method = table.texts.get("method")
    if method is None or not {"2d gaze", "3d gaze"} <= set(method.values):
        return columns
    keep = method.map(lambda text: text == "3d gaze")
    return [column[keep] for column in columns]


def _fixations(
    start: np.ndarray, duration: np.ndarray, x: np.ndarray, y: np.ndarray, zero: float, notes: list[str]
) -> np.ndarray:
    """`(fixations, 4)`; one may start before `zero`, in s of the tracker's clock."""
    return tidy_fixations(np.stack([x, 1 - y, (start - zero) * 1000, duration], axis=1), notes)


def _fixations_beside(
    file: TextFile, seconds: np.ndarray, zero: float, notes: list[str]
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """`(fixations, 4)` from `zero`, the first sample's time in s, and the columns of the one in progress."""
    table = read_beside(file, FIXATIONS, _FIXATION_COLUMNS[:1], _FIXATION_COLUMNS[1:], texts=("method",))
    if table is None:
        return None, {}
    fixations = _fixations(*_fixation_columns(table), zero=zero, notes=notes)
    current = covering((seconds - zero) * 1000, fixations[:, START], fixations[:, START] + fixations[:, DURATION])
    return fixations, fixation_columns(fixations, current)


def _blinks(file: TextFile, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """The blink column, 0 or 1; nothing if the export has no blinks.csv."""
    table = read_beside(file, BLINKS, ("start_timestamp",), ("duration",))
    if table is None:
        return {}
    start, duration = table.numbers["start_timestamp"], table.numbers["duration"]
    order = np.argsort(start, kind="stable")
    order = order[~np.isnan(start + duration)[order]]
    return {"blink": (covering(seconds, start[order], (start + duration)[order]) >= 0).astype(np.float64)}


def _pupils(file: TextFile, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Diameters in mm from pupil_positions.csv: for every gaze sample the nearest confident one of each eye."""
    names = ("pupil_timestamp", "eye_id", "confidence", "diameter_3d")
    table = read_beside(file, PUPILS, names[:1], names[1:])
    if table is None:
        return {}
    time, eyes, confidence, diameter = (table.numbers[name] for name in names)
    columns = {}
    for eye, side in EYES.items():
        # Rows of the two-dimensional detector have no diameter in mm.
        own = np.flatnonzero((eyes == eye) & (diameter > 0) & (confidence >= LOW_CONFIDENCE))
        columns[f"pupil_{side}"] = take(diameter, nearest_rows(time, own, seconds, PUPIL_TOLERANCE_S))
    return columns


Kinds = tuple[tuple[Content, tuple[str, ...]], ...]


def find_table(head: Head, kinds: Kinds) -> Header | None:
    """The header of the first kind of table whose columns the file has."""
    found = ((head.find(*required), content) for content, required in kinds)
    return next((replace(header, content=content) for header, content in found if header is not None), None)


def require(file: object, header: Header | None, names: tuple[str, ...]) -> Header:
    """Raises `EmertInputError` that names the first of the columns that the header lacks."""
    missing = [name for name in names if header is None or name not in header.names]
    if missing or header is None:
        raise EmertInputError(f"{file} has no column {missing[0]}; export the recording again")
    return header


def without_gaze(head: Head, header: Header, times: tuple[str, ...], gaze: str, format: str) -> list[Gaze]:
    """An empty recording for a table of events, whose note names the file with the gaze samples."""
    rows = read_table(head, header, times=times).rows
    note = f"{head.file.name} holds {rows} rows and no gaze; give {gaze} of the same folder: this file is read with it."
    return [Gaze(format=format, notes=[note])]


def read_beside(
    file: TextFile,
    name: str,
    times: tuple[str, ...],
    required: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
) -> Table | None:
    """The columns of another table in the folder; None where it is absent. Raises `EmertInputError` if it lacks one."""
    other = file.beside(name)
    if other is None:
        return None
    head = read_head(other)
    header = require(other, head.find(times[0]), (*times, *required))
    return read_table(head, header, (*required, *optional), texts, times)


def nearest_rows(times: np.ndarray, rows: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    """For every wanted time the one of `rows` with the nearest time, -1 beyond the tolerance: `(wanted,)` int."""
    rows = rows[np.isfinite(times[rows])]
    rows = rows[np.argsort(times[rows], kind="stable")]
    if len(rows) == 0:
        return np.full(len(wanted), -1)
    near = rows[nearest(times[rows], wanted)]
    return np.where(np.abs(times[near] - wanted) <= tolerance, near, -1)
