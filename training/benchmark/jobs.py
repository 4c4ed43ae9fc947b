"""One cell of the benchmark: a method, trained and tested on one fold of one version with one seed.

```
OUT/cells/HASH/                 complete, since it is renamed at the end; a damaged one is repeated
  cell.json                     the cell's settings, and what was measured (`Measured`)
  predictions.parquet           a row for each test recording and task
OUT/cells/HASH.failed.json      why the cell failed; it is repeated by the next run
OUT/cells/.HASH.partial/        while it runs: the model, its checkpoints, and a log of its output
```
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from dataset_scripts.common.code_fingerprint import code_fingerprint
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import METHODS, Method, get_method

from .predictions import read_stored
from .recipe import BenchmarkRecipe, Version

RECORD, LOG = "cell.json", "log.txt"
# What a cell runs, and every method, which the registry names as text: a change in this code makes every cell anew.
CODE = (f"{__package__}.measuring", *sorted({method.made_by.partition(":")[0] for method in METHODS.values()}))
# Imported on the way, but without effect on any prediction.
NO_EFFECT = (
    "training.reports",
    "training.methods.card",
    "modeling_emert.model_card_emert",
    "modeling_emert.registration_emert",
)


@dataclass(frozen=True)
class Cell:
    """`tasks`: one, or all where the method learns them together."""

    method: str
    tasks: tuple[str, ...]
    fold: int
    version: Version
    seed: int

    @property
    def strict(self) -> bool:
        return self.version == "strict"

    def __str__(self) -> str:
        return f"{self.method}, {' and '.join(self.tasks)}, fold {self.fold}, {self.version}, seed {self.seed}"


@dataclass(frozen=True)
class CellJob:
    """What a process needs to do one cell."""

    cell: Cell
    recipe: BenchmarkRecipe
    data: Path
    name: str
    out: Path

    @property
    def folder(self) -> Path:
        return self.out / self.name

    @property
    def partial(self) -> Path:
        return self.out / f".{self.name}.partial"

    @property
    def failure(self) -> Path:
        return self.out / f"{self.name}.failed.json"


@dataclass(frozen=True)
class Measured:
    """What a cell cost and found, beside its predictions; null where a method has no such thing.

    - `seconds`: of the cell; `training_seconds`: of `fit`. `peak_memory_mb`: of its process, libraries included.
    - `parameters`: that are trained. `samples_per_second`: recordings through forward, backward and step.
    - `validation_score`: on which the epoch was chosen. `epochs`: how many were trained.
    - `robustness`: as `robustness.measure_robustness`, without intervals, which need all folds together.
    - `participant_probe`: fields of `ParticipantProbe`.
    """

    seconds: float
    training_seconds: float | None
    peak_memory_mb: float
    parameters: int | None = None
    samples_per_second: float | None = None
    validation_score: float | None = None
    epochs: float | None = None
    robustness: dict | None = None
    participant_probe: dict | None = None


def plan_cells(recipe: BenchmarkRecipe) -> list[Cell]:
    """Every cell of the recipe, in the order of its methods."""
    return [
        Cell(key, tasks, fold, version, seed)
        for key in recipe.methods
        for tasks in _tasks_of(get_method(key), recipe)
        for version in recipe.split_versions
        for fold in recipe.folds
        for seed in recipe.seeds
    ]


def _tasks_of(method: Method, recipe: BenchmarkRecipe) -> list[tuple[str, ...]]:
    return [recipe.tasks] if method.tasks == "all" else [(task,) for task in recipe.tasks]


def cell_name(cell: Cell, recipe: BenchmarkRecipe, data: EmertData) -> str:
    """A hash of everything that decides the cell's predictions: settings, data, splits, and the code that it runs."""
    method = get_method(cell.method)
    content = [
        asdict(cell),
        asdict(method),
        recipe.training_recipe(method, cell.tasks, cell.seed).to_yaml(),
        cell.method in recipe.robustness,
        data.metadata.fingerprint,
        data.assignment.sha256,
        code_fingerprint(CODE, NO_EFFECT),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def read_cell(job: CellJob) -> tuple[pd.DataFrame, dict]:
    """Predictions and record of a finished cell. Raises `EmertInputError` where a file is missing or damaged."""
    path = job.folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EmertInputError(f"{path}: can't be read ({error})") from error
    expected = {item.name for item in (*fields(Cell), *fields(Measured))}
    if not isinstance(record, dict) or set(record) != expected:
        raise EmertInputError(f"{path}: holds no record of a cell")
    return read_stored(job.folder), record
