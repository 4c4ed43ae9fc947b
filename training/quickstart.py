"""Recordings on disk -> data set -> training -> scores -> a saved model; each step is kept, so a second call goes on.

```
OUT/
  recordings/   generated, where none were given
  dataset/      what `load_dataset` reads
  model/        of the first fold, for `emert predict`; the other folds beside it as model-fold2, ...
  scores/       results.json, results.md, predictions.parquet
```
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from dataset_scripts.build.build import build, is_current
from dataset_scripts.common.extras import how_to_install
from dataset_scripts.common.output import check_out
from dataset_scripts.common.parallel import run_parallel
from dataset_scripts.common.programs import as_typed
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.truth import GeneratorSettings
from dataset_scripts.generator.writing import ensure_recordings
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError
from training.outputs import SCORES

from .evaluation.evaluate import evaluate_all_baselines, evaluate_models
from .evaluation.model_folder import read_training
from .fit.fit import fit
from .fit.prepare import choose_tasks
from .recipes.recipe import Recipe, load_recipe, recipe_of_record
from .reports.page import summary_table
from .reports.results import make_header, write_results


def quickstart(
    source: str,
    path: Path | None,
    out: Path,
    recipe_name: str,
    changes: list[str],
    folds: int,
    strict: bool,
    overwrite: bool,
    faces: int,
    settings: GeneratorSettings | None = None,
    scheduler: str | None = None,
) -> dict:
    """Prints the table and what to try next; gives the results (see `training.reports.results`).

    `scheduler`: see `run_parallel`; without one the folds are trained one after the other, each with all cores.

    Raises:
        EmertInputError: `out` holds scores already and `overwrite` is False, or something else in their place;
            a real source without a path; and whatever the steps refuse.
    """
    recipe = load_recipe(recipe_name, changes)
    scores = out / "scores"
    check_out(scores, SCORES, overwrite)  # `build` and `fit` look to their own folders
    recordings = _recordings(source, path, out, settings)
    dataset = out / "dataset"
    opened = open_source(source, recordings)
    if not is_current(dataset, opened, faces):
        build(opened, dataset, faces=faces, overwrite=overwrite, scheduler=scheduler)
    data = EmertData.open(dataset)
    if not 1 <= folds <= data.assignment.folds:
        raise EmertInputError(f"--folds {folds}: this data has {data.assignment.folds} folds; give 1..{data.assignment.folds}")
    choose_tasks(recipe, data)
    models = [out / ("model" if fold == 1 else f"model-fold{fold}") for fold in range(1, folds + 1)]
    trainings = [_Training(recipe, dataset, model, fold, strict) for fold, model in enumerate(models, start=1)]
    waiting = [one for one in trainings if not (one.model.is_dir() and _is_of(one.model, recipe, data, strict))]
    bar = tqdm(total=len(waiting), desc="training", unit="fold", disable=scheduler is None)  # it has one of its own
    for done in run_parallel(_train, waiting, bar, num_workers=1, scheduler=scheduler):
        if done.lost is not None:
            raise EmertInputError(f"{done.job.model}: not trained: {done.lost}; the same command trains only this one")
    records = [read_training(model) for model in models]
    tested = evaluate_models(models, data)
    predictions = pd.concat([tested, evaluate_all_baselines(data, tested, records)], ignore_index=True)
    command = f"emert quickstart --source {source} --recipe {recipe_name} --folds {folds}{' --strict' if strict else ''}"
    results = write_results(scores, predictions, make_header(data, records, command))
    print(summary_table(results))
    print(_next_steps(source, recordings, out))
    return results


@dataclass(frozen=True)
class _Training:
    """What a process needs to train one fold."""

    recipe: Recipe
    dataset: Path
    model: Path
    fold: int
    strict: bool


def _train(job: _Training) -> None:
    print(f"fold {job.fold}")
    fit(job.recipe, EmertData.open(job.dataset), job.model, job.fold, job.strict)


def _recordings(source: str, path: Path | None, out: Path, settings: GeneratorSettings | None) -> Path:
    if path is not None:
        return path
    if source != "synthetic":
        raise EmertInputError(f"source {source} needs --path, the folder with its recordings")
    return ensure_recordings(out / "recordings", settings or GeneratorSettings())


def _is_of(model: Path, recipe: Recipe, data: EmertData, strict: bool) -> bool:
    record = read_training(model)
    return (record.get("build"), record["strict"], recipe_of_record(record["recipe"])) == (
        data.metadata.fingerprint,
        strict,
        recipe,
    )


def _next_steps(source: str, recordings: Path, out: Path) -> str:
    example = "--video YOUR_CLIP.mp4 --gaze YOUR_GAZE.csv"
    if source == "synthetic":
        example = f"--video {recordings}/videos/p000-s000.mp4 --gaze {recordings}/gaze/p000-s000.csv"
    elif source in ("uniss_fgd", "ceap_360vr"):
        example = "--gaze YOUR_GAZE.csv"
    page = "the same in the browser"
    if find_spec("gradio") is None:
        page += f"; it needs {how_to_install('demo')}"
    emert = as_typed("emert")
    return f"""
Try next:
  {emert} predict --model {out}/model {example}
  {emert} demo --model {out}/model   # {page}
  {emert} evaluate {out}/model {out}/dataset --out {out}/scores-again
  {as_typed("python")} -c "from datasets import load_dataset; print(load_dataset('{out}/dataset', 'all'))"
In full: {out}/scores/results.md"""
