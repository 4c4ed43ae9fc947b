"""Personal adaptation: scores after training on a few labelled recordings of the person who is tested.

Of every test participant, as many recordings as the recipe's largest number k are set apart in random order by seed: the first
k of them are given. All others are scored, the same ones for every k, so that the points of the curve can be compared. LoRA
adapters (`modeling_emert.peft_emert`) and the heads learn from the given ones on a copy of the model; the backbone and every
BatchNorm stay unchanged.

A recording whose stimulus is that of a recording set apart is not scored, since its label may be the same.
"""

import copy
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from dataset_scripts.common.output import atomic_file
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import GazeStatistics
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS

from ..data.dataset import RecordingDataset, collate, statistics_by_participant
from ..evaluation.evaluate import predict, predictions_table
from ..evaluation.load_model import load_model, method_of
from ..evaluation.model_folder import read_record
from ..evaluation.protocols import Trial, plan_trials
from ..methods.registry import EMERT, Method
from ..metrics.predictions import read_predictions, write_predictions
from .recipe import AdaptationRecipe


@dataclass(frozen=True)
class PersonSplit:
    """One participant's rows: `given` in the order in which they are given, and `scored`, which share no stimulus with them."""

    participant: str
    given: np.ndarray
    scored: np.ndarray


@dataclass(frozen=True)
class ModelToAdapt:
    """A model and its test participants; `statistics` as in `RecordingDataset`."""

    model: EmertForEmotionRecognition
    processor: EmertProcessor
    method: Method
    tasks: tuple[str, ...]
    fold: int
    splits: list[PersonSplit]
    left_out: list[str]
    statistics: dict[str, GazeStatistics] | None


def method_name(method: Method, count: int) -> str:
    """The method in the table of predictions after so many recordings of the person."""
    return method.name if count == 0 else f"{method.name}, {count} recording{'s' if count > 1 else ''} of the person"


def open_model(folder: Path, data: EmertData, recipe: AdaptationRecipe) -> ModelToAdapt:
    """A trained model and its test participants.

    Raises `EmertInputError` as [`split_participants`], and for another network.
    """
    model, processor = load_model(folder)
    record = read_record(folder)
    method = method_of(record)
    if method.made_by != EMERT:
        raise EmertInputError(f"{folder}: holds the method {method.name}, but adapters are made for EMERT and its ablations")
    (trial,) = plan_trials(data, record, model.config.tasks)
    missing = [name for name in recipe.tasks if name not in trial.tasks]
    if missing:
        raise EmertInputError(
            f"recipe: tasks: {missing[0]} is no task of both model and data; they have {', '.join(trial.tasks)}"
        )
    tasks = recipe.tasks or trial.tasks
    splits, left_out = split_participants(data, trial.rows, tasks, recipe)
    own = processor.feature_extractor.normalisation == "participant"
    statistics = statistics_by_participant(data, range(len(data))) if own else None
    return ModelToAdapt(model, processor, method, tuple(tasks), trial.fold, splits, left_out, statistics)


def split_participants(
    data: EmertData, rows: Sequence[int], tasks: Sequence[str], recipe: AdaptationRecipe
) -> tuple[list[PersonSplit], list[str]]:
    """The splits of the participants of these rows, by name, and those who have too few recordings with labels.

    A recording counts if it has a label of any of the tasks. The order depends on the seed, the participant and the ids of
    their recordings, not on labels. Raises `EmertInputError` where no participant has enough.
    """
    rows = np.asarray(rows)
    labelled = rows[np.any([_present(data, name)[rows] for name in tasks], axis=0)]
    people, stimuli = data.ids["participant_id"], data.ids["stimulus_id"]
    splits, left_out = [], []
    for participant in sorted({str(name) for name in people[rows]}):
        own = labelled[people[labelled] == participant]
        own = own[np.argsort(data.ids["recording_id"][own])]
        shuffled = np.random.default_rng(_number(recipe.seed, participant)).permutation(own)
        given, others = shuffled[: recipe.most], shuffled[recipe.most :]
        scored = np.sort(others[~np.isin(stimuli[others], stimuli[given])])
        if len(scored):
            splits.append(PersonSplit(participant, given, scored))
        else:
            left_out.append(participant)
    if not splits:
        most = max((int((people[labelled] == name).sum()) for name in left_out), default=0)
        raise EmertInputError(
            f"{data.folder}: recordings of up to {recipe.most} are to be given, but no test participant has more than {most} "
            "with labels, so none is left to score; give fewer, e.g. recordings=[0,1]"
        )
    return splits, left_out


