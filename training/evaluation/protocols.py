"""The recordings that a model may be tested on: those of a protocol, or of all participants whom it has never seen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.splits import AUTHORS_SETS, config_name
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import hash_participants
from modeling_emert.tasks_emert import TASKS

_NAME = re.compile(r"(?P<task>\w+?)(?P<version>-strict|-authors)?-fold(?P<fold>[1-9]\d?)")


@dataclass(frozen=True)
class Protocol:
    """One config of the data set: a task, a fold that counts from 1, whether stimuli are kept apart too, and whether the folds
    are sets of the source's authors.
    """

    task: str
    fold: int
    strict: bool = False
    sets: bool = False

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """From `er7-fold1`, `er7-strict-fold1` or `er7-authors-fold1`. Raises `EmertInputError`."""
        found = _NAME.fullmatch(name)
        if not found or found["task"] not in TASKS:
            tasks = ", ".join(TASKS)
            raise EmertInputError(f"--protocol {name}: expected TASK-foldN or TASK-strict-foldN, TASK being one of {tasks}")
        version = found["version"]
        return cls(found["task"], int(found["fold"]), version == "-strict", version == "-authors")

    @property
    def name(self) -> str:
        return config_name(self.task, self.fold, self.strict, self.sets)


@dataclass(frozen=True)
class Trial:
    """Rows of the data to test one model on, the tasks to score there, and the fold that the table names."""

    rows: np.ndarray
    tasks: tuple[str, ...]
    fold: int


def parse_protocols(names: Sequence[str]) -> list[Protocol]:
    """Each once. Raises `EmertInputError` where plain and strict ones are mixed: a recording would be in both."""
    protocols = [Protocol.parse(name) for name in dict.fromkeys(names)]
    if len({protocol.strict for protocol in protocols}) > 1:
        raise EmertInputError(f"--protocol {', '.join(names)}: plain and strict ones share recordings; evaluate them apart")
    return protocols


def plan_trials(data: EmertData, record: dict, tasks: Sequence[str], protocols: Sequence[Protocol] = ()) -> list[Trial]:
    """What a model with this record and these tasks is tested on.

    Without protocols: see [`unseen_rows`]. With them: the test recordings of each, whose participants it must not have seen.

    Raises:
        EmertInputError: no participant is left; the data or the model has not the task; a protocol's participants, or in a
            strict one its stimuli, were seen in training or validation.
    """
    labelled = [name for name in tasks if name in data.tasks]
    if not labelled:
        wanted = f"no labels for the model's tasks ({', '.join(tasks)}), only for {', '.join(data.tasks)}"
        raise EmertInputError(f"{data.folder}: {wanted}; build it with a column of one of them, or take another model")
    if not protocols:
        return [Trial(unseen_rows(data, record), tuple(labelled), record["fold"])]
    unknown = [protocol.name for protocol in protocols if protocol.task not in labelled]
    if unknown:
        raise EmertInputError(f"--protocol {unknown[0]}: the tasks of both model and data are {', '.join(labelled)}")
    sets = data.assignment.sets is not None
    if other := [protocol.name for protocol in protocols if protocol.sets != sets]:
        known = data.assignment.config_name(protocols[0].task, data.assignment.tested_folds[0], strict=False)
        raise EmertInputError(f"--protocol {other[0]}: {data.folder} has no such folds; its own are as {known}")
    trials = []
    for fold in dict.fromkeys(protocol.fold for protocol in protocols):
        chosen = [protocol for protocol in protocols if protocol.fold == fold]
        rows = data.select(fold, chosen[0].strict)["test"]
        check_unseen(data, record, rows, chosen[0])
        trials.append(Trial(rows, tuple(protocol.task for protocol in chosen), fold))
    return trials


def check_unseen(data: EmertData, record: dict, rows: np.ndarray, protocol: Protocol) -> None:
    """Raises `EmertInputError` where the model has seen a participant of these rows or, for a strict protocol, a stimulus."""
    if data.metadata.source != record["data"]:
        return  # participants of another source are all new, whatever their names
    where = f"--protocol {protocol.name}"
    _check_authors_sets(data, record)
    _check_people(data, record, rows, where, f"it was trained on fold {record['fold']}: test it there")
    if not protocol.strict:
        return
    _check_same_splits(data, record, where)
    trained = data.select(record["fold"], record["strict"])
    known = np.unique(data.ids["stimulus_id"][np.concatenate([trained["train"], trained["validation"]])])
    shared = sorted(map(str, np.intersect1d(known, data.ids["stimulus_id"][rows])))
    if shared:
        raise EmertInputError(
            f"{where}: the model has seen {len(shared)} of its stimuli ({shared[0]}, ...); "
            f"train one with --strict --fold {protocol.fold}"
        )


def _check_people(data: EmertData, record: dict, rows: np.ndarray, where: str, remedy: str) -> None:
    if data.assignment.sets and trained_on_these_splits(data, record) and record["fold"] in set(_sets_of(data, rows)):
        return  # the authors' sets may share people: `emert data verify` and the scores say so
    seen = sorted({str(name) for name in data.ids["participant_id"][rows[rows_seen(data, record)[rows]]]})
    if seen:
        raise EmertInputError(f"{where}: the model has seen {len(seen)} of its test participants ({seen[0]}, ...); {remedy}")


def rows_seen(data: EmertData, record: dict) -> np.ndarray:
    """By row, `(len(data),)`: is the participant in the record? It holds hashes, one from before them the names."""
    names = sorted({str(name) for name in data.ids["participant_id"]})
    hashed = set(hash_participants(record["data"], record["seen_participants"]))
    seen = [name for name in names if hash_participants(record["data"], [name])[0] in hashed]
    return np.isin(data.ids["participant_id"], seen)


def _check_authors_sets(data: EmertData, record: dict) -> None:
    """Whom the authors' own models have seen is known by their sets alone."""
    if record["splits_sha256"] == AUTHORS_SETS and data.assignment.sets is None:
        raise EmertInputError(
            f"{data.folder}: has no authors' sets, by which alone it is known what this model of theirs has not seen; build it "
            "with --folds authors"
        )


