"""From the table of predictions to results: a dictionary, a page to read with its pictures, a table for the terminal.

`results` is plain data (JSON, never NaN):

```
header     data, data_kind, split, strict, folds, seeds, command, models, versions
bootstrap  n_resamples, seed, level, unit ("participants")
methods    names in the order of the predictions table
scores     {method: {task: {
               n, participants, absent_labels,
               metrics: {metric: {value, low, high, n_resamples, note}},      pooled over the folds' test sets
               folds: {metric, mean, std, n, note},                     primary metric by fold; std with n - 1
               subgroups: {column: {group: {n, participants, metrics}}},
               calibration: {answers, before}, confusion}}}}            class tasks only, else null
gap        see `reports.gap_section`; null where the table has not both views
```

A figure that can't be had is null, and its `note` says why.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

from dataset_scripts.common.output import atomic_folder
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS, Task
from training.outputs import SCORES

from ..evaluation.predictions import find_problem, read_header, read_predictions, to_arrays, write_table
from ..metrics import score
from .gap_section import gap_of
from .page import results_markdown, summary_table
from .pictures import draw_pictures
from .sections import calibration_of, confusion_of, scores_of, subgroups_of

__all__ = ["LEVEL", "Header", "make_results", "remake_results", "results_markdown", "summary_table", "write_results"]

LEVEL = 0.95
PICTURES = "pictures"  # the folder of the PNG files, beside results.md


def _installed_versions() -> dict[str, str]:
    """Read from the installed packages' metadata, so that nothing heavy is imported."""
    found = {}
    for package in ("torch", "transformers", "emert"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@dataclass(frozen=True)
class Header:
    """What a reader must know before any figure.

    `data_kind` is "synthetic" or "real: <source>"; `split` is a sentence; `strict`: no stimulus is on two sides; `models`:
    what training each model took, see `scoring.training_cost`.

    Raises `ValueError` for another kind, and where data, split or seeds are empty.
    """

    data: str
    data_kind: str
    split: str
    folds: int
    seeds: tuple[int, ...]
    command: str
    strict: bool = False
    models: tuple[Mapping, ...] = ()
    versions: dict[str, str] = field(default_factory=_installed_versions)

    def __post_init__(self) -> None:
        source = self.data_kind.removeprefix("real: ")
        if self.data_kind != "synthetic" and (source == self.data_kind or not source.strip()):
            raise ValueError(f'data_kind must be "synthetic" or "real: <source>", got {self.data_kind!r}')
        if not (self.data and self.split and len(self.seeds) and self.folds > 0):
            raise ValueError(f"results need the data's name, the split, the folds and the seeds, got {self}")

    def to_plain(self) -> dict:
        """As JSON holds it."""
        return {**asdict(self), "seeds": list(self.seeds), "models": [dict(model) for model in self.models]}

    @classmethod
    def from_plain(cls, content: dict) -> "Header":
        return cls(**{**content, "seeds": tuple(content["seeds"]), "models": tuple(content["models"])})


def make_results(predictions: pd.DataFrame, header: Header, n_resamples: int = 1000, seed: int = 0) -> dict:
    """The dictionary of this module's head. Raises `EmertInputError` for a table that is empty or wrong."""
    if problem := find_problem(predictions):
        raise EmertInputError(f"predictions: {problem}")
    if predictions.empty:
        raise EmertInputError("predictions: the table has no rows; no recording of the test folds has a label")
    all_scores: dict[str, dict[str, dict]] = {}
    for method, of_method in predictions.groupby("method", sort=False):
        found = set(of_method["task"])
        all_scores[str(method)] = {
            name: _score_task(task, of_method[of_method["task"] == name], n_resamples, seed)
            for name, task in TASKS.items()
            if name in found
        }
    return {
        "header": header.to_plain(),
        "bootstrap": {"n_resamples": n_resamples, "seed": seed, "level": LEVEL, "unit": "participants"},
        "methods": list(all_scores),
        "scores": all_scores,
        "gap": gap_of(predictions, n_resamples, seed),
    }


def write_results(
    folder: str | Path, predictions: pd.DataFrame, header: Header, n_resamples: int = 1000, seed: int = 0
) -> dict:
    """Write the folder of results.json, results.md, predictions.parquet and pictures/*.png, and return the results.

    It appears when all files are ready, in place of such a folder that was there. Raises `EmertInputError` as
    `make_results` and `atomic_folder`.
    """
    results = make_results(predictions, header, n_resamples, seed)
    pictures = draw_pictures(results, predictions)
    page = results_markdown(results, [f"{PICTURES}/{name}" for name in pictures])
    with atomic_folder(folder, SCORES) as new:
        (new / PICTURES).mkdir()
        for name, picture in pictures.items():
            (new / PICTURES / name).write_bytes(picture)
        (new / "results.md").write_text(page, encoding="utf-8")
        write_table(new / "predictions.parquet", predictions, header.to_plain())
        text = json.dumps(results, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        (new / "results.json").write_text(text, encoding="utf-8")
    return results


def remake_results(predictions: str | Path, folder: str | Path, n_resamples: int = 1000, seed: int = 0) -> dict:
    """All files of `write_results` again from its predictions.parquet alone, without model or data. Raises as that does."""
    return write_results(folder, read_predictions(predictions), Header.from_plain(read_header(predictions)), n_resamples, seed)


def _score_task(task: Task, rows: pd.DataFrame, n_resamples: int, seed: int) -> dict:
    targets, _ = to_arrays(task, rows)
    classes = task.kind == "classification"
    absent = [label for index, label in enumerate(task.labels) if classes and not (targets == index).any()]
    return {
        **scores_of(task, rows, n_resamples, seed, LEVEL),
        "absent_labels": absent,
        "folds": _score_folds(task, rows),
        "subgroups": subgroups_of(task, rows, n_resamples, seed, LEVEL),
        "calibration": calibration_of(task, rows) if classes else None,
        "confusion": confusion_of(task, rows) if classes else None,
    }


def _score_folds(task: Task, rows: pd.DataFrame) -> dict:
    metric = task.primary_metric
    values = np.array([score(task, *to_arrays(task, fold))[metric] for _, fold in rows.groupby("fold")])
    values = values[~np.isnan(values)]
    note = {0: "the truth does not vary in any fold", 1: "one fold has no spread"}.get(len(values))
    mean = float(values.mean()) if len(values) else None
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"metric": metric, "mean": mean, "std": std, "n": len(values), "note": note}
