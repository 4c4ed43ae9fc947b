"""JSON files that may come from strangers."""

import json
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 28  # a list of a million people takes 50 MB


def read_json(path: Path) -> Any:
    """Raises `ValueError` where the file is no JSON in UTF-8, too large, or nested without end; `OSError` as opening does."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes, as no such file has")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("lists or keys lie too deep within each other") from error
