"""The built data set for our own use: `all` is loaded once, and splits are selections of its rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from datasets import Dataset, load_dataset

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Recording
from modeling_emert.tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, TASKS, Task

from .folder import CONFIG_FILE, SPLITS_FILE, read_fingerprint
from .schema import UNDECODED_FACE, from_row
from .splits import split_cells


@dataclass
class EmertData:
    """A data set folder, opened. Rows are numbered as in the config `all`."""

    folder: Path
    rows: Dataset
    splits: dict

    @classmethod
    def open(cls, folder: str | Path) -> "EmertData":
        """Raises `EmertInputError` where the folder is none that `emert data build` made."""
        folder = Path(folder)
        for name in (CONFIG_FILE, SPLITS_FILE):
            if not (folder / name).is_file():
                raise EmertInputError(f"{folder}: no data set here ({name} is missing); make one with `emert data build`")
        rows = load_dataset(str(folder), "all", split="train").cast_column("face", UNDECODED_FACE)
        return cls(folder, rows.with_format("numpy"), json.loads((folder / SPLITS_FILE).read_text()))

    @cached_property
    def build(self) -> str:
        """Fingerprint of the build: it changes with the recordings and with the code that reads them."""
        return read_fingerprint(self.folder)

    @property
    def source(self) -> str:
        return str(self.rows.with_format(None)[0]["source"])

    @property
    def folds(self) -> int:
        return max(self.splits["participants"].values())

    @property
    def groups(self) -> int:
        return max(self.splits["stimuli"].values())

    def select(self, fold: int, strict: bool = False) -> dict[str, np.ndarray]:
        """Row numbers of train, validation and test of one fold, which counts from 1. Raises `EmertInputError`."""
        if not 1 <= fold <= self.folds:
            raise EmertInputError(f"fold {fold}: {self.folder} has folds 1..{self.folds}")
        if strict and self.groups < 3:
            raise EmertInputError(f"{self.folder} has {self.groups} groups of stimuli; strict splits need 3")
        participant_folds = np.asarray(self.rows["participant_fold"])
        stimulus_groups = np.asarray(self.rows["stimulus_group"])
        rows = {}
        for split, cells in split_cells(self.folds, self.groups, fold, strict).items():
            wanted = {row * 1000 + group for row, group in cells}
            rows[split] = np.flatnonzero(np.isin(participant_folds * 1000 + stimulus_groups, list(wanted)))
            if len(rows[split]) == 0:
                raise EmertInputError(f"{self.folder}: fold {fold}{' strict' if strict else ''} has no {split} recordings")
        return rows

    @cached_property
    def ids(self) -> dict[str, np.ndarray]:
        """`recording_id`, `participant_id`, `stimulus_id` of every row."""
        return {name: np.asarray(self.rows[name]) for name in ("recording_id", "participant_id", "stimulus_id")}

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks for which at least one recording has a label."""
        return [name for name in TASKS if self._present(self.labels(TASKS[name])).any()]

    def labels(self, task: Task) -> np.ndarray:
        """`(rows,)` int64 of class indices, -100 for absent; or `(rows, numbers)` float32, NaN for absent."""
        columns = [self.rows.with_format("arrow")[:][name].to_pylist() for name in task.columns]
        if task.kind == "classes":
            return np.array([ABSENT_CLASS if label is None else label for label in columns[0]], np.int64)
        absent_as_nan = [[ABSENT_NUMBER if label is None else label for label in column] for column in columns]
        return np.array(absent_as_nan, np.float32).T

    def recording(self, row: int, num_frames: int | None = None) -> Recording:
        """One recording; `num_frames` face crops of those that are stored."""
        return from_row(self.rows[int(row)], num_frames)

    def gaze_only(self, rows: Sequence[int]) -> list[Recording]:
        """Recordings without their faces, which need not be read for statistics of the eyes."""
        without_faces = self.rows.remove_columns(["face", "face_times_ms", "face_detected"])
        return [from_row(without_faces[int(row)]) for row in rows]

    @staticmethod
    def _present(labels: np.ndarray) -> np.ndarray:
        return labels != ABSENT_CLASS if labels.dtype == np.int64 else ~np.isnan(labels)
