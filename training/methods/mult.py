"""MulT: each modality attends to each other one across time (Tsai et al., Multimodal Transformer for Unaligned Multimodal
Language Sequences, ACL 2019).

For every target modality: a cross-modal transformer for each of the two sources, then self-attention over both results
concatenated; the three outputs are joined. Simplified: a linear projection instead of the convolution over time, learned
positions instead of sinusoids, the mean over time instead of the last step, one self-attention layer instead of three. An
absent source leaves the target unchanged; an absent target is zeros in the joined vector.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import EmertFusionLayer, masked_mean

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, attention_mask, narrower, registered

_PAIRS = [(target, source) for target in MODALITIES for source in MODALITIES if source != target]


@strict
class MultConfig(FusionConfig):
    model_type = "emert_mult"


class Mult(nn.Module):
    """Six directional cross-modal transformers of half the width, and self-attention for each target."""

    def __init__(self, config: MultConfig):
        super().__init__()
        half = narrower(config)
        self.project = nn.ModuleDict({name: nn.Linear(config.encoder_size, half.hidden_size) for name in MODALITIES})
        self.positions = nn.ModuleDict(
            {name: nn.Embedding(length, half.hidden_size) for name, length in config.lengths.items()}
        )
        self.dropout = nn.Dropout(config.position_dropout)
        self.crossings = nn.ModuleDict(
            {_name(*pair): nn.ModuleList([EmertFusionLayer(half) for _ in range(config.num_fusion_layers)]) for pair in _PAIRS}
        )
        both = 2 * half.hidden_size
        self.widen = nn.ModuleDict({name: nn.Linear(both, config.hidden_size) for name in MODALITIES})
        self.self_attention = nn.ModuleDict({name: EmertFusionLayer(config) for name in MODALITIES})
        self.join = nn.Sequential(
            nn.Linear(len(MODALITIES) * config.hidden_size, config.hidden_size),
            nn.ReLU(),
            nn.Dropout(config.fusion_dropout),
            nn.Linear(config.hidden_size, config.hidden_size),
        )

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        tokens = {name: self.dropout(self.project[name](streams[name]) + self.positions[name].weight) for name in MODALITIES}
        means = []
        for target in MODALITIES:
            crossed = [self._cross(target, source, tokens, masks) for source in MODALITIES if source != target]
            joined = self.widen[target](torch.cat(crossed, dim=-1))
            joined = self.self_attention[target](joined, joined, attention_mask(masks[target]))
            means.append(masked_mean(joined, masks[target]))
        return Fused.of_vector(self.join(torch.cat(means, dim=1)))

    def _cross(self, target: str, source: str, tokens: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> torch.Tensor:
        """The target's tokens `(batch, target time, size)` after attending to the source's in every layer."""
        allowed, crossed = attention_mask(masks[source]), tokens[target]
        for layer in self.crossings[_name(target, source)]:
            crossed = layer(crossed, tokens[source], allowed)
        return torch.where(masks[source].any(dim=1)[:, None, None], crossed, tokens[target])


def _name(target: str, source: str) -> str:
    return f"{target}_asks_{source}"


@registered
class MultForEmotionRecognition(FusionForEmotionRecognition):
    """MulT."""

    config: MultConfig
    fusion_class = Mult
