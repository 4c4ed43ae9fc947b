"""The authors' arithmetic in plain functions on their own state dict, written from the facts in the paper's code.

It shares nothing with `modeling_emert`, so that the two check each other; `golden_va7.json` checks both.
"""

import zlib
from functools import cache

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

StateDict = dict[str, torch.Tensor]
MODALITIES = ("face", "eye", "fix")
INPUT_SHAPES = {"face": (2, 8, 3, 112, 112), "eye": (2, 32, 39), "fix": (2, 32, 2)}


@cache
def named_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A tensor that follows from its name: the recipe of the golden file."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    noise = named_input(name, shape)
    if name.endswith("running_var"):
        return noise.abs() * 0.1 + 1
    if len(shape) == 1:
        return 1 + noise * 0.1 if name.endswith("weight") else noise * 0.1
    if "pos_embedding" in name:
        return noise * 0.5
    gain = 2.0 if len(shape) == 4 else 1.5
    return noise * (gain / np.prod(shape[1:])) ** 0.5


def named_input(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def variant_shapes(va7: dict[str, tuple[int, ...]], variant: str) -> dict[str, tuple[int, ...]]:
    """The tensors of one of the three variants, from those of the first."""
    shapes = {name: tuple(shape) for name, shape in va7.items()}
    if variant == "va":
        return shapes
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("cls_head")}
    if variant == "er7_intensity":
        heads = {"cls_head_e": 7, "cls_head_in": 1}
        width = 64
    else:
        heads = {"cls_head": 7}
        width = 32
        narrow = ("transformer", "distriminator")  # what comes after the projections is 32 wide instead of 64
        shapes = {
            name: tuple(32 if size == 64 else size for size in shape) if name.startswith(narrow) else shape
            for name, shape in shapes.items()
        }
        for name in ("specific_projection_v", "specific_projection_a", "specific_projection_l", "invariant_projection"):
            shapes |= {f"{name}.2.weight": (32, 64), f"{name}.2.bias": (32,)}
    for head, size in heads.items():
        shapes |= {f"{head}.0.weight": (size, width), f"{head}.0.bias": (size,)}
    return shapes


@torch.no_grad()
def outputs(state: StateDict, face: torch.Tensor, eye: torch.Tensor, fix: torch.Tensor) -> dict[str, torch.Tensor]:
    """The discriminator's logits of both sides by modality, and each head's numbers by the head's name."""
    streams = [_face(state, face), _lstm(state, "subnet.e_lstm", eye), _lstm(state, "subnet.v_lstm", fix)]
    specific = [_chain(state, f"specific_projection_{side}", x, 0.1) for side, x in zip("val", streams, strict=True)]
    invariant = [_chain(state, "invariant_projection", x, 0.1) for x in streams]
    found = {}
    for side, sequences in (("inv", invariant), ("spec", specific)):
        for modality, sequence in zip(MODALITIES, sequences, strict=True):
            found[f"{side}_{modality}"] = _linear(state, "distriminator.0", sequence.mean(1))
    source = torch.cat(specific, 1) + state["transformer.pos_embedding_s"]
    target = torch.cat(invariant, 1) + state["transformer.pos_embedding_t"]
    for layer in range(2):
        prefix = f"transformer.CrossTransformerEncoder.layers.{layer}"
        target = target + _attention(state, f"{prefix}.0", target, source)
        hidden = functional.gelu(_linear(state, f"{prefix}.1.fn.net.0", _norm(state, f"{prefix}.1.norm", target)))
        target = target + _linear(state, f"{prefix}.1.fn.net.3", hidden)
    for head in sorted({name.split(".")[0] for name in state if name.startswith("cls_head")}):
        found[head] = _chain(state, head, target.mean(1), 0.01)
    return found


def _part(state: StateDict, prefix: str) -> StateDict:
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in state.items() if name.startswith(f"{prefix}.")}


def _linear(state: StateDict, prefix: str, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, state[f"{prefix}.weight"], state.get(f"{prefix}.bias"))


def _norm(state: StateDict, prefix: str, x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, x.shape[-1:], state[f"{prefix}.weight"], state[f"{prefix}.bias"])


def _chain(state: StateDict, prefix: str, x: torch.Tensor, slope: float) -> torch.Tensor:
    """Every second place of the `Sequential` is a linear layer, the places between are LeakyReLU."""
    count = len([name for name in _part(state, prefix) if name.endswith("weight")])
    for index in range(count):
        x = functional.leaky_relu(x, slope) if index else x
        x = _linear(state, f"{prefix}.{2 * index}", x)
    return x


def _face(state: StateDict, face: torch.Tensor) -> torch.Tensor:
    with torch.device("meta"):
        network = resnet18(weights=None)
    network.fc = nn.Identity()
    weights = _part(state, "subnet.f_extractor")
    network.load_state_dict({name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}, assign=True)
    return _linear(state, "proj_v1", network.eval()(face.flatten(0, 1)).unflatten(0, face.shape[:2]))


def _lstm(state: StateDict, prefix: str, x: torch.Tensor) -> torch.Tensor:
    network = nn.LSTM(x.shape[-1], 128, 3, batch_first=True)
    network.load_state_dict(_part(state, prefix))
    return network(x)[0]


def _attention(state: StateDict, prefix: str, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    asked = {"q": target, "k": source, "v": source}
    normed = {name: _norm(state, f"{prefix}.norm_{name}", x) for name, x in asked.items()}
    projected = {name: _linear(state, f"{prefix}.fn.to_{name}", x) for name, x in normed.items()}
    q, k, v = (x.unflatten(-1, (8, 64)).transpose(1, 2) for x in projected.values())
    weights = (q @ k.transpose(-1, -2) / 8).softmax(-1)  # 8 is the root of a head's width
    return _linear(state, f"{prefix}.fn.to_out.0", (weights @ v).transpose(1, 2).flatten(2))
