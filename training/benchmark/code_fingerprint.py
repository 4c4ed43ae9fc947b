"""A hash of the code that decides a cell's predictions, since a version kept by hand is forgotten.

It is the code that a cell imports, and what that imports, as far as it is ours. So a changed command, page or table lets
every finished cell stand; anything that a network, its training or its test goes through makes all of them anew.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from training.methods.registry import METHODS

_ROOT = Path(__file__).parents[2]
_OURS = ("training", "modeling_emert", "dataset_scripts")
_CELL = f"{__package__}.measuring"
# Imported on the way, but their text reaches no prediction.
_ONLY_WORDS = ("training.reports", "training.methods.card", "modeling_emert.model_card_emert")


@cache
def code_hash() -> str:
    """SHA-256 of the files, each with its name."""
    digest = hashlib.sha256()
    for path in deciding_files():
        digest.update(f"{path.relative_to(_ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def deciding_files() -> list[Path]:
    """What a cell runs and every method, and all that they import; sorted."""
    waiting = [_CELL, *(method.made_by.partition(":")[0] for method in METHODS.values())]
    found: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if module not in found and path is not None and not module.startswith(_ONLY_WORDS):
            found[module] = path
            waiting += _imported(module, path)
    return sorted(found.values())


def _file_of(module: str) -> Path | None:
    """None for what is no module of ours, such as a function that is imported by name."""
    if module.partition(".")[0] not in _OURS:
        return None
    place = _ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _imported(module: str, path: Path) -> Iterator[str]:
    """What the file imports anywhere, functions included: modules, and names in them that may be modules."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    yield ".".join(package)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*outer, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)
