"""Parts that several fusions are made of; their attention and feed-forward layers are EMERT's."""

import copy

import torch
from torch import nn

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.constants_emert import Modality
from modeling_emert.layers_emert import EmertFusionLayer, multilayer


def projection(config: EmertConfig) -> nn.Sequential:
    """From a stream's width to that of the fused features, as EMERT's projections are made."""
    return multilayer([config.encoder_size, *config.projection_sizes], 0.1)


def narrower(config: EmertConfig) -> EmertConfig:
    """The config of layers of half the width; for methods that have many of them, so that all stay about equally large."""
    half = copy.copy(config)
    half.projection_sizes = [max(config.hidden_size // 2, 1)]
    half.head_dim = max(config.head_dim // 2, 1)
    return half


def attention_mask(mask: torch.Tensor) -> torch.Tensor:
    """`(batch, source tokens)` bool -> `(batch, 1, 1, source tokens)`, True where a source token may be asked.

    Where a sample has none, all may be: what comes of it is finite, depends on no input, and is for the caller to leave out.
    """
    return (mask | ~mask.any(dim=1, keepdim=True))[:, None, None, :]


class TokenEncoder(nn.Module):
    """A transformer encoder over tokens that know their place: pre-norm layers, and a LayerNorm after the last."""

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
    """One modality on its own: its stream projected, then a transformer encoder over its steps."""

    def __init__(self, config: EmertConfig, modality: Modality):
        super().__init__()
        self.projection = projection(config)
        self.encoder = TokenEncoder(config, config.lengths[modality], config.num_fusion_layers)

    def forward(self, stream: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, time, encoder_size)`, `(batch, time)` bool -> `(batch, time, hidden_size)`."""
        return self.encoder(self.projection(stream), mask)
