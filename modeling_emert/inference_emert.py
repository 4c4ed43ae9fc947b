"""A network prepared for answering only: equal answers in less time."""

import copy
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from transformers.models.resnet.modeling_resnet import ResNetConvLayer, ResNetShortCut

from .answers_emert import answer
from .columns_emert import COLUMN_INDEX, NUM_COLUMNS
from .processing_emert import EmertProcessor
from .recording_emert import FaceTrack, Gaze, Recording

_Model = TypeVar("_Model", bound=nn.Module)
_IN_ORDER = (ResNetConvLayer, ResNetShortCut, nn.Sequential)  # they run their layers in the order in which they list them
_TOLERANCE = 0.02  # largest accepted difference of a probability or number between bf16 and fp32


def for_inference(model: _Model, dtype: torch.dtype = torch.float32) -> _Model:
    """A copy in eval mode whose BatchNorm layers are folded into the convolutions before them.

    It answers as `model` does, to rounding, or to the precision of `dtype` (`torch.bfloat16` is the fastest on processors
    that compute it natively); inputs are given in that type. It can't be trained, and is not to be saved: its modules are no
    longer those of its config.
    """
    ready = _copy(model)
    for parent in [module for module in ready.modules() if isinstance(module, _IN_ORDER)]:
        for (first_name, first), (name, second) in pairwise(list(parent.named_children())):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(parent, first_name, fuse_conv_bn_eval(first, second))
                setattr(parent, name, nn.Identity())
    ready.requires_grad_(False)
    # In fp32 `layers_emert.choose_layout` decides by the size of the map, which a weight with its channels last would overrule.
    layout = torch.preserve_format if dtype == torch.float32 else torch.channels_last
    return ready.to(dtype=dtype, memory_format=layout)


def answering_network(model: _Model, processor: EmertProcessor) -> _Model:
    """A copy of `model` that answers for it, in less time, in the pipeline, `emert predict` and the demo: [`for_inference`].

    In bf16 where the CPU computes that natively (AVX512_BF16, AMX) and the answer to a fixed recording stays within 0.02 of
    fp32. One recording stands for all: the rounding error depends on the weights and the number of layers, hardly on the
    input. A model that is not in fp32 keeps its precision, and its layers.
    """
    if model.dtype != torch.float32:
        return _copy(model)
    ready = for_inference(model)
    if model.device.type == "cpu" and has_native_bf16():
        reduced = for_inference(ready, torch.bfloat16)
        found = [answer(network, processor, fixed_recording())["tasks"] for network in (ready, reduced)]
        full, rounded = (np.array([value for task in tasks.values() for value in task.values()]) for tasks in found)
        if np.abs(full - rounded).max() <= _TOLERANCE:
            return reduced
    return ready


def has_native_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; without it bf16 is slower than fp32."""
    # Not `get_capabilities`, which older releases of torch lack: this file travels with the model.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def fixed_recording() -> Recording:
    """A generated recording of 3 s with every modality; noise instead of a face. Always the same."""
    times = np.arange(60) * 50.0
    samples = np.full((60, NUM_COLUMNS), np.nan, np.float32)
    for name, value in (("gaze_x", 0.4), ("gaze_y", 0.5), ("pupil_left", 3.5), ("pupil_right", 3.6)):
        samples[:, COLUMN_INDEX[name]] = value + 0.1 * np.sin(times / 300)
    fixations = np.array([[0.4, 0.5, 0, 1000], [0.6, 0.4, 1200, 1500]], np.float32)
    frames = np.random.default_rng(0).integers(0, 256, (8, 112, 112, 3), dtype=np.uint8)
    face = FaceTrack(frames, np.linspace(0, 3000, 8), np.ones(8, bool))
    return Recording(face, Gaze(samples, times, fixations))


def _copy(model: _Model) -> _Model:
    """In eval mode, with the model's own config, so that temperatures which are set later are used."""
    return copy.deepcopy(model, {id(model.config): model.config}).eval()
