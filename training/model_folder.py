"""Whether a folder holds a model, told by its files alone, before anything heavy is loaded."""

import json
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

_FILES = ("config.json", "model.safetensors", "processor_config.json")


def check_model_folder(folder: str | Path) -> None:
    """Raises `EmertInputError` where the folder holds no EMERT model that was saved whole."""
    folder = Path(folder)
    for name in _FILES:
        if not (folder / name).is_file():
            raise EmertInputError(f"{folder}: no model here ({name} is missing); expected a folder that was saved whole")
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError as error:
        raise EmertInputError(f"{folder / 'config.json'}: not JSON ({error}); save the model again") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "emert":
        raise EmertInputError(f"{folder}: holds a model of type {kind!r}, expected 'emert'")
