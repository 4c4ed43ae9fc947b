"""What a build is made of, as hashes: the same recordings, settings and code give the same ones on every machine."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..common.code_fingerprint import code_fingerprint
from ..sources.base import TERMS, Entry, Source

# Imported on the way, but no file of a data set depends on it.
NO_EFFECT = ("modeling_emert.registration_emert",)


@dataclass(frozen=True)
class Fingerprint:
    """Two hashes.

    - `content`: of the code that turns the recordings of this source into rows, the settings, the source, and for each
      recording its ids, labels, names and sizes of its files.
    - `freshness`: of the content, the folder of the recordings on this disk, and the times at which its files were changed.
      It notices a file that was changed and kept its size, but differs between machines.
    """

    content: str
    freshness: str


def build_entries(source: type[Source]) -> tuple[str, ...]:
    """The modules from which the code of a build is found."""
    return f"{__package__}.build", source.__module__


def take_fingerprint(source: Source, entries: Sequence[Entry], faces: int, seed: int) -> Fingerprint:
    stat = _stater(source)
    content: list = [code_fingerprint(build_entries(type(source)), NO_EFFECT), faces, seed, _description(source)]
    times: list = [str(source.path.resolve())]
    for entry in entries:
        files = []
        for place in (*([str(entry.video)] if entry.video else []), *entry.location):
            name, size, changed = stat(place)
            files.append([name, size])
            times.append(changed)
        known = (sorted(entry.labels.items()), sorted(entry.context.items()))
        given = [sorted(known.items()) for known in (entry.votes, entry.person) if known] + [entry.fold] * bool(entry.fold)
        content.append([entry.recording_id, entry.participant, entry.stimulus, *known, files, *given])
    content_hash = _hash(content)
    return Fingerprint(content_hash, _hash([content_hash, *times]))


def _description(source: Source) -> list:
    """What the data set's description takes from the source, and the hash of the source's mapping file."""
    mapping = source.mapping or (source.path / source.mapping_name if source.mapping_name else None)
    mapped = hashlib.sha256(mapping.read_bytes()).hexdigest() if mapping and mapping.is_file() else None
    of_rows = (source.given_folds, source.vote_tasks, source.person_columns, source.recordings_per_group)
    stated = [getattr(source, name) for name in TERMS]
    return [source.name, source.tasks, source.surprise_polarity, *of_rows, *stated, mapped]


def _stater(source: Source) -> Callable[[str], tuple[str, int, int]]:
    """Gives the path within the recordings' folder, size in bytes and time of the last change; of a folder, of its files.

    `Entry.location` holds more than paths, such as a name within a file: what is no path is returned as it is. Several
    recordings may lie in one file, which is looked at once.
    """
    roots = [os.path.abspath(source.path), os.path.realpath(source.path)]

    @cache
    def stat(place: str) -> tuple[str, int, int]:
        full = Path(os.path.abspath(place))
        inside = [full.relative_to(root).as_posix() for root in roots if full.is_relative_to(root)]
        if not place or not (inside or os.path.isabs(place)):
            return place, 0, 0
        stats = [file.stat() for file in (full.iterdir() if os.path.isdir(full) else [full]) if os.path.isfile(file)]
        size, changed = sum(one.st_size for one in stats), max((one.st_mtime_ns for one in stats), default=0)
        return (inside or [full.name])[0], size, changed

    return stat


def _hash(content: list) -> str:
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()
