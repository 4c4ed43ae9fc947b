"""What all the compared networks share with EMERT: encoders, masks, dropouts, heads and task losses. Only the fusion differs.

A method is a small file: a config with a `model_type` of its own, a fusion, and a network class that joins the two. A
fusion is a module that is called with `streams`, by modality `(batch, time, encoder_size)`, and `masks`, by modality
`(batch, time)` bool, and gives a `Fused`. What stands at a masked step of a stream does not depend on the input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoConfig, AutoModelForVideoClassification
from transformers.modeling_utils import PreTrainedModel

from modeling_emert.configuration_emert import MODALITIES, EmertConfig, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.layers_emert import EmertFaceEncoder, EmertSequenceEncoder, masked_mean
from modeling_emert.modeling_emert import (
    EmertForEmotionRecognition,
    EmertModalityLogits,
    EmertModel,
    EmertModelOutput,
    EmertPreTrainedModel,
)


@strict
class FusionConfig(EmertConfig):
    """[`EmertConfig`] of a network with another fusion; what describes EMERT's decoupling has no effect.

    `projection_sizes[-1]` is the width of the fused features, `num_fusion_layers` the depth of every transformer.
    """

    model_type = "emert_fusion"
    _auto_class = None  # EMERT's code travels with its weights, these networks' code does not

    @property
    def encoded_modalities(self) -> Sequence[Modality]:
        """Those that the network has an encoder for; it does not look at the others."""
        return MODALITIES

    @property
    def auxiliary_weights(self) -> dict[str, float]:
        """Weight of each loss that the fusion adds to the tasks' losses."""
        return {}


@dataclass
class Fused:
    """What a fusion gives: `tokens` `(batch, tokens, hidden_size)`, `mask` `(batch, tokens)` bool, own losses by name."""

    tokens: torch.Tensor
    mask: torch.Tensor
    losses: dict[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def of_vector(cls, features: torch.Tensor, losses: dict[str, torch.Tensor] | None = None) -> "Fused":
        """`(batch, hidden_size)` as the one token of each sample."""
        mask = torch.ones(len(features), 1, dtype=torch.bool, device=features.device)
        return cls(features.unsqueeze(1), mask, losses or {})


@dataclass
class FusionModelOutput(EmertModelOutput):
    """As [`EmertModelOutput`]; `auxiliary`: the fusion's own losses by name; `answers`: by modality, in late fusion."""

    auxiliary: dict[str, torch.Tensor] | None = None
    answers: list[dict[str, torch.Tensor]] | None = None


class FusionModel(EmertModel):
    """EMERT's encoders, and any fusion in the place of its decoupling and cross-attention."""

    config: FusionConfig
    # The fusions make their attention masks themselves, as eager and sdpa take them.
    _supports_flash_attn = False
    _supports_flex_attn = False

    def __init__(self, config: FusionConfig, fusion: nn.Module):
        EmertPreTrainedModel.__init__(self, config)  # not EmertModel's, which would make EMERT's fusion
        encoded = config.encoded_modalities
        self.face_encoder = EmertFaceEncoder(config) if "face" in encoded else None
        self.eye_encoder = EmertSequenceEncoder(config, config.num_columns) if "eye_movements" in encoded else None
        self.fixation_encoder = EmertSequenceEncoder(config, config.fixation_size) if "fixations" in encoded else None
        self.stream_dropout = nn.Dropout(config.stream_dropout)
        self.fusion = fusion
        self.post_init()

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        eye_movements: torch.Tensor | None = None,
        fixations: torch.Tensor | None = None,
        face_mask: torch.Tensor | None = None,
        eye_movements_mask: torch.Tensor | None = None,
        fixations_mask: torch.Tensor | None = None,
        face_features: torch.Tensor | None = None,
    ) -> FusionModelOutput:
        """Arguments and errors as in [`EmertModel.forward`]."""
        if pixel_values is not None and face_features is not None:
            raise ValueError("give pixel_values or face_features, not both: the features are made of the pixels")
        face = pixel_values if face_features is None else face_features
        values = dict(zip(MODALITIES, (face, eye_movements, fixations), strict=True))
        masks = dict(zip(MODALITIES, (face_mask, eye_movements_mask, fixations_mask), strict=True))
        encoders = dict(zip(MODALITIES, (self.face_encoder, self.eye_encoder, self.fixation_encoder), strict=True))
        values = {name: None if encoders[name] is None else value for name, value in values.items()}
        masks = self._complete_masks(values, masks)
        if self.training and self.config.modality_dropout > 0:
            masks = self._drop_modalities(masks)
        streams = {
            name: self._empty_stream(masks[name])
            if values[name] is None
            else self.stream_dropout(encoders[name](values[name], masks[name]))
            for name in self.config.encoded_modalities
        }
        fused = self.fusion(streams, masks)
        return FusionModelOutput(
            last_hidden_state=fused.tokens,
            pooler_output=masked_mean(fused.tokens, fused.mask),
            modality_present=present_modalities(masks),
            token_mask=fused.mask,
            auxiliary=fused.losses,
        )

    def load_pretrained_backbone(self) -> None:
        """As EMERT's; a network that never sees a face has nothing to load."""
        if self.face_encoder is not None:
            super().load_pretrained_backbone()


