"""From the authors' state dict to ours."""

import re

import torch

from .configuration_emert import EmertConfig
from .modeling_emert import EmertForEmotionRecognition

# Authors' name -> ours, as regular expressions, in the order in which they are tried.
_RESNET = "emert.face_encoder.backbone"
_RENAMES: tuple[tuple[str, str], ...] = (
    (r"subnet\.f_extractor\.conv1\.", rf"{_RESNET}.embedder.embedder.convolution."),
    (r"subnet\.f_extractor\.bn1\.", rf"{_RESNET}.embedder.embedder.normalization."),
    (r"subnet\.e_lstm\.", "emert.eye_encoder.lstm."),
    (r"subnet\.v_lstm\.", "emert.fixation_encoder.lstm."),
    (r"proj_v1\.", "emert.face_encoder.projection."),
    (r"specific_projection_v\.", "emert.decoupling.specific.face."),
    (r"specific_projection_a\.", "emert.decoupling.specific.eye_movements."),
    (r"specific_projection_l\.", "emert.decoupling.specific.fixations."),
    (r"invariant_projection\.", "emert.decoupling.invariant."),
    (r"distriminator\.0\.", "emert.decoupling.discriminator."),
    (r"transformer\.pos_embedding_s$", "emert.fusion.source_positions"),
    (r"transformer\.pos_embedding_t$", "emert.fusion.target_positions"),
    (r"transformer\.CrossTransformerEncoder\.layers\.(\d+)\.0\.norm_([qkv])\.", r"emert.fusion.layers.\1.attention.norm_\2."),
    (r"transformer\.CrossTransformerEncoder\.layers\.(\d+)\.0\.fn\.to_([qkv])\.", r"emert.fusion.layers.\1.attention.\2_proj."),
    (r"transformer\.CrossTransformerEncoder\.layers\.(\d+)\.0\.fn\.to_out\.0\.", r"emert.fusion.layers.\1.attention.out_proj."),
    (r"transformer\.CrossTransformerEncoder\.layers\.(\d+)\.1\.norm\.", r"emert.fusion.layers.\1.norm."),
    (r"transformer\.CrossTransformerEncoder\.layers\.(\d+)\.1\.fn\.net\.(\d+)\.", r"emert.fusion.layers.\1.feed_forward.\2."),
)  # fmt: skip
_UNUSED = re.compile(r"subnet\.(f_extractor\.fc|classifier)\.")
_RESNET_LAYER = re.compile(r"subnet\.f_extractor\.layer(\d)\.(\d)\.(conv|bn|downsample\.)(\d)\.(.+)")


def rename(name: str) -> str | None:
    """Our name of one of the authors' tensors, heads excepted; None for the ones that their network never uses.

    Raises `ValueError` for a name that is none of theirs.
    """
    if _UNUSED.match(name):
        return None
    if match := _RESNET_LAYER.fullmatch(name):
        return _rename_resnet(*match.groups())
    for pattern, replacement in _RENAMES:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name)
    raise ValueError(f"{name!r} is no tensor of the authors' network")


def _rename_resnet(stage: str, block: str, part: str, index: str, rest: str) -> str:
    """torchvision's ResNet names to transformers'."""
    layer = f"{_RESNET}.encoder.stages.{int(stage) - 1}.layers.{block}"
    if part == "downsample.":
        return f"{layer}.shortcut.{'convolution' if index == '0' else 'normalization'}.{rest}"
    return f"{layer}.layer.{int(index) - 1}.{'convolution' if part == 'conv' else 'normalization'}.{rest}"


def _config_and_heads(state_dict: dict[str, torch.Tensor]) -> tuple[EmertConfig, dict[str, str]]:
    """The variant by the shapes of its heads, and which task each of the authors' heads is."""
    tasks_by_width = {1: "fer_intensity", 2: "er_va", 3: "er3", 7: "er7"}
    if "cls_head_e.0.weight" in state_dict:
        return EmertConfig.authors("er7_intensity"), {"cls_head_e": "er7", "cls_head_in": "fer_intensity"}
    weights = {name: tensor for name, tensor in state_dict.items() if re.fullmatch(r"cls_head\.\d+\.weight", name)}
    if not weights:
        raise ValueError("no head found: expected cls_head.* or cls_head_e.* and cls_head_in.*")
    width = weights[max(weights, key=lambda name: int(name.split(".")[1]))].shape[0]
    if width not in tasks_by_width:
        raise ValueError(f"cls_head gives {width} numbers; known widths: {tasks_by_width}")
    variant = "va" if len(weights) > 1 else "er7"
    task = tasks_by_width[width]
    return EmertConfig.authors(variant, tasks=[task]), {"cls_head": task}


def convert_state_dict(state_dict: dict[str, torch.Tensor]) -> EmertForEmotionRecognition:
    """Our network with the authors' weights, in eval mode.

    Raises `ValueError` that names every tensor that is missing, unexpected or of another shape.
    """
    config, heads = _config_and_heads(state_dict)
    converted = {}
    for name, tensor in state_dict.items():
        head, _, rest = name.partition(".")
        new_name = f"heads.{heads[head]}.layers.{rest}" if head in heads else rename(name)
        if new_name is not None:
            converted[new_name] = tensor
    model = EmertForEmotionRecognition(config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in converted.items()}
    if found != expected:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        details = "; ".join(f"{name}: found {found.get(name)}, expected {expected.get(name)}" for name in wrong)
        raise ValueError(f"the checkpoint does not fit the authors' network: {details}")
    model.load_state_dict(converted)
    return model.eval()
