"""Of what a build is: the same recordings, settings and code have the same identity on every machine."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from modeling_emert import recording_emert

from ..sources.base import Entry, Source


@dataclass(frozen=True)
class Identity:
    """Three hashes.

    - `code`: the code that turns recordings into rows.
    - `content`: the code, the settings, the source, and of every recording ids, labels, names and sizes of its files.
    - `freshness`: the content, and where on this disk the files lie and when they were changed. It tells a recording that
      was changed without changing its size, but is another on every machine.
    """

    code: str
    content: str
    freshness: str


def identify(source: Source, entries: Sequence[Entry], faces: int, seed: int) -> Identity:
    stat = _stater(source)
    content: list = [code_hash(), faces, seed, _declared(source)]
    times: list = [str(source.path.resolve())]
    for entry in entries:
        files = []
        for place in (*([str(entry.video)] if entry.video else []), *entry.location):
            name, size, changed = stat(place)
            files.append([name, size])
            times.append(changed)
        known = (sorted(entry.labels.items()), sorted(entry.context.items()))
        content.append([entry.recording_id, entry.participant, entry.stimulus, *known, files])
    content_hash = _hash(content)
    return Identity(code_hash(), content_hash, _hash([content_hash, *times]))


def _declared(source: Source) -> list:
    """What goes from the source into the description of the data set, and the file that says how its recordings lie."""
    mapping = source.mapping or (source.path / source.mapping_name if source.mapping_name else None)
    mapped = hashlib.sha256(mapping.read_bytes()).hexdigest() if mapping and mapping.is_file() else None
    terms = [source.licence, source.redistributable, source.citation, source.collection, source.lacks]
    return [source.name, source.tasks, source.surprise_polarity, *terms, mapped]


def _stater(source: Source) -> Callable[[str], tuple[str, int, int]]:
    """Name relative to the folder of the recordings, size in bytes, time of the last change; of a folder, of all in it.

    What is no path stays as it is: sources tell in their own words where in a file a recording lies. Several recordings
    may lie in one file, so that each is looked at once.
    """
    roots = [os.path.abspath(source.path), os.path.realpath(source.path)]

    @cache
    def stat(place: str) -> tuple[str, int, int]:
        full = Path(os.path.abspath(place))
        inside = [full.relative_to(root).as_posix() for root in roots if full.is_relative_to(root)]
        if not place or not (inside or os.path.isabs(place)):
            return place, 0, 0
        stats = [file.stat() for file in _files(full)]
        size, changed = sum(one.st_size for one in stats), max((one.st_mtime_ns for one in stats), default=0)
        return (inside or [full.name])[0], size, changed

    return stat


def _files(path: Path) -> list[Path]:
    if os.path.isdir(path):
        return [file for file in path.iterdir() if file.is_file()]
    return [path] if os.path.isfile(path) else []


def _hash(content: list) -> str:
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


@cache
def code_hash() -> str:
    """Over the code that turns recordings into rows, since a version kept by hand is forgotten."""
    ours, models = Path(__file__).parents[1], Path(recording_emert.__file__).parent
    files = [*sorted((ours / "readers").rglob("*.py")), *sorted((ours / "sources").glob("*.py"))]
    files += [
        ours / f"{name}.py"
        for name in ("cells", "composition", "label_rules", "mistakes", "rows", "schema", "settling", "source", "splits")
    ]
    files += [models / f"{name}_emert.py" for name in ("columns", "context", "faces", "recording", "tasks", "video")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
