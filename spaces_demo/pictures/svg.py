"""Matplotlib's figures as SVG for a page: they take the page's colours, light or dark, and its font, and say what they show."""

import html
import io
import re
from typing import TYPE_CHECKING

from dataset_scripts.pictures.style import DOTS_PER_INCH, LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A colour of the light style -> the page's variable for what it stands for (see `look.py`).
_VARIABLES = {
    LIGHT.background: "--emert-panel",
    LIGHT.ink: "--emert-ink",
    LIGHT.faint: "--emert-faint",
    LIGHT.grid: "--emert-grid",
    LIGHT.first: "--emert-first",
    LIGHT.second: "--emert-second",
    LIGHT.span: "--emert-span",
    LIGHT.alarm: "--emert-alarm",
}
_REFERENCES = re.compile(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"")


def svg_of(figure: "Figure", name: str, description: str) -> str:
    """The figure, drawn in the light style, as one `<svg>` element; `name` is its own among those of a page.

    `description` stands for the picture where it can't be seen.
    """
    import matplotlib

    buffer = io.StringIO()
    # Text stays text, in the page's font. The context is for this process alone: a worker draws one figure at a time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", dpi=DOTS_PER_INCH, facecolor=figure.get_facecolor(), metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        text = re.sub(re.escape(colour), f"var({variable})", text, flags=re.IGNORECASE)
    text = re.sub(r"font-family: [^;\"]+;? ?", "", text)
    text = _own_ids(text, name)
    label = html.escape(description, quote=True)
    opening = f'<svg class="emert-picture emert-{name}" role="img" aria-label="{label}" '
    return re.sub(r'<svg (?:width="[^"]*" |height="[^"]*" )*', opening, text, count=1)


def _own_ids(text: str, name: str) -> str:
    """Without the ids that nothing points to, the others prefixed: a page may hold several figures."""
    used = {first or second for first, second in _REFERENCES.findall(text)}
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    return re.sub(r'href="#', f'href="#{name}-', text)
