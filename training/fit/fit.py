"""Training one network on one fold: from a recipe and a data set to a model folder, whole or not at all."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import EvalPrediction, PreTrainedModel, TrainerCallback, TrainerState, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging

from dataset_scripts.common.output import check_apart, check_replaceable
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import TASKS
from training.outputs import MODEL

from ..augmentation import make_augmentation
from ..data.dataset import RecordingDataset, collate, statistics_by_participant
from ..data.sampler import EqualBatchSampler
from ..data.streaming import StreamedRows, UnkeptRows
from ..methods.modalities import check_modalities
from ..methods.registry import get_method
from ..metrics import score
from ..recipes.recipe import Recipe
from ..recipes.recipe_checks import SCORE
from ..statistics.calibration import fit_temperature
from . import checkpoints as run_folder
from .arguments import Tracker, is_main_process, number_of_processes, process_number, tracking_callbacks, training_arguments
from .callbacks import EarlyStopping, EpochOfData, ProgressBar, Stopwatch
from .class_weights import count_class_weights
from .history import epochs_of
from .make_model import make_model
from .record import make_record, write_model
from .trainer import EmertTrainer


@dataclass
class Fold:
    """What is trained on one fold: network, processor with its statistics, prepared rows."""

    model: PreTrainedModel
    processor: EmertProcessor
    tasks: list[str]
    training: RecordingDataset
    validation: RecordingDataset


def fit(recipe: Recipe, data: EmertData, out: Path, fold: int, strict: bool = False, track: Tracker | None = None) -> Path:
    """Trains on one fold and saves model, processor, history and a record of the run in `out`, whole or not at all.

    A run that was stopped, by whatever means, goes on from its last epoch (its checkpoints lie beside `out`, see
    `run_folder`) and ends with the very weights that it would have had. Under `torchrun` every process calls this; the
    first one writes. A model that `out` holds is replaced.

    Raises:
        EmertInputError: a task that the data has no labels for; splits that the data does not have; a method that is given
            nothing that the data has; a network that can't be; a disk that is full; a loss that is no number any more;
            another run that is writing `out`; an `out` that holds something else than a model, or the data.
    """
    check_apart(out, [data.folder])
    check_replaceable(out, MODEL)
    trackers = tracking_callbacks(track, out)
    prepared = prepare(recipe, data, fold, strict)  # refuses what can't be done, before anything is written
    with run_folder.alone(out) if is_main_process() else nullcontext():
        return _train_and_save(recipe, data, out, fold, strict, prepared, trackers)


def _train_and_save(
    recipe: Recipe, data: EmertData, out: Path, fold: int, strict: bool, prepared: Fold, trackers: Sequence[TrainerCallback]
) -> Path:
    run = run_folder.run_folder(out, recipe, data, fold, strict)
    arguments = training_arguments(recipe, run_folder.checkpoints(run), out.name)
    with arguments.main_process_first(local=False):
        if is_main_process():
            run_folder.open_run(run)
    trainer = make_trainer(recipe, prepared, arguments, run, [ProgressBar(), *trackers])
    state = _train(trainer, recipe, run)
    for tracker in trackers:  # what follows is no training
        trainer.remove_callback(tracker)
    trainer.model.config.temperatures = _fit_temperatures(trainer, prepared) or None
    if is_main_process():
        history = epochs_of(state.log_history)
        record = make_record(recipe, data, fold, strict, prepared, state, history)
        finished = run / "finished"
        with run_folder.told_if_unwritable(finished, run):
            write_model(finished, trainer.model, prepared.processor, record, history)
            run_folder.move_out(finished, out)
    trainer.accelerator.wait_for_everyone()
    return out


def prepare(recipe: Recipe, data: EmertData, fold: int, strict: bool) -> Fold:
    """Everything that training needs, made by the recipe's seed. Raises `EmertInputError` as [`fit`]."""
    set_seed(recipe.seed)
    method = get_method(recipe.method)
    check_modalities(data, method)
    tasks = choose_tasks(recipe, data)
    rows = data.select(fold, strict)
    people = participant_numbers(data, rows["train"]) if recipe.forget_participants else None
    model, processor = make_model(recipe, tasks, num_participants=len(people or ()))
    if recipe.class_weights:
        model.config.class_weights = count_class_weights(data, rows["train"], tasks)
    statistics = prepare_processor(processor, data, rows["train"])
    shared = {
        "statistics": statistics,
        "face_network": model.emert if recipe.store_face_features else None,
        "modalities": method.modalities,
    }
    augmented = {"augmentation": make_augmentation(recipe.augmentation), "seed": recipe.seed, "participant_numbers": people}
    make_training = StreamedRows.reading_for(recipe) if recipe.streaming else RecordingDataset
    training = make_training(data, rows["train"], processor, tasks, **shared, **augmented)
    # Without `people`: nobody there is known to the participant head, and it has no say in which epoch is best.
    make_validation = UnkeptRows if recipe.streaming else RecordingDataset
    validation = make_validation(data, rows["validation"], processor, tasks, **shared)
    return Fold(model, processor, tasks, training, validation)


