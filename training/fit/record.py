"""The model folder of a finished run: weights, processor, training record, history and card."""

import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, TrainerState

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import CARD_FILE, RECORD_FILE
from modeling_emert.processing_emert import EmertProcessor

from ..data.distributed import number_of_processes
from ..methods.card import network_card
from ..recipes.recipe import Recipe
from .history import HISTORY_FILE, best_epoch
from .prepare import Fold

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "numpy")


def make_record(
    recipe: Recipe,
    data: EmertData,
    fold: int,
    strict: bool,
    prepared: Fold,
    state: TrainerState,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """Content of `training_record.json`: what it takes to judge or repeat the training; other commands read it."""
    best = best_epoch(history, recipe.monitor)
    chosen = next((entry["validation"] for entry in history if entry["epoch"] == best), {})
    seconds = sum(entry["seconds"] for entry in history)
    seen = {str(name) for rows in (prepared.training, prepared.validation) for name in rows.participants}
    return {
        "data": data.metadata.source,
        "fold": fold,
        "strict": strict,
        "build": data.metadata.fingerprint,
        "splits_sha256": data.assignment.sha256,
        "seen_participants": sorted(seen),
        "method": recipe.method,
        "validation_score": chosen.get(recipe.monitor),
        "validation_scores": chosen,
        "best_epoch": best,
        "epochs": state.epoch,
        "steps": state.global_step,
        "seconds": round(seconds, 1),
        "samples_per_second": round(len(prepared.training.rows) * len(history) / max(seconds, 1e-9), 1),
        "processes": number_of_processes(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "recipe": recipe.to_dict(),
    }


def write_model(
    folder: Path, model: PreTrainedModel, processor: EmertProcessor, record: dict[str, Any], history: list[dict[str, Any]]
) -> None:
    """Writes the model folder; what it held before is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2))  # first, since saving the model makes its card from it
    (folder / HISTORY_FILE).write_text(json.dumps({"best_epoch": record["best_epoch"], "epochs": history}, indent=2))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / CARD_FILE).write_text(network_card(model.config, record), encoding="utf-8")
