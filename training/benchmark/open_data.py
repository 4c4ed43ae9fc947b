"""The data of a benchmark: a given folder, or recordings generated from the recipe; checked for leaks before training."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from dataset_scripts.build.build import build, is_current
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.writing import ensure_recordings
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import ABSENT_CLASS, TASKS
from training.methods.registry import check_modalities, get_method
from training.methods.summaries import summary_table

from .recipe import BenchmarkRecipe

_ENOUGH = 10  # recordings a class, below which a number may separate the classes by chance
_SAME_NUMBER = 0.9999  # correlation above which a number counts as the label itself


def open_data(
    recipe: BenchmarkRecipe, given: Path | None, out: Path, num_workers: int, scheduler: str | None = None
) -> EmertData:
    """The data set, after checks: the recipe's source, labels and folds, and no leak in its splits or inputs.

    Raises `EmertInputError` that names the failed check.
    """
    if given is None and recipe.source != "synthetic":
        raise EmertInputError(
            f"benchmark recipe {recipe.name} is for source {recipe.source}; give its data set with --data DIR "
            "(`emert data build` makes it)"
        )
    data = EmertData.open(given if given is not None else _generated(recipe, out, num_workers, scheduler))
    if data.metadata.source != recipe.source:
        raise EmertInputError(
            f"{data.folder}: holds recordings of source {data.metadata.source}, but benchmark recipe {recipe.name} is for "
            f"{recipe.source}; give that one, or source={data.metadata.source}"
        )
    missing = [name for name in recipe.tasks if name not in data.tasks]
    if missing:
        raise EmertInputError(f"{data.folder} has no labels for task {', '.join(missing)}; it has {', '.join(data.tasks)}")
    for method in map(get_method, recipe.methods):
        # The summaries of the classical methods hold action units wherever there are any.
        check_modalities(data, method, recipe.face_input if method.kind == "network" else "both")
    for version in recipe.split_versions:
        for fold in recipe.folds:
            data.select(fold, version == "strict")  # refuses splits that leak, before anything is trained
    check_inputs(data, recipe.tasks)
    return data


def _generated(recipe: BenchmarkRecipe, out: Path, num_workers: int, scheduler: str | None) -> Path:
    """Recordings and data set under `out`, made unless they are there and current."""
    dataset = out / "dataset"
    recordings = ensure_recordings(out / "recordings", recipe.generator_settings, num_workers)
    source = open_source("synthetic", recordings)
    if not is_current(dataset, source, recipe.faces):
        build(source, dataset, num_workers, recipe.faces, overwrite=True, scheduler=scheduler)
    return dataset


def check_inputs(data: EmertData, tasks: Sequence[str]) -> None:
    """Raises `EmertInputError` where one statistic of the inputs determines every label."""
    features = summary_table(data).joined()
    for name in tasks:
        labels = data.labels(TASKS[name])
        columns = [labels] if labels.ndim == 1 else list(labels.T)
        for column in columns:
            if (place := find_leak(features, column)) is not None:
                raise EmertInputError(
                    f"{data.folder}: statistic {place} of the inputs determines the label of task {name} for every recording; "
                    "remove the label from the recordings"
                )


def find_leak(features: np.ndarray, labels: np.ndarray) -> int | None:
    """The first column of `(n, F)` that separates the classes `(n,)`, or correlates perfectly with the numbers `(n,)`.

    None where there is none, or too few recordings.
    """
    classes = np.issubdtype(labels.dtype, np.integer)
    known = labels != ABSENT_CLASS if classes else ~np.isnan(labels)
    values, truth = features[known], labels[known]
    if len(np.unique(truth)) < 2 or len(truth) < _ENOUGH * (len(np.unique(truth)) if classes else 1):
        return None
    determines = _separates if classes else _follows
    columns = (
        index for index in range(values.shape[1]) if np.isfinite(values[:, index]).all() and np.ptp(values[:, index]) > 0
    )
    return next((index for index in columns if determines(values[:, index], truth)), None)


def _separates(values: np.ndarray, labels: np.ndarray) -> bool:
    """Whether each class has an interval of its own on this axis."""
    spans = sorted((values[labels == label].min(), values[labels == label].max()) for label in np.unique(labels))
    return all(before[1] < after[0] for before, after in pairwise(spans))


def _follows(values: np.ndarray, numbers: np.ndarray) -> bool:
    return abs(np.corrcoef(values, numbers)[0, 1]) > _SAME_NUMBER
