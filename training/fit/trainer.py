"""transformers' Trainer with our batches, checkpoints that survive a kill or a full disk, and a check for finite losses."""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from modeling_emert.constants_emert import WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError

from ..data.sampler import EqualBatchSampler
from . import checkpoints


class EmertTrainer(Trainer):
    """Trains any network of the project. `run`: the run's folder (see `checkpoints`)."""

    def __init__(self, *args: Any, run: Path, batches: EqualBatchSampler, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.run, self.batches = run, batches

    def restore(self, step: int) -> None:
        """Loads the weights of a complete checkpoint, on every process."""
        path = checkpoints.checkpoint_folder(self.run, step) / WEIGHTS_FILE
        self.model.load_state_dict(safetensors.torch.load_file(path))

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            self._raise_diverged(f"the loss became {float(loss):g}")
        return loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted: transformers does it by the size of `main_input_name`, which fits no network of three modalities."""
        return 0

    def get_train_dataloader(self) -> DataLoader:
        """Each process loads its own part. accelerate would split batches too, but repeats recordings to make parts equal."""
        return DataLoader(
            self.train_dataset,
            batch_sampler=self.batches,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            persistent_workers=self.args.dataloader_persistent_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Validates with the main process's running statistics, which are those that are saved."""
        if torch.distributed.is_initialized():
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)
        return super().evaluation_loop(*args, **kwargs)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        if not all(torch.isfinite(parameter).all() for parameter in self.model.parameters()):
            self._raise_diverged("a weight is not finite")
        folder = checkpoints.checkpoint_folder(self.run, self.state.global_step)
        with checkpoints.report_unwritable(folder, self.run):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()  # each process writes its own random state
            if self.args.should_save:
                checkpoints.mark_complete(folder, self.state.best_global_step)
        self.accelerator.wait_for_everyone()

    def _raise_diverged(self, reason: str) -> None:
        epoch = int(self.state.epoch or 0) + 1
        raise EmertInputError(
            f"training: {reason} in epoch {epoch} (step {self.state.global_step + 1}); "
            f"{checkpoints.describe_last(self.run)}; train again with a lower learning rate, e.g. "
            f"learning_rate={self.args.learning_rate / 3:.1g}, or precision=fp32 if it was bf16; that is another run, which "
            "keeps the checkpoints of this one"
        )
