"""Training one EMERT on one fold, with transformers' Trainer."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from tqdm import tqdm
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.utils import logging as transformers_logging

from dataset_scripts.reading import EmertData
from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.model_card_emert import RECORD_FILE
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import TASKS

from .batches import EmertRows, collate, statistics_by_participant
from .metrics import score
from .recipe import Recipe

_SELECTION = "score"  # mean over the tasks of their primary metric, on validation participants


def fit(recipe: Recipe, data: EmertData, out: Path, fold: int, strict: bool = False) -> Path:
    """Trains on one fold and saves model, processor and a record of the run in `out`, whole or not at all.

    A run that was stopped goes on from its last epoch (its checkpoints lie in `.OUT.partial`).

    Raises:
        EmertInputError: a task that the data has no labels for; splits that the data does not have.
    """
    transformers_logging.disable_progress_bar()
    set_seed(recipe.seed)
    tasks = choose_tasks(recipe, data)
    rows = data.select(fold, strict)
    people = participant_numbers(data, rows["train"]) if recipe.forget_participants else None
    model, processor = make_model(recipe, tasks, num_participants=len(people or ()))
    face_network = model.emert if recipe.store_face_features else None
    statistics = prepare_processor(processor, data, rows["train"])
    partial = _open_partial(out, recipe, data, fold, strict)
    trainer = Trainer(
        model=model,
        args=_arguments(recipe, partial / "checkpoints", len(rows["train"])),
        train_dataset=EmertRows(data, rows["train"], processor, tasks, statistics, people, face_network),
        # Without `people`: nobody there is known to the participant head, and it has no say in which epoch is best.
        eval_dataset=EmertRows(data, rows["validation"], processor, tasks, statistics, face_network=face_network),
        data_collator=collate,
        compute_metrics=validation_scores,
        callbacks=[EarlyStoppingCallback(recipe.patience), EpochLine()],
    )
    for default in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(default)
    checkpoints = sorted((partial / "checkpoints").glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=bool(checkpoints))
    record = {
        "data": data.metadata.source,
        "fold": fold,
        "strict": strict,
        "build": data.metadata.fingerprint,
        "splits_sha256": data.assignment.sha256,
        "seen_participants": sorted(
            {str(name) for split in ("train", "validation") for name in data.ids["participant_id"][rows[split]]}
        ),
        "validation_score": trainer.state.best_metric,
        "epochs": trainer.state.epoch,
        "recipe": json.loads(json.dumps(recipe.__dict__, default=list)),
    }
    _save(trainer.model, processor, record, partial, out)
    return out


def choose_tasks(recipe: Recipe, data: EmertData) -> list[str]:
    """The recipe's tasks, or all that the data has labels for."""
    missing = [name for name in recipe.tasks if name not in data.tasks]
    if missing:
        raise EmertInputError(f"{data.folder} has no labels for task {', '.join(missing)}; it has {', '.join(data.tasks)}")
    return list(recipe.tasks) or data.tasks


def participant_numbers(data: EmertData, training_rows: Sequence[int]) -> dict[str, int]:
    """A class for each participant of the training rows, in the order of their names. Raises `EmertInputError`."""
    names = sorted({str(name) for name in data.ids["participant_id"][training_rows]})
    if len(names) < 2:
        raise EmertInputError(
            f"{data.folder}: the training rows hold {len(names)} participant, but forget_participants tells them apart and "
            "needs at least 2; set forget_participants: false"
        )
    return {name: number for number, name in enumerate(names)}


