"""`emert benchmark robustness`: how a model's scores fall as recordings get worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.constants_emert import INPUT_NAMES, MODALITIES, Modality
from modeling_emert.tasks_emert import TASKS

from ..evaluation.evaluate import load_model, make_batches, method_of, predict, predictions_table
from ..evaluation.model_folder import find_models, read_record
from ..evaluation.protocols import plan_trials
from ..reports.results import bootstrap, make_header, write_step
from ..reports.robustness_page import robustness_page, robustness_png
from ..reports.sections import primary_of
from .corruption import Change, ChangedData, blur_gaze, lose_frames, lose_gaze

_EYES: tuple[Modality, ...] = ("eye_movements", "fixations")


@dataclass(frozen=True)
class Curve:
    """One way in which recordings get worse: the change, its levels above 0, what the level is, and what it touches."""

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
    """What is done to the recordings before they are scored; a `curve` at a `level`, or modalities `hidden`."""

    name: str
    level: float = 0.0
    hidden: tuple[Modality, ...] = ()
    curve: Curve | None = None


def robustness(folder: Path, data: EmertData, out: Path, seed: int = 0, n_resamples: int = 1000, progress: bool = True) -> dict:
    """Scores with each modality hidden and along each of `CURVES`; writes robustness.json, .md and .png into `out`.

    The same seed gives the same figures. Statistics by participant, where the model wants them, stay those of the recordings
    as they are. What is written, and given:

    ```
    header, bootstrap  as in `training.reports.results`
    method             whose scores these are
    hidden             {modality or "nothing": {task: {n, participants, metrics: {primary metric}}}}
    curves             {name: {level_is, levels, tasks: {task: {metric, points, area, as_recorded}}}}
    ```

    `points` has `{value, low, high, ...}` at each level, 0 first. `area` is the area under the curve over the levels brought
    to 0..1, so it is a mean score; where the worsening costs nothing it is the score `as_recorded`. A modality that the
    model or the data lacks, and one that is all that some recording has, is not hidden or changed.

    Raises:
        EmertInputError: as `plan_trials` and `load_model`; where `out` can't be written.
    """
    folders = find_models(folder)
    tables: dict[Condition, list[pd.DataFrame]] = {}
    for one in folders:
        for condition, table in _predictions(one, data, seed, progress).items():
            tables.setdefault(condition, []).append(table)
    records = [read_record(one) for one in folders]
    scores = {(of.name, of.level): _scores(pd.concat(parts), n_resamples) for of, parts in tables.items()}
    results = {
        "header": make_header(data, records, f"emert benchmark robustness {folder} {data.folder} --out DIR").to_plain(),
        "bootstrap": bootstrap(n_resamples),
        "method": method_of(records[0]).name,
        "seed": seed,
        "hidden": {name: scores[(name, 0.0)] for name in ("nothing", *MODALITIES) if (name, 0.0) in scores},
        "curves": {name: _curve(name, curve, scores) for name, curve in CURVES.items() if (name, curve.levels[0]) in scores},
    }
    files = {"robustness.png": robustness_png(results)} if results["curves"] else {}
    write_step(out, "robustness", results, files, robustness_page(results, list(files)))
    return results


def _predictions(folder: Path, data: EmertData, seed: int, progress: bool) -> dict[Condition, pd.DataFrame]:
    """The table of one model under every condition that its test recordings allow."""
    model, processor = load_model(folder)
    record = read_record(folder)
    method = method_of(record)
    [trial] = plan_trials(data, record, model.config.tasks)
    clean = make_batches(data, trial, processor, method)
    there = [{name for name in MODALITIES if INPUT_NAMES[name] in clean[index]["inputs"]} for index in range(len(clean))]
    tables = {}
    for condition in tqdm(_conditions(there), desc=f"robustness of {folder.name}", disable=not progress):
        batches = clean
        if condition.curve is not None:
            worse = ChangedData.of(data, condition.curve.change, condition.level, seed)
            batches = make_batches(worse, trial, processor, method)
        logits = predict(model, batches, condition.hidden)
        tables[condition] = predictions_table(data, trial, model, logits, method.name)
    return tables


def _conditions(there: Sequence[set[str]]) -> list[Condition]:
    """`there`: the modalities of every recording."""
    any_has = set().union(*there)
    found = [Condition("nothing")]
    found += [
        Condition(name, hidden=(name,)) for name in MODALITIES if name in any_has and all(names - {name} for names in there)
    ]
    for name, curve in CURVES.items():
        if any_has & set(curve.touches):
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
