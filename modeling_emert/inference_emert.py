"""A network made ready for answering and nothing else: the same numbers, sooner."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .modeling_emert import EmertForEmotionRecognition


def for_inference(model: EmertForEmotionRecognition, dtype: torch.dtype = torch.float32) -> EmertForEmotionRecognition:
    """A copy in eval mode whose face backbone has its BatchNorm folded into its convolutions.

    It answers as `model` does, to rounding, or to the precision of `dtype` (`torch.bfloat16` is the fastest on processors that
    have it); inputs are given in that type. It can't be trained, and is not to be saved: its modules are no longer those of
    its config.
    """
    ready = copy.deepcopy(model).eval()
    backbone = ready.emert.face_encoder.backbone
    for parent in list(backbone.modules()):
        children = list(parent.named_children())
        for (_, first), (name, second) in pairwise(children):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(first, second)
                setattr(parent, next(key for key, child in children if child is first), fused)
                setattr(parent, name, nn.Identity())
    for parameter in ready.parameters():
        parameter.requires_grad_(False)
    # In fp32 `layers_emert.choose_layout` decides by the size of the map, which a weight with its channels last would overrule.
    layout = torch.preserve_format if dtype == torch.float32 else torch.channels_last
    return ready.to(dtype=dtype, memory_format=layout)


__all__ = ["for_inference"]
