"""`dataset.json`: the description of a data set, from which its card is written and against which it is verified."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import POLARITIES, TASKS, get_task, own_definitions, register_tasks

from ..common.json_file import read_json
from ..sources.base import PERSON_COLUMNS, extra_columns

METADATA_FILE = "dataset.json"
_DATA_FILE = re.compile(r"data/p\d{1,3}-s\d{1,3}\.parquet")
# Modality -> the column of a row that is null where it is absent.
MODALITY_COLUMNS = dict(face="face", eye_movements="eye_movements", fixations="fixation_x", action_units="action_units")
# For a number: how many labels are in each quarter of its range.
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")


@dataclass
class Counts:
    """Counts of recordings. They can be added, so that the parts of a data set can be counted separately.

    - `modalities`: by modality, those that have it.
    - `labels`: by label column and class; for a number by column and quarter of its range.
    """

    modalities: dict[str, int]
    labels: dict[str, dict[str, int]]

    @classmethod
    def empty(cls, tasks: Iterable[str]) -> "Counts":
        """Zero for every modality and every label of these tasks, in the order in which tables show them."""
        labels = {}
        for task in map(get_task, tasks):
            names = task.labels if task.kind == "classification" else QUARTERS
            labels |= {column: dict.fromkeys(names, 0) for column in task.columns}
        return cls(dict.fromkeys(MODALITY_COLUMNS, 0), labels)

    @classmethod
    def sum(cls, tasks: Iterable[str], parts: Iterable["Counts"]) -> "Counts":
        """Raises `KeyError` where a part counts something that is no label of these tasks."""
        total = cls.empty(tasks)
        for part in parts:
            for name, count in part.modalities.items():
                total.modalities[name] += count
            for column, counts in part.labels.items():
                for name, count in counts.items():
                    total.labels[column][name] += count
        return total

    def add(self, row: dict, tasks: Iterable[str]) -> None:
        """Counts one row, as `rows.to_row` makes it."""
        for name, column in MODALITY_COLUMNS.items():
            self.modalities[name] += row[column] is not None
        for task in map(get_task, tasks):
            for column in task.columns:
                label = row[column]
                if label is not None and task.kind == "regression":
                    low, high = task.range or (0.0, 1.0)
                    label = QUARTERS[min(int(4 * (label - low) / (high - low)), 3)]
                if label is not None:
                    self.labels[column][label] += 1


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
    - `vote_tasks`: tasks with a column of votes (see `votes_column`); the file names them where there are any.
    - `person_columns`: those of `PERSON_COLUMNS` that the data files have; named in the same way.
    - `sheet_columns`: of the eye tracker's sheets that the data files keep as they stand, in their order.

    Of the own tasks the file keeps the definitions, as `own_tasks`; reading or unpickling it registers them.
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
    vote_tasks: tuple[str, ...] = ()
    person_columns: tuple[str, ...] = ()
    sheet_columns: tuple[str, ...] = ()

    @property
    def extra_columns(self) -> tuple[str, ...]:
        """As of a source."""
        return extra_columns(self.vote_tasks, self.person_columns, self.sheet_columns)

    @property
    def recordings(self) -> int:
        return sum(file.recordings for file in self.files.values())

    def to_content(self) -> dict[str, Any]:
        """As JSON, of which `from_content` makes it again."""
        optional = {"own_tasks": own_definitions(self.tasks)}
        optional |= {name: getattr(self, name) for name in ("vote_tasks", "person_columns", "sheet_columns")}
        content = {name: value for name, value in asdict(self).items() if name not in optional}
        return content | {name: value for name, value in optional.items() if value}

    def write(self, folder: Path) -> None:
        (folder / METADATA_FILE).write_text(json.dumps(self.to_content(), indent=2) + "\n")

    def __reduce__(self) -> tuple:
        return Metadata.from_content, (self.to_content(),)

    @classmethod
    def read(cls, folder: Path) -> "Metadata":
        """Raises `EmertInputError` where the file is absent or not as `write` makes it."""
        path = folder / METADATA_FILE
        if not path.is_file():
            raise EmertInputError(f"{folder}: no data set here ({METADATA_FILE} is missing); make one with `emert data build`")
        try:
            metadata = cls.from_content(read_json(path))
            if not metadata.files:
                raise ValueError("files: nothing where data/p1-s1.parquet and the like are expected")
            return metadata
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EmertInputError(f"{path} is not as it was built ({str(error)[:100]}); build the data set again") from error

    @classmethod
    def from_content(cls, content: dict) -> "Metadata":
        """From what `asdict` gave; for anything else, any exception. Older files call the counts `composition`."""
        names = ("tasks", "notes", "vote_tasks", "person_columns", "sheet_columns")
        lists = {name: tuple(content.get(name, ())) for name in names}
        files = {name: DataFile(**file) for name, file in content["files"].items()}
        invalid = [name for name in files if not _DATA_FILE.fullmatch(name)]  # such as ../another/file
        if invalid:
            raise ValueError(f"files: {invalid[0]!r} where data/p1-s1.parquet and the like are expected")
        register_tasks(content.get("own_tasks", ()))
        unknown = set(lists["tasks"]) - set(TASKS)
        if unknown or not lists["tasks"]:
            raise ValueError(f"tasks: {sorted(map(str, unknown)) or 'none'} where some of {', '.join(TASKS)} are expected")
        classes = {name for name in lists["tasks"] if get_task(name).kind == "classification"}
        if other := [name for name in lists["vote_tasks"] if name not in classes]:
            raise ValueError(f"vote_tasks: {other[0]!r} where tasks with classes of this data set are expected")
        if other := [name for name in lists["person_columns"] if name not in PERSON_COLUMNS]:
            raise ValueError(f"person_columns: {other[0]!r} where some of {', '.join(PERSON_COLUMNS)} are expected")
        if content["surprise_polarity"] not in (None, *POLARITIES):
            raise ValueError(f"surprise_polarity: expected one of {', '.join(POLARITIES)} or null")
        rest = {name: value for name, value in content.items() if name not in ("composition", "own_tasks")}
        counts = Counts(**(content["composition"] if "composition" in content else content["counts"]))
        return cls(**rest | lists | {"files": files, "counts": counts})


def make_fingerprint(content: str, files: Mapping[str, DataFile]) -> str:
    hashes = [content, *(f"{name} {file.sha256}" for name, file in sorted(files.items()))]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
