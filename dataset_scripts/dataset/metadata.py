"""`dataset.json`: the description of a data set, from which its card is written and against which it is verified."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import POLARITIES, TASKS

from ..sources.base import TERMS, Source
from .counts import Counts

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
    """The source's own description, how the data set was built, and its files by their path within the folder.

    - `fingerprint`: of the recordings, the code that read them, and the data files; the same on every machine.
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
    counts: Counts
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
        counts: Counts,
        notes: Sequence[str],
    ) -> "Metadata":
        """That of a data set just built from `source`. `content`: see `Fingerprint`."""
        files = dict(sorted(files.items()))
        return cls(
            source=source.name,
            **{name: getattr(source, name) for name in TERMS},
            tasks=tuple(source.tasks),
            surprise_polarity=source.surprise_polarity,
            seed=seed,
            faces_kept=faces,
            fingerprint=make_fingerprint(content, files),
            counts=counts,
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
        """Raises `EmertInputError` where the file is absent or not as `write` makes it."""
        path = folder / METADATA_FILE
        if not path.is_file():
            raise EmertInputError(f"{folder}: no data set here ({METADATA_FILE} is missing); make one with `emert data build`")
        try:
            metadata = cls.from_content(json.loads(path.read_text(encoding="utf-8")))
            if not metadata.files:  # only a shard may be empty, if all its recordings were left out
                raise ValueError("files: nothing where data/p1-s1.parquet and the like are expected")
            return metadata
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EmertInputError(f"{path} is not as it was built ({str(error)[:100]}); build the data set again") from error

    @classmethod
    def from_content(cls, content: dict) -> "Metadata":
        """From what `asdict` gave; for anything else, any exception. Older files call the counts `composition`."""
        lists = {name: tuple(content[name]) for name in ("tasks", "notes")}
        files = {name: DataFile(**file) for name, file in content["files"].items()}
        invalid = [name for name in files if not _DATA_FILE.fullmatch(name)]  # such as ../another/file
        if invalid:
            raise ValueError(f"files: {invalid[0]!r} where data/p1-s1.parquet and the like are expected")
        unknown = set(lists["tasks"]) - set(TASKS)
        if unknown or not lists["tasks"]:
            raise ValueError(f"tasks: {sorted(map(str, unknown)) or 'none'} where some of {', '.join(TASKS)} are expected")
        if content["surprise_polarity"] not in (None, *POLARITIES):
            raise ValueError(f"surprise_polarity: expected one of {', '.join(POLARITIES)} or null")
        rest = {name: value for name, value in content.items() if name != "composition"}
        counts = Counts(**(content["composition"] if "composition" in content else content["counts"]))
        return cls(**rest | lists | {"files": files, "counts": counts})


def make_fingerprint(content: str, files: Mapping[str, DataFile]) -> str:
    hashes = [content, *(f"{name} {file.sha256}" for name, file in sorted(files.items()))]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
