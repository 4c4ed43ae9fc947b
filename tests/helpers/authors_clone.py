"""A git repository as the authors' is: real tensors in an old commit, files of 2 bytes under the same names in the last."""

import subprocess
from pathlib import Path

import torch

FOLDERS = {"er7": "Discrete", "valence": "Valence", "arousal": "Arousal", "intensity": "Intensity"}
FILES = {"er7": "discrete", "valence": "valence", "arousal": "arousal", "intensity": "in"}


def path_of(task: str, fold: int) -> str:
    name = "In" if (task, fold) == ("intensity", 2) else FILES[task]  # as theirs
    return f"checkpoints/{FOLDERS[task]}_model/{name}_MAQT_set{fold}.pth"


def write_clone(folder: Path, states: dict[tuple[str, int], dict[str, torch.Tensor]]) -> Path:
    """`states`: by task and fold."""
    git(folder, "init", "-q", make=True)
    for (task, fold), state in states.items():
        file = folder / path_of(task, fold)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, file)
    (folder / "README.md").write_text("a page\n")
    commit(folder, "weights")
    for task, fold in states:
        (folder / path_of(task, fold)).write_text("\r\n")
    commit(folder, "renamed on the web")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", message)


def git(folder: Path, *arguments: str, make: bool = False) -> None:
    if make:
        folder.mkdir(parents=True)
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
