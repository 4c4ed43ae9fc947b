"""Checked access to the fields of JSON files of a published data set."""

import json
import math
from pathlib import Path
from typing import Any

from modeling_emert.errors_emert import EmertInputError

MAX_JSON_BYTES = 1 << 26


def load_json(file: Path) -> Any:
    """The content of the file. Raises `EmertInputError`: it does not exist, is too large, or is no JSON."""
    if not file.is_file():
        raise EmertInputError(f"{file} does not exist; get the whole data set, and give its folder")
    if file.stat().st_size > MAX_JSON_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_JSON_BYTES:,} bytes, as none of the data set has; get it anew")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise EmertInputError(f"{file} is no JSON ({str(error)[:80]}); get it anew") from error


def json_field(record: Any, name: str, kind: type, file: Path) -> Any:
    """`record[name]`. Raises `EmertInputError` where it is not of that type."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        wanted = {list: "a list", str: "a text"}[kind]
        raise EmertInputError(f"{file} has {str(value)[:40]!r} as {name}, where {wanted} is expected; get it anew")
    return value


def json_number(record: Any, name: str, file: Path) -> float:
    """`record[name]`. Raises `EmertInputError` where it is not a finite number."""
    value = record.get(name) if isinstance(record, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise EmertInputError(f"{file} has {str(value)[:40]!r} as {name}, where a number is expected; get it anew")
    return float(value)
