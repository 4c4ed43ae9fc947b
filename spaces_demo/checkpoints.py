"""Which trained models are at hand, and what is known of how they were trained. A network that was never trained is none."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.model_card_emert import RECORD_FILE
from training.model_folder import check_model_folder

QUICKSTART = Path("runs/quickstart")
ENVIRONMENT = "EMERT_MODELS"  # folders, separated as in PATH; how a Space is told of its models
_SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Checkpoint:
    """A model folder. `data`: the source it was trained on. `name`: what the picker shows."""

    folder: Path
    name: str
    data: str

    @property
    def synthetic(self) -> bool:
        """Was it trained on generated recordings?"""
        return self.data == _SYNTHETIC


def find_checkpoints(given: Sequence[Path] = ()) -> list[Checkpoint]:
    """Those that are given, else those that the environment names, else the quickstart's; none is an empty list.

    Raises:
        EmertInputError: a folder that was given or named holds no trained model.
    """
    named = [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]
    folders = list(given) or named
    if not folders and (QUICKSTART / "model" / RECORD_FILE).is_file():
        folders = [QUICKSTART / "model"]
    found: list[Checkpoint] = []
    for folder in folders:
        found.append(_open(folder.resolve(), {one.name for one in found}))
    return found


def open_checkpoint(folder: Path) -> Checkpoint:
    """One folder. Raises `EmertInputError` where it holds no trained model."""
    return _open(folder.resolve(), set())


def _open(folder: Path, taken: set[str]) -> Checkpoint:
    check_model_folder(folder)
    path = folder / RECORD_FILE
    if not path.is_file():
        raise EmertInputError(
            f"{folder}: {RECORD_FILE} is missing, so nothing says that this network was ever trained; "
            "the demo shows no numbers of it: train with `emert train`"
        )
    try:
        data = json.loads(path.read_text())["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise EmertInputError(f"{path}: does not say what the model was trained on ({error}); train it again") from error
    name = f"{folder.parent.name}/{folder.name} (trained on {data})"
    number = 2
    while name in taken:
        name, number = f"{folder.parent.name}/{folder.name} {number} (trained on {data})", number + 1
    return Checkpoint(folder, name, str(data))
