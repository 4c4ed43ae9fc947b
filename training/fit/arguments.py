"""A recipe in the words of transformers' `TrainingArguments`."""

import importlib.util
import os
from pathlib import Path
from typing import Literal

import torch
from transformers import TrainingArguments

from modeling_emert.errors_emert import EmertInputError

from ..recipes.recipe import Recipe

Tracker = Literal["tensorboard", "trackio"]
TRACKERS: tuple[Tracker, ...] = ("tensorboard", "trackio")


def training_arguments(recipe: Recipe, folder: Path, name: str) -> TrainingArguments:
    """`folder`: where checkpoints go; `name`: of the run.

    The recipe's batch is that of all processes together, so that it means the same on any number of them.

    Raises:
        EmertInputError: the batch can't be cut into equal parts for so many processes.
    """
    parts = recipe.gradient_accumulation * number_of_processes()
    if recipe.batch_size % parts or recipe.batch_size < 2 * parts:
        raise EmertInputError(
            f"recipe: batch_size {recipe.batch_size} can't be cut into equal parts of two or more recordings for "
            f"{number_of_processes()} processes x gradient_accumulation {recipe.gradient_accumulation}; set batch_size to a "
            f"multiple of {2 * parts}"
        )
    return TrainingArguments(
        output_dir=str(folder.resolve()),
        run_name=name,
        project="emert",
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size // parts,
        per_device_eval_batch_size=recipe.batch_size * 2 // parts,
        gradient_accumulation_steps=recipe.gradient_accumulation,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine" if recipe.schedule == "cosine" else "constant_with_warmup",
        warmup_steps=recipe.warmup,
        bf16=recipe.precision == "bf16",
        use_cpu=not torch.accelerator.is_available(),
        activation_checkpointing=recipe.activation_checkpointing,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,  # a loss that is no number ends the training, see `EmertTrainer`
        save_total_limit=None,  # old checkpoints are removed by `run_folder.seal_checkpoint`
        metric_for_best_model=recipe.monitor,
        greater_is_better=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.num_workers,
        dataloader_persistent_workers=recipe.num_workers > 0,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=True,  # the encoder of a modality that a batch lacks gets no gradient
        label_names=["labels"],
        seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
    )


def number_of_processes() -> int:
    """Those that `torchrun` or `accelerate launch` started; 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def is_main_process() -> bool:
    """The one that writes."""
    return process_number() == 0


def tracking_callbacks(track: Tracker | None, out: Path) -> list:
    """What logs to a tracker, offline.

    TensorBoard's files go to `tensorboard/NAME` beside the model, so that `tensorboard --logdir` shows runs side by side;
    trackio keeps its own data base (`TRACKIO_DIR`).

    Raises:
        EmertInputError: the tracker is not installed.
    """
    if track is None:
        return []
    if importlib.util.find_spec(track) is None:
        raise EmertInputError(f"--track {track}: {track} is not installed; pip install 'emert[{track}]'")
    if track == "trackio":
        from transformers.integrations import TrackioCallback

        return [TrackioCallback()]
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(str(out.parent / "tensorboard" / out.name)))] if is_main_process() else []
