"""Whether a folder holds a model, or several models of one run; found by files alone, before torch is loaded."""

import json
from pathlib import Path

from dataset_scripts.common.json_file import read_json
from modeling_emert.constants_emert import CONFIG_FILE, MODEL_FILES, PROCESSOR_FILE, RECORD_FILE
from modeling_emert.errors_emert import EmertInputError

_SHIPPED = Path(__file__).parents[2] / "spaces_demo" / "model"  # as data; the demo is not imported

# Needed in the record to know which participants the model has not seen.
_NEEDED: dict[str, type] = {
    "data": str,
    "fold": int,
    "strict": bool,
    "splits_sha256": str,
    "seen_participants": list,
    "recipe": dict,
}


def shipped_model() -> Path:
    """The folder of the model `people`, which comes with this package. Raises `EmertInputError` where it is missing."""
    if not _SHIPPED.is_dir():
        raise EmertInputError("no --model is given and none came with this installation; name the folder of one")
    return _SHIPPED


def model_parts(folder: Path) -> list[Path]:
    """The folder itself, or the models in it where it is a folder of several that answer as one, such as one a task."""
    if (folder / CONFIG_FILE).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{CONFIG_FILE}") if not path.parent.name.startswith("."))
    return found if len(found) > 1 else [folder]


def check_model_folder(folder: str | Path, several: bool = False) -> None:
    """Raises `EmertInputError` where the folder holds no complete model of ours, or with `several`, several of them.

    Its type must be EMERT's, or its training record must name another method (`training.methods`).
    """
    folder = Path(folder)
    parts = model_parts(folder) if several else [folder]
    if parts != [folder]:
        for part in parts:
            check_model_folder(part)
        return
    for name in MODEL_FILES:
        if not (folder / name).is_file():
            raise EmertInputError(f"{folder}: no model here ({name} is missing); expected a complete model folder")
    config, processor = (_read_json(folder / name, "save the model again") for name in (CONFIG_FILE, PROCESSOR_FILE))
    if not processor:
        raise EmertInputError(f"{folder / PROCESSOR_FILE}: holds nothing; save the model again")
    kind = config.get("model_type")
    if kind != "emert" and not ((folder / RECORD_FILE).is_file() and read_record(folder).get("method", "emert") != "emert"):
        raise EmertInputError(f"{folder}: holds a model of type {kind!r}, expected 'emert'")


def read_record(folder: str | Path) -> dict:
    """The training record that `fit` wrote; of several data sets, what is of the first stands at the top too.

    Raises `EmertInputError` where it is missing or no JSON object.
    """
    path = Path(folder) / RECORD_FILE
    if not path.is_file():
        raise EmertInputError(f"{folder}: {RECORD_FILE} is missing, so the participants that the model has seen are unknown")
    record = _read_json(path, "train the model again")
    return (record.get("data_sets") or [{}])[0] | record


def read_training(folder: str | Path) -> dict:
    """The record, checked for what a test on unseen participants needs.

    Raises `EmertInputError` where a field is missing or of another type.
    """
    record = read_record(folder)
    for name, kind in _NEEDED.items():
        if not isinstance(record.get(name), kind):
            found = f"is {record[name]!r}"[:80] if name in record else "is missing"
            raise EmertInputError(
                f"{Path(folder) / RECORD_FILE}: {name} {found}, so what the model has seen is unknown; train the model again"
            )
    lacking = [name for name in ("normalisation", "seed") if name not in record["recipe"]]
    if lacking:
        raise EmertInputError(f"{Path(folder) / RECORD_FILE}: recipe lacks {lacking[0]}; train the model again")
    return record


def sources_of(record: dict) -> list[str]:
    """What the model was trained on, by the names of the sources."""
    return [str(own["data"]) for own in record.get("data_sets") or [record] if "data" in own]


def record_for(record: dict, source: str) -> dict:
    """The record as it is of this source, where the training was on several; else unchanged."""
    return record | next((own for own in record.get("data_sets", ()) if own["data"] == source), {})


def _read_json(path: Path, cure: str) -> dict:
    try:
        content = read_json(path)
    except ValueError as error:
        raise EmertInputError(f"{path}: not JSON ({error}); {cure}") from error
    if not isinstance(content, dict):
        raise EmertInputError(f"{path}: holds {type(content).__name__}, expected keys and values; {cure}")
    return content


def find_models(folder: str | Path) -> list[Path]:
    """The folder itself if it holds a model, else the models in it (one a fold), in the order of their folds.

    Raises `EmertInputError` where there is none, or where they are not one method trained in one way on different folds;
    and as [`read_training`].
    """
    folder = Path(folder)
    found = [path.parent for path in sorted(folder.glob(f"*/{RECORD_FILE}")) if not path.parent.name.startswith(".")]
    if (folder / CONFIG_FILE).is_file() or (folder / RECORD_FILE).is_file() or not found:
        found = [folder]
    for path in found:
        check_model_folder(path, several=True)
    records = {path: read_training(path) for path in found}
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