def _sets_of(data: EmertData, rows: np.ndarray) -> list[int]:
    return [data.assignment.sets[str(name)] for name in data.ids["recording_id"][rows]]


def _check_same_splits(data: EmertData, record: dict, where: str) -> None:
    """With other splits, the record does not determine which stimuli were in training."""
    if not data.assignment.is_of(record["splits_sha256"]):
        raise EmertInputError(
            f"{where}: the model was trained on other splits of this source, so the stimuli that it has seen are unknown; "
            "train it on this data set"
        )


def trained_on_these_splits(data: EmertData, record: dict) -> bool:
    """Otherwise all participants whom the model has not seen are tested, of any fold."""
    return data.metadata.source == record["data"] and data.assignment.is_of(record["splits_sha256"])


def unseen_rows(data: EmertData, record: dict) -> np.ndarray:
    """Rows to test on: the test split where the model was trained on this data, else all that it has not seen.

    Raises:
        EmertInputError: no participant is left; the test split has a participant whom the model has seen; a model of
            strict splits comes from other splits of this source, so its stimuli are not known.
    """
    if data.metadata.source != record["data"]:
        return np.arange(len(data))  # participants of another source are all new, whatever their names
    _check_authors_sets(data, record)
    if record["strict"]:
        _check_same_splits(data, record, f"{data.folder}: its strict splits")
    if trained_on_these_splits(data, record):
        rows = data.select(record["fold"], record["strict"])["test"]
        where = f"{data.folder}: fold {record['fold']}{' strict' if record['strict'] else ''}"
        _check_people(data, record, rows, where, "it was not trained on these splits; train it again on this data set")
        return rows
    rows = np.flatnonzero(~rows_seen(data, record))  # the same people, other folds
    if len(rows) == 0:
        raise EmertInputError(f"{data.folder}: the model has seen every participant of this data; nobody is left to test on")
    return rows
