"""What a folder holds: a model, or several models of one run; told by files alone, before anything heavy is loaded."""

import json
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

_FILES = ("config.json", "model.safetensors", "processor_config.json")
_RECORD = "training_record.json"  # `model_card_emert.RECORD_FILE`, whose module would load torch


def check_model_folder(folder: str | Path) -> None:
    """Raises `EmertInputError` where the folder holds no network of ours that was saved whole.

    Its type must be EMERT's, or that which the record of its training names (`training.methods`).
    """
    folder = Path(folder)
    for name in _FILES:
        if not (folder / name).is_file():
            raise EmertInputError(f"{folder}: no model here ({name} is missing); expected a folder that was saved whole")
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise EmertInputError(f"{folder / 'config.json'}: not JSON ({error}); save the model again") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "emert" and not ((folder / _RECORD).is_file() and read_record(folder).get("method", "emert") != "emert"):
        raise EmertInputError(f"{folder}: holds a model of type {kind!r}, expected 'emert'")


def read_record(folder: str | Path) -> dict:
    """What `fit` wrote down of a model's training. Raises `EmertInputError` where it is missing or no JSON object."""
    path = Path(folder) / _RECORD
    if not path.is_file():
        raise EmertInputError(f"{folder}: {_RECORD} is missing, so nobody knows which participants the model has seen")
    try:
        record = json.loads(path.read_text())
    except ValueError as error:
        raise EmertInputError(f"{path}: not JSON ({error}); train the model again") from error
    if not isinstance(record, dict):
        raise EmertInputError(f"{path}: holds no record of a training; train the model again")
    return record


def find_models(folder: str | Path) -> list[Path]:
    """The folder itself if it holds a model, else the models in it (one a fold), in the order of their folds.

    Raises `EmertInputError` where there is none, or where they are not one method trained in one way on different folds.
    """
    folder = Path(folder)
    found = [path.parent for path in sorted(folder.glob(f"*/{_RECORD}")) if not path.parent.name.startswith(".")]
    if (folder / "config.json").is_file() or not found:
        found = [folder]
    for path in found:
        check_model_folder(path)
    if len(found) == 1:
        return found
    records = {path: read_record(path) for path in found}
    named = ", ".join(path.name for path in found)
    if len({_way_of(record) for record in records.values()}) > 1:
        raise EmertInputError(f"{folder}: its models ({named}) were not trained in one way; name one of them")
    folds = [record["fold"] for record in records.values()]
    if len(set(folds)) < len(folds):
        raise EmertInputError(f"{folder}: two of its models ({named}) are of one fold; name one of them")
    return sorted(found, key=lambda path: records[path]["fold"])


def _way_of(record: dict) -> str:
    """All that must be the same in models whose scores are pooled."""
    return json.dumps([record[name] for name in ("data", "splits_sha256", "strict", "recipe")], sort_keys=True)
