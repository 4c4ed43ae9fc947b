"""The model folder of a finished run: weights, processor, training record, history and card."""

import json
import math
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, TrainerState

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import CARD_FILE, RECORD_FILE
from modeling_emert.licences_emert import UNKNOWN, combine_sources, hash_participants, make_source, sources_of_folder
from modeling_emert.processing_emert import EmertProcessor

from ..data.dataset import RecordingDataset
from ..data.sampler import number_of_processes
from ..methods.card import network_card
from ..recipes.recipe import SCORE, Recipe
from .initial_weights import seen_before
from .prepare import Fold

HISTORY_FILE = "history.json"


def epochs_of(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry an epoch, from `TrainerState.log_history`.

    `epoch` from 1, `loss` (mean over its steps), `learning_rate` at its end, `seconds` of training, `validation`: the
    primary metric by task, and their mean `score`; NaN becomes None. `test`, where the training watched it: by task, its
    primary metric in our way and in the authors' (see `metrics.authors_way`).
    """
    epochs: dict[int, dict[str, Any]] = {}
    for entry in log:
        if "loss" in entry:
            kept = {name: entry[name] for name in ("loss", "learning_rate", "seconds") if name in entry}
            epochs.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])}).update(kept)
        elif f"eval_{SCORE}" in entry:
            epochs.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])})["validation"] = _scores(entry)
        elif watched := {name: value for name, value in entry.items() if name.startswith("test_") and "/" in name}:
            test: dict[str, dict] = epochs.setdefault(round(entry["epoch"]), {"epoch": round(entry["epoch"])}).setdefault(
                "test", {}
            )
            for name, value in watched.items():
                task, _, metric = name.removeprefix("test_").partition("/")
                test.setdefault(task, {})[metric] = value
    return [epochs[number] for number in sorted(epochs)]


def _scores(entry: dict[str, Any]) -> dict[str, float | None]:
    measured = ("loss", "runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
    names = {name.removeprefix("eval_"): name for name in entry if name.startswith("eval_")}
    return {
        short: entry[name] if math.isfinite(entry[name]) else None for short, name in names.items() if short not in measured
    }


def best_epoch(history: list[dict[str, Any]], monitor: str) -> int | None:
    """The first epoch, counted from 1, with the highest validation value; None where no epoch has one."""
    values = {entry["epoch"]: entry["validation"][monitor] for entry in history if "validation" in entry}
    known = {epoch: value for epoch, value in values.items() if value is not None}
    return max(known, key=lambda epoch: known[epoch], default=None)


def epochs_without_gain(history: list[dict[str, Any]], monitor: str) -> int:
    """Finished epochs since the best one."""
    return len(history) - (best_epoch(history, monitor) or 0)


def history_table(folder: str | Path) -> str:
    """The epochs of a model folder as lines of text, the chosen one marked."""
    content = json.loads((Path(folder) / HISTORY_FILE).read_text(encoding="utf-8"))
    epochs, best = content["epochs"], content["best_epoch"]
    names = list(epochs[0]["validation"]) if epochs else []
    widths = [max(len(name), 6) for name in names]
    lines = ["epoch     loss  seconds  " + "  ".join(name.rjust(width) for name, width in zip(names, widths, strict=True))]
    for entry in epochs:
        values = [entry["validation"][name] for name in names]
        cells = [("-" if value is None else f"{value:.3f}").rjust(width) for value, width in zip(values, widths, strict=True)]
        mark = "  <- chosen" if entry["epoch"] == best else ""
        lines.append(f"{entry['epoch']:5d} {entry['loss']:8.3f} {entry['seconds']:8.1f}  {'  '.join(cells)}{mark}")
    return "\n".join(lines)


_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "numpy")


def make_record(
    recipe: Recipe,
    data: Sequence[EmertData],
    fold: int,
    strict: bool,
    prepared: Fold,
    state: TrainerState,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """Content of `training_record.json`: what it takes to judge or repeat the training; other commands read it.

    What is of a data set stands at the top; where there are several, `data_sets` has it of each, and `read_record` gives that
    of the first at the top too.
    """
    best = best_epoch(history, recipe.monitor)
    chosen = next((entry["validation"] for entry in history if entry["epoch"] == best), {})
    seconds = sum(entry["seconds"] for entry in history)
    own = [make_source(one.metadata.source, one.metadata) for one in data]
    parts = zip(data, prepared.training.parts, prepared.validation.parts, strict=True)
    of_data = seen_before(recipe, [_record_of_data(one, both) for one, *both in parts])
    return {
        **(of_data[0] if len(of_data) == 1 else {"data": of_data[0]["data"], "data_sets": of_data}),
        "sources": combine_sources(own, _sources_of_start(prepared.model, recipe.initial_model)),
        "fold": fold,
        "strict": strict,
        "method": recipe.method,
        "validation_score": chosen.get(recipe.monitor),
        "validation_scores": chosen,
        "best_epoch": best,
        "epochs": state.epoch,
        "steps": state.global_step,
        "seconds": round(seconds, 1),
        "samples_per_second": round(len(prepared.training) * len(history) / max(seconds, 1e-9), 1),
        "processes": number_of_processes(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        # The name alone: where it lay is nobody's business.
        "recipe": recipe.to_dict() | {"initial_model": recipe.initial_model and Path(recipe.initial_model).name},
    }


def _record_of_data(data: EmertData, parts: Sequence[RecordingDataset]) -> dict[str, Any]:
    """`parts`: its training and validation rows."""
    source = data.metadata.source
    seen = {str(name) for part in parts for name in part.participants}
    return {
        "data": source,
        "build": data.metadata.fingerprint,
        "splits_sha256": data.assignment.sha256,
        "seen_participants": hash_participants(source, seen),
    }


def _sources_of_start(model: PreTrainedModel, initial_model: str | None) -> Sequence[Mapping[str, Any]]:
    """Those of the weights that the training began with; of a backbone that is no model of ours the licence is unknown."""
    name, inherited = model.config.pretrained_backbone, model.config.sources or []
    if initial_model is not None:
        inherited = combine_sources(inherited, sources_of_folder(initial_model))
    if name is None:
        return inherited
    return combine_sources(inherited, sources_of_folder(name) or [UNKNOWN | {"name": Path(name).name}])


def write_model(
    folder: Path, model: PreTrainedModel, processor: EmertProcessor, record: dict[str, Any], history: list[dict[str, Any]]
) -> None:
    """Writes the model folder; what it held before is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=2))  # first, since saving the model makes its card from it
    (folder / HISTORY_FILE).write_text(json.dumps({"best_epoch": record["best_epoch"], "epochs": history}, indent=2))
    model.config.sources = record["sources"]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / CARD_FILE).write_text(network_card(model.config, record), encoding="utf-8")
