"""The pages of a benchmark: `table.md`, and `report.html`, which is self-contained and runs no script."""

import math
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from dataset_scripts.pictures.style import Style
from modeling_emert.tasks_emert import TASKS, Task
from training.metrics import METRIC_TITLES, METRICS
from training.metrics.emotion_classification.class_scores import VOTE_METRICS
from training.reports import tables as words
from training.reports.page import describe, made_by, sections_markdown, subgroup_markdown, subgroup_rows
from training.reports.pictures import Curves, curves_picture, light_and_dark, reliability_picture, svg_of
from training.reports.results import SCALING, SPLIT_VERSIONS

_HERE = Path(__file__).parent
_MOST_CURVES = 4  # of one reliability panel


def to_markdown(results: dict) -> str:
    """What was measured on what, then for each version the sections of `training.reports.page`, then the cost."""
    header = results["header"]
    first = next(iter(results["versions"].values()))
    parts = [f"# Benchmark {results['name']}: {header['data']['kind']}", made_by(first), *describe_significance(header)]
    for name, version in results["versions"].items():
        sections = [*sections_markdown(version, by_task=True), *subgroup_markdown(version, header["reference"])]
        sections = [part.replace("## ", "### ") for part in sections]
        parts += [f"## {name.capitalize()}: {SPLIT_VERSIONS[name]}"]
        parts += [describe(version)] if version["bootstrap"] else []
        parts += [*describe_power(version), *sections]
    return "\n\n".join([*parts, "## Cost of training", _cost(results)]) + "\n"


def describe_significance(header: dict) -> list[str]:
    """How the columns of the comparisons are to be read; empty without a reference."""
    if header["reference"] is None:
        return []
    seeds = "" if len(header["seeds"]) == 1 else f"The {len(header['seeds'])} seeds are pooled. "
    return [
        f"{seeds}Δ: difference to {header['reference']}; p: two-sided, from {header['n_resamples_of_p']} resamples of "
        "participants that both methods share, after Holm over all methods of the task; p folds: Nadeau and Bengio's corrected "
        "t-test over the folds, where there are three or more."
    ]


def describe_power(version: dict) -> list[str]:
    """A sentence for each task on which not even the clearest difference could be significant."""
    return [
        f"{name}: so few participants and resamples can show no difference among so many methods; the smallest possible p is "
        f"{words.p_value(smallest)} after Holm."
        for name, smallest in version["smallest_p"].items()
        if name in TASKS and smallest is not None and smallest >= words.SIGNIFICANT
    ]


def _cost(results: dict) -> str:
    rows = [
        [
            entry["method"],
            str(entry["cells"]),
            words.duration(entry["training_seconds"]),
            *(words.amount(entry[name]) for name in ("parameters", "samples_per_second", "peak_memory_mb")),
        ]
        for entry in results["cost"]
    ]
    head = ["method", "cells", "training, mean of a cell", "parameters", "recordings a second", "peak memory, MB"]
    return words.markdown_table(head, rows)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"words": words, "metrics_of": METRICS, "metric_titles": METRIC_TITLES}
    environment.globals |= {"scaling": SCALING, "split_versions": SPLIT_VERSIONS, "describe_power": describe_power}
    return environment.get_template("page.html.jinja")


def to_page(results: dict) -> str:
    """HTML with its styles and pictures inside."""
    header = results["header"]
    tasks = [TASKS[name] for name in next(iter(results["versions"].values()))["smallest_p"]]
    return _template().render(
        results=results,
        header=header,
        significance=describe_significance(header),
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        protocols=[_protocol(results, task) for task in tasks],
        findings=[_finding(results, name, task) for name in results["versions"] for task in tasks],
        calibration=_of_entries(results, tasks, "calibration"),
        votes=_of_entries(results, tasks, "votes"),
        vote_metrics=VOTE_METRICS,
        subgroups={
            name: rows for name, part in results["versions"].items() if (rows := subgroup_rows(part, header["reference"]))
        },
        reliability=_reliability(results, tasks),
        robustness=_robustness(results),
        gaps={name: _gap(part["gap"]) for name, part in results["versions"].items() if part["gap"]},
    )


def _protocol(results: dict, task: Task) -> dict:
    """The versions of one task side by side: a line for each method, its scores or failures in each version."""
    versions = results["versions"]
    entries = [_entries(version, task) for version in versions.values()]
    figures = [entry["metrics"][task.primary_metric] for found in entries for entry in found.values()]
    axis = _axis(figures)
    references = [found.get(results["header"]["reference"]) for found in entries]
    return {
        "task": task,
        "metric": task.primary_metric,
        "versions": list(versions),
        "sizes": [next(((entry["n"], entry["participants"]) for entry in found.values()), (0, 0)) for found in entries],
        "absent_labels": next((entry["absent_labels"] for found in entries for entry in found.values()), []),
        "axis": axis,
        "place": _placer(axis),
        "methods": [method["name"] for method in results["methods"]],
        "entries": entries,
        "failed": [version["failed"] for version in versions.values()],
        "references": [entry and entry["metrics"][task.primary_metric]["value"] for entry in references],
    }


