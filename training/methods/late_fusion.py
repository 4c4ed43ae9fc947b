"""Late fusion: each modality answers on its own, and the answers are averaged: probabilities for classes, or numbers. Ours.

Each modality's network is that of `unimodal`, and learns from its own answers alone. The last linear layer is one for all
three: each stands on a transformer of its own, so that this costs little and keeps the network small.
"""

from dataclasses import replace

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import masked_mean, present_modalities
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, get_task

from .fusion_layers import ModalityEncoder
from .fusion_network import (
    Fused,
    FusionConfig,
    FusionForEmotionRecognition,
    FusionModelOutput,
    registered,
)


@strict
class LateFusionConfig(FusionConfig):
    model_type = "emert_late_fusion"


class LateFusion(nn.Module):
    """One token a modality: the mean of its own tokens."""

    def __init__(self, config: LateFusionConfig):
        super().__init__()
        self.encoders = nn.ModuleDict({name: ModalityEncoder(config, name) for name in MODALITIES})

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        means = [masked_mean(self.encoders[name](streams[name], masks[name]), masks[name]) for name in MODALITIES]
        return Fused(torch.stack(means, dim=1), present_modalities(masks))


@registered
class LateFusionForEmotionRecognition(FusionForEmotionRecognition):
    """The mean of the modalities' answers."""

    config: LateFusionConfig
    fusion_class = LateFusion

    def _logits(self, outputs: FusionModelOutput, context: dict[str, torch.Tensor | None]) -> dict[str, torch.Tensor]:
        outputs.answers = []
        for index in range(len(MODALITIES)):
            token = outputs.last_hidden_state[:, index : index + 1]
            alone = replace(outputs, last_hidden_state=token, token_mask=torch.ones_like(token[..., 0], dtype=torch.bool))
            outputs.answers.append(super()._logits(alone, context))
        return {
            name: mean_answer(name, torch.stack([answer[name] for answer in outputs.answers], dim=1), outputs.modality_present)
            for name in self.config.tasks
        }

    def _losses(
        self,
        logits: dict[str, torch.Tensor],
        participant_logits: torch.Tensor | None,
        labels: dict[str, torch.Tensor],
        outputs: FusionModelOutput,
    ) -> dict[str, torch.Tensor]:
        """The mean of the modalities' own losses, each over the samples that have it."""
        own = []
        for index, answer in enumerate(outputs.answers):
            there = outputs.modality_present[:, index]
            own.append(super()._losses(answer, participant_logits, _labels_of(there, labels), outputs))
        return {name: torch.stack([losses[name] for losses in own]).mean() for name in own[0]}


def mean_answer(task: str, answers: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Mean over the modalities that are there: `(batch, 3, size)`, `(batch, 3)` bool -> `(batch, size)`.

    For classes `answers` are logits and the mean is that of the probabilities, given as its logarithm, which serves as
    logits; for numbers it is the numbers'.
    """
    if get_task(task).kind == "regression":
        return masked_mean(answers, present)
    mean = masked_mean(answers.float().softmax(dim=-1), present)
    return mean.clamp(min=torch.finfo(mean.dtype).tiny).log()


def _labels_of(there: torch.Tensor, labels: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Labels `(batch,)` or `(batch, numbers)`, absent where `there` `(batch,)` is False."""
    return {
        name: torch.where(there.unsqueeze(1), label, ABSENT_NUMBER) if label.ndim == 2 else label.where(there, ABSENT_CLASS)
        for name, label in labels.items()
    }
