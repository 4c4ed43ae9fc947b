"""What the compared networks share with EMERT: encoders, masks, dropouts, heads and task losses. Only the fusion differs.

A method is a config with its own `model_type`, a fusion module, and a network class that names both. A fusion is called with
`streams`, by modality `(batch, time, encoder_size)`, and `masks`, by modality `(batch, time)` bool, and returns a `Fused`.
The values at a masked step of a stream do not depend on the input. The layers that several fusions use are below the
network; their attention and feed-forward parts are EMERT's.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers import AutoConfig, AutoModelForVideoClassification
from transformers.modeling_utils import PreTrainedModel

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.layers_emert import EmertFusionLayer, multilayer
from modeling_emert.modeling_emert import EmertForEmotionRecognition, EmertModel, EmertModelOutput


@strict
class FusionConfig(EmertConfig):
    """[`EmertConfig`] of a network with another fusion; the fields of EMERT's decoupling have no effect.

    `projection_sizes[-1]` is the width of the fused features, `num_fusion_layers` the depth of every transformer.
    """

    model_type = "emert_fusion"
    _auto_class = None  # EMERT's code is saved with its weights, that of these networks is not

    @property
    def encoded_modalities(self) -> Sequence[Modality]:
        """Those that the network has an encoder for; it ignores the others."""
        return MODALITIES

    @property
    def auxiliary_weights(self) -> dict[str, float]:
        """Weight of each loss that the fusion adds to the tasks' losses."""
        return {}


@dataclass
class Fused(EmertModelOutput):
    """What a fusion returns: `last_hidden_state`, `token_mask`, and its own losses in `auxiliary`.

    `answers`: in late fusion, the logits by task of each modality alone.
    """

    answers: list[dict[str, torch.Tensor]] | None = None

    @classmethod
    def of_vector(cls, features: torch.Tensor, losses: dict[str, torch.Tensor] | None = None) -> Self:
        """`(batch, hidden_size)` as the one token of each sample."""
        mask = torch.ones(len(features), 1, dtype=torch.bool, device=features.device)
        return cls(last_hidden_state=features.unsqueeze(1), token_mask=mask, auxiliary=losses)


class FusionModel(EmertModel):
    """EMERT's encoders, then another fusion."""

    config: FusionConfig
    # The fusions make their own attention masks, in the form that eager and sdpa take.
    _supports_flash_attn = False
    _supports_flex_attn = False

    def _fuse(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor], **kwargs) -> Fused:
        return self.fusion(streams, masks)  # `kwargs` are for attention layers of transformers


class FusionForEmotionRecognition(EmertForEmotionRecognition):
    """Another fusion with EMERT's heads and task losses. Called as [`EmertForEmotionRecognition`] is."""

    config: FusionConfig
    _auto_class = None
    _supports_flash_attn = False
    _supports_flex_attn = False
    fusion_class: Callable[[Any], nn.Module]  # from the config

    def __init__(self, config: FusionConfig):
        super().__init__(config)
        # EMERT's model is made before it is replaced: the initial weights of the stored scores were drawn after EMERT's, so
        # a random seed reproduces them only in this order.
        self.emert = FusionModel(config, type(self).fusion_class(config), config.encoded_modalities)
        self.post_init()

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs: Any) -> None:
        """transformers' own: EMERT's also saves EMERT's card and code, which can't load this network."""
        PreTrainedModel.save_pretrained(self, save_directory, is_main_process=is_main_process, **kwargs)

    def explain(self, inputs: Mapping[str, torch.Tensor]) -> EmertExplanation:
        """Raises `EmertInputError`: EMERT's explanation reads the weights of its cross-attention."""
        raise EmertInputError(
            f"a network of type {self.config.model_type!r} has no attention over all modalities' steps to explain its answers "
            "by; take EMERT or one of its ablations"
        )

    def _weighted(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        weights = self.config.auxiliary_weights
        own = sum(weights[name] * losses[name] for name in weights)
        return super()._weighted({name: loss for name, loss in losses.items() if name not in weights}) + own


def registered(network: type[FusionForEmotionRecognition]) -> type[FusionForEmotionRecognition]:
    """Class decorator: transformers' Auto classes know the network and its config once its file is imported."""
    AutoConfig.register(network.config_class.model_type, network.config_class, exist_ok=True)
    AutoModelForVideoClassification.register(network.config_class, network, exist_ok=True)
    return network


def projection(config: EmertConfig) -> nn.Sequential:
    """From a stream's width to that of the fused features, as in EMERT."""
    return multilayer([config.encoder_size, *config.projection_sizes], 0.1)


def narrower(config: EmertConfig) -> EmertConfig:
    """The config of layers of half the width, so that a method with many layers has about as many weights as the others."""
    half = copy.copy(config)
    half.projection_sizes = [max(config.hidden_size // 2, 1)]
    half.head_dim = max(config.head_dim // 2, 1)
    return half


def attention_mask(mask: torch.Tensor) -> torch.Tensor:
    """`(batch, source tokens)` bool -> `(batch, 1, 1, source tokens)`, True where a source token may be attended to.

    A sample without any source token gets True everywhere: the result is finite and depends on no input, and the caller
    leaves it out.
    """
    return (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]


class TokenEncoder(nn.Module):
    """A transformer encoder with learned positions: pre-norm layers, and a LayerNorm after the last."""

    def __init__(self, config: EmertConfig, num_tokens: int, num_layers: int):
        super().__init__()
        self.positions = nn.Embedding(num_tokens, config.hidden_size)
        self.dropout = nn.Dropout(config.position_dropout)
        self.layers = nn.ModuleList([EmertFusionLayer(config) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens, size)`, `(batch, tokens)` bool -> `(batch, tokens, size)`."""
        tokens = self.dropout(tokens + self.positions.weight)
        allowed = attention_mask(mask)
        for layer in self.layers:
            tokens = layer(tokens, tokens, allowed)
        return self.norm(tokens)


class ModalityEncoder(nn.Module):
    """One modality alone: its stream projected, then a transformer encoder over its steps."""

    def __init__(self, config: EmertConfig, modality: Modality):
        super().__init__()
        self.projection = projection(config)
        self.encoder = TokenEncoder(config, config.lengths[modality], config.num_fusion_layers)

    def forward(self, stream: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, time, encoder_size)`, `(batch, time)` bool -> `(batch, time, hidden_size)`."""
        return self.encoder(self.projection(stream), mask)
