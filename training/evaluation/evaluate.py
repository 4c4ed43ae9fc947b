"""Predictions of saved models for participants whom they have never seen, and those of the baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import PreTrainedModel

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.answers_emert import calibrated
from modeling_emert.constants_emert import ARGUMENTS_OF, MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.feature_extraction_emert import Normalisation
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import TASKS

from ..data.dataset import RecordingDataset, collate, statistics_by_participant
from ..methods.classical import predict_classical
from ..methods.registry import Method, check_modalities, get_method
from ..metrics.predictions import to_predictions, to_rows
from .load_model import load_model, method_of
from .model_folder import check_model_folder, read_training, record_for
from .protocols import Protocol, Trial, plan_trials
from .subgroups import add_known

BASELINES = ("majority", "logistic_regression")  # keys of the methods that stand beside every evaluated model
EYES = ("eye_movements", "fixations")
# By name in the tables, `{}` being the method's: the modalities that are hidden in the test only. A network that is trained
# without them is a method of its own ("EMERT trained without face").
ABLATIONS: dict[str, tuple[str, ...]] = {"{}": (), "{}, eyes hidden": EYES, "{}, face hidden": ("face",)}


def evaluate_models(
    folders: Sequence[Path], data: EmertData, protocols: Sequence[Protocol] = (), progress: bool = True
) -> pd.DataFrame:
    """The tables of several models, one a fold, together. Each protocol goes to the model that was trained for its fold.

    With one model, or on a source that the models do not come from, see [`evaluate_model`]. Raises `EmertInputError`
    where a protocol has no model.
    """
    if len(folders) == 1:
        return evaluate_model(folders[0], data, progress, protocols)
    records = [record_for(read_training(folder), data.metadata.source) for folder in folders]
    folds = [record["fold"] for record in records]
    if data.metadata.source != records[0]["data"] or not data.assignment.is_of(records[0]["splits_sha256"]):
        raise EmertInputError(f"{data.folder}: these {len(folders)} models come from other splits; evaluate one of them")
    missing = [protocol.name for protocol in protocols if protocol.fold not in folds]
    if missing:
        raise EmertInputError(f"--protocol {missing[0]}: the models are of the folds {', '.join(map(str, folds))}")
    tables = []
    for folder, fold in zip(folders, folds, strict=True):
        own = [protocol for protocol in protocols if protocol.fold == fold]
        if own or not protocols:
            tables.append(evaluate_model(folder, data, progress, own))
    return pd.concat(tables, ignore_index=True)


def evaluate_model(
    folder: str | Path, data: EmertData, progress: bool = True, protocols: Sequence[Protocol] = ()
) -> pd.DataFrame:
    """The table of predictions of a saved model, with all modalities and with some hidden, on participants it has never seen.

    Raises `EmertInputError` as [`load_model`], [`plan_trials`] and [`check_modalities`].
    """
    check_model_folder(folder, several=True)
    record = record_for(read_training(folder), data.metadata.source)
    method = method_of(record)
    check_modalities(data, method, record["recipe"].get("overrides", {}).get("face_input", "frames"))
    model, processor = load_model(folder)
    tables = []
    for trial in plan_trials(data, record, model.config.tasks, protocols):
        batches = make_batches(data, trial, processor, method)
        for name, hidden in _possible_ablations(batches, method).items():
            logits = predict(model, batches, hidden, f"scoring {name}" if progress else None)
            tables.append(predictions_table(data, trial, model, logits, name))
    predictions = pd.concat(tables, ignore_index=True).assign(seed=record["recipe"]["seed"])
    return add_known(predictions, data)


def make_batches(data: EmertData, trial: Trial, processor: EmertProcessor, method: Method) -> RecordingDataset:
    """The trial's recordings with the method's modalities; statistics of a participant are over all of their recordings."""
    own = processor.feature_extractor.normalisation == "participant"
    statistics = statistics_by_participant(data, range(len(data))) if own else None
    return RecordingDataset(data, trial.rows, processor, trial.tasks, statistics, modalities=method.modalities)


def modalities_of(inputs: Mapping) -> set[str]:
    """Those that a recording has, in whichever of the model's arguments."""
    return {name for name in MODALITIES if any(argument in inputs for argument in ARGUMENTS_OF[name])}


