"""A row of a data set of ours, as `load_dataset` gives it, is a recording: plain, batched, streamed, in any of its formats."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from .columns_emert import BOUNDS, NUM_COLUMNS, PUPILS
from .errors_emert import EmertInputError
from .recording_emert import (
    BIG_FIVE,
    MILLIMETRES,
    OWN_UNITS,
    STIMULUS_EMOTION,
    ActionUnits,
    FaceTrack,
    Gaze,
    Recording,
    usual_pupil,
)
from .sampling_emert import spread_evenly
from .tasks_emert import EMOTIONS

FIXATION_COLUMNS = ("fixation_x", "fixation_y", "fixation_start_ms", "fixation_duration_ms")
# A recording's part, and the columns without which it can't be read.
_PARTS = {
    "face": ("face_times_ms", "face_detected"),
    "eye_movements": ("eye_times_ms",),
    "fixation_x": FIXATION_COLUMNS[1:],
    "action_units": ("action_unit_times_ms",),
}
# Columns that hold the recordings themselves; all others fit in memory at once.
HEAVY_COLUMNS = (
    *("face", "face_times_ms", "face_detected", "eye_movements", "eye_times_ms", *FIXATION_COLUMNS),
    *("action_units", "action_unit_times_ms"),
)
# Only in data sets of sources that keep the sheets of their eye tracker and the names of their frames.
SHEET_COLUMNS = ("eye_sheet", "eye_sheet_names", "face_names")
# Light columns that `from_row` reads.
LIGHT_COLUMNS = ("participant_id", "stimulus_id", "fixation_method", "gaze_format", *BIG_FIVE, STIMULUS_EMOTION)
# By which a batch of rows is told from one: the dimensions of a column in one row.
_DIMENSIONS = {"face_times_ms": 1, "eye_times_ms": 1, **dict.fromkeys(FIXATION_COLUMNS, 1), "eye_movements": 2}


def as_columns(given: Any) -> Any:
    """A table, or a row, of pandas, polars or pyarrow as a mapping by column; all else as it is."""
    maker = type(given).__module__.partition(".")[0]
    if maker == "pyarrow" and hasattr(given, "column_names"):
        return {name: _arrow_values(given.column(name)) for name in given.column_names}
    if maker == "polars" and hasattr(given, "to_dicts"):
        return given.to_dict(as_series=False)
    if maker == "pandas" and hasattr(given, "to_dict"):
        return given.to_dict("list") if given.ndim == 2 else given.to_dict()
    return given


def _arrow_values(column: Any) -> list[Any]:
    """Of an Array2D its lists: `datasets` itself fails where one of them is null."""
    return (column.cast(column.type.storage_type) if hasattr(column.type, "storage_type") else column).to_pylist()


def is_row(given: object) -> bool:
    """Whether it is a row, or a batch of rows: a mapping with a column of faces, eye movements or fixations."""
    return isinstance(given, Mapping) and any(name in given for name in _PARTS)


def is_batch(row: Mapping[str, Any]) -> bool:
    """Whether the columns hold several rows (`data[:4]`, or what `map(batched=True)` passes)."""
    for name in ("recording_id", "participant_id", "stimulus_id"):
        if row.get(name) is not None:
            return not isinstance(row[name], str)
    for name, dimensions in _DIMENSIONS.items():
        value = row.get(name)
        if (isinstance(value, list) or np.ndim(value) > 0) and len(value) > 0:  # np.ndim fails on rows of several lengths
            return value[0] is None or 1 + np.ndim(value[0]) > dimensions
    return False


def rows_of(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a batch of columns, one by one."""
    for index in range(len(next(iter(batch.values())))):
        yield {name: column[index] for name, column in batch.items()}


# How many face crops, spread evenly, or which, by their number and their names; None: all.
Frames = int | Callable[[int, Sequence[str] | None], np.ndarray] | None


def from_row(row: Mapping[str, Any], frames: Frames = None) -> Recording:
    """A row, as the data set gives it, back as a recording.

    `frames`: which face crops to keep. Of encoded faces (`Image(decode=False)`) only these are decoded.

    Raises `EmertInputError` if a part's columns are incomplete, differ in length, or hold something else.
    """
    try:
        return _from_row(row, frames)
    except (ValueError, TypeError, IndexError, KeyError, OSError) as error:
        name = row.get("recording_id")
        reason = str(error) if isinstance(error, EmertInputError) else f"it is no row of a data set of ours ({error})"
        raise EmertInputError(f"row {name}: {reason}" if isinstance(name, str) else f"the row: {reason}") from error


