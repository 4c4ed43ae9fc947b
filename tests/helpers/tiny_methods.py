"""Any network of the table of methods, small enough for many tests."""

import torch
from tiny_emert import tiny_config, tiny_inputs
from transformers import PreTrainedModel

from modeling_emert.constants_emert import INPUT_NAMES
from training.methods.registry import METHODS, load_class

# Networks that are not EMERT itself; all of one form.
UNIMODAL = ("face_only", "eye_movements_only", "fixations_only")
TRIMODAL = ("early_fusion", "late_fusion", "tfn", "lmf", "mult", "misa", "optional_modalities")
FUSIONS = (*UNIMODAL, *TRIMODAL)
TASKS = ("er7", "fer_va")

_SAME_AS_EMERT = (
    "num_frames",
    "num_eye_steps",
    "num_fixation_steps",
    "backbone_config",
    "encoder_size",
    "num_lstm_layers",
    "projection_sizes",
    "num_attention_heads",
    "head_dim",
)


def tiny_network(key: str, seed: int = 0, **overrides) -> PreTrainedModel:
    """In eval mode; with the sizes of `tiny_config`, two tasks, and the method's own overrides."""
    network, pattern = load_class(METHODS[key]), tiny_config()
    sizes = {name: getattr(pattern, name) for name in _SAME_AS_EMERT}
    torch.manual_seed(seed)
    config = network.config_class(**{"tasks": TASKS, **sizes, **METHODS[key].overrides, **overrides})
    return network(config).eval()


def inputs_of(key: str, batch: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """The modalities that the method is given, without masks."""
    given = {INPUT_NAMES[name] for name in METHODS[key].modalities}
    return {name: value for name, value in tiny_inputs(batch, seed).items() if name in given}