def _entries(version: dict, task: Task) -> dict[str, dict]:
    """By method, the scores of one task."""
    return {method: found[task.name] for method, found in version["scores"].items() if task.name in found}


def _axis(figures: list[dict]) -> tuple[float, float]:
    """From a round number below all of them, 0 at most, to one above."""
    ends = [figure[name] for figure in figures for name in ("low", "value", "high") if figure[name] is not None]
    if not ends:
        return (0.0, 1.0)
    return min(0.0, math.floor(min(ends) * 10) / 10), max(0.1, math.ceil(max(ends) * 10) / 10)


def _placer(axis: tuple[float, float]):
    return lambda value: f"{100 * (value - axis[0]) / (axis[1] - axis[0]):.2f}%"


def _finding(results: dict, version: str, task: Task) -> dict:
    """The best method, the reference, and how many methods differ from it beyond chance."""
    entries = _entries(results["versions"][version], task)
    figures = {method: entry["metrics"][task.primary_metric] for method, entry in entries.items()}
    scored = {method: figure["value"] for method, figure in figures.items() if figure["value"] is not None}
    best = max(scored, key=scored.__getitem__) if scored else None
    tested = [entry["against"] for entry in entries.values() if entry["against"]]
    clear = [test for test in tested if test["p_holm"] is not None and test["p_holm"] < words.SIGNIFICANT]
    return {
        "task": task.name,
        "version": version,
        "metric": METRIC_TITLES[task.primary_metric],
        "best": best and (best, figures[best]),
        "reference": figures.get(results["header"]["reference"]),
        "worse": sum(test["difference"] < 0 for test in clear),
        "better": sum(test["difference"] > 0 for test in clear),
        "tested": len(tested),
    }


def _of_entries(results: dict, tasks: list[Task], part: str) -> list[dict]:
    """This part of the scores of every version, task and method that has it."""
    return [
        {"method": method, "task": task.name, "version": name, **entry[part]}
        for name, version in results["versions"].items()
        for task in tasks
        for method, entry in _entries(version, task).items()
        if entry.get(part)
    ]


def _reliability(results: dict, tasks: list[Task]) -> dict | None:
    """A panel for each classification task of the first version: the reference and the best others."""
    reference, panels = results["header"]["reference"], {}
    for task in tasks:
        curves = {
            method: entry["calibration"]["answers"]["bins"]
            for method, entry in sorted(
                _entries(next(iter(results["versions"].values())), task).items(),
                key=lambda item: (item[0] != reference, -(item[1]["metrics"][task.primary_metric]["value"] or 0.0)),
            )
            if entry["calibration"] and len(entry["calibration"]["answers"]["bins"]) > 1
        }
        if curves:
            panels[task.name] = dict(list(curves.items())[:_MOST_CURVES])
    title = f"Probabilities against what happened, {results['header']['data']['kind']}"
    return light_and_dark(lambda style: reliability_picture(panels, title, style, svg_of)) if panels else None


def _robustness(results: dict) -> dict | None:
    """A picture for each task: a panel for each curve, and in it each method."""
    entries = results["robustness"]
    if not entries:
        return None
    pictures = []
    for task in dict.fromkeys(entry["task"] for entry in entries):
        panels: dict[str, Curves] = {}
        for entry in entries:
            if entry["task"] == task and entry["levels"]:
                panel = panels.setdefault(entry["damage"], (entry["damage"], entry["levels"], {}, entry["level"]))
                panel[2][entry["method"]] = [{"value": value, "low": None, "high": None} for value in entry["values"]]
        if panels:
            pictures.append({"task": task, "image": light_and_dark(partial(_draw_robustness, task, list(panels.values())))})
    return {"pictures": pictures, "lines": entries}


def _draw_robustness(task: str, panels: list[Curves], style: Style) -> bytes:
    metric = METRIC_TITLES[TASKS[task].primary_metric]
    return curves_picture([panels], metric, f"{task} on damaged inputs", style, svg_of)


def _gap(gap: dict) -> dict:
    """With the axis of its bars, and its confusion table as fractions of each row."""
    rows = [
        {"task": task, "method": method, **{part: next(iter(found["metrics"].values())) for part, found in subsets.items()}}
        for method, of_method in gap["methods"].items()
        for task, subsets in of_method["subsets"].items()
    ]
    axis = _axis([row[part] for row in rows for part in ("agree", "disagree")])
    counts = gap["labels"]["counts"]
    return {
        **gap,
        "rows": rows,
        "tasks": list(dict.fromkeys(row["task"] for row in rows)),
        "axis": axis,
        "place": _placer(axis),
        "same": sum(row[index] for index, row in enumerate(counts)),
        "total": sum(map(sum, counts)),
        "fractions": [[count / max(1, sum(row)) for count in row] for row in counts],
    }
