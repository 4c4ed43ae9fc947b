"""The calibration curve of personal adaptation: scores by how many recordings of the person were given.

`adaptation.json` is plain data, never NaN:

```
header        as in `results`
recipe        see `AdaptationRecipe`
methods       {k: name in the predictions table}
participants  {name: {given: [recording ids in the order in which they were given], scored: how many}}
left_out      participants with too few recordings
curve         {task: [{recordings, n, participants, metrics as in `results`, difference: {value, low, high, p}}]}
```

`difference`: of the task's primary metric against no adaptation, paired by participant; null for 0 recordings.
"""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from dataset_scripts.common.output import atomic_file
from dataset_scripts.pictures.style import LIGHT, Style
from modeling_emert.tasks_emert import TASKS, Task

from ..metrics import METRIC_TITLES
from ..metrics.predictions import PREDICTIONS_FILE, write_table
from ..reports.pictures import curves_picture
from ..reports.results import Header, write_step
from ..reports.sections import or_none, scores_of
from ..reports.tables import markdown_table, score_cell, three
from ..statistics.comparisons import compare

_COLUMNS = 3  # panels side by side


def make_report(predictions: pd.DataFrame, done: dict, header: Header) -> dict:
    """The content of `adaptation.json`; `predictions` and `done` as `adaptation.adapt_all` gives them."""
    found = set(predictions["task"])
    curve = {name: _curve(task, predictions, done) for name, task in TASKS.items() if name in found}
    return {"header": header.to_plain(), **done, "curve": curve}


def _curve(task: Task, predictions: pd.DataFrame, done: dict) -> list[dict]:
    n_resamples, seed = done["recipe"]["n_resamples"], done["recipe"]["seed"]
    by_count = {
        int(count): predictions[(predictions["method"] == method) & (predictions["task"] == task.name)]
        for count, method in done["methods"].items()
    }
    points = []
    for count, rows in by_count.items():
        against = None if count == 0 else asdict(compare(task, rows, by_count[0], n_resamples=n_resamples, seed=seed))
        difference = against and {name: or_none(value) for name, value in against.items()}
        points.append({"recordings": count, **scores_of(task, rows, n_resamples, seed), "difference": difference})
    return points


def report_markdown(report: dict) -> str:
    """The page to read."""
    header, people = report["header"], report["participants"]
    most = report["recipe"]["recordings"][-1]
    scored = sum(person["scored"] for person in people.values())
    clips = " Their stimuli are those of the test, which the model has not seen in training either." if header["strict"] else ""
    lines = [
        "# Personal adaptation",
        "",
        f"Data: {header['data']} ({header['data_kind']}). Split: {header['split']}.",
        "",
        f"Of each of {len(people)} test participants, whom the model has never seen, {most} recordings with labels are set "
        f"apart; the model is adapted to the person with the first k of them (LoRA) and scored on the person's other "
        f"recordings, {scored} in all, the same ones for every k. No scored recording shares its stimulus with one that is "
        f"set apart of the same person.{clips}",
    ]
    if report["left_out"]:
        lines += ["", f"Left out, since they have too few recordings with labels: {', '.join(report['left_out'])}."]
    lines += ["", "![scores by recordings given](curve.png)"]
    for name, points in report["curve"].items():
        title = METRIC_TITLES[TASKS[name].primary_metric]
        head = ["recordings of the person", f"{title} [95 % interval]", "against none [95 % interval]", "p", "n"]
        rows = [_row(TASKS[name], point) for point in points]
        lines += ["", f"## {name}", "", markdown_table(head, rows)]
    lines += [
        "",
        f"Intervals and p: bootstrap of {report['recipe']['n_resamples']} resamples by participant; p is not corrected for the "
        "number of rows. Which recordings are given is one draw by seed: another gives other figures.",
        "",
        f"Command: `{header['command']}`",
    ]
    return "\n".join(lines) + "\n"


def _row(task: Task, point: dict) -> list[str]:
    difference = point["difference"]
    against = ["", ""] if difference is None else [score_cell(difference, "+"), three(difference["p"])]
    return [str(point["recordings"]), score_cell(point["metrics"][task.primary_metric]), *against, str(point["n"])]


def curve_png(report: dict, style: Style = LIGHT) -> bytes:
    """One panel a task: the primary metric with its interval by k."""
    panels = []
    for name, points in report["curve"].items():
        metric = TASKS[name].primary_metric
        line = {"with 95 % interval": [point["metrics"][metric] for point in points]}
        counts = [point["recordings"] for point in points]
        panels.append((f"{name} {METRIC_TITLES[metric]}", counts, line, "recordings of the person given"))
    rows = [panels[start : start + _COLUMNS] for start in range(0, len(panels), _COLUMNS)]
    return curves_picture(rows, "score", f"Personal adaptation, {report['header']['data_kind']}", style)


def write_report(folder: Path, predictions: pd.DataFrame, done: dict, header: Header) -> dict:
    """Writes adaptation.json, adaptation.md, curve.png and predictions.parquet; gives the report.

    Raises `EmertInputError` where the folder can't be written.
    """
    report = make_report(predictions, done, header)
    with atomic_file(folder / PREDICTIONS_FILE) as table:
        write_table(table, predictions, header.to_plain())
        write_step(folder, "adaptation", report, {"curve.png": curve_png(report)}, report_markdown(report))
    return report
