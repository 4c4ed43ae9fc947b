"""The trained models that the demo can show, found and checked. A network without a training record is refused."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from modeling_emert.constants_emert import MODALITIES, RECORD_FILE, WEIGHTS_FILE
from modeling_emert.errors_emert import EmertInputError
from training.evaluation.model_folder import check_model_folder, model_parts, read_record, shipped_model, sources_of

QUICKSTART = Path("runs/quickstart")
ENVIRONMENT = "EMERT_MODELS"  # folders, separated as in PATH; a Space sets it
SYNTHETIC, _EMERT = "synthetic", "emert"


@dataclass(frozen=True)
class Checkpoint:
    """A model folder. `data`: the sources it was trained on. `name`: what the picker shows."""

    folder: Path
    name: str
    data: str

    @property
    def synthetic(self) -> bool:
        """Was it trained on generated recordings?"""
        return self.data == SYNTHETIC


def find_checkpoints(given: Sequence[Path] = ()) -> list[Checkpoint]:
    """Those that are given, else those that the environment names, else the one that ships with emert and the quickstart's.

    Raises `EmertInputError` where a folder that was given or named holds no trained model.
    """
    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    folders = list(given) or named
    if not folders:
        made = QUICKSTART / "model"
        folders = [shipped_model(), *([made] if (made / RECORD_FILE).is_file() else [])]
    found: list[Checkpoint] = []
    for folder in folders:
        found.append(open_checkpoint(folder, {one.name for one in found}))
    return found


def open_checkpoint(folder: Path, taken: Collection[str] = ()) -> Checkpoint:
    """One folder; its name is none of `taken`. Raises `EmertInputError` where it holds no trained model."""
    folder = folder.resolve()
    check_model_folder(folder, several=True)
    for part in model_parts(folder):
        _check_weights(part / WEIGHTS_FILE)
    if not (folder / RECORD_FILE).is_file():
        raise EmertInputError(
            f"{folder}: {RECORD_FILE} is missing, so nothing says that this network was ever trained; "
            "the demo shows no numbers of it: train with `emert train`"
        )
    record = read_record(folder)
    if (key := record.get("method", _EMERT)) != _EMERT:
        from training.methods.registry import EMERT, get_method

        method = get_method(key)
        if method.made_by != EMERT or method.modalities != MODALITIES:
            reason = "whose answers the demo can't explain; give a model of EMERT"
            raise EmertInputError(f"{folder}: holds {method.name!r}, {reason}")
    if "data" not in record:
        raise EmertInputError(f"{folder / RECORD_FILE}: does not say what the model was trained on; train it again")
    data = " and ".join(sources_of(record))
    name = f"{folder.parent.name}/{folder.name} (trained on {data})"
    number = 2
    while name in taken:
        name, number = f"{folder.parent.name}/{folder.name} {number} (trained on {data})", number + 1
    return Checkpoint(folder, name, data)


def _check_weights(file: Path) -> None:
    """Reads the header only, which lists the place of each tensor up to the end of the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as weights:
            empty = not weights.keys()
    except (SafetensorError, OSError) as error:
        raise EmertInputError(f"{file}: can't be read as safetensors ({error}); copy or train the model again") from error
    if empty:
        raise EmertInputError(f"{file}: holds no weights; copy or train the model again")
