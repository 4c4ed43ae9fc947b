"""Many mistakes of a user in one sentence, so that a table is mended once and not line by line."""

from collections.abc import Sequence

from modeling_emert.errors_emert import EmertInputError


def list_some(sentences: Sequence[str], most: int = 10) -> str:
    """The first `most` of them, and how many more there are."""
    more = f"; and {len(sentences) - most} more" if len(sentences) > most else ""
    return "; ".join(sentences[:most]) + more


def refuse_all(where: object, mistakes: Sequence[str], remedy: str, most: int = 10) -> None:
    """Raises one `EmertInputError` that names `where`, the number of mistakes and the first `most`; none: does nothing."""
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise EmertInputError(f"{where} has {count}: {list_some(mistakes, most)}; {remedy}")
