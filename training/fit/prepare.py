"""Everything that training on one fold needs: network, processor fitted on the training rows, data sets, class weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel, set_seed

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import ABSENT_CLASS, COARSE_AND_FINE, TASKS

from ..augmentation import make_augmentation
from ..data.dataset import RecordingDataset, labels_of, statistics_by_participant
from ..data.joined import JoinedRecordings, as_list, check_one_each
from ..methods.network import CONFIG_ERRORS, make_config
from ..methods.registry import check_modalities, get_method, load_class
from ..recipes.recipe import SCORE, Recipe
from .initial_weights import check_initial_model, load_initial_weights


@dataclass
class Fold:
    """What one fold is trained with."""

    model: PreTrainedModel
    processor: EmertProcessor
    tasks: list[str]
    training: JoinedRecordings
    validation: JoinedRecordings
    test: JoinedRecordings | None = None  # where the recipe watches it


def prepare(recipe: Recipe, data: EmertData | Sequence[EmertData], fold: int, strict: bool) -> Fold:
    """Sets the random seeds by the recipe and makes everything in a fixed order, so that it is the same in every run.

    `data`: one data set, or several of different sources, each with the fold's own rows and, by participant, its own
    statistics; what one has no labels of is absent there.

    Raises:
        EmertInputError: the data has no labels for a task, no such fold, or no modality of the method; the overrides make
            no network; the data sets are not those of the recipe, or can't be learned together.
    """
    data = as_list(data)
    check_sources(recipe, data)
    set_seed(recipe.seed)
    method = get_method(recipe.method)
    for one in data:
        check_modalities(one, method, recipe.overrides.get("face_input", "frames"))
    tasks = choose_tasks(recipe, data)
    rows = [one.select(fold, strict) for one in data]
    if recipe.initial_model is not None:
        check_initial_model(recipe, data, [own["test"] for own in rows], strict)
    training_rows = [(one, own["train"]) for one, own in zip(data, rows, strict=True)]
    participants = participant_numbers(*training_rows[0]) if recipe.forget_participants else None
    model, processor = make_model(recipe, tasks, num_participants=len(participants or ()))
    if recipe.class_weights:
        model.config.class_weights = count_class_weights(training_rows, tasks, float(recipe.class_weights))
    shared = {"modalities": method.modalities, "cached": not recipe.streaming}
    augmentation, training, validation, test = make_augmentation(recipe.augmentation), [], [], []
    for one, own in zip(data, rows, strict=True):
        shared["statistics"] = prepare_processor(processor, one, own["train"])
        changed = {"augmentation": augmentation, "seed": recipe.seed, "participant_numbers": participants, "votes": True}
        training.append(RecordingDataset(one, own["train"], processor, tasks, **changed, **shared))
        # No participant labels here: the participant head knows only training participants and must not choose the epoch.
        # No votes either: scores are against the majority.
        validation.append(RecordingDataset(one, own["validation"], processor, tasks, **shared))
        if recipe.watch_test:
            test.append(RecordingDataset(one, own["test"], processor, tasks, **shared))
    watched = JoinedRecordings(test) if test else None
    return Fold(model, processor, tasks, JoinedRecordings(training), JoinedRecordings(validation), watched)


def check_sources(recipe: Recipe, data: Sequence[EmertData]) -> None:
    """Raises `EmertInputError` where these data sets are not the recipe's, or can't be learned together."""
    check_one_each(data)
    found = [one.metadata.source for one in data]
    if recipe.sources and set(recipe.sources) != set(found):
        raise EmertInputError(f"--data: the data sets are of {', '.join(found)}, the recipe is for {', '.join(recipe.sources)}")
    if len(data) == 1:
        return
    together = f"{len(data)} data sets are learned together"
    if recipe.normalisation != "participant":
        raise EmertInputError(f"{together}, whose trackers differ: set normalisation: participant")
    if recipe.forget_participants:
        raise EmertInputError(f"{together}, but forget_participants is for one; set it to false")
    known = [f"{one.metadata.source}/{task}" for one in data for task in one.tasks]
    if recipe.monitor not in (SCORE, *known):
        raise EmertInputError(f"{together}: monitor is {recipe.monitor}, expected {SCORE} or one of {', '.join(known)}")


def make_model(recipe: Recipe, tasks: Sequence[str], num_participants: int = 0) -> tuple[PreTrainedModel, EmertProcessor]:
    """The network of the recipe's method, and its processor; `num_participants` as in `EmertConfig`.

    Raises:
        EmertInputError: the overrides make no network; the weights of `pretrained_backbone` or `initial_model` can't be
            loaded.
    """
    method = get_method(recipe.method)
    try:
        config = make_config(method, recipe.network, tasks, recipe.overrides, num_participants)
        kind = load_class(method)
        model = kind(config) if recipe.initial_model is None else load_initial_weights(recipe, kind, config)
    except CONFIG_ERRORS as error:
        if not recipe.overrides:
            raise  # then it is not the user's error
        raise EmertInputError(f"recipe: overrides: {' '.join(str(error).split())[:500]}") from error
    if config.pretrained_backbone is not None:
        try:
            model.emert.load_pretrained_backbone()
        except (OSError, ValueError) as error:
            raise EmertInputError(f"recipe: overrides: pretrained_backbone: {' '.join(str(error).split())}") from error
    processor = EmertProcessor.for_config(config, recipe.image_size, recipe.normalisation)
    if recipe.inputs == "authors":
        processor.feed_as_authors(recipe.sampling, recipe.frame_order)
    processor.video_processor.face_zoom = recipe.face_zoom
    processor.video_processor.face_pixels = recipe.face_pixels
    processor.video_processor.do_grayscale = recipe.grey_faces
    return model, processor


def choose_tasks(recipe: Recipe, data: EmertData | Sequence[EmertData]) -> list[str]:
    """The recipe's tasks, or all tasks that the data has labels for. A task that is computed from another needs no labels."""
    data = as_list(data)
    known = list(dict.fromkeys(name for one in data for name in one.tasks))
    where = " and ".join(str(one.folder) for one in data)
    derived = [coarse for coarse, fine in COARSE_AND_FINE if recipe.overrides.get("hierarchical") and fine in known]
    missing = [name for name in recipe.tasks if name not in (*known, *derived)]
    if missing:
        raise EmertInputError(f"{where} has no labels for task {', '.join(missing)}; it has {', '.join(known)}")
    if len(data) == 1 and recipe.monitor not in (SCORE, *known):
        raise EmertInputError(
            f"recipe: monitor is {recipe.monitor}, for which {where} has no labels; set {SCORE} or one of {', '.join(known)}"
        )
    return list(recipe.tasks) or known


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
    if processor.feature_extractor.columns == "sheet":
        if not data.metadata.sheet_columns:
            raise EmertInputError(
                f"{data.folder}: keeps no sheets of the eye tracker, which inputs: authors takes; build one of EMER in the "
                "authors' layout, or set inputs: standard"
            )
        return None
    if processor.feature_extractor.normalisation == "participant":
        return statistics_by_participant(data, range(len(data)))
    total = GazeStatistics.of([])
    for row in training_rows:
        recording = data.gaze_only([row])[0]
        total = total + GazeStatistics.of([recording.gaze], [recording.action_units])
    processor.feature_extractor.fit(total)
    return None


def count_class_weights(
    training_rows: Sequence[tuple[EmertData, np.ndarray]], tasks: Sequence[str], power: float = 1.0
) -> dict[str, list[float]]:
    """By classification task, one weight of the loss for each class in label order: the mean class count over its own, to this
    power. `training_rows`: of each data set.

    With the power 1 all classes then have the same total weight, and the mean weight over recordings is 1. A class without
    any training recording gets 1, which is never used.
    """
    weights = {}
    for name in tasks:
        task = TASKS[name]
        if task.kind != "classification":
            continue
        labels = np.concatenate([labels_of(data, task)[rows] for data, rows in training_rows])
        counts = np.bincount(labels[labels != ABSENT_CLASS], minlength=task.size)
        present = counts > 0
        own = np.ones(task.size)
        own[present] = (counts.sum() / (present.sum() * counts[present])) ** power
        weights[name] = own.tolist()
    return weights
