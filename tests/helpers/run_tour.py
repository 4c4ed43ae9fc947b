"""Runs docs/tour.ipynb from top to bottom in a fresh kernel and writes it with what it shows.

python tests/helpers/run_tour.py docs/tour.ipynb
"""

import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from places import ROOT

# Epoch and loss of a line of the training's table, and the seconds after them.
_EPOCH = re.compile(r"^( *epoch +loss| +\d+ +\d+\.\d+) +(?:seconds|\d+\.\d)(?= )", re.MULTILINE)
_SECONDS = 3600  # of a cell, on a machine that does much else


def run_tour(notebook: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of this run: no progress bars, no times, no paths and names of this machine."""
    tour = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": str(ROOT)}}
    NotebookClient(tour, timeout=_SECONDS, kernel_name="python3", record_timing=False, resources=where).execute()
    tour.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in tour.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                if "text" in output:  # the tour's own folder
                    output.text = re.sub(rf"{re.escape(tempfile.gettempdir())}/\w+/", "", output.text)
                    output.text = _EPOCH.sub(r"\1", output.text)
    return tour


if __name__ == "__main__":
    path = Path(sys.argv[1])
    nbformat.write(run_tour(path), path)
