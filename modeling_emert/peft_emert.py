"""LoRA adapters for EMERT: the layers that they attach to, and BatchNorm that must not change in their training.

```python
model = get_peft_model(base, lora_config(base.config))
keep_batchnorm_still(model)
```
"""

from typing import TYPE_CHECKING

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from .configuration_emert import EmertConfig
from .constants_emert import MODALITIES

if TYPE_CHECKING:
    from peft import LoraConfig

_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_LSTMS = ("eye_encoder.lstm", "fixation_encoder.lstm")


def lora_config(config: EmertConfig, rank: int = 8) -> "LoraConfig":
    """LoRA on attention, the projections and both LSTMs; the parts of a single task are trained completely.

    For [`EmertForEmotionRecognition`]. `rank`: of the adapters, with scale 2. The face backbone is not adapted. `task_type` is
    None, since peft's task types pass text models' arguments to the forward pass.
    """
    from peft import LoraConfig

    names = ["decoupling.invariant", *(f"decoupling.specific.{name}" for name in MODALITIES)]
    # A LeakyReLU is between two layers.
    projections = [f"{name}.{2 * index}" for name in names for index in range(len(config.projection_sizes))]
    fine = [name for name in config.tasks if name not in config.derived_tasks]
    complete = [f"heads.{name}" for name in fine] + [f"coarse.{name}" for name in config.derived_tasks]
    if config.task_pooling == "attention":
        complete += [f"poolings.{name}" for name in fine]
    return LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=[*_ATTENTION, "face_encoder.projection", *projections],
        target_parameters=[
            f"{lstm}.weight_{kind}_l{layer}"
            for lstm in _LSTMS
            for layer in range(config.num_lstm_layers)
            for kind in ("ih", "hh")
        ],
        modules_to_save=complete,
    )


def keep_batchnorm_still(model: nn.Module) -> list[RemovableHandle]:
    """Keeps every BatchNorm in eval mode, whatever `train()` says; removing the returned handles ends it.

    Running statistics are not parameters: in training mode they would follow the new data although the base is frozen, and
    since an adapter does not store them, it would predict differently once loaded on the base. Not needed with
    `freeze_backbone`.
    """

    def to_eval(layer: nn.Module, inputs: tuple) -> None:
        layer.eval()

    return [layer.register_forward_pre_hook(to_eval) for layer in model.modules() if isinstance(layer, _BatchNorm)]
