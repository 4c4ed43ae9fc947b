"""A network and recordings small enough for many tests."""

import numpy as np
import torch
from transformers import PreTrainedModel

from modeling_emert import EmertConfig, EmertForEmotionRecognition, FaceTrack, Gaze
from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.export_emert import example_inputs
from modeling_emert.tasks_emert import TASKS

FRAMES, EYE_STEPS, FIXATION_STEPS, IMAGE = 3, 6, 5, 32
NO_DROPOUT = {"stream_dropout": 0.0, "position_dropout": 0.0, "fusion_dropout": 0.0, "modality_dropout": 0.0}

# The modalities as the model's arguments: values, mask, and the config's name of its length.
ARGUMENTS = (
    ("pixel_values", "face_mask", "num_frames"),
    ("eye_movements", "eye_movements_mask", "num_eye_steps"),
    ("fixations", "fixations_mask", "num_fixation_steps"),
)


def tiny_resnet(*hidden_sizes: int) -> dict:
    """Of one block a stage. Not under 8: oneDNN on AVX2 writes past the weights of 1x1 convolutions with fewer channels."""
    stages = len(hidden_sizes)
    return {
        "model_type": "resnet",
        "layer_type": "basic",
        "depths": [1] * stages,
        "hidden_sizes": list(hidden_sizes),
        "embedding_size": 8,
        "out_features": [f"stage{stages}"],
    }


def tiny_config(**overrides) -> EmertConfig:
    """About 12,000 parameters, all seven EMER tasks."""
    tiny = {
        "num_frames": FRAMES,
        "num_eye_steps": EYE_STEPS,
        "num_fixation_steps": FIXATION_STEPS,
        "backbone_config": tiny_resnet(8, 16),
        "encoder_size": 8,
        "num_lstm_layers": 1,
        "projection_sizes": [8],
        "num_attention_heads": 2,
        "head_dim": 4,
    }
    return EmertConfig(**{**tiny, **overrides})


def tiny_model(seed: int = 0, **overrides) -> EmertForEmotionRecognition:
    """In eval mode."""
    torch.manual_seed(seed)
    return EmertForEmotionRecognition(tiny_config(**overrides)).eval()


def tiny_inputs(batch: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """All three modalities, without masks."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "pixel_values": (batch, FRAMES, 3, IMAGE, IMAGE),
        "eye_movements": (batch, EYE_STEPS, NUM_COLUMNS),
        "fixations": (batch, FIXATION_STEPS, 2),
    }
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def gappy_inputs(model, batch: int) -> dict[str, torch.Tensor]:
    """A batch in which one sample has no face and another loses half of its eye movements."""
    torch.manual_seed(batch)
    inputs = example_inputs(model.config, batch, IMAGE)
    inputs["face_mask"][0] = False
    inputs["eye_movements_mask"][-1, 3:] = False
    return inputs


def logits(model, inputs) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return model(**inputs).logits


def tiny_labels(model: EmertForEmotionRecognition, batch: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    """A label for every task of every sample."""
    generator = torch.Generator().manual_seed(seed)
    labels = {}
    for name in model.config.tasks:
        size = TASKS[name].size
        if TASKS[name].kind == "classification":
            labels[name] = torch.randint(size, (batch,), generator=generator)
        else:
            labels[name] = torch.randn(batch, size, generator=generator)
    return labels


def checkpoint_activations(model: PreTrainedModel) -> None:
    """By the name that transformers has for it since 5.23, or by the older one."""
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()


def face_track(frames: int = 5, side: int = 40, seed: int = 0) -> FaceTrack:
    """Noise for a face."""
    pictures = np.random.default_rng(seed).integers(0, 256, (frames, side, side, 3)).astype(np.uint8)
    return FaceTrack(pictures, np.arange(frames) * 100.0, np.ones(frames, bool))


def gaze(samples: int = 60, seed: int = 0, **overrides) -> Gaze:
    """600 ms of samples, and fixations of 200 ms each."""
    rng = np.random.default_rng(seed)
    starts = np.arange(0, samples * 10, 200)
    fixations = np.column_stack([rng.random((len(starts), 2)), starts, np.full(len(starts), 200)])
    given = {
        "eye_movements": rng.standard_normal((samples, NUM_COLUMNS)) * 2 + 1,
        "times_ms": np.arange(samples) * 10.0,
        "fixations": fixations,
    }
    return Gaze(**{**given, **overrides})
