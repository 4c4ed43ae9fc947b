"""One panel of a report, drawn on given axes; used for PNG files and for pages."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataset_scripts.pictures.style import (
    BLUE,
    GREEN,
    LINE_WIDTH,
    ORANGE,
    PURPLE,
    SKY,
    SMALL_SIZE,
    VERMILLION,
    Style,
    dress,
    panel_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Lines of one panel, each with its own marker, so that they can be distinguished without colour.
LINES = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v"), (SKY, "P"), ("#7F7F7F", "X"))


def draw_confusion(
    axes: "Axes", counts: np.ndarray, labels: Sequence[str], style: Style, title: str, names: tuple[str, str]
) -> None:
    """`counts` `(K, K)`, rows the truth, coloured by the fraction of the row. `names`: of rows and columns."""
    from matplotlib.colors import LinearSegmentedColormap

    dress(axes, style, grid=False)
    total = counts.sum(axis=1, keepdims=True)
    fractions = np.divide(counts, total, out=np.zeros_like(counts, dtype=float), where=total > 0)
    colours = LinearSegmentedColormap.from_list("fractions", [style.panel, style.first])
    axes.imshow(fractions, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*counts.shape):
        ink = _readable(colours(fractions[row, column]), style)
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", fontsize=SMALL_SIZE, color=ink)
    places = np.arange(len(labels))
    axes.set_xticks(places, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, labels)
    axes.set(ylabel=names[0], xlabel=names[1])
    panel_title(axes, title, style)


def _readable(ground: tuple[float, ...], style: Style) -> str:
    """The style's ink or its background, whichever has the higher contrast (WCAG) on `ground`."""
    return max(style.ink, style.background, key=lambda ink: contrast(ink, ground))


def contrast(first: str | tuple[float, ...], second: str | tuple[float, ...]) -> float:
    """WCAG 2's ratio, 1..21; a text of this size needs 4.5."""
    darker, lighter = sorted(_luminance(colour) for colour in (first, second))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str | tuple[float, ...]) -> float:
    """Relative luminance as in WCAG 2."""
    from matplotlib.colors import to_rgb

    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def draw_reliability(axes: "Axes", curves: Mapping[str, Sequence[Mapping]], style: Style, title: str) -> None:
    """By name, bins with `confidence`, `accuracy` and `n`: accuracy against probability."""
    dress(axes, style)
    axes.plot([0, 1], [0, 1], color=style.faint, linewidth=LINE_WIDTH, linestyle="--")
    for (name, bins), (colour, mark) in zip(curves.items(), LINES, strict=False):
        points = [(part["confidence"], part["accuracy"]) for part in bins]
        x, y = np.array(points).reshape(-1, 2).T
        axes.plot(x, y, color=colour, marker=mark, markersize=3, linewidth=LINE_WIDTH, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="probability of the answer", ylabel="fraction that is right")
    axes.legend(loc="upper left", frameon=False, fontsize=SMALL_SIZE, labelcolor=style.ink, handlelength=1.4)
    panel_title(axes, title, style)


def draw_scatter(
    axes: "Axes", truth: np.ndarray, predicted: np.ndarray, limits: tuple[float, float], style: Style, title: str
) -> None:
    """Predicted against true numbers, both `(n,)`, on the task's range, with the diagonal."""
    dress(axes, style)
    axes.plot(limits, limits, color=style.faint, linewidth=LINE_WIDTH, linestyle="--")
    axes.scatter(truth, predicted, s=9, color=style.first, alpha=0.5, linewidths=0)
    margin = 0.03 * (limits[1] - limits[0])
    room = (limits[0] - margin, limits[1] + margin)
    ticks = np.linspace(*limits, 5)
    axes.set(xlim=room, ylim=room, aspect="equal", xlabel="label", ylabel="prediction", xticks=ticks, yticks=ticks)
    panel_title(axes, title, style)


def draw_curves(
    axes: "Axes", levels: np.ndarray, curves: Mapping[str, Sequence[Mapping]], style: Style, title: str, xlabel: str
) -> None:
    """By name, a score at each level with `value`, `low` and `high` (None: unknown); the interval is a band."""
    dress(axes, style)
    for (name, points), (colour, mark) in zip(curves.items(), LINES, strict=False):
        value, low, high = (
            np.array([np.nan if point[part] is None else point[part] for point in points], float)
            for part in ("value", "low", "high")
        )
        axes.fill_between(levels, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(levels, value, color=colour, marker=mark, markersize=3, linewidth=LINE_WIDTH, label=name)
    axes.set(xlabel=xlabel)
    axes.locator_params(axis="x", nbins=5)  # the labels of more would touch
    panel_title(axes, title, style)
