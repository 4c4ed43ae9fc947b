"""EMERT as an ONNX file, for programs without Python."""

import os
import tempfile
from pathlib import Path

import torch
from torch import nn

from .configuration_emert import EmertConfig
from .constants_emert import INPUT_NAMES, MODALITIES
from .errors_emert import EmertInputError
from .modeling_emert import EmertForEmotionRecognition

# The file's inputs in order: values, then masks, of every modality. A missing modality is zeros with a mask of False.
ONNX_INPUTS = (*INPUT_NAMES.values(), *(f"{name}_mask" for name in MODALITIES))


class _Plain(nn.Module):
    """The network with a tuple of logits as output, in the order of the config's tasks."""

    def __init__(self, model: EmertForEmotionRecognition):
        super().__init__()
        self.model = model

    def forward(self, pixel_values, eye_movements, fixations, face_mask, eye_movements_mask, fixations_mask):
        output = self.model(pixel_values, eye_movements, fixations, face_mask, eye_movements_mask, fixations_mask)
        return tuple(output.logits.values())


def example_inputs(config: EmertConfig, batch: int, image_size: int) -> dict[str, torch.Tensor]:
    """Random inputs of the right shapes, with every modality. `image_size` in pixels."""
    values = {
        "pixel_values": torch.randn(batch, config.num_frames, 3, image_size, image_size),
        "eye_movements": torch.randn(batch, config.num_eye_steps, config.num_columns),
        "fixations": torch.randn(batch, config.num_fixation_steps, config.fixation_size),
    }
    masks = {f"{name}_mask": torch.ones(batch, length, dtype=torch.bool) for name, length in config.lengths.items()}
    return values | masks


def export_onnx(model: EmertForEmotionRecognition, path: str | Path, image_size: int = 112) -> Path:
    """Writes the network in eval mode to `path` (an atomic write), for batches of 1 to 1,024; returns the path.

    Inputs are `ONNX_INPUTS`, prepared as the processor does; outputs are the logits by task name.
    Raises `EmertInputError` if the packages onnx and onnxscript are not installed, if the model takes context, for which the
    file has no input, or if `path` can't be written.
    """
    try:
        import onnxscript  # noqa: F401  (torch imports it only after minutes of work)
    except ImportError as error:
        raise EmertInputError("writing ONNX needs `pip install onnx onnxscript`") from error
    if model.config.context:
        raise EmertInputError(f"the model takes context ({', '.join(model.config.context)}), which an ONNX file can't be given")
    inputs = example_inputs(model.config, 2, image_size)
    batch = torch.export.Dim("batch", min=1, max=1024)
    program = torch.onnx.export(
        _Plain(model).eval(),
        kwargs=inputs,
        dynamo=True,
        dynamic_shapes={name: {0: batch} for name in inputs},
        input_names=list(ONNX_INPUTS),
        output_names=list(model.config.tasks),
        verbose=False,
    )
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            program.save(Path(folder) / path.name, external_data=False)  # one file, weights included
            os.replace(Path(folder) / path.name, path)
    except OSError as error:
        raise EmertInputError(f"{path}: can't be written ({error.strerror}); choose another place or make room") from error
    return path
