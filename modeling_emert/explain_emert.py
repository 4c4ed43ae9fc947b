"""What an answer rests on: what each modality adds to it, and where in time the network looks.

Both are descriptions of the network and no proof of a cause: attention mass says from where the fused tokens take, and
leaving a modality out shows the network a recording such as it has rarely seen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from .configuration_emert import EmertConfig
from .constants_emert import INPUT_NAMES, MASKS_OF, MODALITIES
from .grounds_emert import by_names, given_to, grounds_of, inputs_of, is_told
from .tasks_emert import get_task


@dataclass
class EmertExplanation:
    """For each recording of a batch, as numpy arrays ready for a plot. A task is explained on the inputs that its answer comes
    from, and only where the answer is told (see `evidence_emert`).

    - `answered_from`: by task `(batch, 3)` bool, modalities in their order: those that its answer comes from.
    - `contributions`: by task `(batch, 3)`. For classes: by how much the probability of the predicted class falls without
      the modality, -1..1. For numbers: by how much they move, as a fraction of the task's range, 0..1. NaN where the answer
      does not come from the modality, or from it alone.
    - `attention`: `(batch, 3)`, each modality's fraction of the attention, summing to 1; the mean where tasks are answered
      from different inputs, and 0 where nothing is told.
    - `time_weights`: by modality `(batch, steps)`: the same, step by step.
    """

    answered_from: dict[str, np.ndarray]
    contributions: dict[str, np.ndarray]
    attention: np.ndarray
    time_weights: dict[str, np.ndarray]


@torch.no_grad()
def explain(model: Callable, config: EmertConfig, inputs: Mapping[str, torch.Tensor]) -> EmertExplanation:
    """Runs the model once with everything that a task is answered from, and once without each modality of it.

    `model`: an [`EmertForEmotionRecognition`] in eval mode. `inputs`: what the processor gives.
    """
    batch = next(value for value in inputs.values() if value is not None).shape[0]
    known = [grounds_of(config, given_to(config, inputs, index)) for index in range(batch)]
    told = [{name: ground for name, ground in one.items() if is_told(config, ground)} for one in known]
    answered_from = {name: np.zeros((batch, len(MODALITIES)), bool) for name in config.tasks}
    contributions = {name: np.full((batch, len(MODALITIES)), np.nan) for name in config.tasks}
    time_weights = {name: np.zeros((batch, steps), np.float32) for name, steps in config.lengths.items()}
    for names, rows in by_names(told).items():
        present, changes, weights = _explain(model, config, inputs_of(inputs, names, rows, batch))
        for place, row in enumerate(rows):
            for task in (task for task, (others, _) in told[row].items() if others == names):
                answered_from[task][row], contributions[task][row] = present[place], changes[task][place]
            share = 1 / len({others for others, _ in told[row].values()})
            for name, values in weights.items():
                time_weights[name][row] += share * values[place]
    attention = np.stack([time_weights[name].sum(axis=1) for name in MODALITIES], axis=1)
    return EmertExplanation(answered_from, contributions, attention, time_weights)


def _explain(
    model: Callable, config: EmertConfig, inputs: Mapping[str, torch.Tensor]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Of recordings that are answered from all of these inputs: the modalities that are there, contributions, time weights."""
    whole = model(**inputs, output_attentions=True)
    masks = _masks(config, inputs)
    present = np.stack([masks[name].any(dim=1).cpu().numpy() for name in MODALITIES], axis=1)  # (batch, 3)
    contributions = {name: np.full(present.shape, np.nan) for name in whole.logits}
    for index, modality in enumerate(MODALITIES):
        rows = np.flatnonzero(present[:, index] & (present.sum(axis=1) > 1))
        if len(rows):
            answers = model(**_without(modality, inputs, masks, rows)).logits
            for name, logits in answers.items():
                contributions[name][rows, index] = _change(name, whole.logits[name][rows], logits)
    return present, contributions, _time_weights(config, whole.attentions, masks)


def _masks(config: EmertConfig, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`(batch, steps)` bool for every modality, all False where it is not given."""
    given = {name: inputs.get("face_features", inputs.get("action_units")) if name == "face" else None for name in MODALITIES}
    given = {name: given[name] if inputs.get(INPUT_NAMES[name]) is None else inputs[INPUT_NAMES[name]] for name in MODALITIES}
    batch = next(value for value in given.values() if value is not None).shape[0]
    masks = {}
    for name, length in config.lengths.items():
        mask = inputs.get(f"{name}_mask")
        masks[name] = torch.full((batch, length), given[name] is not None) if mask is None else mask.bool()
    if config.face_input == "action_units":
        masks["face"] = torch.zeros_like(masks["face"])
    if config.takes_action_units and inputs.get("action_units") is not None:
        units = inputs.get("action_units_mask", torch.ones_like(masks["face"])).bool()
        masks["face"] = torch.where(masks["face"].any(dim=1, keepdim=True), masks["face"], units)
    return masks


def _without(
    modality: str, inputs: Mapping[str, torch.Tensor], masks: dict[str, torch.Tensor], rows: np.ndarray
) -> dict[str, torch.Tensor]:
    """These rows of the inputs, with this modality hidden."""
    kept = {name: value[rows] for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    kept |= {f"{name}_mask": mask[rows] for name, mask in masks.items() if name != "face" or "action_units" not in inputs}
    kept |= {name: torch.zeros_like(masks[modality][rows]) for name in MASKS_OF[modality]}
    return kept


def _change(name: str, whole: torch.Tensor, without: torch.Tensor) -> np.ndarray:
    """`(rows,)`: see `EmertExplanation.contributions`."""
    task = get_task(name)
    if task.kind == "classification":
        predicted = whole.argmax(dim=1, keepdim=True)
        fall = whole.softmax(dim=1).gather(1, predicted) - without.softmax(dim=1).gather(1, predicted)
        return fall.squeeze(1).float().cpu().numpy()
    low, high = task.range
    moved = (whole.clamp(low, high) - without.clamp(low, high)).abs().mean(dim=1) / (high - low)
    return moved.float().cpu().numpy()


def _time_weights(
    config: EmertConfig, attentions: tuple[torch.Tensor, ...], masks: dict[str, torch.Tensor]
) -> dict[str, np.ndarray]:
    """Attention on each source token: mean over layers, heads and those target tokens that are there."""
    mask = torch.cat([masks[name] for name in MODALITIES], dim=1).float().cpu()
    by_target = torch.stack([layer.float() for layer in attentions]).mean(dim=(0, 2)).cpu()  # (batch, target, source)
    weights = (by_target * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    parts = weights.split(list(config.lengths.values()), dim=1)
    return {name: part.numpy() for name, part in zip(config.lengths, parts, strict=True)}