def _possible_ablations(batches: RecordingDataset, method: Method) -> dict[str, tuple[str, ...]]:
    """Those that hide a modality of the data and leave each recording at least one."""
    present = []
    for index in range(len(batches)):
        present.append(modalities_of(batches[index]["inputs"]) & set(method.modalities))
    possible = {}
    for name, hidden in ABLATIONS.items():
        changes = any(names & set(hidden) for names in present) and all(names - set(hidden) for names in present)
        if not hidden or changes:
            possible[name.format(method.name)] = hidden
    return possible


@torch.no_grad()
def predict(
    model: PreTrainedModel, batches: RecordingDataset, hidden: Sequence[str] = (), description: str | None = None
) -> dict[str, np.ndarray]:
    """Logits or numbers `(rows, task size)` by task, with these modalities hidden."""
    collected: dict[str, list[np.ndarray]] = {name: [] for name in model.config.tasks}
    for batch in tqdm(DataLoader(batches, 32, collate_fn=collate), desc=description, disable=description is None):
        del batch["labels"]
        for name in hidden:
            for argument in ARGUMENTS_OF[name]:
                batch.pop(argument, None)
        batch = {name: value.to(model.device) for name, value in batch.items()}
        for name, logits in model(**batch).logits.items():
            collected[name].append(logits.float().cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in collected.items()}


def predictions_table(
    data: EmertData, trial: Trial, model: PreTrainedModel, logits: Mapping[str, np.ndarray], method: str
) -> pd.DataFrame:
    """The rows of one model's answers: probabilities after its temperatures, and before them where it has any."""
    scaled = calibrated(model, {name: torch.from_numpy(values) for name, values in logits.items()})
    ids = [data.ids[name][trial.rows] for name in ("recording_id", "participant_id", "stimulus_id")]
    tables = []
    for name in trial.tasks:
        after, before = scaled[name].detach().numpy(), None
        if not np.array_equal(after, logits[name]):
            before = to_predictions(name, logits[name])
        targets = data.labels(TASKS[name])[trial.rows]
        tables.append(to_rows(TASKS[name], *ids, targets, to_predictions(name, after), method, trial.fold, before))
    return pd.concat(tables, ignore_index=True)


def evaluate_all_baselines(
    data: EmertData,
    tested: pd.DataFrame,
    records: Sequence[dict],
    protocols: Sequence[Protocol] = (),
    keys: Sequence[str] = BASELINES,
) -> pd.DataFrame | None:
    """The baselines beside the models' table `tested`, on the same folds and tasks.

    None where the models were tested on people outside any fold of this data.
    """
    if not protocols and not all(data.assignment.is_of(record["splits_sha256"]) for record in records):
        return None
    strict = protocols[0].strict if protocols else records[0]["strict"]
    tables = []
    for fold, rows in tested.groupby("fold"):
        tasks = list(dict.fromkeys(rows["task"]))
        tables.append(evaluate_baselines(data, tasks, int(fold), strict, records[0]["recipe"]["normalisation"], keys))
    return pd.concat(tables, ignore_index=True)


def evaluate_baselines(
    data: EmertData,
    tasks: Sequence[str],
    fold: int,
    strict: bool,
    normalisation: Normalisation,
    keys: Sequence[str] = BASELINES,
) -> pd.DataFrame:
    """The majority, and a logistic regression on summary statistics, trained on the training participants of this fold."""
    tables = []
    for key in keys:
        rows = predict_classical(data, get_method(key), tasks, fold, strict, normalisation, progress=False)
        tables.append(rows.assign(method=key.replace("_", " ")))
    return add_known(pd.concat(tables, ignore_index=True), data)