class FusionForEmotionRecognition(EmertForEmotionRecognition):
    """Any fusion, with EMERT's heads and task losses. Called as [`EmertForEmotionRecognition`] is."""

    config: FusionConfig
    _auto_class = None
    _supports_flash_attn = False
    _supports_flex_attn = False
    fusion_class: Callable[[Any], nn.Module]  # from the config

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        # In the place of EMERT's own, by its name, so that weights, heads and the Trainer find it alike.
        self.emert = FusionModel(config, type(self).fusion_class(config))
        self.post_init()

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs: Any) -> None:
        """transformers' own: EMERT's also adds EMERT's card and code, which would not open this network."""
        PreTrainedModel.save_pretrained(self, save_directory, is_main_process=is_main_process, **kwargs)

    def explain(self, inputs: Mapping[str, torch.Tensor]) -> EmertExplanation:
        """Raises `EmertInputError`: what EMERT's explanation reads are weights of its cross-attention."""
        raise EmertInputError(
            f"a network of type {self.config.model_type!r} has no attention over all modalities' steps to explain its answers "
            "by; take EMERT or one of its ablations"
        )

    def _losses(
        self,
        logits: dict[str, torch.Tensor],
        participant_logits: torch.Tensor | None,
        labels: dict[str, torch.Tensor],
        outputs: FusionModelOutput,
    ) -> dict[str, torch.Tensor]:
        """The losses of the tasks as EMERT has them, and the fusion's own in the place of the discriminator's two."""
        nobody = torch.zeros_like(outputs.modality_present)
        blank = outputs.pooler_output.new_zeros(*nobody.shape, len(MODALITIES))
        silent = replace(outputs, modality_present=nobody, modality_logits=EmertModalityLogits(blank, blank))
        losses = super()._losses(logits, participant_logits, labels, silent)
        del losses["adversarial"], losses["specific"]
        return losses | outputs.auxiliary

    def _weighted(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        weights = self.config.auxiliary_weights
        own = sum(weights[name] * losses[name] for name in weights)
        return super()._weighted({name: loss for name, loss in losses.items() if name not in weights}) + own


def present_modalities(masks: dict[str, torch.Tensor]) -> torch.Tensor:
    """Masks `(batch, time)` by modality -> `(batch, 3)` bool, which modalities a sample has."""
    return torch.stack([masks[name].any(dim=1) for name in MODALITIES], dim=1)


def registered(network: type[FusionForEmotionRecognition]) -> type[FusionForEmotionRecognition]:
    """Makes transformers' Auto classes know the network and its config, once its file is imported."""
    AutoConfig.register(network.config_class.model_type, network.config_class, exist_ok=True)
    AutoModelForVideoClassification.register(network.config_class, network, exist_ok=True)
    return network
