"""Tobii Glasses 3's own recording: `gazedata.gz`, a line of JSON for each sample.

    {"type": "gaze", "timestamp": 0.02, "data": {"gaze2d": [x, y], "gaze3d": [x, y, z],
      "eyeleft": {"gazeorigin": [x, y, z], "gazedirection": [...], "pupildiameter": 3.1}, "eyeright": {...}}}

Times are seconds; `gaze2d` is a fraction of the scene camera's image from its top left corner, `gaze3d` and `gazeorigin` are
millimetres in the Glasses' own coordinates. A sample without gaze has empty `data`.
"""

import re

import numpy as np
import pyarrow as pa

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..clock import rising
from ..samples import SIDES, all_or_none, group_rows, keep_positive, stack_columns
from ..text.text_files import MAX_LINE_BYTES
from ..text.text_table import Head, Header

NAME = "glasses3"
TITLE = 'Tobii Glasses 3\'s gazedata ({"type": "gaze", ..., "data": {"gaze2d": ...}} on each line)'
SCENE_NOTE = (
    "Glasses have only the scene camera's image: gaze_x, gaze_y, gaze_stimulus_x, gaze_stimulus_y and the fixations are all "
    "normalised coordinates of it."
)

_POINT = pa.list_(pa.float64())
_EYE = pa.struct([("gazeorigin", _POINT), ("pupildiameter", pa.float64())])
_DATA = pa.struct([("gaze2d", _POINT), ("gaze3d", _POINT), ("eyeleft", _EYE), ("eyeright", _EYE)])
_SCHEMA = pa.schema([("type", pa.string()), ("timestamp", pa.float64()), ("data", _DATA)])
_BY_TITLE = re.compile(r'^\s*\{.*"data"\s*:\s*\{.*"gaze2d"', re.MULTILINE)


def find_header(head: Head) -> Header | None:
    """By a line with `gaze2d` in its `data`."""
    return Header(0, ",", ()) if _BY_TITLE.search("\n".join(head.lines)) else None


def read(head: Head, header: Header) -> list[Gaze]:
    """One recording for each run of the clock. Raises `EmertInputError`."""
    table = _read_lines(head)
    gaze, data = table.filter(_is_gaze(table)), {}
    clock = gaze["timestamp"].to_numpy() * 1000
    if not np.isfinite(clock).any():
        raise EmertInputError(f"{head.file} has no sample with a timestamp; copy the recording's gazedata.gz again")
    parts = dict(zip(_DATA.names, gaze["data"].combine_chunks().flatten(), strict=True))
    data |= _points(head, "gaze2d", parts["gaze2d"], ("gaze_x", "gaze_y"))
    data |= _points(head, "gaze3d", parts["gaze3d"], ("gaze_mm_x", "gaze_mm_y", None))
    for side in SIDES:
        origin, pupil = parts[f"eye{side}"].flatten()
        data |= _points(head, "gazeorigin", origin, tuple(f"eye_{side}_{axis}" for axis in "xyz"))
        data[f"pupil_{side}"] = pupil.to_numpy(zero_copy_only=False)
        data[f"validity_{side}"] = np.isfinite(data[f"eye_{side}_x"]).astype(np.float32)
        keep_positive(data, f"pupil_{side}")
    data |= {f"gaze_stimulus_{axis}": data[f"gaze_{axis}"] for axis in "xy"}
    recordings = []
    for rows in group_rows(head.file, np.arange(len(clock)), times=clock):
        order, times, notes = rising(clock[rows], head.file)
        recordings.append(Gaze(stack_columns(len(order), data, rows[order]), times, format=NAME, notes=[SCENE_NOTE, *notes]))
    return recordings


def _is_gaze(table: pa.Table) -> pa.Array:
    return pa.array([kind in (None, "gaze") for kind in table["type"].to_pylist()], pa.bool_())


def _read_lines(head: Head) -> pa.Table:
    """`type`, `timestamp` and `data` of each line; whatever else a line holds is passed over."""
    from pyarrow import json as arrow_json  # here, since few files need it

    parsing = arrow_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore")
    try:
        with head.file.open() as stream:
            return arrow_json.read_json(stream, arrow_json.ReadOptions(block_size=MAX_LINE_BYTES), parsing)
    except pa.ArrowInvalid as error:
        said = " ".join(str(error).removeprefix("JSON parse error: ").split())[:200]
        raise EmertInputError(
            f"{head.file} has a line that is no sample of Glasses 3 ({said}), where one JSON object a line with timestamp and "
            "data is expected; copy the recording's gazedata.gz again"
        ) from error


def _points(head: Head, field: str, cells: pa.Array, names: tuple[str | None, ...]) -> dict[str, np.ndarray]:
    """`(rows,)` by column of ours, one name for each coordinate (None: not kept); NaN where a sample has no such point."""
    lengths = cells.value_lengths().to_numpy(zero_copy_only=False)
    there = np.nan_to_num(lengths) > 0
    if (wrong := np.unique(lengths[there & (lengths != len(names))])).size:
        raise EmertInputError(
            f"{head.file} has {wrong[0]:.0f} numbers in {field}, where {len(names)} are expected; copy the gazedata.gz again"
        )
    values = np.full((len(cells), len(names)), np.nan)
    values[there] = cells.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(names))
    found = {name: values[:, place] for place, name in enumerate(names) if name is not None}
    return all_or_none(found, found)
