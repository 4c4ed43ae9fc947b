"""Modalities and file names that all rooms use. Importing this file loads no library."""

from typing import Literal

Modality = Literal["face", "eye_movements", "fixations"]
# Always in this order: the discriminator's classes, the masks and the fused sequence follow it.
MODALITIES: tuple[Modality, ...] = ("face", "eye_movements", "fixations")
# The model's argument that holds each.
INPUT_NAMES: dict[Modality, str] = {"face": "pixel_values", "eye_movements": "eye_movements", "fixations": "fixations"}

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
