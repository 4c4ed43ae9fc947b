"""How the files of one export are called that lie beside each other, for whoever tells recordings apart by file names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportFiles:
    """`gaze`: the tracker software's own name for the table with the samples, which the reader itself does not ask for.

    `beside`: what the reader takes from the same folder, by exactly these names.
    """

    gaze: str
    beside: tuple[str, ...]
