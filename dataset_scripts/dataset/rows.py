"""From a recording to a row of the data set, and back. Does not import `datasets`, which takes seconds."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from PIL import Image as PillowImage

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.recording_emert import BIG_FIVE, CONTEXT_COLUMNS, STIMULUS_EMOTION, ActionUnits, FaceTrack, Gaze, Recording
from modeling_emert.tasks_emert import EMOTIONS, LABEL_COLUMNS, TASKS

from ..sources.base import Entry

FIXATION_COLUMNS = ("fixation_x", "fixation_y", "fixation_start_ms", "fixation_duration_ms")
# Columns that hold the recordings themselves; all others fit in memory at once.
HEAVY_COLUMNS = (
    *("face", "face_times_ms", "face_detected", "eye_movements", "eye_times_ms", *FIXATION_COLUMNS),
    *("action_units", "action_unit_times_ms"),
)
# Light columns that `from_row` reads.
LIGHT_COLUMNS = ("participant_id", "stimulus_id", "fixation_method", "gaze_format", *BIG_FIVE, STIMULUS_EMOTION)
_JPEG_QUALITY = 92


def to_row(entry: Entry, recording: Recording, source: str, participant_fold: int, stimulus_group: int) -> dict:
    """A recording as a row, ready for `schema.row_features`."""
    face, gaze = recording.face, recording.gaze or Gaze()
    fixations = [None] * 4 if gaze.fixations is None else gaze.fixations.T.tolist()
    return {
        "recording_id": entry.recording_id,
        "participant_id": entry.participant,
        "stimulus_id": entry.stimulus,
        "source": source,
        "participant_fold": participant_fold,
        "stimulus_group": stimulus_group,
        "face": None if face is None else [{"bytes": _jpeg(frame), "path": None} for frame in face.frames],
        "face_times_ms": None if face is None else face.times_ms.tolist(),
        "face_detected": None if face is None else face.detected.tolist(),
        "eye_movements": gaze.eye_movements,
        "eye_times_ms": None if gaze.times_ms is None else gaze.times_ms.tolist(),
        **dict(zip(FIXATION_COLUMNS, fixations, strict=True)),
        "fixation_method": gaze.fixation_method,
        "gaze_format": None if recording.gaze is None else gaze.format,
        "action_units": None if recording.action_units is None else recording.action_units.intensities,
        "action_unit_times_ms": None if recording.action_units is None else recording.action_units.times_ms.tolist(),
        **{column: entry.context.get(column) for column in CONTEXT_COLUMNS},
        **{column: entry.labels.get(column) for column in LABEL_COLUMNS},
    }


def _jpeg(frame: np.ndarray) -> bytes:
    buffer = BytesIO()
    PillowImage.fromarray(frame).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def from_row(row: dict, num_frames: int | None = None) -> Recording:
    """A row, as the data set gives it (plain, numpy or streamed), back as a recording.

    `num_frames`: keep only so many face crops, spread evenly. Of encoded faces (`schema.UNDECODED_FACE`, `EmertData`) only
    these are decoded.
    """
    big_five = [_known(row.get(name)) for name in BIG_FIVE]
    emotion = _known(row.get(STIMULUS_EMOTION))
    return Recording(
        face=_face_of(row, num_frames),
        gaze=_gaze_of(row),
        action_units=_action_units_of(row),
        big_five=None if any(value is None for value in big_five) else np.array(big_five, np.float32),
        stimulus_emotion=None if emotion is None else EMOTIONS[int(emotion)],
    )


def named_labels(row: Mapping) -> dict[str, str | float]:
    """The labels of a row as sources give them: classes by name. Absent labels and invalid classes are left out."""
    labels: dict[str, str | float] = {}
    for task in TASKS.values():
        for column in task.columns:
            value = row.get(column)
            if value is not None and task.kind == "regression":
                labels[column] = value
            elif value is not None and 0 <= value < task.size:
                labels[column] = task.labels[int(value)]
    return labels


def _face_of(row: dict, num_frames: int | None) -> FaceTrack | None:
    images = row.get("face")
    if images is None or len(images) == 0:
        return None
    kept = np.arange(len(images))
    if num_frames is not None and num_frames < len(images):
        kept = np.linspace(0, len(images) - 1, num_frames).round().astype(int)
    frames = np.stack([_pixels(images[index]) for index in kept])
    return FaceTrack(frames, np.asarray(row["face_times_ms"])[kept], np.asarray(row["face_detected"])[kept])


def _pixels(image: "dict | PillowImage.Image | np.ndarray") -> np.ndarray:
    if isinstance(image, dict):
        image = PillowImage.open(BytesIO(image["bytes"]))
    return np.asarray(image.convert("RGB") if isinstance(image, PillowImage.Image) else image, np.uint8)


def _known(value: "float | int | None") -> "float | int | None":
    """None for an absent value, which is NaN in the numpy format."""
    return None if value is None or value != value else value


def _array(row: dict, name: str) -> np.ndarray | None:
    """An Array2D; None for null, which `datasets` gives as NaN."""
    values = np.asarray(row.get(name), np.float32)
    return None if values.ndim == 0 else values


def _action_units_of(row: dict) -> ActionUnits | None:
    intensities = _array(row, "action_units")
    return None if intensities is None else ActionUnits(intensities, row["action_unit_times_ms"])


def _gaze_of(row: dict) -> Gaze | None:
    eye = _array(row, "eye_movements")
    fixations = None
    if row.get("fixation_x") is not None:
        fixations = np.stack([np.asarray(row[name], np.float32) for name in FIXATION_COLUMNS], axis=1)
    if eye is None and fixations is None:
        return None
    return Gaze(
        eye_movements=None if eye is None else eye.reshape(-1, NUM_COLUMNS),
        times_ms=None if eye is None else np.asarray(row["eye_times_ms"], np.float32),
        fixations=fixations,
        fixation_method=row.get("fixation_method"),
        participant=row.get("participant_id"),
        stimulus=row.get("stimulus_id"),
        format=row.get("gaze_format") or "data set",
    )
