"""The pictures beside a page of results, of its first method, as PNG files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dataset_scripts.pictures.style import LIGHT, TITLE_SIZE, Style, drawing, png_of, printable
from modeling_emert.tasks_emert import TASKS, Task

from ..metrics.predictions import to_arrays
from .drawings import draw_confusion, draw_reliability, draw_scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches: the side of a panel of which several stand side by side, and the room around and between them.
_PANEL, _LEFT, _RIGHT, _BOTTOM, _TOP, _BETWEEN = 3.3, 0.75, 0.2, 0.55, 0.75, 0.75


def draw_pictures(results: dict, predictions: pd.DataFrame, style: Style = LIGHT) -> dict[str, bytes]:
    """By file name: `confusion-TASK` for each class task, `reliability`, `felt-against-shown`, `numbers-TASK`."""
    method = results["methods"][0]
    rows = predictions[predictions["method"] == method]
    pictures = {}
    for name, entry in results["scores"][method].items():
        title = f"{name}, {method}, {results['header']['data_kind']}"
        if TASKS[name].kind == "classification":
            pictures[f"confusion-{name}.png"] = _confusion_png(TASKS[name], np.array(entry["confusion"]), title, style)
        else:
            pictures[f"numbers-{name}.png"] = _numbers_png(TASKS[name], rows[rows["task"] == name], title, style)
    classes = {name: entry for name, entry in results["scores"][method].items() if entry["calibration"]}
    if classes:
        title = f"Probabilities against what happened, {method}, {results['header']['data_kind']}"
        pictures["reliability.png"] = _reliability_png(classes, title, style)
    if results["gap"]:
        title = f"Felt against shown, {results['header']['data_kind']}"
        pictures["felt-against-shown.png"] = gap_png(results["gap"]["labels"], method, title, style)
    return pictures


def _confusion_png(task: Task, counts: np.ndarray, title: str, style: Style) -> bytes:
    side = 1.9 + 0.42 * task.size
    with drawing(side + 0.6, side, style) as figure:
        axes = figure.add_axes((1.15 / (side + 0.6), 1.05 / side, 1 - 1.35 / (side + 0.6), 1 - 1.5 / side))
        draw_confusion(axes, counts, task.labels, style, "recordings; colour: share of the row", ("label", "answer"))
        headline(figure, title, style)
        return png_of(figure)


def gap_png(labels: dict, method: str, title: str, style: Style = LIGHT) -> bytes:
    """Felt against shown in the labels and in the answers; `labels` as in `gap_section`."""
    names = labels["names"]
    given = {"labels": labels["counts"], f"answers of {method}": labels["answers"]}
    tables = {name: np.array(counts) for name, counts in given.items() if counts is not None}
    side = 1.9 + 0.42 * len(names)
    width = len(tables) * (side + 0.6)
    with drawing(width, side, style) as figure:
        for index, (name, counts) in enumerate(tables.items()):
            left = index * (side + 0.6) + 1.15
            axes = figure.add_axes((left / width, 1.05 / side, (side - 0.75) / width, 1 - 1.5 / side))
            draw_confusion(axes, counts, names, style, name, (f"felt ({labels['er']})", f"shown ({labels['fer']})"))
        headline(figure, title, style)
        return png_of(figure)


def _reliability_png(classes: dict, title: str, style: Style) -> bytes:
    with panels(len(classes), style) as figure:
        for axes, (name, entry) in zip(figure.axes, classes.items(), strict=True):
            found = entry["calibration"]
            curves = {"as answered": found["answers"]["bins"]}
            if found["before"]:
                curves = {"before the temperature": found["before"]["bins"], "after it": found["answers"]["bins"]}
            draw_reliability(axes, curves, style, f"{name}, n = {entry['n']}")
        headline(figure, title, style)
        return png_of(figure)


def _numbers_png(task: Task, rows: pd.DataFrame, title: str, style: Style) -> bytes:
    targets, predictions = to_arrays(task, rows)
    with panels(task.size, style) as figure:
        for index, (axes, name) in enumerate(zip(figure.axes, task.labels, strict=True)):
            draw_scatter(axes, targets[:, index], predictions[:, index], task.range or (0.0, 1.0), style, name)
        headline(figure, title, style)
        return png_of(figure)


@contextmanager
def panels(columns: int, style: Style, rows: int = 1) -> Iterator["Figure"]:
    """A drawing with so many square panels, in the order in which one reads."""
    width = _LEFT + _RIGHT + columns * _PANEL + (columns - 1) * _BETWEEN
    height = _BOTTOM + _TOP + rows * _PANEL + (rows - 1) * _BETWEEN
    with drawing(width, height, style) as figure:
        for row in reversed(range(rows)):
            for column in range(columns):
                left, bottom = _LEFT + column * (_PANEL + _BETWEEN), _BOTTOM + row * (_PANEL + _BETWEEN)
                figure.add_axes((left / width, bottom / height, _PANEL / width, _PANEL / height))
        yield figure


def headline(figure: "Figure", title: str, style: Style) -> None:
    """The picture's title at its upper left, cut where it would not fit."""
    width, height = figure.get_size_inches()
    longest = int(width * 11)  # so many characters of this size fit
    line = printable(title, longest)
    figure.text(0.1 / width, 1 - 0.12 / height, line, fontsize=TITLE_SIZE * 0.85, color=style.ink, va="top", parse_math=False)
