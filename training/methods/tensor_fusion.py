"""TFN: the outer product of the modalities' vectors (Zadeh et al., Tensor Fusion Network, EMNLP 2017).

Each vector has a 1 appended, so that the product holds every single feature and every pair beside the triples. Simplified:
a modality's vector is the mean of its stream (theirs: last state, or mean of frames), projected to `tensor_size` numbers
so that the product stays small. A modality that is absent is the 1 alone.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.layers_emert import masked_mean

from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, registered


@strict
class TensorFusionConfig(FusionConfig):
    """`tensor_size`: numbers of each modality that go into the product, which has `(tensor_size + 1) ** 3`."""

    model_type = "emert_tensor_fusion"
    tensor_size: int = 10


class TensorFusion(nn.Module):
    """Project, multiply, and two layers on the product."""

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
