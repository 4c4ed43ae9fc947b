"""One modality alone: its encoder, a transformer over its steps, and the heads. Ours; the encoders are EMERT's."""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import Modality

from .fusion_layers import ModalityEncoder
from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, registered


@strict
class UnimodalConfig(FusionConfig):
    """`modality`: the one that the network sees; it has no encoder for the others and does not look at them."""

    model_type = "emert_unimodal"
    modality: Modality = "face"

    @property
    def encoded_modalities(self) -> tuple[Modality, ...]:
        return (self.modality,)


class Unimodal(nn.Module):
    """The tokens of the one modality."""

    def __init__(self, config: UnimodalConfig):
        super().__init__()
        self.modality = config.modality
        self.encoder = ModalityEncoder(config, config.modality)

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        mask = masks[self.modality]
        return Fused(self.encoder(streams[self.modality], mask), mask)


@registered
class UnimodalForEmotionRecognition(FusionForEmotionRecognition):
    """One modality alone."""

    config: UnimodalConfig
    fusion_class = Unimodal
