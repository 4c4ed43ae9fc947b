"""Draws docs/rooms.svg: the four rooms, their folders in the order of the imports, and who imports whom.

python tests/helpers/draw_rooms.py docs/rooms.svg
"""

import ast
import sys
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from import_graph import ROOMS, Graph, folder_graph, import_graph
from places import ROOT

WIDTH, HEIGHT, GAP, TOP, COLUMN = 224, 44, 14, 72, 300
SAYS = {
    "modeling_emert": "the model, as it goes to the Hub",
    "dataset_scripts": "recordings to a data set",
    "training": "a data set to a scored model",
    "spaces_demo": "the page that answers",
}
_STYLE = (
    "text{font-family:sans-serif;font-size:13px;fill:#222}.room{font-size:16px;font-weight:bold}.says{fill:#555;font-size:11px}"
    ".box{fill:#fff;stroke:#4a6fa5}.frame{fill:#eef3fa;stroke:none}path{fill:none;stroke:#8aa4c8;stroke-width:1.3}"
)


def draw() -> str:
    """The picture as SVG text; the same sources give the same text."""
    graph = folder_graph(import_graph())
    height = TOP + max(len(_boxes(room, graph)) for room in ROOMS) * (HEIGHT + GAP) + 24
    size = f'width="{COLUMN * len(ROOMS)}" height="{height}" viewBox="0 0 {COLUMN * len(ROOMS)} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>The four rooms and their folders; a line joins a folder to those below it that it imports</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L6,3 L0,6" style="stroke:#4a6fa5"/></marker></defs>',
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
        parts.append(f'<path d="M{left + 4},62 L{left - 40},62" marker-end="url(#tip)" style="stroke:#4a6fa5"/>')
    boxes = _boxes(room, graph)
    places = {box: TOP + number * (HEIGHT + GAP) for number, box in enumerate(boxes)}
    for box, imported in _reduced({box: graph[box] & set(boxes) for box in boxes}).items():
        for other in sorted(imported):
            start, end = places[box] + HEIGHT / 2, places[other] + HEIGHT / 2
            edge, bend = left + WIDTH, left + WIDTH + 10 + 8 * min(5, abs(boxes.index(box) - boxes.index(other)))
            parts.append(f'<path d="M{edge},{start + 6:g} C{bend},{start + 6:g} {bend},{end - 6:g} {edge},{end - 6:g}"/>')
    for box, top in places.items():
        name = box.partition(".")[2]
        parts += [
            f'<rect class="box" x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>',
            f'<text x="{left + 9}" y="{top + 18}">{name}</text>',
            f'<text class="says" x="{left + 9}" y="{top + 34}">{escape(_says(box))}</text>',
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
    return clause if len(clause) <= 40 else clause[:38].rsplit(" ", 1)[0] + " …"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
