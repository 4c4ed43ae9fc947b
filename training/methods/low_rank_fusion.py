"""LMF: TFN's outer product, never made: its weights are a sum of `rank` products (Liu et al., Efficient Low-rank Multimodal
Fusion with Modality-Specific Factors, ACL 2018).

Each factor is a linear layer; its bias is what TFN's appended 1 would be multiplied with. Simplified: a modality's vector is
the mean of its stream. A modality that is absent is the 1 alone, so only its biases take part.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import masked_mean

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, registered


@strict
class LowRankFusionConfig(FusionConfig):
    """`rank`: products in the sum; 4 is the authors' usual one."""

    model_type = "emert_low_rank_fusion"
    rank: int = 4


class LowRankFusion(nn.Module):
    """The product of three factors for each rank, and a weighted sum over the ranks."""

    def __init__(self, config: LowRankFusionConfig):
        super().__init__()
        self.rank = config.rank
        self.factors = nn.ModuleDict(
            {name: nn.Linear(config.encoder_size, config.rank * config.hidden_size) for name in MODALITIES}
        )
        self.dropout = nn.Dropout(config.fusion_dropout)
        self.weigh = nn.Linear(config.rank, 1, bias=False)
        self.norm = nn.LayerNorm(config.hidden_size)  # ours: products of three small factors are very small at first

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        product = 1.0
        for name in MODALITIES:
            vector = torch.where(masks[name].any(dim=1, keepdim=True), masked_mean(streams[name], masks[name]), 0)
            product = product * self.factors[name](self.dropout(vector)).unflatten(1, (self.rank, -1))
        return Fused.of_vector(
            self.norm(self.weigh(product.transpose(1, 2)).squeeze(-1))
        )  # (batch, rank, size) -> (batch, size)


@registered
class LowRankFusionForEmotionRecognition(FusionForEmotionRecognition):
    """LMF."""

    config: LowRankFusionConfig
    fusion_class = LowRankFusion
