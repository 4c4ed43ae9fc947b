"""One transformer that takes any subset of the modalities (after MAET: Jiang et al., Multimodal Adaptive Emotion Transformer
with Flexible Modality Inputs, ACM Multimedia 2023).

All modalities' steps are tokens of one sequence, with an embedding of their modality. Attention is common to all; in every
layer but the last each modality has its own feed-forward part (MAET's experts). Absent steps are masked. The authors' network
is for EEG and eye movements. Simplified: EMERT's encoders replace the multi-view embedding, the heads' pooling replaces the
class token, and EMERT's participant head, if configured, the adversarial subject classifier.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import EmertAttention, EmertFusionLayer

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, attention_mask, projection, registered


@strict
class OptionalModalitiesConfig(FusionConfig):
    model_type = "emert_optional_modalities"


class ExpertLayer(GradientCheckpointingLayer):
    """Common self-attention, then a feed-forward part for each modality; residuals around both."""

    def __init__(self, config: OptionalModalitiesConfig):
        super().__init__()
        self.lengths = list(config.lengths.values())
        self.attention = EmertAttention(config)
        size = config.hidden_size
        self.experts = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(size),
                nn.Linear(size, size),
                nn.GELU(),
                nn.Dropout(config.fusion_dropout),
                nn.Linear(size, size),
                nn.Dropout(config.fusion_dropout),
            )
            for _ in MODALITIES
        )

    def forward(self, tokens: torch.Tensor, source: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        tokens = self.attention(tokens, source, allowed)[0] + tokens
        parts = tokens.split(self.lengths, dim=1)
        return tokens + torch.cat([expert(part) for expert, part in zip(self.experts, parts, strict=True)], dim=1)


class OptionalModalities(nn.Module):
    """All present tokens in one transformer."""

    def __init__(self, config: OptionalModalitiesConfig):
        super().__init__()
        self.project = nn.ModuleDict({name: projection(config) for name in MODALITIES})
        self.types = nn.Embedding(len(MODALITIES), config.hidden_size)
        self.positions = nn.Embedding(sum(config.lengths.values()), config.hidden_size)
        self.dropout = nn.Dropout(config.position_dropout)
        experts = [ExpertLayer(config) for _ in range(config.num_fusion_layers - 1)]
        self.layers = nn.ModuleList([*experts, EmertFusionLayer(config)])
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        tokens = [self.project[name](streams[name]) + self.types.weight[index] for index, name in enumerate(MODALITIES)]
        tokens = self.dropout(torch.cat(tokens, dim=1) + self.positions.weight)
        mask = torch.cat([masks[name] for name in MODALITIES], dim=1)
        allowed = attention_mask(mask)
        for layer in self.layers:
            tokens = layer(tokens, tokens, allowed)
        return Fused(last_hidden_state=self.norm(tokens), token_mask=mask)


@registered
class OptionalModalitiesForEmotionRecognition(FusionForEmotionRecognition):
    """Any subset of the modalities in one transformer."""

    config: OptionalModalitiesConfig
    fusion_class = OptionalModalities
