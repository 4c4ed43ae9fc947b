"""Robustness as a page of its own: Markdown, and the curves as one picture."""

from collections.abc import Sequence

import numpy as np

from dataset_scripts.pictures.style import LIGHT, SMALL_SIZE, Style, png_of
from modeling_emert.tasks_emert import TASKS, View

from ..metrics import METRIC_TITLES
from .drawings import draw_curves
from .page import describe, made_by
from .pictures import headline, panels
from .tables import markdown_table, score_cell, two

_VIEWS: dict[View, str] = {"er": "felt (ER)", "fer": "shown (FER)", "perceived": "perceived"}


def robustness_page(results: dict, pictures: Sequence[str]) -> str:
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


def robustness_png(results: dict, style: Style = LIGHT) -> bytes:
    """A row of panels for each view, one panel a curve, one line a task."""
    first = next(iter(results["curves"].values()))
    views = [view for view in _VIEWS if any(TASKS[name].view == view for name in first["tasks"])]
    with panels(len(results["curves"]), style, rows=len(views)) as figure:
        axes = iter(figure.axes)
        for view in views:
            lowest, highest = 0.0, 1.0
            row = []
            for name, curve in results["curves"].items():
                lines = {
                    f"{task} {METRIC_TITLES[entry['metric']]}": entry["points"]
                    for task, entry in curve["tasks"].items()
                    if TASKS[task].view == view
                }
                panel = next(axes)
                draw_curves(panel, np.array(curve["levels"]), lines, style, f"{_VIEWS[view]}: {name}", curve["level_is"])
                lowest = min(lowest, *(point["low"] or 0.0 for points in lines.values() for point in points))
                row.append(panel)
            for panel in row:
                panel.set_ylim(lowest - 0.02, highest)
            row[0].set_ylabel("score")
            row[0].legend(loc="best", frameon=False, fontsize=SMALL_SIZE, labelcolor=style.ink, handlelength=1.6)
        headline(figure, f"Robustness of {results['method']}, {results['header']['data_kind']}", style)
        return png_of(figure)
