"""All errors of a user's file in one message, so that it can be corrected in one go."""

from collections.abc import Sequence

from modeling_emert.errors_emert import EmertInputError


def list_some(sentences: Sequence[str], most: int = 10) -> str:
    """The first `most` of them, and how many more there are."""
    more = f"; and {len(sentences) - most} more" if len(sentences) > most else ""
    return "; ".join(sentences[:most]) + more


def refuse_all(where: object, errors: Sequence[str], remedy: str, most: int = 10) -> None:
    """Raises one `EmertInputError` that names `where`, the number of errors and the first `most`; none: does nothing."""
    if errors:
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        raise EmertInputError(f"{where} has {count}: {list_some(errors, most)}; {remedy}")