def make_trainer(
    recipe: Recipe, prepared: Fold, arguments: Any, run: Path, callbacks: Sequence[TrainerCallback]
) -> EmertTrainer:
    """`arguments`: of [`training_arguments`]; `run`: the run's folder; `callbacks`: besides those that training needs."""
    transformers_logging.disable_progress_bar()  # of writing a checkpoint, beside our own
    training = prepared.training
    parts = {"accumulation": recipe.gradient_accumulation, "processes": number_of_processes(), "process": process_number()}
    batches = None if recipe.streaming else EqualBatchSampler(len(training), recipe.batch_size, recipe.seed, **parts)
    if batches is not None and len(batches) == 0:
        raise EmertInputError(f"{training.data.folder}: {len(training)} training recordings make no batch; give more of them")
    trainer = EmertTrainer(
        model=prepared.model,
        args=arguments,
        train_dataset=training,
        eval_dataset=prepared.validation,
        data_collator=collate,
        compute_metrics=validation_scores,
        # The stopwatch first, since trackers are to log what it notes.
        callbacks=[
            Stopwatch(),
            EpochOfData(*(listener for listener in (training, batches) if listener is not None)),
            EarlyStopping(recipe.patience, recipe.monitor),
            *callbacks,
        ],
        run=run,
        batches=batches,
        backbone_learning_rate=recipe.backbone_learning_rate,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _train(trainer: EmertTrainer, recipe: Recipe, run: Path) -> TrainerState:
    """Trains from the last checkpoint on, unless that was the last of all; the weights are then those of the best epoch."""
    last = run_folder.last_checkpoint(run)
    if last is None or not _is_over(recipe, run_folder.read_state(last)):
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        last = run_folder.last_checkpoint(run)
    # Read back rather than taken from the Trainer: what follows is the same whether or not the run was ever stopped.
    state = run_folder.read_state(last)
    trainer.restore(state.best_global_step or state.global_step)
    return state


def _is_over(recipe: Recipe, state: TrainerState) -> bool:
    return state.global_step >= state.max_steps or EarlyStopping(recipe.patience, recipe.monitor).is_over(state)


def _fit_temperatures(trainer: EmertTrainer, prepared: Fold) -> dict[str, float]:
    """By task of classes with a head of its own, fitted on the validation recordings, which also chose the epoch."""
    prediction = trainer.predict(prepared.validation)
    derived = trainer.model.config.derived_tasks
    return {
        name: fit_temperature(prediction.predictions[name], prediction.label_ids[name])
        for name in prepared.tasks
        if TASKS[name].kind == "classification" and name not in derived
    }


def choose_tasks(recipe: Recipe, data: EmertData) -> list[str]:
    """The recipe's tasks, or all that the data has labels for."""
    missing = [name for name in recipe.tasks if name not in data.tasks]
    if missing:
        raise EmertInputError(f"{data.folder} has no labels for task {', '.join(missing)}; it has {', '.join(data.tasks)}")
    if recipe.monitor not in (SCORE, *data.tasks):
        raise EmertInputError(
            f"recipe: monitor is {recipe.monitor}, for which {data.folder} has no labels; set {SCORE} or one of "
            f"{', '.join(data.tasks)}"
        )
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


def prepare_processor(
    processor: EmertProcessor, data: EmertData, training_rows: Sequence[int]
) -> dict[str, GazeStatistics] | None:
    """Fits the gaze statistics on the training rows; for `"participant"`, gives everyone's own over all rows."""
    if processor.feature_extractor.normalisation == "participant":
        return statistics_by_participant(data, range(len(data)))
    processor.feature_extractor.fit(GazeStatistics.of(data.gaze_only([row])[0].gaze for row in training_rows))
    return None


def validation_scores(prediction: EvalPrediction) -> dict[str, float]:
    """The primary metric of every task and their mean, `score`."""
    scores = {}
    for name, logits in prediction.predictions.items():
        task = TASKS[name]
        scores[name] = score(task, prediction.label_ids[name], to_predictions(name, logits))[task.primary_metric]
    return {**scores, SCORE: float(np.nanmean(list(scores.values())))}


def to_predictions(name: str, logits: np.ndarray) -> np.ndarray:
    """Probabilities from class logits `(n, classes)`; numbers cut to the task's range."""
    task = TASKS[name]
    if task.kind == "regression":
        return np.clip(logits, *task.range)
    return torch.from_numpy(logits).softmax(dim=1).numpy()
