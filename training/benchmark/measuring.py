"""Training and test of one cell, and their cost."""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError
from training.evaluation.subgroups import add_known
from training.methods.registry import Method, get_method
from training.recipes.recipe import Recipe

from .jobs import Cell, Measured
from .recipe import BenchmarkRecipe


def measure_cell(cell: Cell, recipe: BenchmarkRecipe, data: EmertData, folder: Path) -> tuple[pd.DataFrame, Measured]:
    """The cell's predictions with columns `version` and `seed`, and its cost. `folder` is for intermediate files."""
    method = get_method(cell.method)
    start = time.perf_counter()
    if method.kind == "classical":
        from training.methods.classical import predict_classical

        table = predict_classical(data, method, cell.tasks, cell.fold, cell.strict, recipe.normalisation, cell.seed)
        found = {"training_seconds": None}
    else:
        table, found = _network(cell, method, recipe, data, folder)
    table = add_known(table.assign(method=method.key, version=cell.version, seed=cell.seed), data)
    seconds = time.perf_counter() - start
    return table, Measured(seconds=seconds, peak_memory_mb=_peak_memory(), **found)


def check_networks(cells: Sequence[Cell], recipe: BenchmarkRecipe, data: EmertData) -> None:
    """Makes every network of these cells once, so that a wrong setting is reported before the first cell runs.

    Raises `EmertInputError` that names the method.
    """
    networks = dict.fromkeys((cell.method, cell.tasks) for cell in cells if get_method(cell.method).kind == "network")
    if not networks:
        return
    from training.fit.prepare import choose_tasks, make_model

    for key, tasks in networks:
        training = _training_recipe(get_method(key), tasks, recipe.seeds[0], recipe)
        try:
            make_model(training, choose_tasks(training, data))
        except EmertInputError as error:
            raise EmertInputError(f"benchmark recipe {recipe.name}: method {key}, task {', '.join(tasks)}: {error}") from error


def _training_recipe(method: Method, tasks: tuple[str, ...], seed: int, recipe: BenchmarkRecipe) -> Recipe:
    """A method that learns all tasks together learns every task that the data has labels for."""
    return recipe.training_recipe(method, () if method.tasks == "all" else tasks, seed)


def _network(cell: Cell, method: Method, recipe: BenchmarkRecipe, data: EmertData, folder: Path) -> tuple[pd.DataFrame, dict]:
    from training.evaluation.evaluate import make_batches, predict, predictions_table
    from training.evaluation.load_model import load_model
    from training.evaluation.model_folder import read_record
    from training.evaluation.protocols import Trial
    from training.fit.fit import fit

    start = time.perf_counter()
    out = folder / "model"
    if not out.is_dir():  # a stopped cell may have trained already
        fit(_training_recipe(method, cell.tasks, cell.seed, recipe), data, out, cell.fold, cell.strict)
    training_seconds = time.perf_counter() - start
    record = read_record(out)
    model, processor = load_model(out)
    rows = data.select(cell.fold, cell.strict)
    trial = Trial(rows["test"], cell.tasks, cell.fold)
    logits = predict(model, make_batches(data, trial, processor, method))
    table = predictions_table(data, trial, model, logits, method.key)
    found = {
        "training_seconds": training_seconds,
        "parameters": sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        "samples_per_second": record["epochs"] * len(rows["train"]) / training_seconds,
        "validation_score": record["validation_score"],
        "epochs": record["epochs"],
    }
    if cell.method in recipe.robustness:
        from .robustness import measure_robustness

        found["robustness"] = measure_robustness([out], data, cell.seed, n_resamples=1, progress=False)
    if cell.method == "emert":
        found["participant_probe"] = _probe(model, processor, data, rows["test"])
    return table, found


def _probe(model, processor, data: EmertData, rows) -> dict | None:
    """The participant probe on the features of the test split; None where it has too few recordings."""
    from training.evaluation.probes import participant_probe, pooled_features

    try:
        probe = participant_probe(pooled_features(model, processor, data, rows), data.ids["participant_id"][rows])
    except EmertInputError:
        return None
    return asdict(probe)


def _peak_memory() -> float:
    """Of this process so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kB here
