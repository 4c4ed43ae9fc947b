"""The templates of CONTRIBUTING.md, and a copy of the repository in which they stand.

A template is a block under a line that begins with its file's name in backticks: a new file, or of kind `diff` changes to one
that is there: lines with `-` that stand in it once, then the lines with `+` that replace them.
"""

import re
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from places import ROOT

_BLOCK = re.compile(r"^`([\w/]+/[\w.]+)`[^\n]*(?:\n[^\n`]+)*\n\n```(\w+)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
_COPIED = (".eval_results", "modeling_emert", "dataset_scripts", "training", "spaces_demo", "tests", "docs", "examples")


class Template(NamedTuple):
    """`kind`: python, csv, yaml, or diff."""

    file: Path
    kind: str
    text: str


def templates() -> list[Template]:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [Template(Path(file), kind, text) for file, kind, text in _BLOCK.findall(page)]


def changes(diff: str) -> Iterator[tuple[str, str]]:
    """What stands there, and what replaces it, of every change."""
    runs = ("\n".join(line[1:] for line in lines) for _, lines in groupby(diff.splitlines(), lambda line: line[0]))
    return zip(*[iter(runs)] * 2, strict=True)


def copy_with_templates(place: Path) -> Path:
    """A copy of the repository in the new folder `place`, all templates in it."""
    place.mkdir()
    for name in _COPIED:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", *(path.name for path in ROOT.glob("*.md")), "LICENSE", "Makefile"):
        shutil.copy(ROOT / name, place / name)
    for template in templates():
        file = place / template.file
        if template.kind != "diff":
            file.parent.mkdir(exist_ok=True)
            file.write_text(template.text, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        for old, new in changes(template.text):
            assert text.count(old) == 1, f"{template.file}: {old!r} stands there {text.count(old)} times"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")
    return place
