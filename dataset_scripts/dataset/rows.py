"""From a recording to a row of the data set (back: `modeling_emert.rows_emert`). Without `datasets`, which takes seconds."""

from collections.abc import Iterable, Mapping
from io import BytesIO

import numpy as np
from PIL import Image as PillowImage

from modeling_emert.recording_emert import CONTEXT_COLUMNS, Gaze, Recording
from modeling_emert.rows_emert import FIXATION_COLUMNS
from modeling_emert.tasks_emert import tasks_with

from ..sources.base import Entry, votes_column

_JPEG_QUALITY = 92


def to_row(
    entry: Entry,
    recording: Recording,
    source: str,
    participant_fold: int,
    stimulus_group: int,
    tasks: Iterable[str] = (),
    extra: Iterable[str] = (),
) -> dict:
    """A recording as a row, ready for `schema.row_features` of these tasks and extra columns."""
    face, gaze = recording.face, recording.gaze or Gaze()
    more = entry.person | {votes_column(task): votes for task, votes in entry.votes.items()}
    more |= {"eye_sheet": gaze.sheet, "eye_sheet_names": gaze.sheet_names, "face_names": face and face.names}
    fixations = [None] * 4 if gaze.fixations is None else gaze.fixations.T.tolist()
    return {
        "recording_id": entry.recording_id,
        "participant_id": entry.participant,
        "stimulus_id": entry.stimulus,
        "source": source,
        "participant_fold": participant_fold,
        "stimulus_group": stimulus_group,
        "face": None if face is None else [{"bytes": one, "path": None} for one in face.encoded or map(_jpeg, face.frames)],
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
        **{column: entry.labels.get(column) for task in tasks_with(tasks) for column in task.columns},
        **{column: more.get(column) for column in extra},
    }


def _jpeg(frame: np.ndarray) -> bytes:
    buffer = BytesIO()
    PillowImage.fromarray(frame).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def named_labels(row: Mapping, tasks: Iterable[str] = ()) -> dict[str, str | float]:
    """The labels of a row as sources give them: classes by name. Absent labels and invalid classes are left out."""
    labels: dict[str, str | float] = {}
    for task in tasks_with(tasks):
        for column in task.columns:
            value = row.get(column)
            if value is not None and task.kind == "regression":
                labels[column] = value
            elif value is not None and 0 <= value < task.size:
                labels[column] = task.labels[int(value)]
    return labels
