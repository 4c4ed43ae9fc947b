"""Rows of one table told apart: a recording for each participant, stimulus and whatever else the columns of names say."""

import numpy as np

from dataset_scripts.readers.text.text_table import TextColumn
from modeling_emert.errors_emert import EmertInputError

# More are no names but numbers in the wrong column; each would become a recording of its own.
MAX_GROUPS = 20_000


def group_rows(file: object, rows: np.ndarray, names: tuple[TextColumn | None, ...]) -> list[np.ndarray]:
    """`rows` apart by all the names together, in the order in which the groups begin.

    Raises `EmertInputError` for more than `MAX_GROUPS`.
    """
    if len(rows) == 0:
        return []
    key = np.zeros(len(rows), np.int64)
    for texts in names:
        if texts is not None:
            # Code -1 stands for the empty text at the end of `values`: the remainder puts it there. Numbering the keys
            # anew keeps the product in range however many names there are.
            key = np.unique(key * len(texts.values) + texts.codes[rows] % len(texts.values), return_inverse=True)[1]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    check_count(file, len(first))
    by_group = np.split(rows[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    return [by_group[number] for number in np.argsort(first)]


def check_count(file: object, count: int) -> None:
    """Raises `EmertInputError` for more recordings than any file has."""
    if count > MAX_GROUPS:
        raise EmertInputError(
            f"{file} holds {count:,} recordings by its names and times, where at most {MAX_GROUPS:,} are expected; "
            "see whether its columns stand under the right names"
        )


def name_in(texts: TextColumn | None, row: int) -> str | None:
    """The name in that row; None where there is none."""
    return (texts.values[texts.codes[row]] if texts is not None else None) or None