def _from_row(row: Mapping[str, Any], frames: Frames) -> Recording:
    row = {name: _plain(row[name]) for name in (*HEAVY_COLUMNS, *SHEET_COLUMNS, *LIGHT_COLUMNS) if name in row}
    for part, others in _PARTS.items():
        if not _is_present(row.get(part)):
            continue
        if lacking := [name for name in others if row.get(name) is None]:
            raise EmertInputError(f"it has {part} but no {', '.join(lacking)}: keep the columns together, or drop {part}")
        lengths = {name: len(row[name]) for name in (part, *others)}
        if len({*lengths.values()}) > 1:
            found = ", ".join(f"{length} of {name}" for name, length in lengths.items())
            raise EmertInputError(f"it has {found}, expected equally many: cut the columns together, or drop {part}")
    big_five = [row.get(name) for name in BIG_FIVE]
    emotion = row.get(STIMULUS_EMOTION)
    return Recording(
        face=_face_of(row, frames),
        gaze=_gaze_of(row),
        action_units=_action_units_of(row),
        big_five=None if any(value is None for value in big_five) else np.array(big_five, np.float32),
        stimulus_emotion=None if emotion is None else EMOTIONS[int(emotion)],
    )


def _plain(value: Any) -> Any:
    """Tensors as arrays; None for an absent value, which is a single NaN in some formats."""
    if isinstance(value, list):
        return [_plain(item) for item in value] if value and hasattr(value[0], "cpu") else value
    if hasattr(value, "cpu"):
        value = value.cpu().numpy()
    return None if np.ndim(value) == 0 and value != value else value


def _is_present(value: Any) -> bool:
    return value is not None and len(value) > 0


def _face_of(row: Mapping[str, Any], frames: Frames) -> FaceTrack | None:
    images = row.get("face")
    if not _is_present(images):
        return None
    kept, names = np.arange(len(images)), row.get("face_names")
    if callable(frames):
        kept = frames(len(images), names)
    elif frames is not None and frames < len(images):
        kept = spread_evenly(len(images), frames)
    pixels = np.stack([_pixels(images[index]) for index in kept])
    kept_names = None if names is None else tuple(str(names[index]) for index in kept)
    return FaceTrack(pixels, np.asarray(row["face_times_ms"])[kept], np.asarray(row["face_detected"])[kept], kept_names)


def _pixels(image: "dict | PillowImage.Image | np.ndarray") -> np.ndarray:
    """`(height, width, 3)` uint8."""
    if isinstance(image, dict):
        image = PillowImage.open(BytesIO(image["bytes"]))
    pixels = np.asarray(image.convert("RGB") if isinstance(image, PillowImage.Image) else image, np.uint8)
    return pixels.transpose(1, 2, 0) if pixels.shape[0] == 3 and pixels.shape[-1] != 3 else pixels  # torch: channels first


def _array(row: Mapping[str, Any], name: str) -> np.ndarray | None:
    """An Array2D; None for null."""
    value = row.get(name)
    if isinstance(value, np.ndarray) and value.dtype == object:  # as pandas has it
        value = value.tolist()
    return None if value is None else np.asarray(value, np.float32)


def _action_units_of(row: Mapping[str, Any]) -> ActionUnits | None:
    intensities = _array(row, "action_units")
    return None if intensities is None else ActionUnits(intensities, row["action_unit_times_ms"])


def _gaze_of(row: Mapping[str, Any]) -> Gaze | None:
    eye = _array(row, "eye_movements")
    fixations = None
    if row.get("fixation_x") is not None:
        fixations = np.stack([np.asarray(row[name], np.float32) for name in FIXATION_COLUMNS], axis=1)
    sheet = _array(row, "eye_sheet")
    if eye is None and fixations is None and sheet is None:
        return None
    if eye is not None and eye.size and eye.shape[1:] != (NUM_COLUMNS,):
        columns = " x ".join(map(str, eye.shape[1:])) or "no"
        raise EmertInputError(f"its eye_movements have {columns} columns, expected the {NUM_COLUMNS} of columns_emert.py")
    eye = None if eye is None else eye.reshape(-1, NUM_COLUMNS)
    in_mm = eye is None or not usual_pupil(eye) > BOUNDS[1][PUPILS[0]]  # rows keep no unit
    return Gaze(
        eye_movements=eye,
        times_ms=None if eye is None else np.asarray(row["eye_times_ms"], np.float32),
        fixations=fixations,
        fixation_method=row.get("fixation_method"),
        participant=row.get("participant_id"),
        stimulus=row.get("stimulus_id"),
        format=row.get("gaze_format") or "data set",
        pupil_unit=MILLIMETRES if in_mm else OWN_UNITS,
        sheet=sheet,
        sheet_names=None if sheet is None else tuple(map(str, row["eye_sheet_names"])),
    )
