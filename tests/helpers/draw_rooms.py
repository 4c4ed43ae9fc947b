"""Draws docs/rooms.svg: the four rooms, and their folders in the order of the imports.

python tests/helpers/draw_rooms.py docs/rooms.svg
"""

import ast
import sys
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from import_graph import ROOMS, Graph, folder_graph, import_graph
from places import ROOT

WIDTH, HEIGHT, GAP, TOP, COLUMN = 300, 44, 8, 72, 332
SAYS = {
    "modeling_emert": "the model, as it goes to the Hub",
    "dataset_scripts": "recordings to a data set",
    "training": "a data set to a scored model",
    "spaces_demo": "the page that answers",
}
_STYLE = (
    "text{font-family:sans-serif;font-size:13px;fill:#222}.room{font-size:16px;font-weight:bold}.says,.uses{fill:#555;font-size:11px}.uses{fill:#4a6fa5}"
    ".box{fill:#fff;stroke:#4a6fa5}.frame{fill:#eef3fa;stroke:none}path{fill:none;stroke:#4a6fa5}"
)


def draw() -> str:
    """The picture as SVG text; the same sources give the same text."""
    graph = folder_graph(import_graph())
    height = TOP + max(len(_boxes(room, graph)) for room in ROOMS) * (HEIGHT + GAP) + 24
    size = f'width="{COLUMN * len(ROOMS)}" height="{height}" viewBox="0 0 {COLUMN * len(ROOMS)} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>The four rooms and their folders; a box uses those that it names, and what these use</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6"/></marker></defs>',
    ]
    for column, room in enumerate(ROOMS):
        parts += _draw_room(column, room, graph, height)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw_room(column: int, room: str, graph: Graph, height: int) -> list[str]:
    left = column * COLUMN + 12
    parts = [
        f'<rect class="frame" x="{left - 6}" y="6" width="{COLUMN - 18}" height="{height - 12}" rx="8"/>',
        f'<text class="room" x="{left + 6}" y="32">{room}</text>',
        f'<text class="says" x="{left + 6}" y="52">{SAYS[room]}</text>',
    ]
    if column:
        parts.append(f'<path d="M{left + 4},40 L{left - 40},40" marker-end="url(#tip)"/>')
    boxes = _boxes(room, graph)
    for box, near in _reduced({box: graph[box] & set(boxes) for box in boxes}).items():
        top = TOP + boxes.index(box) * (HEIGHT + GAP)
        uses = ", ".join(other.partition(".")[2].removesuffix("_emert") for other in boxes if other in near)
        parts += [
            f'<rect class="box" x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>',
            f'<text x="{left + 9}" y="{top + 18}">{box.partition(".")[2]}</text>',
            f'<text class="says" x="{left + 9}" y="{top + 34}">{escape(_says(box))}</text>',
            f'<text class="uses" x="{left + WIDTH - 7}" y="{top + 17}" text-anchor="end">{uses and f"← {uses}"}</text>',
        ]
    return parts


def _boxes(room: str, graph: Graph) -> list[str]:
    """The boxes of a room, each below all that it imports, so that one reads from the top as the data flows."""
    own = {box: graph[box] for box in graph if box.startswith(f"{room}.")}
    if room == "modeling_emert":  # flat, and 28 files: only the way of a recording to an answer
        way = ("recording", "processing", "modeling", "answers", "pipeline")
        own = {box: imported for box, imported in own.items() if box.split(".")[1].removesuffix("_emert") in way}
    order = TopologicalSorter({box: sorted(imported & set(own)) for box, imported in sorted(own.items())})
    return list(order.static_order())


def _reduced(graph: Graph) -> Graph:
    """Without the edges that a longer way tells as well."""

    def reach(box: str) -> set[str]:
        return graph[box] | {far for near in graph[box] for far in reach(near)}

    return {box: {one for one in near if not any(one in reach(other) for other in near - {one})} for box, near in graph.items()}


def _says(box: str) -> str:
    """The first clause of the docstring of a folder or file."""
    place = ROOT.joinpath(*box.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    clause = text.split(". ")[0].split(": ")[0].split(";")[0].rstrip(".:")
    return clause if len(clause) <= 52 else clause[:50].rsplit(" ", 1)[0] + " …"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
