"""What all the compared networks share with EMERT: encoders, masks, dropouts, heads and task losses. Only the fusion differs.

A method is a small file: a config with a `model_type` of its own, a fusion, and a network class that joins the two. A
fusion is a module that is called with `streams`, by modality `(batch, time, encoder_size)`, and `masks`, by modality
`(batch, time)` bool, and gives a `Fused`. What stands at a masked step of a stream does not depend on the input.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoConfig, AutoModelForVideoClassification
from transformers.modeling_utils import PreTrainedModel

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.modeling_emert import (
    EmertForEmotionRecognition,
    EmertModel,
    EmertModelOutput,
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
    """As [`EmertModelOutput`]; `answers`: in late fusion, the logits by task of each modality alone."""

    answers: list[dict[str, torch.Tensor]] | None = None


class FusionModel(EmertModel):
    """EMERT's encoders with any fusion after them."""

    config: FusionConfig
    # The fusions make their attention masks themselves, as eager and sdpa take them.
    _supports_flash_attn = False
    _supports_flex_attn = False

    def _fuse(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> FusionModelOutput:
        fused: Fused = self.fusion(streams, masks)
        return FusionModelOutput(last_hidden_state=fused.tokens, token_mask=fused.mask, auxiliary=fused.losses)


class FusionForEmotionRecognition(EmertForEmotionRecognition):
    """Any fusion, with EMERT's heads and task losses. Called as [`EmertForEmotionRecognition`] is."""

    config: FusionConfig
    _auto_class = None
    _supports_flash_attn = False
    _supports_flex_attn = False
    fusion_class: Callable[[Any], nn.Module]  # from the config

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        # EMERT's model is made before it is replaced: the weights of the stored scores were drawn after its weights, so
        # only in this order does a random seed give them again.
        self.emert = FusionModel(config, type(self).fusion_class(config), config.encoded_modalities)
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

    def _weighted(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        weights = self.config.auxiliary_weights
        own = sum(weights[name] * losses[name] for name in weights)
        return super()._weighted({name: loss for name, loss in losses.items() if name not in weights}) + own


def registered(network: type[FusionForEmotionRecognition]) -> type[FusionForEmotionRecognition]:
    """Makes transformers' Auto classes know the network and its config, once its file is imported."""
    AutoConfig.register(network.config_class.model_type, network.config_class, exist_ok=True)
    AutoModelForVideoClassification.register(network.config_class, network, exist_ok=True)
    return network
