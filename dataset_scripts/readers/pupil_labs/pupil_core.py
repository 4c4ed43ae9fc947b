"""Pupil Labs Core: `gaze_positions.csv` of an export, with what lies beside it.

`fixations.csv`, `blinks.csv` and `pupil_positions.csv` are taken from the same folder, by exactly these names; the first
of them can be read on its own. The scene camera's image is the only frame that a headset knows, so it stands for both the
screen and the stimulus. eye0 is the right eye, eye1 the left.
"""

from dataclasses import replace

import numpy as np

from dataset_scripts.readers.eye_events import tidy_fixations
from dataset_scripts.readers.samples import covering, nearest, rising, stack_columns
from dataset_scripts.readers.text.export_files import ExportFiles
from dataset_scripts.readers.text.text_files import TextFile
from dataset_scripts.readers.text.text_table import Content, Head, Header, Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "pupil_core"
TITLE = "Pupil Core's gaze_positions.csv (gaze_timestamp, norm_pos_x, ...)"

FIXATIONS, BLINKS, PUPILS = "fixations.csv", "blinks.csv", "pupil_positions.csv"
FILES = ExportFiles("gaze_positions.csv", (FIXATIONS, BLINKS, PUPILS))
TIME = "gaze_timestamp"
SIDES = {0: "right", 1: "left"}
# Pupil Labs' own recommendation for leaving samples out.
LOW_CONFIDENCE = 0.6
# A pupil measured further away than this (two and a half frames at 120 Hz) is another moment's.
PUPIL_TOLERANCE_S = 0.02

AS_IT_IS = {"gaze_mm_x": "gaze_point_3d_x", "gaze_mm_y": "gaze_point_3d_y"} | {
    f"eye_{side}_{axis}": f"eye_center{eye}_3d_{axis}" for eye, side in SIDES.items() for axis in "xyz"
}
_GAZE = ("gaze_x", "gaze_y", "gaze_stimulus_x", "gaze_stimulus_y", "gaze_mm_x", "gaze_mm_y")
_TABLES: tuple[tuple[Content, tuple[str, ...]], ...] = (
    ("samples", (TIME,)),
    ("fixations", ("start_timestamp", "norm_pos_x")),
    ("events", ("start_timestamp", "start_frame_index")),
    ("events", ("pupil_timestamp", "eye_id")),
)
_FIXATION_COLUMNS = ("start_timestamp", "duration", "norm_pos_x", "norm_pos_y")
_FRAME_NOTE = (
    "Pupil Core knows only the scene camera's image: gaze_x, gaze_y, gaze_stimulus_x, gaze_stimulus_y and the "
    "fixations are all shares of it."
)


