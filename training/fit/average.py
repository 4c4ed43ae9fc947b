"""The moving average of a network's weights, which is validated and saved in place of the last ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

AVERAGE_FILE = "average.safetensors"  # in a checkpoint, beside the last weights from which a run resumes


class WeightAverage(TrainerCallback):
    """After every step, `average = decay * average + (1 - decay) * weights`; BatchNorm's statistics alike.

    The decay rises to its value over the first steps, so that the random initial weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: nn.Module, **kwargs: Any
    ) -> None:
        step = state.global_step
        decay = min(self.decay, step / (9 + step))
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def used_by(self, model: nn.Module) -> Iterator[None]:
        """The model computes with the average inside the block."""
        last = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.values)
        try:
            yield
        finally:
            model.load_state_dict(last)

    def save(self, folder: Path) -> None:
        """Into a checkpoint."""
        safetensors.torch.save_file({name: value.contiguous() for name, value in self.values.items()}, folder / AVERAGE_FILE)

    def load(self, folder: Path) -> None:
        """From a checkpoint."""
        for name, value in safetensors.torch.load_file(folder / AVERAGE_FILE).items():
            self.values[name].copy_(value)