def _present(data: EmertData, task: str) -> np.ndarray:
    """`(rows,)` bool: has any label of the task."""
    labels = data.labels(TASKS[task])
    return labels != ABSENT_CLASS if TASKS[task].kind == "classification" else ~np.isnan(labels).all(axis=1)


def _number(seed: int, text: str) -> int:
    """A number from both, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed} {text}".encode()).digest()[:4], "big")


def adapt(model: EmertForEmotionRecognition, batch: dict, recipe: AdaptationRecipe, seed: int) -> "torch.nn.Module":
    """A copy of the model with adapters that have learned from `batch` (inputs and `labels`, as `collate` makes them).

    In eval mode. The model itself and the state of torch's random numbers are unchanged.
    """
    from peft import get_peft_model

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = model.lora_config(recipe.rank)
        config.lora_alpha = recipe.alpha
        adapted = get_peft_model(copy.deepcopy(model), config)
        learning = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learning, recipe.learning_rate, weight_decay=0.0)
        adapted.train()
        for _ in range(recipe.steps):
            optimizer.zero_grad()
            losses = adapted(**batch).losses
            loss = sum(losses[name] for name in batch["labels"])  # not the adversarial losses, which have no personal label
            loss.backward()
            optimizer.step()
    return adapted.eval()


def predict_person(data: EmertData, adapting: ModelToAdapt, split: PersonSplit, recipe: AdaptationRecipe) -> pd.DataFrame:
    """Rows of the predictions table for every k on one participant's scored recordings."""
    model, shared = adapting.model, {"statistics": adapting.statistics, "modalities": adapting.method.modalities}
    given = RecordingDataset(data, split.given, adapting.processor, adapting.tasks, **shared)
    scored = RecordingDataset(data, split.scored, adapting.processor, [], **shared)
    items = [given[index] for index in range(len(given))]
    trial = Trial(split.scored, adapting.tasks, adapting.fold)
    tables = []
    for count in recipe.recordings:
        own = model if count == 0 else adapt(model, collate(items[:count]), recipe, _number(recipe.seed, split.participant))
        tables.append(predictions_table(data, trial, own, predict(own, scored), method_name(adapting.method, count)))
    return pd.concat(tables, ignore_index=True)


def adapt_all(
    folders: Sequence[Path], data: EmertData, recipe: AdaptationRecipe, kept: Path, progress: bool = True
) -> tuple[pd.DataFrame, dict]:
    """The table of predictions of every model for its test participants, and plain data for the report.

    Each finished participant is written to the folder `kept`; a call with the same models, data and recipe resumes there.
    """
    models = [open_model(folder, data, recipe) for folder in folders]  # all are checked before anything is written
    _open_kept(kept, folders, data, recipe)
    tables, people, left_out = [], {}, []
    for adapting in models:
        left_out += adapting.left_out
        for split in tqdm(adapting.splits, f"adapting fold {adapting.fold}", unit="person", disable=not progress):
            file = kept / f"{adapting.fold}-{_number(0, split.participant)}.parquet"
            table = _read_kept(file)
            if table is None:
                write_predictions(file, predict_person(data, adapting, split, recipe))
                table = read_predictions(file)
            tables.append(table)
            ids = data.ids["recording_id"]
            people[split.participant] = {"given": ids[split.given].tolist(), "scored": len(split.scored)}
    methods_by_count = {str(count): method_name(models[0].method, count) for count in recipe.recordings}
    done = {"methods": methods_by_count, "participants": people, "left_out": left_out, "recipe": recipe.to_dict()}
    return pd.concat(tables, ignore_index=True), done


def _open_kept(kept: Path, folders: Sequence[Path], data: EmertData, recipe: AdaptationRecipe) -> None:
    """The folder of an unfinished run of the same, or a new one. Raises `EmertInputError` where it can't be made."""
    weights = [hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest() for folder in folders]
    content = [recipe.to_dict(), data.metadata.fingerprint, weights, [read_record(folder) for folder in folders]]
    fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    marker = kept / "fingerprint"
    if not marker.is_file() or marker.read_text() != fingerprint:
        shutil.rmtree(kept, ignore_errors=True)
        with atomic_file(marker) as temporary:
            temporary.write_text(fingerprint)


def _read_kept(file: Path) -> pd.DataFrame | None:
    """The stored table; None where it is missing or damaged."""
    try:
        return read_predictions(file)
    except EmertInputError:
        return None
