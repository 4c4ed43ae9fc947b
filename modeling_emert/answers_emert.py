"""From the network's numbers to an answer for people and programs: ER beside FER, the gap, and what it rests on."""

import torch

from .configuration_emert import INPUT_NAMES, MODALITIES
from .modeling_emert import EmertForEmotionRecognition
from .processing_emert import EmertProcessor
from .recording_emert import Recording
from .tasks_emert import TASKS


@torch.no_grad()
def answer(model: EmertForEmotionRecognition, processor: EmertProcessor, recording: Recording) -> dict:
    """What the model says of one recording, as plain JSON-ready data:

    - `tasks`: by task, `{label: probability}` for classes and `{name: value}` for numbers, cut to their range.
    - `gap`: total variation distance between the felt and the shown distribution over the seven emotions, 0 (the same)
      to 1 (nothing in common); None where the model has not both `er7` and `fer7`.
    - `modalities`: which took part. `quality`: see [`quality_of`]. `notes`: what was left out and why.
    """
    inputs = processor(recording)
    output = model(**inputs.to(model.device))
    tasks = {name: _readable(name, logits[0].float().cpu()) for name, logits in output.logits.items()}
    notes = list(recording.notes)
    if processor.feature_extractor.normalisation == "participant" and recording.gaze is not None:
        notes.append(
            "This model expects gaze that is standardised by several recordings of the same person; "
            "here it is standardised by this recording alone, so expect less."
        )
    return {
        "tasks": tasks,
        "gap": gap(tasks["er7"], tasks["fer7"]) if {"er7", "fer7"} <= set(tasks) else None,
        "modalities": [name for name in MODALITIES if INPUT_NAMES[name] in inputs],
        "quality": quality_of(recording),
        "notes": notes,
    }


def gap(felt: dict[str, float], shown: dict[str, float]) -> float:
    """Total variation distance of two distributions over the same labels, 0..1."""
    return round(sum(abs(felt[label] - shown[label]) for label in felt) / 2, 4)


def quality_of(recording: Recording) -> dict[str, float | None]:
    """Share of gaze samples without a gaze point, and share of the frames in which a face was found; None if absent."""
    missing = None if recording.gaze is None else recording.gaze.missing_share
    return {
        "gaze_missing_share": None if missing is None else round(missing, 4),
        "face_detected_share": None if recording.face is None else round(recording.face.detected_share, 4),
    }


def _readable(name: str, logits: torch.Tensor) -> dict[str, float]:
    task = TASKS[name]
    values = logits.softmax(0) if task.kind == "classes" else logits.clamp(*task.range)
    return {label: round(float(value), 4) for label, value in zip(task.labels, values, strict=True)}


__all__ = ["answer", "gap", "quality_of"]
