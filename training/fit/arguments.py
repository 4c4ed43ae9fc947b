"""A recipe as transformers' `TrainingArguments`."""

import importlib.util
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainingArguments

from modeling_emert.errors_emert import EmertInputError

from ..data.distributed import is_main_process, number_of_processes
from ..recipes.recipe import Recipe


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
        raise EmertInputError("--track: tensorboard is not installed; pip install 'emert[tracking]'")
    from torch.utils.tensorboard import SummaryWriter
    from transformers.integrations import TensorBoardCallback

    return [TensorBoardCallback(SummaryWriter(str(out.parent / "tensorboard" / out.name)))] if is_main_process() else []
