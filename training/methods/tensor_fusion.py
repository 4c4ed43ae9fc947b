"""TFN, the outer product of the modalities' vectors (Zadeh et al., Tensor Fusion Network, EMNLP 2017), and LMF, the same with
low-rank weights, so that the product is never computed (Liu et al., Efficient Low-rank Multimodal Fusion with
Modality-Specific Factors, ACL 2018).

Each vector has a 1 appended, so that the product holds single features and pairs as well as triples. Simplified: a modality's
vector is the mean of its stream (the authors': last state, or mean of frames). An absent modality is the 1 alone.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import masked_mean

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, registered


@strict
class TensorFusionConfig(FusionConfig):
    """`tensor_size`: to how many numbers each vector is projected; the product has `(tensor_size + 1) ** 3`."""

    model_type = "emert_tensor_fusion"
    tensor_size: int = 10


class TensorFusion(nn.Module):
    """Projections, their outer product, and two layers on it."""

    def __init__(self, config: TensorFusionConfig):
        super().__init__()
        self.project = nn.ModuleDict({name: nn.Linear(config.encoder_size, config.tensor_size) for name in MODALITIES})
        self.layers = nn.Sequential(
            nn.Dropout(config.fusion_dropout),
            nn.Linear((config.tensor_size + 1) ** len(MODALITIES), config.hidden_size),
            nn.ReLU(),
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.ReLU(),
        )

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        face, eyes, fixations = (self._vector(name, streams[name], masks[name]) for name in MODALITIES)
        product = torch.einsum("bi,bj,bk->bijk", face, eyes, fixations)
        return Fused.of_vector(self.layers(product.flatten(1)))

    def _vector(self, name: str, stream: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, time, encoder_size)` -> `(batch, tensor_size + 1)`."""
        there = mask.any(dim=1, keepdim=True)
        vector = torch.where(there, self.project[name](masked_mean(stream, mask)).relu(), 0)
        return torch.cat([vector, torch.ones_like(vector[:, :1])], dim=1)


@registered
class TensorFusionForEmotionRecognition(FusionForEmotionRecognition):
    """TFN."""

    config: TensorFusionConfig
    fusion_class = TensorFusion


@strict
class LowRankFusionConfig(FusionConfig):
    """`rank`: products in the sum; the authors usually take 4."""

    model_type = "emert_low_rank_fusion"
    rank: int = 4


class LowRankFusion(nn.Module):
    """The product of three factors for each rank, and a weighted sum over the ranks.

    Each factor is a linear layer; its bias is what the appended 1 is multiplied with.
    """

    def __init__(self, config: LowRankFusionConfig):
        super().__init__()
        self.rank = config.rank
        size = config.rank * config.hidden_size
        self.factors = nn.ModuleDict({name: nn.Linear(config.encoder_size, size) for name in MODALITIES})
        self.dropout = nn.Dropout(config.fusion_dropout)
        self.weigh = nn.Linear(config.rank, 1, bias=False)
        self.norm = nn.LayerNorm(config.hidden_size)  # ours: products of three small factors are very small at first

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        product = 1.0
        for name in MODALITIES:
            vector = torch.where(masks[name].any(dim=1, keepdim=True), masked_mean(streams[name], masks[name]), 0)
            product = product * self.factors[name](self.dropout(vector)).unflatten(1, (self.rank, -1))
        # (batch, rank, size) -> (batch, size)
        return Fused.of_vector(self.norm(self.weigh(product.transpose(1, 2)).squeeze(-1)))


@registered
class LowRankFusionForEmotionRecognition(FusionForEmotionRecognition):
    """LMF."""

    config: LowRankFusionConfig
    fusion_class = LowRankFusion