def find_header(head: Head) -> Header | None:
    """The header of any of the export's tables."""
    for content, required in _TABLES:
        header = head.find(*required)
        if header is not None:
            return replace(header, content=content)
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording; of fixations.csv one with fixations only, of the other tables one with notes only.

    Raises `EmertInputError`.
    """
    if header.content == "fixations":
        return [_read_fixations(head, header)]
    if header.content == "events":
        rows = read_table(head, header, times=("start_timestamp", "pupil_timestamp")).rows
        note = f"{head.file.name} holds {rows} rows and no gaze; give gaze_positions.csv of the same folder, which finds it."
        return [Gaze(format=NAME, notes=[note])]
    _require(head, header, ("confidence", "norm_pos_x", "norm_pos_y"))
    cut: list[str] = []
    wanted = ("confidence", "norm_pos_x", "norm_pos_y", *AS_IT_IS.values())
    table = read_table(head, header, wanted, times=(TIME,), notes=cut)
    order, times, notes = rising(table.numbers[TIME] * 1000)
    notes += cut
    if len(order) == 0:
        raise EmertInputError(f"{head.file} has a header and no samples; export the recording again")
    seconds = table.numbers[TIME]
    columns = {ours: table.numbers[theirs] for ours, theirs in AS_IT_IS.items() if theirs in table.numbers}
    # The origin at the bottom left becomes one at the top left.
    columns["gaze_x"] = columns["gaze_stimulus_x"] = table.numbers["norm_pos_x"]
    columns["gaze_y"] = columns["gaze_stimulus_y"] = 1 - table.numbers["norm_pos_y"]
    columns |= _validity(head, header, table)

    fixations, of_fixations = _fixations_beside(head.file, seconds, seconds[order[0]], notes)
    columns |= of_fixations
    columns |= _pupils(head.file, seconds)
    unsure = ~(table.numbers["confidence"] >= LOW_CONFIDENCE)
    columns |= _blinks(head.file, seconds)
    blink = columns["blink"] == 1 if "blink" in columns else np.zeros(table.rows, bool)
    lost = unsure | blink
    columns |= {name: np.where(lost, np.nan, columns[name]) for name in _GAZE if name in columns}
    columns |= {name: np.where(blink, np.nan, columns[name]) for name in ("pupil_left", "pupil_right") if name in columns}
    notes.insert(0, _FRAME_NOTE)
    if lost.any():
        notes.append(
            f"{int(lost.sum())} of {table.rows} gaze points count as missing: confidence under {LOW_CONFIDENCE} or a blink."
        )
    values = stack_columns(table.rows, columns, order)
    return [Gaze(values, times, fixations, format=NAME, notes=notes)]


def _require(head: Head, header: Header, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in header.names]
    if missing:
        raise EmertInputError(f"{head.file} has no column {missing[0]}; export it again with Pupil Player")


def _beside(file: TextFile, name: str, columns: tuple[str, ...], texts: tuple[str, ...] = ()) -> Table | None:
    """Those columns of another table of the export, the first of which is a time; None where it is absent."""
    other = file.beside(name)
    if other is None:
        return None
    head = read_head(other)
    header = head.find(columns[0])
    if header is None:
        raise EmertInputError(f"{head.file} has no column {columns[0]}; export it again with Pupil Player")
    _require(head, header, columns)
    return read_table(head, header, columns[1:], texts, times=columns[:1])


def _validity(head: Head, header: Header, table: Table) -> dict[str, np.ndarray]:
    """The gaze point's confidence for each eye that took part in it, 0 for one that did not.

    An eye that never took part (a headset with one camera) stays missing.
    """
    took_part = {eye: ~np.isnan(table.numbers.get(f"eye_center{eye}_3d_x", np.full(table.rows, np.nan))) for eye in SIDES}
    if not any(flags.any() for flags in took_part.values()):
        # Two-dimensional mapping fits no eye: then the names of the pupils it used ("12.5-0 12.6-1") tell.
        texts = read_table(head, header, texts=("base_data",), notes=[]).texts.get("base_data")
        if texts is not None:
            for eye in SIDES:
                used = [any(datum.endswith(f"-{eye}") for datum in value.split()) for value in texts.values]
                took_part[eye] = np.array(used)[texts.codes]
    confidence = table.numbers["confidence"]
    return {f"validity_{SIDES[eye]}": np.where(flags, confidence, 0.0) for eye, flags in took_part.items() if flags.any()}


def _read_fixations(head: Head, header: Header) -> Gaze:
    """fixations.csv on its own: times count from the first fixation."""
    _require(head, header, _FIXATION_COLUMNS)
    start, *rest = _fixation_columns(read_table(head, header, _FIXATION_COLUMNS[1:], ("method",), times=_FIXATION_COLUMNS[:1]))
    if not np.isfinite(start).any():
        raise EmertInputError(f"{head.file} has a header and no fixations; export the recording again")
    notes = [_FRAME_NOTE, "Without gaze_positions.csv beside them the fixations' times count from the first of them."]
    fixations = _fixations(start, *rest, zero=np.nanmin(start), notes=notes)
    return Gaze(fixations=fixations, format=NAME, notes=notes)


def _fixation_columns(table: Table) -> list[np.ndarray]:
    """Start (s), duration (ms), x, y (origin at the bottom), `(fixations,)` each.

    Player's detector works on one kind of gaze at a time; where exports of both were put together, the three-dimensional
    kind is kept, so that no fixation counts twice.
    """
    columns = [table.numbers[name] for name in _FIXATION_COLUMNS]
    method = table.texts.get("method")
    if method is None or not {"2d gaze", "3d gaze"} <= set(method.values):
        return columns
    keep = np.array([value == "3d gaze" for value in method.values])[method.codes]
    return [column[keep] for column in columns]


def _fixations(
    start: np.ndarray, duration: np.ndarray, x: np.ndarray, y: np.ndarray, zero: float, notes: list[str]
) -> np.ndarray:
    """`(fixations, 4)`; one may start before `zero`, in s of the tracker's clock."""
    return tidy_fixations(np.stack([x, 1 - y, (start - zero) * 1000, duration], axis=1), notes)


def _fixations_beside(
    file: TextFile, seconds: np.ndarray, zero: float, notes: list[str]
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """`(fixations, 4)` from `zero`, the first sample's time in s, and the columns that say which one is in progress."""
    table = _beside(file, FIXATIONS, _FIXATION_COLUMNS, texts=("method",))
    if table is None:
        return None, {}
    fixations = _fixations(*_fixation_columns(table), zero=zero, notes=notes)
    start = fixations[:, 2].astype(np.float64)
    current = covering((seconds - zero) * 1000, start, start + fixations[:, 3])
    values = {"event_duration": fixations[:, 3], "fixation_x": fixations[:, 0], "fixation_y": fixations[:, 1]}
    columns = {name: np.append(value, np.nan)[current] for name, value in values.items()}  # -1 takes the NaN at the end
    return fixations, columns | {"in_fixation": current >= 0}


def _blinks(file: TextFile, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """The blink column, 0 or 1; nothing where the export has no blinks.csv."""
    table = _beside(file, BLINKS, ("start_timestamp", "duration"))
    if table is None:
        return {}
    start, duration = table.numbers["start_timestamp"], table.numbers["duration"]
    order = np.argsort(start, kind="stable")
    order = order[~np.isnan(start + duration)[order]]
    return {"blink": (covering(seconds, start[order], (start + duration)[order]) >= 0).astype(np.float64)}


def _pupils(file: TextFile, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Diameters from pupil_positions.csv: for every gaze sample the nearest sure one of each eye, in mm."""
    names = ("pupil_timestamp", "eye_id", "confidence", "diameter_3d")
    table = _beside(file, PUPILS, names)
    if table is None:
        return {}
    time, eyes, confidence, diameter = (table.numbers[name] for name in names)
    columns = {}
    for eye, side in SIDES.items():
        # Rows of the two-dimensional detector have no diameter in mm.
        own = np.flatnonzero((eyes == eye) & (diameter > 0) & (confidence >= LOW_CONFIDENCE) & ~np.isnan(time))
        if len(own):
            own = own[np.argsort(time[own], kind="stable")]
            near = own[nearest(time[own], seconds)]
            close = np.abs(time[near] - seconds) <= PUPIL_TOLERANCE_S
            columns[f"pupil_{side}"] = np.where(close, diameter[near], np.nan)
    return columns
