"""Pictures of results: PNG files beside a page in Markdown, SVG inside the page of a benchmark."""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dataset_scripts.pictures.style import DARK, LIGHT, SMALL_SIZE, TITLE_SIZE, Style, drawing, png_of, printable
from modeling_emert.tasks_emert import TASKS, Task

from ..metrics.predictions import to_arrays
from .drawings import draw_confusion, draw_curves, draw_reliability, draw_scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Render = Callable[["Figure"], bytes]
# A panel of curves: its title, the levels, points `{value, low, high}` by line, what the levels are.
Curves = tuple[str, Sequence[float], Mapping[str, Sequence[Mapping]], str]

_RANDOM_ID = re.compile(r'(?<=id=")[a-z][0-9a-f]{10}(?=")')  # matplotlib names clip paths and markers anew in each run
# Inches: the side of a panel, the margins, and the space between panels.
_PANEL, _LEFT, _RIGHT, _BOTTOM, _TOP, _BETWEEN = 3.3, 0.75, 0.2, 0.55, 0.75, 0.75


def draw_pictures(results: dict, predictions: pd.DataFrame, style: Style = LIGHT) -> dict[str, bytes]:
    """By file name: `confusion-TASK` for each class task, `reliability`, `felt-against-shown`, `numbers-TASK`."""
    method = results["methods"][0]
    rows = predictions[predictions["method"] == method]
    pictures = {}
    for name, entry in results["scores"][method].items():
        title = f"{name}, {method}, {results['header']['data_kind']}"
        if TASKS[name].kind == "classification":
            counts = {"recordings; colour: fraction of the row": entry["confusion"]}
            pictures[f"confusion-{name}.png"] = _confusions_png(counts, TASKS[name].labels, ("label", "answer"), title, style)
        else:
            pictures[f"numbers-{name}.png"] = _numbers_png(TASKS[name], rows[rows["task"] == name], title, style)
    classes = {name: entry for name, entry in results["scores"][method].items() if entry["calibration"]}
    if classes:
        title = f"Probabilities against what happened, {method}, {results['header']['data_kind']}"
        pictures["reliability.png"] = reliability_picture(_reliability_panels(classes), title, style)
    if results["gap"]:
        title = f"Felt against shown, {results['header']['data_kind']}"
        pictures["felt-against-shown.png"] = gap_png(results["gap"]["labels"], method, title, style)
    return pictures


def _reliability_panels(classes: dict) -> dict[str, dict[str, list]]:
    panels = {}
    for name, entry in classes.items():
        found = entry["calibration"]
        curves = {"as answered": found["answers"]["bins"]}
        if found["before"]:
            curves = {"before the temperature": found["before"]["bins"], "after it": found["answers"]["bins"]}
        panels[f"{name}, n = {entry['n']}"] = curves
    return panels


def gap_png(labels: dict, method: str, title: str, style: Style = LIGHT) -> bytes:
    """Felt against shown in the labels and in the answers; `labels` as in `gap_section`."""
    given = {"labels": labels["counts"], f"answers of {method}": labels["answers"]}
    tables = {name: counts for name, counts in given.items() if counts is not None}
    axis_names = f"felt ({labels['er']})", f"shown ({labels['fer']})"
    return _confusions_png(tables, labels["names"], axis_names, title, style)


def _confusions_png(
    tables: Mapping[str, list], labels: Sequence[str], names: tuple[str, str], title: str, style: Style
) -> bytes:
    """Tables of counts side by side, by their titles; `names`: of rows and columns."""
    side = 1.9 + 0.42 * len(labels)
    width = len(tables) * (side + 0.6)
    with drawing(width, side, style) as figure:
        for index, (name, counts) in enumerate(tables.items()):
            left = index * (side + 0.6) + 1.15
            axes = figure.add_axes((left / width, 1.05 / side, (side - 0.75) / width, 1 - 1.5 / side))
            draw_confusion(axes, np.array(counts), labels, style, name, names)
        headline(figure, title, style)
        return png_of(figure)


def reliability_picture(panels: Mapping[str, Mapping[str, list]], title: str, style: Style, render: Render = png_of) -> bytes:
    """By panel title, by curve, the bins."""
    with panel_grid(len(panels), style) as figure:
        for axes, (name, curves) in zip(figure.axes, panels.items(), strict=True):
            draw_reliability(axes, curves, style, name)
        headline(figure, title, style)
        return render(figure)


def curves_picture(rows: Sequence[Sequence[Curves]], ylabel: str, title: str, style: Style, render: Render = png_of) -> bytes:
    """Rows of panels; the panels of a row have one y axis, which holds 0..1 and every value."""
    columns = max(map(len, rows))
    with panel_grid(columns, style, len(rows)) as figure:
        axes = iter(figure.axes)
        for row in rows:
            lowest, own = 0.0, []
            for panel, levels, lines, xlabel in row:
                own.append(next(axes))
                draw_curves(own[-1], np.array(levels), lines, style, panel, xlabel)
                lowest = min(lowest, *(point["low"] or point["value"] or 0.0 for points in lines.values() for point in points))
            for panel in own:
                panel.set_ylim(lowest - 0.02, 1.0)
            for _ in range(columns - len(row)):
                next(axes).set_axis_off()
            own[0].set_ylabel(ylabel)
            own[0].legend(loc="best", frameon=False, fontsize=SMALL_SIZE, labelcolor=style.ink, handlelength=1.6)
        headline(figure, title, style)
        return render(figure)


def _numbers_png(task: Task, rows: pd.DataFrame, title: str, style: Style) -> bytes:
    targets, predictions = to_arrays(task, rows)
    with panel_grid(task.size, style) as figure:
        for index, (axes, name) in enumerate(zip(figure.axes, task.labels, strict=True)):
            draw_scatter(axes, targets[:, index], predictions[:, index], task.range or (0.0, 1.0), style, name)
        headline(figure, title, style)
        return png_of(figure)


@contextmanager
def panel_grid(columns: int, style: Style, rows: int = 1) -> Iterator["Figure"]:
    """A figure with so many square panels, row by row."""
    width = _LEFT + _RIGHT + columns * _PANEL + (columns - 1) * _BETWEEN
    height = _BOTTOM + _TOP + rows * _PANEL + (rows - 1) * _BETWEEN
    with drawing(width, height, style) as figure:
        for row in reversed(range(rows)):
            for column in range(columns):
                left, bottom = _LEFT + column * (_PANEL + _BETWEEN), _BOTTOM + row * (_PANEL + _BETWEEN)
                figure.add_axes((left / width, bottom / height, _PANEL / width, _PANEL / height))
        yield figure


def headline(figure: "Figure", title: str, style: Style) -> None:
    """The figure's title at its upper left, cut to its width."""
    width, height = figure.get_size_inches()
    longest = int(width * 11)  # so many characters of this size fit
    line = printable(title, longest)
    figure.text(0.1 / width, 1 - 0.12 / height, line, fontsize=TITLE_SIZE * 0.85, color=style.ink, va="top", parse_math=False)


def light_and_dark(draw: Callable[[Style], bytes]) -> dict[str, str]:
    """`{"light", "dark"}`: an SVG picture in both styles as data URIs."""
    return {
        name: "data:image/svg+xml;base64," + base64.b64encode(draw(style)).decode()
        for name, style in (("light", LIGHT), ("dark", DARK))
    }


def svg_of(figure: "Figure") -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().decode()
    for number, name in enumerate(dict.fromkeys(_RANDOM_ID.findall(text))):
        text = text.replace(name, f"i{number}")
    return text.encode()
