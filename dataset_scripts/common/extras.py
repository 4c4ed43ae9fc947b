"""How to install what an extra of `pyproject.toml` brings; never by the name on an index, which a stranger may hold."""

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

_CLONE = Path(__file__).resolve().parents[2]


def how_to_install(extra: str) -> str:
    """The command for the running interpreter, from the clone or from what was installed; for the end of a message."""
    if (_CLONE / "pyproject.toml").is_file():
        what = ["-e", f"{_CLONE}[{extra}]"]
    elif address := _installed_from():
        what = [f"emert[{extra}] @ {address}"]
    else:
        return f"install the packages of emert's extra {extra} for {sys.executable}"
    return shlex.join([sys.executable, "-m", "pip", "install", *what])


def _installed_from() -> str | None:
    """The address of the wheel or folder; None: of an index, or not installed."""
    try:
        record = distribution("emert").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    return json.loads(record)["url"] if record else None
