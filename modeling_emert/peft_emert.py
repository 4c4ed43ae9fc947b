"""LoRA adapters for EMERT: the layers that they attach to, and what is trained and saved whole.

```python
model = get_peft_model(base, base.lora_config())
model.save_pretrained("adapter")
model = PeftModel.from_pretrained(base, "adapter")
```

A base that peft has frozen keeps its BatchNorm statistics (see `layers_emert.EmertFaceEncoder`), so a loaded adapter answers as
it did when it was saved.
"""

from collections.abc import Mapping
from typing import Any

from .configuration_emert import EmertConfig
from .constants_emert import MODALITIES

_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
_TEXT = ("input_ids", "attention_mask", "inputs_embeds", "token_type_ids", "task_ids")
_LSTMS = ("eye_encoder.lstm", "fixation_encoder.lstm")


def without_text(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Without a text model's arguments, which peft passes as None where a `LoraConfig` has a `task_type`.

    Raises `ValueError` where one of them has a value.
    """
    if given := [name for name in _TEXT if arguments.get(name) is not None]:
        raise ValueError(
            f"{', '.join(given)}: EMERT takes no text; give pixel_values, eye_movements, fixations or action_units"
        )
    return {name: value for name, value in arguments.items() if name not in _TEXT}


def lora_config(config: EmertConfig, rank: int = 8) -> Any:
    """A `peft.LoraConfig`: adapters on attention, the projections and both LSTMs; the parts of one task are trained completely.

    For [`EmertForEmotionRecognition`]. `rank`: of the adapters, with scale 2. The face backbone is not adapted. Raises
    `ImportError` without peft.
    """
    try:  # transformers asks for all that a model's files import, except in a `try`
        from peft import LoraConfig
    except ImportError as error:
        raise ImportError("an adapter needs peft: `pip install peft`") from error

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
