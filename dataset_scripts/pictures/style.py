"""The style of all pictures of the project: colours, sizes, and figures that are safe to draw in any thread.

`matplotlib.pyplot` and `rcParams`, which are global, are not used: the style is an argument, so that one thread can draw a
dark picture while another one draws a light one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with any kind of colour blindness can distinguish.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE = "#56B4E9", "#CC79A7"

DOTS_PER_INCH = 144
TITLE_SIZE, TEXT_SIZE, SMALL_SIZE = 11.0, 8.5, 7.0  # points
LINE_WIDTH = 0.9  # points


@dataclass(frozen=True)
class Style:
    """Colours of one variant. `first` and `second`: the two lines of a panel (x and y, left and right)."""

    background: str
    panel: str
    ink: str
    faint: str
    grid: str
    first: str
    second: str
    span: str  # behind fixations
    alarm: str  # blinks, faces not found
    good: str
    usable: str
    poor: str


_DARK_ORANGE, _LIGHT_GREEN, _LIGHT_VERMILLION = "#9A6700", "#2BC79A", "#FF7A2E"  # as words on white and on black
LIGHT = Style(
    background="#FFFFFF",
    panel="#FFFFFF",
    ink="#1A1A1A",
    faint="#6B6B6B",
    grid="#E3E3E3",
    first=BLUE,
    second=VERMILLION,
    span="#DCEAF4",
    alarm=PURPLE,
    good=GREEN,
    usable=_DARK_ORANGE,
    poor=VERMILLION,
)
DARK = Style(
    background="#15181C",
    panel="#1C2026",
    ink="#F0F0F0",
    faint="#A6ACB3",
    grid="#343A42",
    first=SKY,
    second=ORANGE,
    span="#263643",
    alarm=PURPLE,
    good=_LIGHT_GREEN,
    usable=ORANGE,
    poor=_LIGHT_VERMILLION,
)


@contextmanager
def drawing(width: float, height: float, style: Style = LIGHT) -> Iterator["Figure"]:
    """A new figure of this size in inches, cleared at the end to free its memory."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=style.background)
    FigureCanvasAgg(figure)
    try:
        yield figure
    finally:
        figure.clear()


def png_of(figure: "Figure") -> bytes:
    """The figure as a PNG, without date and version, by which equal pictures would differ."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return buffer.getvalue()


def dress(axes: "Axes", style: Style, grid: bool = True) -> None:
    """Sets colours and sizes of one panel, before anything is drawn in it."""
    axes.set_facecolor(style.panel)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, color=style.grid, linewidth=0.6)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(style.faint)
        spine.set_linewidth(0.7)
    axes.tick_params(colors=style.faint, labelcolor=style.ink, labelsize=SMALL_SIZE, width=0.7, length=3)
    axes.xaxis.label.set(color=style.ink, size=TEXT_SIZE)
    axes.yaxis.label.set(color=style.ink, size=TEXT_SIZE)


def panel_title(axes: "Axes", text: str, style: Style, *notes: str) -> None:
    """The title and notes at the upper left of a panel; the legend is at the upper right."""
    line = printable(" · ".join([text, *notes]), longest=110)
    axes.set_title(line, loc="left", fontsize=TEXT_SIZE, color=style.ink, pad=4, parse_math=False)


def panel_legend(axes: "Axes", style: Style) -> None:
    """The legend above the upper right corner of a panel, where it hides nothing."""
    place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.1, "ncols": 4, "frameon": False}
    axes.legend(**place, fontsize=SMALL_SIZE, labelcolor=style.ink, handlelength=1.4, columnspacing=1.2)


@cache
def _known_characters() -> frozenset[int]:
    from matplotlib import font_manager

    return frozenset(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())


def printable(text: str, longest: int = 120) -> str:
    """Text from a file as it can be drawn: on one line, at most `longest` characters, those that the font lacks as `?`."""
    known = _known_characters()
    line = "".join(sign if ord(sign) in known and sign.isprintable() else "?" for sign in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
