"""The plain ways to combine modalities: one alone, early fusion of their steps, late fusion of their answers. All ours."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.layers_emert import masked_mean, present_modalities
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, get_task

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, ModalityEncoder, TokenEncoder, registered


@strict
class UnimodalConfig(FusionConfig):
    """`modality`: the only one that the network has an encoder for."""

    model_type = "emert_unimodal"
    modality: Modality = "face"

    @property
    def encoded_modalities(self) -> Sequence[Modality]:
        return (self.modality,)


class Unimodal(nn.Module):
    """A transformer over the steps of one modality."""

    def __init__(self, config: UnimodalConfig):
        super().__init__()
        self.modality = config.modality
        self.encoder = ModalityEncoder(config, config.modality)

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        mask = masks[self.modality]
        return Fused(last_hidden_state=self.encoder(streams[self.modality], mask), token_mask=mask)


@registered
class UnimodalForEmotionRecognition(FusionForEmotionRecognition):
    """One modality alone."""

    config: UnimodalConfig
    fusion_class = Unimodal


@strict
class EarlyFusionConfig(FusionConfig):
    model_type = "emert_early_fusion"


class EarlyFusion(nn.Module):
    """Steps of the same time are concatenated, and one transformer encoder reads them.

    The modalities have different numbers of steps over the same time; steps are repeated up to the largest number. At each
    step the three streams are concatenated, zeros where absent, with three flags that mark what is present.
    """

    def __init__(self, config: EarlyFusionConfig):
        super().__init__()
        self.num_steps = max(config.lengths.values())
        self.join = nn.Linear(len(MODALITIES) * (config.encoder_size + 1), config.hidden_size)
        self.encoder = TokenEncoder(config, self.num_steps, config.num_fusion_layers)

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        parts, there = [], []
        for name in MODALITIES:
            length = masks[name].shape[1]
            step = torch.arange(self.num_steps, device=masks[name].device) * length // self.num_steps
            there.append(masks[name][:, step])
            parts.append(torch.where(there[-1].unsqueeze(-1), streams[name][:, step], 0))
        flags = torch.stack(there, dim=-1)  # (batch, steps, 3)
        joined = self.join(torch.cat([*parts, flags.to(parts[0].dtype)], dim=-1))
        mask = flags.any(dim=-1)
        return Fused(last_hidden_state=self.encoder(joined, mask), token_mask=mask)


@registered
class EarlyFusionForEmotionRecognition(FusionForEmotionRecognition):
    """Concatenated steps, one encoder."""

    config: EarlyFusionConfig
    fusion_class = EarlyFusion


@strict
class LateFusionConfig(FusionConfig):
    model_type = "emert_late_fusion"


class LateFusion(nn.Module):
    """One token for each modality: the mean of its own tokens."""

    def __init__(self, config: LateFusionConfig):
        super().__init__()
        self.encoders = nn.ModuleDict({name: ModalityEncoder(config, name) for name in MODALITIES})

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        means = [masked_mean(self.encoders[name](streams[name], masks[name]), masks[name]) for name in MODALITIES]
        return Fused(last_hidden_state=torch.stack(means, dim=1), token_mask=present_modalities(masks))


@registered
class LateFusionForEmotionRecognition(FusionForEmotionRecognition):
    """Each modality answers alone, and the answers are averaged: probabilities of classes, or numbers.

    Each modality's network is that of `Unimodal` and learns from its own answers alone. The heads are shared by all three,
    which keeps the network small and costs little, since each modality has its own transformer before them.
    """

    config: LateFusionConfig
    fusion_class = LateFusion

    def _logits(self, outputs: Fused, context: dict[str, torch.Tensor | None]) -> dict[str, torch.Tensor]:
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
        outputs: Fused,
    ) -> dict[str, torch.Tensor]:
        """The mean of the modalities' own losses, each over the samples that have the modality."""
        own = []
        for index, answer in enumerate(outputs.answers):
            there = outputs.modality_present[:, index]
            own.append(super()._losses(answer, participant_logits, _labels_of(there, labels), outputs))
        return {name: torch.stack([losses[name] for losses in own]).mean() for name in own[0]}


def mean_answer(task: str, answers: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Mean over the modalities that are present: `(batch, 3, size)`, `(batch, 3)` bool -> `(batch, size)`.

    For classes `answers` are logits; the mean is that of the probabilities, and its logarithm serves as logits.
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
