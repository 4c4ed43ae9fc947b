"""From a network's output to the answer: probabilities and numbers by task, the gap between felt and shown, input quality.

The pipeline, `emert predict` and the demo all answer by [`answers`].
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import nn
from transformers import BatchFeature

from .configuration_emert import EmertConfig
from .constants_emert import MASKS_OF, MODALITIES, is_grounded
from .processing_emert import EmertProcessor
from .recording_emert import Recording
from .tasks_emert import TASKS

_ONE_RECORDING = (
    "This model expects gaze that is standardised over several recordings of the same person; "
    "here it is standardised over this recording alone, so expect less."
)


class Network(Protocol):
    """What an answer needs of a network: EMERT has it, and so have the networks that it is compared with."""

    config: EmertConfig
    coarse: nn.ModuleDict
    device: torch.device
    dtype: torch.dtype

    def __call__(self, **inputs: torch.Tensor) -> Any:
        """Output with `logits` by task."""


def answer(model: Network, processor: EmertProcessor, recording: Recording) -> dict:
    """The answer for one recording: see [`answers`]."""
    return answers(model, processor, [recording])[0]


@torch.no_grad()
def answers(model: Network, processor: EmertProcessor, recordings: Sequence[Recording]) -> list[dict]:
    """The answer for each recording of one batch, as plain JSON-ready data:

    - `tasks`: by task, `{label: probability}` for classification and `{name: value}` for regression, clipped to the range.
    - `gap`: total variation distance between the felt and the shown distribution over the seven emotions, 0 (equal)
      to 1 (disjoint); None where there is nothing to compare, and then `gap_reason` says why.
    - `modalities`: those that the answer uses. `quality`: see [`quality_of`]. `notes`: what was left out and why.
    """
    if not recordings:
        return []
    inputs = model_inputs(model, processor, recordings)
    logits = {name: values.cpu() for name, values in calibrated(model, model(**inputs).logits).items()}
    found = []
    for index, recording in enumerate(recordings):
        tasks = {name: _readable(name, values[index]) for name, values in logits.items()}
        there = {mask: inputs[mask][index].any() for masks in MASKS_OF.values() for mask in masks if mask in inputs}
        modalities = [name for name in MODALITIES if any(there.get(mask) for mask in MASKS_OF[name])]
        reason = _no_gap(tasks, modalities)
        alone = processor.feature_extractor.normalisation == "participant" and recording.gaze is not None
        found.append(
            {
                "tasks": tasks,
                "gap": None if reason else gap(tasks["er7"], tasks["fer7"]),
                "gap_reason": reason,
                "modalities": modalities,
                "quality": quality_of(recording),
                "notes": [*recording.notes, *([_ONE_RECORDING] if alone else [])],
            }
        )
    return found


def model_inputs(model: Network, processor: EmertProcessor, recordings: Sequence[Recording]) -> BatchFeature:
    """The recordings as the network's arguments, on its device, floating-point values in its precision."""
    return processor(recordings).to(model.device, dtype=model.dtype)


def calibrated(model: Network, logits: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The logits in fp32, divided by the config's temperatures; derived coarse tasks follow from the divided fine ones."""
    temperatures = model.config.temperatures or {}
    scaled = {name: values.float() / temperatures.get(name, 1.0) for name, values in logits.items()}
    for coarse, fine in model.config.derived_tasks.items():
        scaled[coarse] = model.coarse[coarse](scaled[fine])
    return scaled


def gap(felt: dict[str, float], shown: dict[str, float]) -> float:
    """Total variation distance of two distributions over the same labels, 0..1."""
    return round(sum(abs(felt[label] - shown[label]) for label in felt) / 2, 4)


def _no_gap(tasks: Mapping[str, dict], modalities: Sequence[str]) -> str | None:
    """Why there is no gap, or None. It compares what the face shows with what is felt, for which the eyes are needed."""
    if lacking := [name for name in ("er7", "fer7") if name not in tasks]:
        return f"The model does not predict {' and '.join(lacking)}."
    if not is_grounded("fer", modalities):
        return "Needs a face: without one there is nothing to compare with what is felt."
    if not is_grounded("er", modalities):
        return "Needs the eyes: without them what is felt is a guess, and nothing to compare with what is shown."
    return None


def quality_of(recording: Recording) -> dict[str, float | None]:
    """Fraction of gaze samples without a gaze point, and of frames in which a face was found; None if absent."""
    missing = recording.gaze and recording.gaze.missing_fraction
    detected = recording.face and recording.face.detected_fraction
    found = {"gaze_missing_fraction": missing, "face_detected_fraction": detected}
    return {name: None if value is None else round(value, 4) for name, value in found.items()}


def _readable(name: str, logits: torch.Tensor) -> dict[str, float]:
    task = TASKS[name]
    values = logits.softmax(0) if task.kind == "classification" else logits.clamp(*task.range)
    return {label: round(float(value), 4) for label, value in zip(task.labels, values, strict=True)}
