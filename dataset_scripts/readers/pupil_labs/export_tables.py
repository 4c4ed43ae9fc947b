"""Tables that lie beside each other in an export of Pupil Labs: recognised, read, and joined to the gaze samples by time."""

from dataclasses import replace

import numpy as np

from dataset_scripts.readers.samples import nearest
from dataset_scripts.readers.text.text_files import TextFile
from dataset_scripts.readers.text.text_table import Content, Head, Header, Table, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

Kinds = tuple[tuple[Content, tuple[str, ...]], ...]


def find_table(head: Head, kinds: Kinds) -> Header | None:
    """The header of the first kind of table whose columns the file has."""
    found = ((head.find(*required), content) for content, required in kinds)
    return next((replace(header, content=content) for header, content in found if header is not None), None)


def require(file: object, header: Header | None, names: tuple[str, ...]) -> Header:
    """Raises `EmertInputError` that names the first of the columns that the header lacks."""
    missing = [name for name in names if header is None or name not in header.names]
    if missing or header is None:
        raise EmertInputError(f"{file} has no column {missing[0]}; export the recording again")
    return header


def without_gaze(head: Head, header: Header, times: tuple[str, ...], gaze: str, format: str) -> list[Gaze]:
    """An empty recording for a table of events, whose note names the file with the gaze samples."""
    rows = read_table(head, header, times=times).rows
    note = f"{head.file.name} holds {rows} rows and no gaze; give {gaze} of the same folder: this file is read with it."
    return [Gaze(format=format, notes=[note])]


def read_beside(
    file: TextFile,
    name: str,
    times: tuple[str, ...],
    required: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
) -> Table | None:
    """The columns of another table in the folder; None where it is absent. Raises `EmertInputError` if it lacks one."""
    other = file.beside(name)
    if other is None:
        return None
    head = read_head(other)
    header = require(other, head.find(times[0]), (*times, *required))
    return read_table(head, header, (*required, *optional), texts, times)


def nearest_rows(times: np.ndarray, rows: np.ndarray, wanted: np.ndarray, tolerance: float) -> np.ndarray:
    """For every wanted time the one of `rows` with the nearest time, -1 beyond the tolerance: `(wanted,)` int."""
    rows = rows[np.isfinite(times[rows])]
    rows = rows[np.argsort(times[rows], kind="stable")]
    if len(rows) == 0:
        return np.full(len(wanted), -1)
    near = rows[nearest(times[rows], wanted)]
    return np.where(np.abs(times[near] - wanted) <= tolerance, near, -1)
