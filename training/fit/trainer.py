"""transformers' Trainer, and what a run needs that is killed, meets a full disk, or whose loss leaves the numbers."""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from modeling_emert.errors_emert import EmertInputError

from ..data.sampler import EqualBatchSampler
from . import checkpoints as run_folder

_BACKBONE = "face_encoder.backbone."


class EmertTrainer(Trainer):
    """Trains any network of the project in a run's folder (see `run_folder`)."""

    def __init__(
        self,
        *args: Any,
        run: Path,
        batches: EqualBatchSampler | None = None,
        backbone_learning_rate: float | None = None,
        **kwargs: Any,
    ):
        """
        - `run`: its folder.
        - `batches`: which recordings make up each batch; None: the data set is a stream that knows.
        - `backbone_learning_rate`: of the face backbone, None for that of all.
        """
        super().__init__(*args, **kwargs)
        self.run, self.batches, self.backbone_learning_rate = run, batches, backbone_learning_rate

    def restore(self, step: int) -> None:
        """The weights of a whole checkpoint, on every process."""
        self._load_weights(run_folder.checkpoint(self.run, step) / "model.safetensors")

    def _load_weights(self, path: Path) -> None:
        self.model.load_state_dict(safetensors.torch.load_file(path))

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            self._give_up(f"the loss became {float(loss):g}")
        return loss

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """transformers counts them by the size of `main_input_name`, which says nothing of three modalities."""
        return 0

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """As transformers does, with groups of their own for the backbone where it has a learning rate of its own."""
        if self.backbone_learning_rate is None or self.optimizer is not None:
            return super().create_optimizer(model)
        model = model or self.model
        decayed = set(self.get_decay_parameter_names(model))
        optimizer_class, settings = self.get_optimizer_cls_and_kwargs(self.args, model)
        groups = []
        for in_backbone in (False, True):
            for decays in (True, False):
                chosen = [
                    parameter
                    for name, parameter in model.named_parameters()
                    if parameter.requires_grad and (_BACKBONE in name) == in_backbone and (name in decayed) == decays
                ]
                group = {"params": chosen, "weight_decay": self.args.weight_decay if decays else 0.0}
                groups.append(group | ({"lr": self.backbone_learning_rate} if in_backbone else {}))
        self.optimizer = optimizer_class([group for group in groups if group["params"]], **settings)
        return self.optimizer

    def get_train_dataloader(self) -> DataLoader:
        """Every process takes its own part, which accelerate would cut otherwise, repeating recordings to make parts equal."""
        given = (
            {"batch_size": self.args.per_device_train_batch_size} if self.batches is None else {"batch_sampler": self.batches}
        )
        return DataLoader(
            self.train_dataset,
            **given,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            persistent_workers=self.args.dataloader_persistent_workers,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Each process has met other recordings, so its running statistics differ; the first one's are those that are saved."""
        if torch.distributed.is_initialized():
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, src=0)
        return super().evaluation_loop(*args, **kwargs)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if not all(torch.isfinite(parameter).all() for parameter in self.model.parameters()):
            self._give_up("a weight is no number any more")
        folder = run_folder.checkpoint(self.run, step)
        with run_folder.told_if_unwritable(folder, self.run):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()  # each process writes its own random state
            if self.args.should_save:
                run_folder.seal_checkpoint(folder, self.state.best_global_step)
        self.accelerator.wait_for_everyone()

    def _give_up(self, reason: str) -> None:
        epoch = int(self.state.epoch or 0) + 1
        rate = self.args.learning_rate
        raise EmertInputError(
            f"training: {reason} in epoch {epoch} (step {self.state.global_step + 1}); {run_folder.tell_last(self.run)}; "
            f"train again with a smaller step, e.g. learning_rate={rate / 3:.1g}, or precision=fp32 if it was bf16; that is "
            "another run, which leaves this one's checkpoints alone"
        )
