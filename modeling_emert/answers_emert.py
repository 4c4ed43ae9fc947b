"""From the network's numbers to an answer for people and programs: ER beside FER, the gap, and what it rests on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from .configuration_emert import INPUT_NAMES, MODALITIES
from .processing_emert import EmertProcessor
from .recording_emert import Recording
from .tasks_emert import TASKS

if TYPE_CHECKING:
    from .modeling_emert import EmertForEmotionRecognition

_ALONE = (
    "This model expects gaze that is standardised by several recordings of the same person; "
    "here it is standardised by this recording alone, so expect less."
)


def answer(model: "EmertForEmotionRecognition", processor: EmertProcessor, recording: Recording) -> dict:
    """What the model says of one recording: see [`answers`]."""
    return answers(model, processor, [recording])[0]


@torch.no_grad()
def answers(model: "EmertForEmotionRecognition", processor: EmertProcessor, recordings: Sequence[Recording]) -> list[dict]:
    """What the model says of each recording of one batch, as plain JSON-ready data:

    - `tasks`: by task, `{label: probability}` for classes and `{name: value}` for numbers, cut to their range.
    - `gap`: total variation distance between the felt and the shown distribution over the seven emotions, 0 (the same)
      to 1 (nothing in common); None where the model has not both `er7` and `fer7`.
    - `modalities`: which took part. `quality`: see [`quality_of`]. `notes`: what was left out and why.
    """
    if not recordings:
        return []
    inputs = processor(recordings)
    inputs = inputs.to(model.device, dtype=model.dtype)  # its floating numbers; a model in bfloat16 takes no others
    output = model(**inputs)
    logits = {name: values.float().cpu() for name, values in calibrated(model, output.logits).items()}
    there = {
        name: inputs[f"{name}_mask"].any(dim=1).tolist() if INPUT_NAMES[name] in inputs else [False] * len(recordings)
        for name in MODALITIES
    }
    found = []
    for index, recording in enumerate(recordings):
        tasks = {name: _readable(name, values[index]) for name, values in logits.items()}
        alone = processor.feature_extractor.normalisation == "participant" and recording.gaze is not None
        found.append(
            {
                "tasks": tasks,
                "gap": gap(tasks["er7"], tasks["fer7"]) if {"er7", "fer7"} <= set(tasks) else None,
                "modalities": [name for name in MODALITIES if there[name][index]],
                "quality": quality_of(recording),
                "notes": [*recording.notes, *([_ALONE] if alone else [])],
            }
        )
    return found


def calibrated(model: "EmertForEmotionRecognition", logits: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The logits divided by the config's temperatures; derived coarse tasks follow from the fine ones so divided."""
    temperatures = model.config.temperatures or {}
    scaled = {name: values / temperatures.get(name, 1.0) for name, values in logits.items()}
    for coarse, fine in model.config.derived_tasks.items():
        scaled[coarse] = model.coarse[coarse](scaled[fine])
    return scaled


def gap(felt: dict[str, float], shown: dict[str, float]) -> float:
    """Total variation distance of two distributions over the same labels, 0..1."""
    return round(sum(abs(felt[label] - shown[label]) for label in felt) / 2, 4)


def quality_of(recording: Recording) -> dict[str, float | None]:
    """Share of gaze samples without a gaze point, and share of the frames in which a face was found; None if absent."""
    missing = None if recording.gaze is None else recording.gaze.missing_fraction
    return {
        "gaze_missing_fraction": None if missing is None else round(missing, 4),
        "face_detected_fraction": None if recording.face is None else round(recording.face.detected_fraction, 4),
    }


def _readable(name: str, logits: torch.Tensor) -> dict[str, float]:
    task = TASKS[name]
    values = logits.softmax(0) if task.kind == "classification" else logits.clamp(*task.range)
    return {label: round(float(value), 4) for label, value in zip(task.labels, values, strict=True)}


__all__ = ["answer", "answers", "calibrated", "gap", "quality_of"]
