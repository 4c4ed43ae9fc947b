"""Modalities and file names that all rooms use. Importing this file loads no library."""

from collections.abc import Collection
from typing import Literal

Modality = Literal["face", "eye_movements", "fixations"]
# Always in this order: the discriminator's classes, the masks and the fused sequence follow it.
MODALITIES: tuple[Modality, ...] = ("face", "eye_movements", "fixations")
# The model's argument that holds each.
INPUT_NAMES: dict[Modality, str] = {"face": "pixel_values", "eye_movements": "eye_movements", "fixations": "fixations"}

# The mask of each argument of the model that holds a part of a recording.
MASK_OF: dict[str, str] = {
    "pixel_values": "face_mask",
    "action_units": "action_units_mask",
    "eye_movements": "eye_movements_mask",
    "fixations": "fixations_mask",
}
# Of each modality the masks, and every argument. A face may be given by its action units in place of frames.
_PARTS_OF = {name: (INPUT_NAMES[name], *(["action_units"] if name == "face" else [])) for name in MODALITIES}
MASKS_OF: dict[Modality, tuple[str, ...]] = {name: tuple(MASK_OF[part] for part in parts) for name, parts in _PARTS_OF.items()}
ARGUMENTS_OF: dict[Modality, tuple[str, ...]] = {name: (*parts, *MASKS_OF[name]) for name, parts in _PARTS_OF.items()}

# Context that the model may be given besides the recording; off unless the config's `context` names it.
CONTEXT_INPUTS = ("big_five", "stimulus_emotion")

PARTICIPANT = "participant"  # name of the labels and of the loss of the participant head

# Files of a model folder. The first three make a model that loads.
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
PROCESSOR_FILE = "processor_config.json"
CARD_FILE = "README.md"
RECORD_FILE = "training_record.json"  # written by `emert train`
RESULTS_FILE = "results.json"  # of `emert evaluate`, copied there by `emert card`
EVAL_FOLDER = ".eval_results"  # where the Hub looks for scores
MODEL_FILES = (CONFIG_FILE, WEIGHTS_FILE, PROCESSOR_FILE)

# By view, the modalities that it is read from. Other views (what a stimulus shows, own tasks) rest on anything.
GROUNDS: dict[str, tuple[Modality, ...]] = {"er": ("eye_movements", "fixations"), "fer": ("face",)}


def is_grounded(view: str, modalities: Collection[str]) -> bool:
    """Whether an answer from these modalities rests on what the view is read from; a guess or nothing otherwise."""
    return view not in GROUNDS or any(name in modalities for name in GROUNDS[view])
