"""Matplotlib figures as SVG for a page: in the page's colours (light or dark) and font, with a description."""

import html
import io
import re
from typing import TYPE_CHECKING

from dataset_scripts.pictures.style import DOTS_PER_INCH, LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A colour of the light style -> the page's CSS variable for it (see `page/style.py`).
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
    """The figure, drawn in the light style, as one `<svg>` element.

    `name`: unique within a page. `description`: the text for screen readers.
    """
    import matplotlib

    buffer = io.StringIO()
    # Text stays text, in the page's font. `rc_context` is global to the process, and a worker draws one figure at a time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", dpi=DOTS_PER_INCH, facecolor=figure.get_facecolor(), metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        text = re.sub(re.escape(colour), f"var({variable})", text, flags=re.IGNORECASE)
    text = _own_ids(re.sub(r"font-family: [^;\"]+;? ?", "", text), name)
    label = html.escape(description, quote=True)
    opening = f'<svg class="emert-picture emert-{name}" role="img" aria-label="{label}" '
    return re.sub(r'<svg (?:width="[^"]*" |height="[^"]*" )*', opening, text, count=1)


def _own_ids(text: str, name: str) -> str:
    """Prefixes the ids, since a page may hold several figures; ids that nothing refers to are removed."""
    used = {first or second for first, second in _REFERENCES.findall(text)}
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    return re.sub(r'href="#', f'href="#{name}-', text)
