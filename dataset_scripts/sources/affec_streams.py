"""The streams of AFFEC: tables without a header, each with its own clock and a JSON file that names the columns."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from dataset_scripts.readers.gazepoint import FIXATION, gaze_of_samples
from dataset_scripts.readers.samples import nearest, rising
from dataset_scripts.readers.text.text_table import Header, Table, read_head, read_table
from dataset_scripts.sources.json_files import json_field, json_number, load_json
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, Gaze

SECOND = 1000.0  # in ms
TIME = "onset"
GAZE = (*FIXATION, "FPOGV", *(f"{eye}POG{part}" for eye in "LRB" for part in "XYV"))
PUPIL = tuple(f"{eye}{part}" for eye in "LR" for part in ("PCX", "PCY", "PV", "EYEX", "EYEY", "EYEZ", "PUPILD", "PUPILV"))
FACE = ("success", *(f"{name}_r" for name in ACTION_UNITS))
# Pupils are sampled every 6.7 ms: one farther from a gaze sample than this does not belong to it.
PUPIL_TOLERANCE_MS = 10.0

BROKEN_COLUMNS = 3  # the face stream of 22 runs has no more than these, and is useless

Window = tuple[float, float]  # of one trial, in ms of the run


def load_gaze(gaze_file: Path, pupil_file: Path | None, window: Window) -> Gaze | None:
    """Samples and fixations of one trial, with the pupils nearest in time; None where the stream is empty."""
    found = _stream(gaze_file, GAZE)
    if found is None:
        return None
    lacking = [name for name in FIXATION if name not in found[1].numbers]
    if lacking:
        raise EmertInputError(f"{gaze_file} has no column {', '.join(lacking)}; get the data set anew")
    clock, table = found
    rows = _within(clock, window)
    numbers = {name: values[rows] for name, values in table.numbers.items()}
    notes: list[str] = []
    pupils = _stream(pupil_file, PUPIL) if pupil_file else None
    if pupils is not None and len(rows):
        numbers |= _at(clock[rows], *pupils, notes)
    gaze = gaze_of_samples(Table(len(rows), numbers, {}), clock[rows], notes)
    if gaze is not None:
        gaze.format = "affec"
    return gaze


def _at(times: np.ndarray, clock: np.ndarray, table: Table, notes: list[str]) -> dict[str, np.ndarray]:
    """The pupil stream's columns at these times: the nearest sample, NaN where it is too far away."""
    index = nearest(clock, times)
    near = np.abs(clock[index] - times) <= PUPIL_TOLERANCE_MS
    if not near.all():
        notes.append(f"{int((~near).sum())} of {len(near)} samples have no pupil within {PUPIL_TOLERANCE_MS:g} ms.")
    return {name: np.where(near, values[index], np.nan) for name, values in table.numbers.items()}


def load_action_units(file: Path, window: Window) -> ActionUnits | None:
    """Those of one trial, from its start; NaN where no face was found."""
    found = _stream(file, FACE)
    if found is None or not any(name in found[1].numbers for name in FACE[1:]):
        return None
    clock, table = found
    rows = _within(clock, window)
    if len(rows) == 0:
        return None
    absent = np.full(table.rows, np.nan, np.float32)
    intensities = np.stack([table.numbers.get(name, absent)[rows] for name in FACE[1:]], axis=1)
    if "success" in table.numbers:
        intensities[table.numbers["success"][rows] != 1] = np.nan
    return ActionUnits(intensities, clock[rows] - window[0])


def _within(clock: np.ndarray, window: Window) -> np.ndarray:
    return np.flatnonzero((clock >= window[0]) & (clock <= window[1]))


# The trials of a run follow each other: gaze, pupil and face of one, and of the one after it.
@lru_cache(maxsize=6)
def _stream(file: Path, columns: tuple[str, ...]) -> tuple[np.ndarray, Table] | None:
    """`(rows,)` float64 times in ms of the run, rising, and the columns that exist; None where there is no sample.

    Times of a stream count from its own start, which is `StartTime` of its JSON file in the run's time (default 0).
    """
    sidecar = file.with_name(file.name.split(".")[0] + ".json")
    described = load_json(sidecar)
    names = tuple(str(name).strip() for name in json_field(described, "Columns", list, sidecar))
    start = json_number(described, "StartTime", sidecar) if "StartTime" in described else 0.0
    head = read_head(file)
    header = head.find(TIME, *columns[:1]) or Header(-1, "\t", names)  # the standard allows no header, but some files have one
    cells = head.first_line.count("\t") + 1
    if cells <= BROKEN_COLUMNS < len(header.names):
        return None
    if cells != len(header.names):
        raise EmertInputError(
            f"{file} has {cells} columns where {sidecar.name} names {len(names)}; get the corrected JSON files (version 2)"
        )
    table = read_table(head, header, columns, times=(TIME, *(("FPOGS",) if "FPOGS" in columns else ())))
    if TIME not in table.numbers:
        raise EmertInputError(f"{sidecar} names no column {TIME}; get the data set anew")
    seconds = table.numbers.pop(TIME)
    order, relative, _ = rising(seconds * SECOND)
    kept = Table(len(order), {name: values[order] for name, values in table.numbers.items()}, {})
    return (relative.astype(np.float64) + start * SECOND, kept) if len(order) else None
