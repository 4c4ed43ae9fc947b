"""Training one network on one fold: from a recipe and a data set to a complete model folder."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from transformers import EvalPrediction, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging

from dataset_scripts.common.output import check_apart, check_free, check_replaceable, lock_output
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS

from ..data.dataset import collate
from ..data.joined import JoinedRecordings, as_list
from ..data.sampler import EqualBatchSampler, is_main_process, number_of_processes, process_number
from ..metrics import score
from ..metrics.predictions import to_predictions
from ..outputs import MODEL
from ..recipes.recipe import SCORE, Recipe
from ..statistics.calibration import fit_offsets, fit_temperature
from . import checkpoints
from .callbacks import EarlyStopping, ProgressBar, SetEpoch, Stopwatch
from .prepare import Fold, prepare
from .record import epochs_of, make_record, write_model
from .trainer import EmertTrainer, tracking_callbacks, training_arguments


def fit(
    recipe: Recipe,
    data: EmertData | Sequence[EmertData],
    out: Path,
    fold: int,
    strict: bool = False,
    track: bool = False,
    overwrite: bool = True,
) -> Path:
    """Trains on one fold of one or several data sets (see [`prepare`]), then writes model, processor, history and training
    record to the folder `out`, atomically.

    An interrupted run resumes from its last complete epoch (its checkpoints lie beside `out`, see `checkpoints`) and ends
    with bitwise the same weights as an uninterrupted one. Under `torchrun` every process calls this; the main process
    writes. `track`: log to TensorBoard too. `overwrite`: replace a model that `out` holds.

    Raises:
        EmertInputError: as [`prepare`]; another run is writing `out`, or has written it before this one could begin; `out`
            holds something else than a model, or the data; the disk is full; the loss or a weight is not finite.
    """
    data = as_list(data)
    check_apart(out, [one.folder for one in data])
    check_replaceable(out, MODEL)
    trackers = tracking_callbacks(out) if track else []
    prepared = prepare(recipe, data, fold, strict)  # its errors come before anything is written
    with lock_output(out) if is_main_process() else nullcontext():
        check_free(out, overwrite)  # here, since another run may have ended while this one was prepared
        return _train_and_save(recipe, data, out, fold, strict, prepared, trackers)


def _train_and_save(
    recipe: Recipe,
    data: Sequence[EmertData],
    out: Path,
    fold: int,
    strict: bool,
    prepared: Fold,
    trackers: Sequence[TrainerCallback],
) -> Path:
    run = checkpoints.run_folder(out, recipe, data, fold, strict)
    arguments = training_arguments(recipe, checkpoints.checkpoints_folder(run), out.name)
    with arguments.main_process_first(local=False):
        if is_main_process():
            checkpoints.open_run(run)
    trainer = make_trainer(recipe, prepared, arguments, run, [ProgressBar(), *trackers])
    state = _train(trainer, recipe, run)
    for tracker in trackers:  # must not log the predictions that follow
        trainer.remove_callback(tracker)
    _calibrate(trainer, prepared, recipe.class_offsets)
    if is_main_process():
        history = epochs_of(state.log_history)
        record = make_record(recipe, data, fold, strict, prepared, state, history)
        finished = run / "finished"
        with checkpoints.report_unwritable(finished, run):
            write_model(finished, trainer.model, prepared.processor, record, history)
            checkpoints.finish_run(finished, out)
    trainer.accelerator.wait_for_everyone()
    return out


def make_trainer(
    recipe: Recipe, prepared: Fold, arguments: TrainingArguments, run: Path, callbacks: Sequence[TrainerCallback]
) -> EmertTrainer:
    """`run`: the run's folder; `callbacks`: in addition to those that every training needs."""
    transformers_logging.disable_progress_bar()  # of writing a checkpoint, beside our own
    training = prepared.training
    parts = {"accumulation": recipe.gradient_accumulation, "processes": number_of_processes(), "process": process_number()}
    batches = EqualBatchSampler(training.sizes, recipe.batch_size, recipe.seed, balance=recipe.source_balance, **parts)
    if len(batches) == 0:
        raise EmertInputError(
            f"{training.parts[0].data.folder}: {len(training)} training recordings make no batch; give more of them"
        )
    trainer = EmertTrainer(
        model=prepared.model,
        args=arguments,
        train_dataset=training,
        eval_dataset=prepared.validation,
        data_collator=collate,
        compute_metrics=partial(validation_scores, validation=prepared.validation),
        # The stopwatch first, since trackers log the seconds that it adds.
        callbacks=[
            Stopwatch(),
            SetEpoch(training, batches),
            EarlyStopping(recipe.patience, recipe.monitor),
            *callbacks,
        ],
        run=run,
        batches=batches,
        recipe=recipe,
        watched=prepared.test,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _train(trainer: EmertTrainer, recipe: Recipe, run: Path) -> TrainerState:
    """Trains from the last checkpoint, if training is not over there, and loads the weights of the best epoch."""
    last = checkpoints.last_checkpoint(run)
    if last is None or not _is_over(recipe, checkpoints.read_state(last)):
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        last = checkpoints.last_checkpoint(run)
    # Read back rather than taken from the Trainer, so that a resumed run continues from the same values.
    state = checkpoints.read_state(last)
    trainer.restore(state.best_global_step or state.global_step)
    return state


def _is_over(recipe: Recipe, state: TrainerState) -> bool:
    return state.global_step >= state.max_steps or EarlyStopping(recipe.patience, recipe.monitor).is_over(state)


def _calibrate(trainer: EmertTrainer, prepared: Fold, power: float | None) -> None:
    """Temperatures, after offsets of the classes with a `power`, for each classification task with a head of its own.

    They are fitted on the validation recordings, which also chose the epoch. The offsets are added to the head's weights.
    """
    prediction, model, temperatures = trainer.predict(prepared.validation), trainer.model, {}
    for name in prepared.tasks:
        if TASKS[name].kind == "classification" and name not in model.config.derived_tasks:
            logits, labels = prediction.predictions[name], prediction.label_ids[name]
            if power is not None:
                offsets = fit_offsets(logits, labels, power)
                model.heads[name].add(offsets)
                logits = logits + offsets
            temperatures[name] = fit_temperature(logits, labels)
    model.config.temperatures = temperatures or None


def validation_scores(prediction: EvalPrediction, validation: JoinedRecordings) -> dict[str, float]:
    """The primary metric of every task and their mean, `score`; with several sources `SOURCE/TASK` for the tasks that each has
    labels of, and the mean over the sources of their means.
    """
    by_source, start = {}, 0
    for part, size in zip(validation.parts, validation.sizes, strict=True):
        own = {}
        for name, logits in prediction.predictions.items():
            if name in part.data.tasks:
                task, rows = TASKS[name], slice(start, start + size)
                found = score(task, prediction.label_ids[name][rows], to_predictions(name, logits[rows]))
                own[name] = found[task.primary_metric]
        by_source[part.data.metadata.source] = own
        start += size
    mean = float(np.nanmean([np.nanmean(list(own.values())) for own in by_source.values()]))
    if len(by_source) == 1:
        return next(iter(by_source.values())) | {SCORE: mean}
    return {f"{source}/{name}": value for source, own in by_source.items() for name, value in own.items()} | {SCORE: mean}
