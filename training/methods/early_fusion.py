"""Early fusion: what the three modalities show at the same time is joined, and one encoder reads the joined steps. Ours.

The modalities have steps of different lengths over the same time. They are brought to the finest of them by repeating
steps; at each of its steps the three streams stand side by side, zeros for what is absent, with three flags that say so.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn

from modeling_emert.constants_emert import MODALITIES

from .fusion_layers import TokenEncoder
from .fusion_network import Fused, FusionConfig, FusionForEmotionRecognition, registered


@strict
class EarlyFusionConfig(FusionConfig):
    model_type = "emert_early_fusion"


class EarlyFusion(nn.Module):
    """Joined steps through one linear layer and one transformer encoder."""

    def __init__(self, config: EarlyFusionConfig):
        super().__init__()
        self.num_steps = max(config.lengths.values())
        self.join = nn.Linear(len(MODALITIES) * (config.encoder_size + 1), config.hidden_size)
        self.encoder = TokenEncoder(config, self.num_steps, config.num_fusion_layers)

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]) -> Fused:
        parts, there = [], []
        for name in MODALITIES:
            length = masks[name].shape[1]
            step = torch.arange(self.num_steps, device=masks[name].device) * length // self.num_steps
            there.append(masks[name][:, step])
            parts.append(torch.where(there[-1].unsqueeze(-1), streams[name][:, step], 0))
        flags = torch.stack(there, dim=-1)  # (batch, steps, 3)
        joined = self.join(torch.cat([*parts, flags.to(parts[0].dtype)], dim=-1))
        mask = flags.any(dim=-1)
        return Fused(self.encoder(joined, mask), mask)


@registered
class EarlyFusionForEmotionRecognition(FusionForEmotionRecognition):
    """Joined steps, one encoder."""

    config: EarlyFusionConfig
    fusion_class = EarlyFusion
