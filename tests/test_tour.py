"""docs/tour.ipynb: it runs from top to bottom, and what is stored is what a run has shown."""

import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from places import ROOT
from run_tour import run_tour

TOUR = ROOT / "docs" / "tour.ipynb"


def _shown(cell: nbformat.NotebookNode) -> list[tuple[str, ...]]:
    """Kinds of output: text, or the forms of a picture or a table. Text comes in pieces that differ by run."""
    kinds = [("text",) if output.output_type == "stream" else tuple(sorted(output.data)) for output in cell.outputs]
    return [kind for index, kind in enumerate(kinds) if index == 0 or kind != kinds[index - 1]]


def test_the_stored_notebook_is_a_run_from_top_to_bottom():
    tour = nbformat.read(TOUR, as_version=4)
    nbformat.validate(tour)
    code = [cell for cell in tour.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in code:
        compile(cell.source, "tour", "exec")
    assert [output for cell in code for output in cell.outputs if output.output_type == "error"] == []
    pictures = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3
    assert [line for line in tour.cells[0].source.splitlines() if line.startswith("# ")] != []


def test_it_is_small_and_says_nothing_of_the_machine_that_ran_it():
    text = TOUR.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    words = re.sub(r'"image/\w+": "[^"]*"', "", text)
    for place in (str(Path.home()), str(ROOT), f"{tempfile.gettempdir()}/"):
        assert place not in words
    tour = nbformat.read(TOUR, as_version=4)
    printed = [
        line for cell in tour.cells for output in cell.get("outputs", ()) for line in output.get("text", "").splitlines()
    ]
    [header] = [line for line in printed if line.startswith("epoch ")]
    assert "seconds" not in header
    assert set(tour.metadata) == {"kernelspec"}
    assert tour.metadata.kernelspec.name == "python3"


@pytest.mark.slow
def test_it_runs_and_shows_the_same_kinds_of_things():
    stored, again = nbformat.read(TOUR, as_version=4), run_tour(TOUR)
    assert [_shown(cell) for cell in again.cells if cell.cell_type == "code"] == [
        _shown(cell) for cell in stored.cells if cell.cell_type == "code"
    ]
