"""A network prepared for answering only: equal answers in less time."""

import copy
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .answers_emert import answers
from .columns_emert import COLUMN_INDEX, NUM_COLUMNS
from .processing_emert import EmertProcessor
from .recording_emert import FaceTrack, Gaze, Recording

_Model = TypeVar("_Model", bound=nn.Module)
_ROUNDING, _REDUCED = 5e-4, 0.02  # largest accepted difference of a probability or number: fp32, lower precision


def for_inference(model: _Model, dtype: torch.dtype = torch.float32) -> _Model:
    """A copy in eval mode whose BatchNorm layers are folded into the convolutions before them.

    It answers as `model` does, to rounding, or to the precision of `dtype` (`torch.bfloat16` is the fastest on processors
    that compute it natively); inputs are given in that type. It can't be trained, and is not to be saved: its modules are no
    longer those of its config.
    """
    ready = _copy(model)
    for parent in list(ready.modules()):
        children = list(parent.named_children())
        for (first_name, first), (name, second) in pairwise(children):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(parent, first_name, fuse_conv_bn_eval(first, second))
                setattr(parent, name, nn.Identity())
    ready.requires_grad_(False)
    # In fp32 `layers_emert.choose_layout` decides by the size of the map, which a weight with its channels last would overrule.
    layout = torch.preserve_format if dtype == torch.float32 else torch.channels_last
    return ready.to(dtype=dtype, memory_format=layout)


def answering_network(model: _Model, processor: EmertProcessor) -> _Model:
    """A copy of `model` for answering, as fast as its answers stay right: the pipeline, `emert predict` and the demo use it.

    bf16 where the CPU computes it natively (AVX512_BF16, AMX) and the answers to fixed recordings stay within 0.02 of fp32,
    else the model's own precision. Rounding errors come from the weights and their number, so these recordings stand for
    others. Folding is checked on them as well, since a backbone may run its layers in another order than it lists them.
    """
    plain, recordings = _copy(model), [fixed_recording(seed) for seed in (0, 1)]
    expected = _values(plain, processor, recordings)
    choices = [(model.dtype, _ROUNDING if model.dtype == torch.float32 else _REDUCED)]
    if model.dtype == torch.float32 and model.device.type == "cpu" and has_native_bf16():
        choices.insert(0, (torch.bfloat16, _REDUCED))
    for dtype, tolerance in choices:
        ready = for_inference(plain, dtype)
        if np.abs(_values(ready, processor, recordings) - expected).max() <= tolerance:
            return ready
    return plain


def has_native_bf16() -> bool:
    """Whether the CPU multiplies bf16 in hardware; without it bf16 is slower than fp32."""
    # Not `get_capabilities`, which older releases of torch lack: this file travels with the model.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def fixed_recording(seed: int = 0) -> Recording:
    """A generated recording of 3 s with every modality; noise for a face."""
    generator = np.random.default_rng(seed)
    times = np.arange(60) * 50.0
    samples = np.full((60, NUM_COLUMNS), np.nan, np.float32)
    for name, value in (("gaze_x", 0.4), ("gaze_y", 0.5), ("pupil_left", 3.5), ("pupil_right", 3.6)):
        samples[:, COLUMN_INDEX[name]] = value + 0.1 * np.sin(times / 300 + seed)
    fixations = np.array([[0.4, 0.5, 0, 1000], [0.6, 0.4, 1200, 1500]], np.float32)
    frames = generator.integers(0, 256, (8, 112, 112, 3), dtype=np.uint8)
    face = FaceTrack(frames, np.linspace(0, 3000, 8), np.ones(8, bool))
    return Recording(face, Gaze(samples, times, fixations))


def _copy(model: _Model) -> _Model:
    """In eval mode; the config stays the model's own, so that temperatures set later count."""
    return copy.deepcopy(model, {id(model.config): model.config}).eval()


def _values(model: nn.Module, processor: EmertProcessor, recordings: list[Recording]) -> np.ndarray:
    """All numbers of the answers in one row."""
    found = answers(model, processor, recordings)
    return np.array([value for one in found for task in one["tasks"].values() for value in task.values()])


__all__ = ["answering_network", "fixed_recording", "for_inference", "has_native_bf16"]