def make_model(
    recipe: Recipe, tasks: Sequence[str], num_participants: int = 0
) -> tuple[EmertForEmotionRecognition, EmertProcessor]:
    """A network of the recipe before training, and its processor; `num_participants` as in `EmertConfig`.

    Raises:
        EmertInputError: the overrides make no network, or weights of the `pretrained_backbone` can't be had or don't fit.
    """
    make_config = EmertConfig.small if recipe.network == "small" else EmertConfig
    try:
        config = make_config(tasks=list(tasks), num_participants=num_participants, **recipe.overrides)
    except (TypeError, ValueError, StrictDataclassError) as error:
        raise EmertInputError(f"recipe: overrides: {' '.join(str(error).split())}") from error
    model = EmertForEmotionRecognition(config)
    if config.pretrained_backbone is not None:
        try:
            model.emert.load_pretrained_backbone()
        except (OSError, ValueError) as error:
            raise EmertInputError(f"recipe: overrides: pretrained_backbone: {' '.join(str(error).split())}") from error
    return model, EmertProcessor.for_config(config, recipe.image_size, recipe.normalisation)


def prepare_processor(
    processor: EmertProcessor, data: EmertData, training_rows: Sequence[int]
) -> dict[str, GazeStatistics] | None:
    """Fits the gaze statistics on the training rows; for `"participant"`, gives everyone's own over all rows."""
    if processor.feature_extractor.normalisation == "participant":
        return statistics_by_participant(data, range(len(data)))
    processor.feature_extractor.fit(GazeStatistics.of(item.gaze for item in data.gaze_only(training_rows)))
    return None


def validation_scores(prediction: EvalPrediction) -> dict[str, float]:
    """The primary metric of every task and their mean, `score`, on which the epoch is chosen."""
    scores = {}
    for name, logits in prediction.predictions.items():
        task = TASKS[name]
        scores[name] = score(task, prediction.label_ids[name], to_predictions(name, logits))[task.primary_metric]
    return {**scores, _SELECTION: float(np.nanmean(list(scores.values())))}


def to_predictions(name: str, logits: np.ndarray) -> np.ndarray:
    """Probabilities from class logits `(n, classes)`; numbers cut to the task's range."""
    task = TASKS[name]
    if task.kind == "numbers":
        return np.clip(logits, *task.range)
    return torch.from_numpy(logits).softmax(dim=1).numpy()


def _arguments(recipe: Recipe, folder: Path, training_rows: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size * 2,
        # BatchNorm can't be trained on a last batch of one.
        dataloader_drop_last=training_rows % recipe.batch_size == 1,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model=_SELECTION,
        greater_is_better=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        label_names=["labels"],
        seed=recipe.seed,
        report_to="none",
    )


class EpochLine(TrainerCallback):
    """One bar over the steps, and on it the loss and the validation score of the last epoch."""

    bar: tqdm | None = None

    def on_train_begin(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="training", unit="step", mininterval=1)

    def on_step_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.update()

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        if self.bar is not None and metrics:
            losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
            line = {"epoch": round(state.epoch or 0), "validation": f"{metrics[f'eval_{_SELECTION}']:.3f}"}
            self.bar.set_postfix(line | ({"loss": f"{losses[-1]:.2f}"} if losses else {}), refresh=False)

    def on_train_end(self, args, state, control, **kwargs):
        if self.bar is not None:
            self.bar.close()


def _open_partial(out: Path, recipe: Recipe, data: EmertData, fold: int, strict: bool) -> Path:
    """The folder of an unfinished run of the same recipe on the same data, or a new one."""
    content = [recipe.to_yaml(), data.metadata.fingerprint, fold, strict]
    fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    partial = out.parent / f".{out.name}.partial"
    marker = partial / "fingerprint"
    if not marker.is_file() or marker.read_text() != fingerprint:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        marker.write_text(fingerprint)
    return partial


def _save(model, processor: EmertProcessor, record: dict, partial: Path, out: Path) -> None:
    finished = partial / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    (finished / RECORD_FILE).write_text(json.dumps(record, indent=2))  # first, since the model's card tells of it
    model.save_pretrained(finished)
    processor.save_pretrained(finished)
    if out.exists():
        shutil.rmtree(out)
    os.replace(finished, out)
    shutil.rmtree(partial)
