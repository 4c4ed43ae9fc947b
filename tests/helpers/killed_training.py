"""A training in a process of its own, which is killed at a chosen moment."""

from pathlib import Path

import torch
from killed import run_in_child
from safetensors.torch import load_file

from dataset_scripts.dataset.reader import EmertData
from training.fit.fit import fit
from training.recipes.recipe import Recipe


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train_in_child(recipe: Recipe, data: EmertData, out: Path, die_in: str | None = None, calls: int = 1, **limits) -> int:
    """As `run_in_child`; the reason is left in OUT.reason."""

    def train() -> None:
        torch.set_num_threads(1)  # the parent's threads are not the child's
        fit(recipe, data, out, fold=1)

    return run_in_child(train, out.with_suffix(".reason"), die_in, calls, **limits)
