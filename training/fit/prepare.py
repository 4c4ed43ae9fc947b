"""Everything that training on one fold needs: network, processor fitted on the training rows, data sets, class weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel, set_seed

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS

from ..augmentation import make_augmentation
from ..data.dataset import RecordingDataset, statistics_by_participant
from ..methods.network import CONFIG_ERRORS, make_config
from ..methods.registry import check_modalities, get_method, load_class
from ..recipes.recipe import SCORE, Recipe


@dataclass
class Fold:
    """What one fold is trained with."""

    model: PreTrainedModel
    processor: EmertProcessor
    tasks: list[str]
    training: RecordingDataset
    validation: RecordingDataset


def prepare(recipe: Recipe, data: EmertData, fold: int, strict: bool) -> Fold:
    """Sets the random seeds by the recipe and makes everything in a fixed order, so that it is the same in every run.

    Raises:
        EmertInputError: the data has no labels for a task, no such fold, or no modality of the method; the overrides make
            no network.
    """
    set_seed(recipe.seed)
    method = get_method(recipe.method)
    check_modalities(data, method)
    tasks = choose_tasks(recipe, data)
    rows = data.select(fold, strict)
    participants = participant_numbers(data, rows["train"]) if recipe.forget_participants else None
    model, processor = make_model(recipe, tasks, num_participants=len(participants or ()))
    if recipe.class_weights:
        model.config.class_weights = count_class_weights(data, rows["train"], tasks)
    shared = {
        "statistics": prepare_processor(processor, data, rows["train"]),
        "modalities": method.modalities,
        "cached": not recipe.streaming,
    }
    training = RecordingDataset(
        data,
        rows["train"],
        processor,
        tasks,
        participant_numbers=participants,
        augmentation=make_augmentation(recipe.augmentation),
        seed=recipe.seed,
        **shared,
    )
    # No participant labels here: the participant head knows only training participants and must not choose the epoch.
    validation = RecordingDataset(data, rows["validation"], processor, tasks, **shared)
    return Fold(model, processor, tasks, training, validation)


def make_model(recipe: Recipe, tasks: Sequence[str], num_participants: int = 0) -> tuple[PreTrainedModel, EmertProcessor]:
    """The network of the recipe's method, and its processor; `num_participants` as in `EmertConfig`.

    Raises:
        EmertInputError: the overrides make no network; the weights of `pretrained_backbone` can't be loaded.
    """
    method = get_method(recipe.method)
    try:
        config = make_config(method, recipe.network, tasks, recipe.overrides, num_participants)
        model = load_class(method)(config)
    except CONFIG_ERRORS as error:
        if not recipe.overrides:
            raise  # then it is not the user's error
        raise EmertInputError(f"recipe: overrides: {' '.join(str(error).split())[:500]}") from error
    if config.pretrained_backbone is not None:
        try:
            model.emert.load_pretrained_backbone()
        except (OSError, ValueError) as error:
            raise EmertInputError(f"recipe: overrides: pretrained_backbone: {' '.join(str(error).split())}") from error
    return model, EmertProcessor.for_config(config, recipe.image_size, recipe.normalisation)


def choose_tasks(recipe: Recipe, data: EmertData) -> list[str]:
    """The recipe's tasks, or all tasks that the data has labels for."""
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
    """Fits the gaze statistics on the training rows; for `"participant"`, gives each participant's own over all rows."""
    if processor.feature_extractor.normalisation == "participant":
        return statistics_by_participant(data, range(len(data)))
    processor.feature_extractor.fit(GazeStatistics.of(data.gaze_only([row])[0].gaze for row in training_rows))
    return None


def count_class_weights(data: EmertData, training_rows: Sequence[int], tasks: Sequence[str]) -> dict[str, list[float]]:
    """By classification task, one weight of the loss for each class in label order: the mean class count over its own.

    All classes then have the same total weight, and the mean weight over recordings is 1. A class without any training
    recording gets 1, which is never used.
    """
    weights = {}
    for name in tasks:
        task = TASKS[name]
        if task.kind != "classification":
            continue
        labels = data.labels(task)[training_rows]
        counts = np.bincount(labels[labels != ABSENT_CLASS], minlength=task.size)
        present = counts > 0
        own = np.ones(task.size)
        own[present] = counts.sum() / (present.sum() * counts[present])
        weights[name] = own.tolist()
    return weights
