"""The page's pictures: each drawn twice, light and dark, as SVG that needs nothing else."""

import base64
import re
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from dataset_scripts.pictures.style import DARK, LIGHT, SMALL_SIZE, Style, drawing
from training.reports.drawings import draw_curves, draw_reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (3.3, 3.0)  # inches
_RANDOM_ID = re.compile(r'(?<=id=")[a-z][0-9a-f]{10}(?=")')  # matplotlib names clip paths and marks anew in each run


def light_and_dark(draw: Callable[["Figure", Style], None], columns: int, rows: int = 1) -> dict[str, str]:
    """`{"light", "dark"}`: the picture as data URIs."""
    found = {}
    for name, style in (("light", LIGHT), ("dark", DARK)):
        with drawing(_PANEL[0] * columns, _PANEL[1] * rows, style) as figure:
            draw(figure, style)
            figure.tight_layout()
            found[name] = "data:image/svg+xml;base64," + base64.b64encode(svg_of(figure)).decode()
    return found


def svg_of(figure: "Figure") -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", facecolor=figure.get_facecolor(), metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().decode()
    for number, name in enumerate(dict.fromkeys(_RANDOM_ID.findall(text))):
        text = text.replace(name, f"i{number}")
    return text.encode()


def reliability_picture(panels: dict[str, dict[str, list[dict]]]) -> dict[str, str]:
    """By panel title, by method, the bins."""

    def draw(figure: "Figure", style: Style) -> None:
        for number, (title, curves) in enumerate(panels.items(), start=1):
            draw_reliability(figure.add_subplot(1, len(panels), number), curves, style, title)

    return light_and_dark(draw, len(panels))


def robustness_picture(panels: dict[str, tuple[list[float], dict[str, list[dict]], str]], metric: str) -> dict[str, str]:
    """By panel title: levels, curves by method, and what the levels are."""
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)

    def draw(figure: "Figure", style: Style) -> None:
        for number, (title, (levels, curves, xlabel)) in enumerate(panels.items(), start=1):
            axes = figure.add_subplot(rows, columns, number)
            draw_curves(axes, np.array(levels), curves, style, title, xlabel)
            axes.set_ylabel(metric)
            low, high = axes.get_ylim()
            low = min(0.0, low)  # else a small change fills the panel
            axes.set_ylim(low, high + 0.1 * (high - low))
            axes.legend(frameon=False, fontsize=SMALL_SIZE, labelcolor=style.ink)

    return light_and_dark(draw, columns, rows)
