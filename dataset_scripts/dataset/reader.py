"""The data set as our own code reads it: by row, from the Parquet files, without a copy.

`load_dataset` without `streaming=True` copies what it loads into its cache. Here each recording is read when it is needed,
since it is a row group of its own, or in one of few.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording
from modeling_emert.rows_emert import HEAVY_COLUMNS, LIGHT_COLUMNS, SHEET_COLUMNS, Frames, from_row
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, Task, get_task, tasks_with

from ..common.output import first_line
from ..sources.base import votes_column
from .metadata import METADATA_FILE, Metadata
from .row_groups import MOST_RECORDINGS, find_excess, places
from .splits import SPLITS_FILE, Assignment

_MOST_KEPT_BYTES = 128 << 20  # of row groups of several recordings; 35,000 small pictures take 100 MB
_FACE_COLUMNS = ("face", "face_times_ms", "face_detected", "face_names")


@dataclass
class EmertData:
    """A data set folder, opened. Rows are numbered as in the config `all`."""

    folder: Path
    metadata: Metadata
    assignment: Assignment

    @classmethod
    def open(cls, folder: str | Path) -> "EmertData":
        """Raises `EmertInputError` where `emert data build` did not make the folder."""
        folder = Path(folder)
        return cls(folder, Metadata.read(folder), Assignment.read(folder / SPLITS_FILE))

    def __post_init__(self) -> None:
        self._open_files: dict[tuple[int, Path], pq.ParquetFile] = {}
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._groups: dict[tuple, pa.Table] = {}
        self._groups_bytes = 0

    def __getstate__(self) -> dict:
        """Without what was read and opened: a worker process that is not forked gets a copy, and opens the files itself."""
        return self.__dict__ | {"_open_files": {}, "_groups": {}, "_groups_bytes": 0}

    def __len__(self) -> int:
        return self.metadata.recordings

    @cached_property
    def files(self) -> list[Path]:
        """The data files in the order of `all`."""
        return [self.folder / name for name in self.metadata.files]

    def column(self, name: str) -> pa.ChunkedArray:
        """One of the light columns, of all rows; read at the first call."""
        if name not in self._columns:
            chunks = []
            for file in self.files:
                parquet = self._parquet(file)
                with self._report_damage(file):
                    chunks += parquet.read(columns=[name], use_threads=False)[name].chunks
            self._columns[name] = pa.chunked_array(chunks)
        return self._columns[name]

    @cached_property
    def table(self) -> pa.Table:
        """All columns but the heavy ones, of all rows."""
        heavy = {*HEAVY_COLUMNS, *SHEET_COLUMNS}
        light = [name for name in self._parquet(self.files[0]).schema_arrow.names if name not in heavy]
        return pa.table({name: self.column(name) for name in light})

    @cached_property
    def _places(self) -> list[tuple[Path, int, int]]:
        """File, row group and place in the group of every row."""
        return [(file, *place) for file in self.files for place in places(self._parquet(file))]

    def _parquet(self, file: Path) -> pq.ParquetFile:
        key = (os.getpid(), file)  # a forked process must not share its parent's position in the file
        if key not in self._open_files:
            with self._report_damage(file):
                self._open_files[key] = opened = pq.ParquetFile(file, memory_map=True)
                stated = self.metadata.files[file.relative_to(self.folder).as_posix()].recordings
                if not opened.metadata.num_rows == stated <= MOST_RECORDINGS * opened.num_row_groups:
                    raise OSError(f"it holds {opened.metadata.num_rows:,} recordings, where {METADATA_FILE} has {stated:,}")
        return self._open_files[key]

    @contextmanager
    def _report_damage(self, file: Path) -> Iterator[None]:
        """Raises `EmertInputError` where a data file is missing, cut short, or holds something else."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            reason = first_line(error)[:120] if file.is_file() else "no such file"
            raise EmertInputError(
                f"{file}: can't be read ({reason}), but the data set needs it; `emert data verify {self.folder}` shows what "
                "else is wrong; copy or build the data set again"
            ) from error

    def select(self, fold: int, strict: bool = False) -> dict[str, np.ndarray]:
        """Row numbers of train, validation and test of one fold, which counts from 1.

        Every training and test takes its rows from here. So here `EmertInputError` is raised where the data files and
        `splits.json` disagree on a recording's fold, and where two sides share a recording, a participant or, in the strict
        version, a stimulus; also for no such fold, and for one with an empty side.
        """
        if fold not in self.assignment.tested_folds:
            known = ", ".join(map(str, self.assignment.tested_folds))
            given = ", which its source gives" if self.assignment.given_folds else ""
            raise EmertInputError(f"fold {fold}: {self.folder} tests fold {known}{given}; choose of these")
        if strict and True not in self.assignment.versions:
            groups = len(set(self.assignment.stimuli.values()))
            raise EmertInputError(f"{self.folder} has {groups} groups of stimuli; strict splits need 3")
        where = f"{self.folder}: fold {fold}{' strict' if strict else ''}"
        rows = {}
        for split, cells in self.assignment.split_cells(fold, strict).items():
            rows[split] = np.flatnonzero(np.isin(self._cells, [row * 1000 + group for row, group in cells]))
            if len(rows[split]) == 0:
                raise EmertInputError(f"{where} has no {split} recordings")
        self._check_apart(rows, where, strict)
        return rows

    @cached_property
    def _cells(self) -> np.ndarray:
        """1000 times the participant fold plus the stimulus group of each row, where data files and `splits.json` agree."""
        if self.assignment.sets:
            sets = self._folds_of("participant_fold", "recording_id", self.assignment.sets)
            return sets * 1000 + self._folds_of("stimulus_group", "participant_id", self.assignment.participants)
        participants = self._folds_of("participant_fold", "participant_id", self.assignment.participants)
        return participants * 1000 + self._folds_of("stimulus_group", "stimulus_id", self.assignment.stimuli)

    def _folds_of(self, column: str, ids: str, assigned: Mapping[str, int]) -> np.ndarray:
        """`(rows,)` int64: the fold or group of each row. Raises `EmertInputError` where the column differs from `assigned`."""
        names, of_row = np.unique(self.ids[ids], return_inverse=True)
        expected = np.array([assigned.get(str(name), 0) for name in names], np.int64)[of_row]
        stored = self.column(column).to_numpy()  # with a null among them floats with NaN, which is unequal to all
        wrong = np.flatnonzero(stored != expected)
        if len(wrong):
            row = wrong[0]
            name = self.ids[ids][row]
            wanted = f"{SPLITS_FILE} has {assigned[name]}" if name in assigned else f"{SPLITS_FILE} does not know it"
            raise EmertInputError(
                f"{self.folder}: {len(wrong)} recordings have another {column} than in {SPLITS_FILE}; the first, "
                f"{self.ids['recording_id'][row]} of {ids} {name}, has {stored[row]}, but {wanted}, so scores could be of "
                "known people or clips; build the data set again"
            )
        return expected

    def _check_apart(self, rows: Mapping[str, np.ndarray], where: str, strict: bool) -> None:
        for name in ("recording_id", "participant_id", *(["stimulus_id"] if strict else [])):
            sides = {split: np.unique(self.ids[name][own]) for split, own in rows.items()}
            for first, second in combinations(sides, 2):
                if self.assignment.sets and name == "participant_id" and "test" in (first, second):
                    continue  # the sets are their authors'; `people_in_test_and_training` says what they share
                shared = np.intersect1d(sides[first], sides[second], assume_unique=True)
                if len(shared):
                    raise EmertInputError(
                        f"{where}: {name} {shared[0]} is in {first} and in {second}, so the score would be of known people or "
                        "clips; build the data set again"
                    )

    def people_in_test_and_training(self, fold: int) -> int:
        """How many participants of this fold's test are also in its training or validation: 0 but in sets of a source's own."""
        rows = self.select(fold)
        people = {split: set(self.ids["participant_id"][own]) for split, own in rows.items()}
        return len(people["test"] & (people["train"] | people["validation"]))

    @cached_property
    def ids(self) -> dict[str, np.ndarray]:
        """`recording_id`, `participant_id`, `stimulus_id` of every row."""
        names = ("recording_id", "participant_id", "stimulus_id")
        return {name: np.array(self.column(name).to_pylist(), str) for name in names}

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks for which at least one recording has a label."""
        return [task.name for task in tasks_with(self.metadata.tasks) if self._has_labels(task)]

    def _has_labels(self, task: Task) -> bool:
        labels = self.labels(task)
        return bool((labels != ABSENT_CLASS).any() if task.kind == "classification" else (labels == labels).any())  # NaN != NaN

    def labels(self, task: Task) -> np.ndarray:
        """`(rows,)` int64 of class indices, -100 for absent; or `(rows, numbers)` float32, NaN for absent."""
        columns = [self.column(name).to_pylist() for name in task.columns]
        if task.kind == "classification":
            return np.array([ABSENT_CLASS if label is None else label for label in columns[0]], np.int64)
        with_nan = [[ABSENT_NUMBER if label is None else label for label in column] for column in columns]
        return np.array(with_nan, np.float32).T

    def votes(self, task: str) -> np.ndarray | None:
        """`(rows, classes)` float32: the fraction of judges who chose each class, NaN for absent; None: the data has none."""
        if task not in self.metadata.vote_tasks:
            return None
        size = get_task(task).size
        absent = [ABSENT_NUMBER] * size
        rows = [absent if votes is None else votes for votes in self.column(votes_column(task)).to_pylist()]
        if wrong := [len(votes) for votes in rows if len(votes) != size]:
            raise EmertInputError(
                f"{self.folder}: {votes_column(task)} of a recording has {wrong[0]} numbers, expected {size}; build it again"
            )
        return np.array(rows, np.float32).reshape(-1, size)

    def recording(self, row: int, frames: Frames = None) -> Recording:
        """One recording; `frames`: which face crops of those that are stored, as `from_row`."""
        return from_row(self._row(int(row), self._heavy), frames)

    def gaze_only(self, rows: Sequence[int]) -> list[Recording]:
        """Recordings without their faces, which statistics of the eyes do not need."""
        columns = [name for name in self._heavy if name not in _FACE_COLUMNS]
        return [from_row(self._row(int(row), columns)) for row in rows]

    @property
    def _heavy(self) -> tuple[str, ...]:
        return (*HEAVY_COLUMNS, *(SHEET_COLUMNS if self.metadata.sheet_columns else ()))

    def _row(self, row: int, columns: Sequence[str]) -> dict:
        """These heavy columns of one row, and the light ones that `from_row` reads."""
        file, group, offset = self._places[row]
        one = self._group(file, group, (*columns, *LIGHT_COLUMNS)).slice(offset, 1)
        light = {name: one[name][0].as_py() for name in LIGHT_COLUMNS}
        return light | {name: _value(one[name]) for name in columns}

    def _group(self, file: Path, group: int, columns: tuple[str, ...]) -> pa.Table:
        """These columns of a row group. Groups of several recordings are kept, since their other rows are wanted too."""
        key = (file, group, columns)
        table = self._groups.get(key)
        if table is None:
            parquet = self._parquet(file)
            with self._report_damage(file):
                if problem := find_excess(parquet.metadata.row_group(group)):
                    raise OSError(f"row group {group + 1} {problem}")
                table = parquet.read_row_group(group, columns=list(columns), use_threads=False)
            if table.num_rows > 1:
                self._groups[key] = table
                self._groups_bytes += table.nbytes
                while self._groups_bytes > _MOST_KEPT_BYTES:
                    self._groups_bytes -= self._groups.pop(next(iter(self._groups))).nbytes
        return table


def _value(column: pa.ChunkedArray) -> "np.ndarray | list | None":
    """The only value of a list column: numbers as an array, `(n,)` or `(n, width)`; all else as Python objects."""
    value = column[0]
    if not value.is_valid:
        return None
    values = value.values
    if pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type):
        return values.flatten().to_numpy(zero_copy_only=False).reshape(len(values), -1)
    return values.to_pylist() if pa.types.is_struct(values.type) else values.to_numpy(zero_copy_only=False)
