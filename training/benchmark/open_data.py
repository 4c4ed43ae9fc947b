"""The data of a benchmark: a given folder, or recordings generated from the recipe."""

from pathlib import Path

from dataset_scripts.build.build import build, is_current
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.writing import ensure_recordings
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import check_modalities, get_method

from .leak_check import check_inputs
from .recipe import BenchmarkRecipe


def open_data(recipe: BenchmarkRecipe, given: Path | None, out: Path, num_workers: int) -> EmertData:
    """The data set, after checks: the recipe's source, labels and folds, and no leak in its splits or inputs.

    Raises `EmertInputError` that names the failed check.
    """
    if given is None and recipe.source != "synthetic":
        raise EmertInputError(
            f"benchmark recipe {recipe.name} is for source {recipe.source}; give its data set with --data DIR "
            "(`emert data build` makes it)"
        )
    data = EmertData.open(given if given is not None else _generated(recipe, out, num_workers))
    if data.metadata.source != recipe.source:
        raise EmertInputError(
            f"{data.folder}: holds recordings of source {data.metadata.source}, but benchmark recipe {recipe.name} is for "
            f"{recipe.source}; give that one, or source={data.metadata.source}"
        )
    missing = [name for name in recipe.tasks if name not in data.tasks]
    if missing:
        raise EmertInputError(f"{data.folder} has no labels for task {', '.join(missing)}; it has {', '.join(data.tasks)}")
    for key in recipe.methods:
        check_modalities(data, get_method(key))
    for version in recipe.split_versions:
        for fold in recipe.folds:
            data.select(fold, version == "strict")  # refuses splits that leak, before anything is trained
    check_inputs(data, recipe.tasks)
    return data


def _generated(recipe: BenchmarkRecipe, out: Path, num_workers: int) -> Path:
    """Recordings and data set under `out`, made unless they are there and current."""
    dataset = out / "dataset"
    recordings = ensure_recordings(out / "recordings", recipe.generator_settings, num_workers)
    source = open_source("synthetic", recordings)
    if not is_current(dataset, source, recipe.faces):
        build(source, dataset, num_workers, recipe.faces, overwrite=True)
    return dataset
