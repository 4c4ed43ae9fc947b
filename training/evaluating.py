"""Predictions on recordings of participants whom the model has never seen, and the baselines' on the same ones."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from torch.utils.data import DataLoader
from tqdm import tqdm

from dataset_scripts.reading import EmertData
from modeling_emert.configuration_emert import INPUT_NAMES, MODALITIES
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.modeling_emert import EmertForEmotionRecognition
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import TASKS

from .baselines import Baseline, LogisticRegressionBaseline, Majority
from .batches import EmertRows, collate, statistics_by_participant
from .eye_statistics import standardise_by_participant, summarise
from .fitting import RECORD_FILE, to_predictions
from .model_folder import check_model_folder
from .predictions import to_rows

EYES = ("eye_movements", "fixations")
# What is hidden from the network under each name in the tables.
ABLATIONS: dict[str, tuple[str, ...]] = {"EMERT": (), "EMERT without eyes": EYES, "EMERT without face": ("face",)}


def load_model(folder: str | Path) -> tuple[EmertForEmotionRecognition, EmertProcessor]:
    """A saved model in eval mode and its processor. Raises `EmertInputError` where the folder holds none."""
    folder = Path(folder)
    check_model_folder(folder)
    try:
        model, loading = EmertForEmotionRecognition.from_pretrained(folder, output_loading_info=True)
    except SafetensorError as error:
        raise EmertInputError(f"{folder / 'model.safetensors'}: not a safetensors file ({error})") from error
    if loading["missing_keys"]:
        raise EmertInputError(f"{folder}: model.safetensors lacks {sorted(loading['missing_keys'])[0]} and more")
    return model.eval(), EmertProcessor.from_pretrained(folder)


def read_record(folder: str | Path) -> dict:
    """What `fit` wrote down. Raises `EmertInputError` where it is missing."""
    path = Path(folder) / RECORD_FILE
    if not path.is_file():
        raise EmertInputError(f"{folder}: {RECORD_FILE} is missing, so nobody knows which participants the model has seen")
    return json.loads(path.read_text())


def unseen_rows(data: EmertData, record: dict) -> np.ndarray:
    """Rows to test on: the test split where the model was trained on this very data, else everyone whom it has not seen.

    Raises `EmertInputError` if nobody is left.
    """
    if data.assignment.sha256 == record["splits_sha256"] and data.metadata.source == record["data"]:
        return data.select(record["fold"], record["strict"])["test"]
    rows = np.arange(len(data))
    if data.metadata.source == record["data"]:  # the same people under other folds
        rows = rows[~np.isin(data.ids["participant_id"], record["seen_participants"])]
    if len(rows) == 0:
        raise EmertInputError(f"{data.folder}: the model has seen every participant of this data; nobody is left to test on")
    return rows


def evaluate_model(folder: str | Path, data: EmertData, progress: bool = True) -> pd.DataFrame:
    """The table of predictions of a saved model, whole and with modalities hidden, on participants it has never seen."""
    model, processor = load_model(folder)
    record = read_record(folder)
    rows = unseen_rows(data, record)
    tasks = [name for name in model.config.tasks if name in data.tasks]
    if not tasks:
        raise EmertInputError(f"{data.folder}: no labels for the model's tasks ({', '.join(model.config.tasks)})")
    own = processor.feature_extractor.normalisation == "participant"
    statistics = statistics_by_participant(data, range(len(data))) if own else None
    batches = EmertRows(data, rows, processor, tasks, statistics)
    tables = []
    for method, hidden in _possible_ablations(batches).items():
        predictions = predict(model, batches, hidden, f"scoring {method}" if progress else None)
        for task in tasks:
            tables.append(_table(data, rows, task, to_predictions(task, predictions[task]), method, record["fold"]))
    return pd.concat(tables, ignore_index=True)


def _possible_ablations(batches: EmertRows) -> dict[str, tuple[str, ...]]:
    """Those that hide something and leave every recording something: without faces in the data there is no comparison."""
    there = [{name for name in MODALITIES if INPUT_NAMES[name] in batches[index]["inputs"]} for index in range(len(batches))]
    return {
        method: hidden
        for method, hidden in ABLATIONS.items()
        if not hidden or (any(names & set(hidden) for names in there) and all(names - set(hidden) for names in there))
    }


@torch.no_grad()
def predict(
    model: EmertForEmotionRecognition, batches: EmertRows, hidden: Sequence[str] = (), description: str | None = None
) -> dict[str, np.ndarray]:
    """Logits or numbers `(rows, task size)` by task, with these modalities hidden."""
    collected: dict[str, list[np.ndarray]] = {name: [] for name in model.config.tasks}
    for batch in tqdm(DataLoader(batches, 32, collate_fn=collate), desc=description, disable=description is None):
        del batch["labels"]
        for name in hidden:
            batch.pop(INPUT_NAMES[name], None)
            batch.pop(f"{name}_mask", None)
        batch = {name: value.to(model.device) for name, value in batch.items()}
        for name, logits in model(**batch).logits.items():
            collected[name].append(logits.float().cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in collected.items()}


def evaluate_baselines(data: EmertData, tasks: Sequence[str], fold: int, strict: bool, by_participant: bool) -> pd.DataFrame:
    """The majority, and a logistic regression on summary statistics of the eye data, on the same split as the model.

    `by_participant`: standardise each participant's statistics over their own recordings, as the model's processor does.
    """
    rows = data.select(fold, strict)
    features = np.stack([summarise(recording.gaze) for recording in data.gaze_only(range(len(data)))])
    if by_participant:
        features = standardise_by_participant(features, data.ids["participant_id"])
    tables = []
    for name in tasks:
        labels = data.labels(TASKS[name])
        baselines: tuple[Baseline, ...] = (Majority(), LogisticRegressionBaseline())
        for baseline in baselines:
            baseline.fit(
                TASKS[name],
                features[rows["train"]],
                labels[rows["train"]],
                features[rows["validation"]],
                labels[rows["validation"]],
            )
            predictions = baseline.predict(features[rows["test"]])
            tables.append(_table(data, rows["test"], name, predictions, baseline.name, fold))
    return pd.concat(tables, ignore_index=True)


def _table(data: EmertData, rows: np.ndarray, task: str, predictions: np.ndarray, method: str, fold: int) -> pd.DataFrame:
    ids = data.ids
    return to_rows(
        TASKS[task],
        ids["recording_id"][rows],
        ids["participant_id"][rows],
        ids["stimulus_id"][rows],
        data.labels(TASKS[task])[rows],
        predictions,
        method,
        fold,
    )
