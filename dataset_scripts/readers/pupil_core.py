"""Pupil Labs Core: `gaze_positions.csv` of an export, with what lies beside it.

`fixations.csv`, `blinks.csv` and `pupil_positions.csv` are taken from the same folder, by exactly these names. The
scene camera's image is the only frame that a headset knows, so it stands for both the screen and the stimulus. eye0 is the
right eye, eye1 the left.
"""

from pathlib import Path

import numpy as np

from dataset_scripts.readers.samples import covering, rising, stack_columns
from dataset_scripts.readers.text_table import Head, Header, Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

NAME = "pupil_core"
TITLE = "Pupil Core's gaze_positions.csv (gaze_timestamp, norm_pos_x, ...)"

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
_FIXATION_COLUMNS = ("start_timestamp", "duration", "norm_pos_x", "norm_pos_y")
_FRAME_NOTE = (
    "Pupil Core knows only the scene camera's image: gaze_x, gaze_y, gaze_stimulus_x, gaze_stimulus_y and the "
    "fixations are all shares of it."
)


def find_header(head: Head) -> Header | None:
    """The header of any of the export's tables; `read` turns away those that hold no gaze."""
    for required in ((TIME,), ("start_timestamp", "start_frame_index"), ("pupil_timestamp", "eye_id")):
        header = head.find(*required)
        if header is not None:
            return header
    return None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording. Raises `EmertInputError`, also for another table of the export."""
    if TIME not in header.names:
        raise EmertInputError(
            f"{head.path} is another table of a Pupil Core export, with {header.names[0]!r} and no {TIME}; "
            "give gaze_positions.csv of the same folder, and this one is found beside it"
        )
    _require(head, header, ("confidence", "norm_pos_x", "norm_pos_y"))
    table = read_table(head, header, ("confidence", "norm_pos_x", "norm_pos_y", *AS_IT_IS.values()), times=(TIME,))
    order, times, notes = rising(table.numbers[TIME] * 1000)
    if len(order) == 0:
        raise EmertInputError(f"{head.path} has a header and no samples; export the recording again")
    seconds = table.numbers[TIME]
    columns = {ours: table.numbers[theirs] for ours, theirs in AS_IT_IS.items() if theirs in table.numbers}
    # The origin at the bottom left becomes one at the top left.
    columns["gaze_x"] = columns["gaze_stimulus_x"] = table.numbers["norm_pos_x"]
    columns["gaze_y"] = columns["gaze_stimulus_y"] = 1 - table.numbers["norm_pos_y"]
    columns |= _validity(head, header, table)

    folder = head.path.parent
    fixations, of_fixations = _fixations(folder, seconds)
    columns |= of_fixations
    columns |= _pupils(folder, seconds)
    unsure = ~(table.numbers["confidence"] >= LOW_CONFIDENCE)
    columns |= _blinks(folder, seconds)
    lost = unsure | (columns["blink"] == 1 if "blink" in columns else False)
    columns |= {name: np.where(lost, np.nan, columns[name]) for name in _GAZE if name in columns}
    notes.insert(0, _FRAME_NOTE)
    if lost.any():
        notes.append(
            f"{int(lost.sum())} of {table.rows} gaze points count as missing: confidence under {LOW_CONFIDENCE} or a blink."
        )
    values = stack_columns(table.rows, columns)[order]
    return [Gaze(values, times, fixations, format=NAME, notes=notes)]


def _require(head: Head, header: Header, names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in header.names]
    if missing:
        raise EmertInputError(f"{head.path} has no column {missing[0]}; export it again with Pupil Player")


def _beside(folder: Path, name: str, columns: tuple[str, ...]) -> Table | None:
    """Those columns of another table of the export, the first of which is a time; None where it is absent."""
    if not (folder / name).is_file():
        return None
    head = read_head(folder / name)
    header = head.find(columns[0])
    if header is None:
        raise EmertInputError(f"{head.path} has no column {columns[0]}; export it again with Pupil Player")
    _require(head, header, columns)
    return read_table(head, header, columns[1:], times=columns[:1])


def _validity(head: Head, header: Header, table: Table) -> dict[str, np.ndarray]:
    """The gaze point's confidence for each eye that took part in it, 0 for one that did not.

    An eye that never took part (a headset with one camera) stays missing.
    """
    took_part = {eye: ~np.isnan(table.numbers.get(f"eye_center{eye}_3d_x", np.full(table.rows, np.nan))) for eye in SIDES}
    if not any(flags.any() for flags in took_part.values()):
        # Two-dimensional mapping fits no eye: then the names of the pupils it used ("12.5-0 12.6-1") tell.
        texts = read_table(head, header, texts=("base_data",)).texts.get("base_data")
        if texts is not None:
            for eye in SIDES:
                used = [any(datum.endswith(f"-{eye}") for datum in value.split()) for value in texts.values]
                took_part[eye] = np.array(used)[texts.codes]
    confidence = table.numbers["confidence"]
    return {f"validity_{SIDES[eye]}": np.where(flags, confidence, 0.0) for eye, flags in took_part.items() if flags.any()}


def _fixations(folder: Path, seconds: np.ndarray) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """`(fixations, 4)` and the columns that say which one is in progress. One may start before the first sample."""
    table = _beside(folder, "fixations.csv", _FIXATION_COLUMNS)
    if table is None:
        return None, {}
    start, duration_ms, x, y = (table.numbers[name] for name in _FIXATION_COLUMNS)
    y = 1 - y
    order = np.argsort(start, kind="stable")
    order = order[~np.isnan(start + duration_ms + x + y)[order]]
    start, duration_ms, x, y = start[order], duration_ms[order], x[order], y[order]
    current = covering(seconds, start, start + duration_ms / 1000)
    values = {"event_duration": duration_ms, "fixation_x": x, "fixation_y": y}
    columns = {name: np.append(value, np.nan)[current] for name, value in values.items()}  # -1 takes the NaN at the end
    fixations = np.stack([x, y, (start - np.nanmin(seconds)) * 1000, duration_ms], axis=1)
    return fixations, columns | {"in_fixation": current >= 0}


def _blinks(folder: Path, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """The blink column, 0 or 1; nothing where the export has no blinks.csv."""
    table = _beside(folder, "blinks.csv", ("start_timestamp", "duration"))
    if table is None:
        return {}
    start, duration = table.numbers["start_timestamp"], table.numbers["duration"]
    order = np.argsort(start, kind="stable")
    order = order[~np.isnan(start + duration)[order]]
    return {"blink": (covering(seconds, start[order], (start + duration)[order]) >= 0).astype(np.float64)}


def _pupils(folder: Path, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Diameters from pupil_positions.csv: for every gaze sample the nearest sure one of each eye, in mm."""
    names = ("pupil_timestamp", "eye_id", "confidence", "diameter_3d")
    table = _beside(folder, "pupil_positions.csv", names)
    if table is None:
        return {}
    time, eyes, confidence, diameter = (table.numbers[name] for name in names)
    columns = {}
    for eye, side in SIDES.items():
        # Rows of the two-dimensional detector have no diameter in mm.
        own = np.flatnonzero((eyes == eye) & (diameter > 0) & (confidence >= LOW_CONFIDENCE) & ~np.isnan(time))
        if len(own):
            own = own[np.argsort(time[own], kind="stable")]
            near = own[_nearest(time[own], seconds)]
            close = np.abs(time[near] - seconds) <= PUPIL_TOLERANCE_S
            columns[f"pupil_{side}"] = np.where(close, diameter[near], np.nan)
    return columns


def _nearest(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For every wanted time the index of the nearest known one; `known` rises and is not empty."""
    after = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    return np.where(np.abs(wanted - known[before]) <= np.abs(known[after] - wanted), before, after)
