"""`dataset.json`: what a built data set is, in one file from which its card is written and by which it is verified."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import POLARITIES, TASKS

from ..sources.base import Source
from .counts import Composition

METADATA_FILE = "dataset.json"
_DATA_FILE = re.compile(r"data/p\d{1,3}-s\d{1,3}\.parquet")


@dataclass(frozen=True)
class DataFile:
    """One Parquet file: recordings in it, its size in bytes, its SHA-256."""

    recordings: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, recordings: int) -> "DataFile":
        return cls(recordings, path.stat().st_size, hash_file(path))


@dataclass(frozen=True)
class Metadata:
    """What the source said of itself, how the data set was built, and its files by their path within the folder.

    - `fingerprint`: of the recordings, the code that read them, and the data files; another build of the same has the same,
      on whatever machine.
    - `notes`: what the build left out, in sentences.
    """

    source: str
    licence: str
    redistributable: bool
    citation: str
    collection: str
    lacks: str
    tasks: tuple[str, ...]
    surprise_polarity: str | None
    seed: int
    faces_kept: int
    fingerprint: str
    composition: Composition
    files: dict[str, DataFile]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        source: Source,
        seed: int,
        faces: int,
        content: str,
        files: Mapping[str, DataFile],
        composition: Composition,
        notes: Sequence[str],
    ) -> "Metadata":
        """That of a data set just built from `source`; `content` is the hash of what it was built from (`Identity.content`)."""
        files = dict(sorted(files.items()))
        return cls(
            source=source.name,
            licence=source.licence,
            redistributable=source.redistributable,
            citation=source.citation,
            collection=source.collection,
            lacks=source.lacks,
            tasks=tuple(source.tasks),
            surprise_polarity=source.surprise_polarity,
            seed=seed,
            faces_kept=faces,
            fingerprint=make_fingerprint(content, files),
            composition=composition,
            files=files,
            notes=tuple(sorted(notes)),
        )

    @property
    def recordings(self) -> int:
        return sum(file.recordings for file in self.files.values())

    def write(self, folder: Path) -> None:
        (folder / METADATA_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Metadata":
        """Raises `EmertInputError` where the file is absent or is not what `write` makes."""
        path = folder / METADATA_FILE
        if not path.is_file():
            raise EmertInputError(f"{folder}: no data set here ({METADATA_FILE} is missing); make one with `emert data build`")
        try:
            metadata = cls.from_content(json.loads(path.read_text(encoding="utf-8")))
            if not metadata.files:  # only a shard may be empty, where all its recordings were left out
                raise ValueError("files: nothing where data/p1-s1.parquet and the like are expected")
            return metadata
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EmertInputError(f"{path} is not as it was built ({str(error)[:100]}); build the data set again") from error

    @classmethod
    def from_content(cls, content: dict) -> "Metadata":
        """From what `asdict` gave; where it is anything else, whatever Python raises."""
        lists = {name: tuple(content[name]) for name in ("tasks", "notes")}
        files = {name: DataFile(**file) for name, file in content["files"].items()}
        strange = [name for name in files if not _DATA_FILE.fullmatch(name)]  # ../another/file, where the folder is not ours
        if strange:
            raise ValueError(f"files: {strange[0]!r} where data/p1-s1.parquet and the like are expected")
        unknown = set(lists["tasks"]) - set(TASKS)
        if unknown or not lists["tasks"]:
            raise ValueError(f"tasks: {sorted(map(str, unknown)) or 'none'} where some of {', '.join(TASKS)} are expected")
        if content["surprise_polarity"] not in (None, *POLARITIES):
            raise ValueError(f"surprise_polarity: expected one of {', '.join(POLARITIES)} or null")
        return cls(**content | lists | {"files": files, "composition": Composition(**content["composition"])})


def make_fingerprint(content: str, files: Mapping[str, DataFile]) -> str:
    hashes = [content, *(f"{name} {file.sha256}" for name, file in sorted(files.items()))]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
