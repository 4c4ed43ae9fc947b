"""transformers' Trainer with our batches, checkpoints that survive a kill or a full disk, and a check for finite losses."""

import importlib.util
import math
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from dataset_scripts.common.extras import how_to_install
from modeling_emert.constants_emert import WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError

from ..data.sampler import EqualBatchSampler, is_main_process, number_of_processes
from ..metrics.authors_way import watched_scores
from ..metrics.predictions import to_predictions
from ..recipes.recipe import Recipe
from . import checkpoints
from .average import AVERAGE_FILE, WeightAverage


def training_arguments(recipe: Recipe, folder: Path, name: str) -> TrainingArguments:
    """`folder`: for the checkpoints; `name`: of the run. The recipe's batch size is that of all processes together.

    Raises:
        EmertInputError: the batch can't be split into equal parts for this number of processes.
    """
    parts = recipe.gradient_accumulation * number_of_processes()
    if recipe.batch_size % parts or recipe.batch_size < 2 * parts:
        raise EmertInputError(
            f"recipe: batch_size {recipe.batch_size} can't be split into equal parts of two or more recordings for "
            f"{number_of_processes()} processes x gradient_accumulation {recipe.gradient_accumulation}; set batch_size to a "
            f"multiple of {2 * parts}"
        )
    return TrainingArguments(
        output_dir=str(folder.resolve()),
        run_name=name,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size // parts,
        per_device_eval_batch_size=recipe.batch_size * 2 // parts,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine" if recipe.schedule == "cosine" else "constant_with_warmup",
        max_grad_norm=recipe.max_gradient,
        warmup_steps=recipe.warmup,
        bf16=recipe.precision == "bf16",
        use_cpu=not torch.accelerator.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,  # `EmertTrainer` ends the training at a loss that is not finite
        save_total_limit=None,  # `checkpoints.mark_complete` deletes old checkpoints
        metric_for_best_model=recipe.monitor,
        greater_is_better=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.num_workers,
        dataloader_persistent_workers=recipe.num_workers > 0,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=True,  # a modality that a batch lacks gives its encoder no gradient
        label_names=["labels"],
        seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
    )


def tracking_callbacks(out: Path) -> list[TrainerCallback]:
    """Logs to `tensorboard/NAME` beside the model, so that `tensorboard --logdir tensorboard` shows runs side by side.

    Raises:
        EmertInputError: TensorBoard is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise EmertInputError(f"--track: tensorboard is not installed; {how_to_install('tracking')}")
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(str(out.parent / "tensorboard" / out.name)))] if is_main_process() else []


def _cosine_by_epoch(step: int, steps_per_epoch: int, epochs: int) -> float:
    """The learning rate's factor: 1 throughout the first epoch, near 0 in the last."""
    return 0.5 * (1 + math.cos(math.pi * min(step // steps_per_epoch, epochs) / epochs))


class EmertTrainer(Trainer):
    """Trains any network of the project. `run`: the run's folder (see `checkpoints`)."""

    def __init__(
        self, *args: Any, run: Path, batches: EqualBatchSampler, recipe: Recipe, watched: Dataset | None, **kwargs: Any
    ):
        """Of the recipe's `weight_average`, the average is validated and restored. `watched`: the test, for the log only."""
        super().__init__(*args, **kwargs)
        self.run, self.batches, self.recipe, self.watched = run, batches, recipe, watched
        self.average = WeightAverage(self.model, recipe.weight_average) if recipe.weight_average else None
        if self.average is not None:
            self.add_callback(self.average)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        if self.recipe.optimizer == "adam" and self.optimizer is None:
            rates = {"lr": self.recipe.learning_rate, "weight_decay": self.recipe.weight_decay}
            self.optimizer = torch.optim.Adam(self.model.parameters(), **rates)
        return self.optimizer or super().create_optimizer(*args, **kwargs)

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        if self.recipe.schedule != "cosine_by_epoch" or self.lr_scheduler is not None:
            return super().create_scheduler(num_training_steps, optimizer)
        epochs = self.recipe.epochs
        rate = partial(_cosine_by_epoch, steps_per_epoch=num_training_steps // epochs, epochs=epochs)
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, rate)
        return self.lr_scheduler

    def restore(self, step: int) -> None:
        """Loads the weights of a complete checkpoint, on every process."""
        name = WEIGHTS_FILE if self.average is None else AVERAGE_FILE
        self.average = None  # from here on, the model is what was loaded
        self.model.load_state_dict(safetensors.torch.load_file(checkpoints.checkpoint_folder(self.run, step) / name))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            self.average.load(Path(resume_from_checkpoint))

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
        with nullcontext() if self.average is None else self.average.used_by(self.model):
            if torch.distributed.is_initialized():
                for buffer in self.model.buffers():
                    torch.distributed.broadcast(buffer, src=0)
            return super().evaluation_loop(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        metrics = super().evaluate(*args, **kwargs)
        if self.watched is not None:
            compute, self.compute_metrics = self.compute_metrics, None  # which counts the validation's recordings
            try:
                loader = self.get_test_dataloader(self.watched)
                found = self.evaluation_loop(loader, "test", prediction_loss_only=False, metric_key_prefix="test")
            finally:
                self.compute_metrics = compute
            self.log(watched_scores(found.label_ids, found.predictions, to_predictions))
        return metrics

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        if not all(torch.isfinite(parameter).all() for parameter in self.model.parameters()):
            self._raise_diverged("a weight is not finite")
        folder = checkpoints.checkpoint_folder(self.run, self.state.global_step)
        with checkpoints.report_unwritable(folder, self.run):
            super()._save_checkpoint(model, trial)
            self.accelerator.wait_for_everyone()  # each process writes its own random state
            if self.args.should_save:
                if self.average is not None:
                    self.average.save(folder)
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
