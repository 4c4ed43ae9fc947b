"""`emert benchmark robustness`: how a model's scores fall as recordings get worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.pictures.style import LIGHT
from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.tasks_emert import TASKS, VIEW_WORDS, View

from ..evaluation.evaluate import make_batches, modalities_of, predict, predictions_table
from ..evaluation.load_model import load_model, method_of
from ..evaluation.model_folder import find_models, read_record
from ..evaluation.protocols import plan_trials
from ..metrics import METRIC_TITLES
from ..reports.page import describe, made_by
from ..reports.pictures import curves_picture
from ..reports.results import bootstrap, make_header, write_step
from ..reports.sections import primary_of
from ..reports.tables import markdown_table, score_cell, two
from .corruption import Change, ChangedData, blur_gaze, has_frames_to_lose, lose_frames, lose_gaze

_VIEWS: dict[View, str] = VIEW_WORDS | {"perceived": "perceived", "other": "own tasks"}
_EYES: tuple[Modality, ...] = ("eye_movements", "fixations")


@dataclass(frozen=True)
class Curve:
    """One way in which recordings get worse: the change, its levels above 0, their unit, and the modalities that it changes."""

    change: Change
    levels: tuple[float, ...]
    level_is: str
    touches: tuple[Modality, ...]


CURVES = {
    "gaze lost": Curve(lose_gaze, (0.1, 0.3, 0.5, 0.7, 0.9), "fraction of the time, in blocks as long as blinks", _EYES),
    "gaze noise": Curve(blur_gaze, (0.01, 0.02, 0.05, 0.1, 0.2), "standard deviation in fractions of the screen", _EYES),
    "video frames lost": Curve(lose_frames, (0.1, 0.3, 0.5, 0.7, 0.9), "fraction of the frames", ("face",)),
}


@dataclass(frozen=True)
class Condition:
    """A change of the recordings before they are scored: a `curve` at a `level`, or modalities `hidden`."""

    name: str
    level: float = 0.0
    hidden: tuple[Modality, ...] = ()
    curve: Curve | None = None


def robustness(folder: Path, data: EmertData, out: Path, seed: int = 0, n_resamples: int = 1000, progress: bool = True) -> dict:
    """Writes robustness.json, .md and .png into `out`; gives `{header, bootstrap, method, seed, hidden, curves}`, the last two
    as [`measure_robustness`]. `folder`: of one model, or of several, one a fold.
    """
    folders = find_models(folder)
    records = [read_record(one) for one in folders]
    results = {
        "header": make_header(data, records, f"emert benchmark robustness {folder} {data.folder} --out DIR").to_plain(),
        "bootstrap": bootstrap(n_resamples),
        "method": method_of(records[0]).name,
        "seed": seed,
        **measure_robustness(folders, data, seed, n_resamples, progress),
    }
    pictures = {"robustness.png": _picture(results)} if results["curves"] else {}
    write_step(out, "robustness", results, pictures, _page(results, list(pictures)))
    return results


def measure_robustness(folders: Sequence[Path], data: EmertData, seed: int, n_resamples: int, progress: bool) -> dict:
    """Scores with each modality hidden and along each of `CURVES`. The same seed gives the same scores.

    Participant statistics, where the model needs them, stay those of the unchanged recordings.

    ```
    hidden             {modality or "nothing": {task: {n, participants, metrics: {primary metric}}}}
    curves             {name: {level_is, levels, tasks: {task: {metric, points, area, as_recorded}}}}
    ```

    `points` has `{value, low, high, ...}` at each level, 0 first. `area` is the area under the curve over levels scaled to
    0..1, a mean score; for a model that loses nothing it is the score `as_recorded`. A modality is not hidden or changed where
    the model or the data lacks it, or where some recording has no other; frames are not lost where each face has one.

    Raises:
        EmertInputError: as `plan_trials` and `load_model`.
    """
    tables: dict[Condition, list[pd.DataFrame]] = {}
    for folder in folders:
        for condition, table in _predictions(folder, data, seed, progress).items():
            tables.setdefault(condition, []).append(table)
    scores = {(of.name, of.level): _scores(pd.concat(parts), n_resamples) for of, parts in tables.items()}
    return {
        "hidden": {name: scores[(name, 0.0)] for name in ("nothing", *MODALITIES) if (name, 0.0) in scores},
        "curves": {name: _curve(name, curve, scores) for name, curve in CURVES.items() if (name, curve.levels[0]) in scores},
    }


def _predictions(folder: Path, data: EmertData, seed: int, progress: bool) -> dict[Condition, pd.DataFrame]:
    """The table of one model under every condition that its test recordings allow."""
    model, processor = load_model(folder)
    record = read_record(folder)
    method = method_of(record)
    [trial] = plan_trials(data, record, model.config.tasks)
    clean = make_batches(data, trial, processor, method)
    present = [modalities_of(clean[index]["inputs"]) for index in range(len(clean))]
    moving = any(has_frames_to_lose(data.recording(int(row), 2)) for row in trial.rows)
    tables = {}
    for condition in tqdm(_conditions(present, moving), desc=f"robustness of {folder.name}", disable=not progress):
        batches = clean
        if condition.curve is not None:
            worse = ChangedData.of(data, condition.curve.change, condition.level, seed)
            batches = make_batches(worse, trial, processor, method)
        logits = predict(model, batches, condition.hidden)
        tables[condition] = predictions_table(data, trial, model, logits, method.name)
    return tables


def _conditions(present: Sequence[set[str]], moving: bool) -> list[Condition]:
    """`present`: the modalities of every recording; `moving`: whether any has a face of several frames."""
    any_has = set().union(*present)
    found = [Condition("nothing")]
    found += [
        Condition(name, hidden=(name,)) for name in MODALITIES if name in any_has and all(names - {name} for names in present)
    ]
    for name, curve in CURVES.items():
        if any_has & set(curve.touches) and (moving or curve.change is not lose_frames):
            found += [Condition(name, level, curve=curve) for level in curve.levels]
    return found


def _scores(predictions: pd.DataFrame, n_resamples: int) -> dict[str, dict]:
    found = set(predictions["task"])
    return {
        name: primary_of(task, predictions[predictions["task"] == name], n_resamples, 0)
        for name, task in TASKS.items()
        if name in found
    }


def _curve(name: str, curve: Curve, scores: Mapping[tuple[str, float], dict]) -> dict:
    levels = (0.0, *curve.levels)
    by_level = [scores[("nothing", 0.0)], *(scores[(name, level)] for level in curve.levels)]
    tasks = {}
    for task in by_level[0]:
        metric = TASKS[task].primary_metric
        points = [entry[task]["metrics"][metric] for entry in by_level]
        values = [point["value"] for point in points]
        area = None if None in values else float(np.trapezoid(values, levels) / levels[-1])
        tasks[task] = {"metric": metric, "points": points, "area": area, "as_recorded": values[0]}
    return {"level_is": curve.level_is, "levels": list(levels), "tasks": tasks}


def _page(results: dict, pictures: Sequence[str]) -> str:
    """Which score is left with each modality hidden, and along each curve with the area under it."""
    parts = [
        f"# Robustness of {results['method']} on {results['header']['data']}",
        describe(results),
        made_by(results),
        "The network is trained on recordings as they are; only the tested ones are made worse.",
        "## A modality hidden",
        _hidden_table(results["hidden"]),
    ]
    for name, curve in results["curves"].items():
        parts += [f"## {name.capitalize()}", f"Level: {curve['level_is']}.", _curve_table(curve)]
    return "\n\n".join([*parts, *(f"![curves]({picture})" for picture in pictures)]) + "\n"


def _hidden_table(hidden: dict) -> str:
    rows = []
    for name in hidden["nothing"]:
        metric = TASKS[name].primary_metric
        cells = [score_cell(scores[name]["metrics"][metric]) for scores in hidden.values()]
        rows.append([f"{name} {METRIC_TITLES[metric]}", *cells])
    return markdown_table(["task", *(f"{modality} hidden" for modality in hidden)], rows)


def _curve_table(curve: dict) -> str:
    rows = []
    for name, entry in curve["tasks"].items():
        cells = [score_cell(point) for point in entry["points"]]
        rows.append([f"{name} {METRIC_TITLES[entry['metric']]}", *cells, two(entry["area"])])
    head = ["as recorded", *(f"{level:g}" for level in curve["levels"][1:]), "area: mean over the levels"]
    return markdown_table(["task", *head], rows)


def _picture(results: dict) -> bytes:
    """A row of panels for each view, a panel for each curve, a line for each task."""
    curves = results["curves"]
    tasks = [TASKS[name] for name in next(iter(curves.values()))["tasks"]]
    rows = [
        [
            (
                f"{title}: {name}",
                curve["levels"],
                {
                    f"{task.name} {METRIC_TITLES[task.primary_metric]}": curve["tasks"][task.name]["points"]
                    for task in tasks
                    if task.view == view
                },
                curve["level_is"],
            )
            for name, curve in curves.items()
        ]
        for view, title in _VIEWS.items()
        if any(task.view == view for task in tasks)
    ]
    title = f"Robustness of {results['method']}, {results['header']['data_kind']}"
    return curves_picture(rows, "score", title, LIGHT)
