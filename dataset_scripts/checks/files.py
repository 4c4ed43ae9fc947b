"""Whether the files are those that the build wrote, and hold what their names and `splits.json` say."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset_scripts.dataset.layout import DATA_FOLDER
from dataset_scripts.dataset.metadata import METADATA_FILE, Metadata, hash_file
from dataset_scripts.dataset.splits import FOLDS, SPLITS_FILE, Assignment, Cell, assign
from dataset_scripts.sources.base import Entry
from modeling_emert.errors_emert import EmertInputError

from .recordings import StoredRecording, named_labels
from .result import Finding, judge, some

FILES, HASHES, SPLITS_HASH, CELLS, SEED = ("files", "hashes", "splits file", "cells", "seed")
_DATA_FILE = re.compile(rf"{DATA_FOLDER}/p([1-{FOLDS}])-s([1-{FOLDS}])\.parquet")
_LARGEST_DESCRIPTION = 64 << 20  # bytes of dataset.json or splits.json


def cell_of(file: str) -> Cell | None:
    """The cell that a data file's name tells, None where it is no name of a data file."""
    match = _DATA_FILE.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def require_own(path: Path, largest: int = _LARGEST_DESCRIPTION) -> None:
    """Raises `EmertInputError` where a description is no plain file in its folder, or too large to be one of ours."""
    if path.exists() and not path.is_file():
        raise EmertInputError(f"{path} is no plain file; build the data set again")
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise EmertInputError(f"{path} is a link out of the folder; expected the file itself")
    if path.is_file() and path.stat().st_size > largest:
        raise EmertInputError(f"{path} has {path.stat().st_size >> 20} MB; expected at most {largest >> 20}")


def check_files(folder: Path, metadata: Metadata) -> tuple[Finding, list[str]]:
    """The files listed are those that are there; and the names of those that may be read."""
    problems, sound = [], []
    for name in metadata.files:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{name} is a link out of the folder; expected the file itself")
        elif not path.is_file():
            problems.append(f"{name} is missing")
        else:
            sound.append(name)
    data = folder / DATA_FOLDER
    visible = [path.name for path in sorted(data.iterdir()) if path.name[0] != "."] if data.is_dir() else []
    there = [f"{DATA_FOLDER}/{name}" for name in visible]
    problems += [f"{name} is not listed in {METADATA_FILE}" for name in there if name not in metadata.files]
    return judge(FILES, problems, f"the {len(sound)} data files of {METADATA_FILE} are there, and no others"), sound


def check_hashes(folder: Path, metadata: Metadata, counts: Mapping[str, int]) -> Finding:
    """Size, SHA-256 and number of recordings of every file of `counts` (-1: it can't be read) as they were written."""
    problems = []
    for name, count in counts.items():
        listed, size = metadata.files[name], (folder / name).stat().st_size
        if size != listed.bytes:
            problems.append(f"{name} has {size} bytes; {METADATA_FILE} says {listed.bytes}")
        elif hash_file(folder / name) != listed.sha256:
            problems.append(f"{name} was changed after it was built: its SHA-256 is another than in {METADATA_FILE}")
        if count not in (-1, listed.recordings):
            problems.append(f"{name} holds {count} recordings; {METADATA_FILE} says {listed.recordings}")
    return judge(HASHES, problems, f"size, SHA-256 and number of recordings of {len(counts)} data files are as built")


def read_splits(folder: Path, metadata: Metadata) -> tuple[Finding, Assignment | None]:
    """Whether `splits.json` is as it was made, and what it says."""
    try:
        require_own(folder / SPLITS_FILE)
        assignment = Assignment.read(folder / SPLITS_FILE)
        numbers = {*assignment.participants.values(), *assignment.stimuli.values()}
    except (EmertInputError, TypeError) as error:
        return judge(SPLITS_HASH, [str(error)], ""), None
    problems = []
    if assignment.seed != metadata.seed:
        problems.append(f"{SPLITS_FILE} says seed {assignment.seed}, {METADATA_FILE} {metadata.seed}")
    if not numbers <= set(range(1, FOLDS + 1)):
        problems.append(f"{SPLITS_FILE} has folds or groups other than the numbers 1..{FOLDS}")
    return judge(SPLITS_HASH, problems, f"{SPLITS_FILE} has the hash with which it was made"), None if problems else assignment


def check_cells(recordings: Sequence[StoredRecording], assignment: Assignment | None) -> Finding:
    """Every recording lies in the file of its own fold and group, by its columns and by `splits.json`."""
    problems = []
    for one in recordings:
        columns, file = (one.participant_fold, one.stimulus_group), cell_of(one.file)
        if columns != file:
            problems.append(f"{one.name} has participant_fold {columns[0]} and stimulus_group {columns[1]}")
        elif assignment is not None:
            said = (assignment.participants.get(one.participant or ""), assignment.stimuli.get(one.stimulus or ""))
            if said != file:
                problems.append(f"{one.name} belongs to fold {said[0]} and group {said[1]} by {SPLITS_FILE}")
    return judge(CELLS, problems, "every recording lies in the file of its participant's fold and its stimulus's group")


def check_seed(
    recordings: Sequence[StoredRecording], metadata: Metadata, assignment: Assignment | None, whole: bool
) -> Finding:
    """The seed makes the same folds of the recordings again. `whole`: all of them could be read."""
    if assignment is None or not whole:
        return Finding(SEED, "warn", "could not be tried, since splits or recordings can't be read")
    entries = [
        Entry(one.recording or "", one.participant or "", one.stimulus or "", named_labels(one.labels)) for one in recordings
    ]
    try:
        again = assign(entries, metadata.tasks, assignment.seed)
    except (EmertInputError, ValueError) as error:
        return Finding(SEED, "warn", f"the folds can't be made again: {error}")
    moved = [name for name, fold in again.participants.items() if assignment.participants.get(name) != fold]
    moved += [name for name, group in again.stimuli.items() if assignment.stimuli.get(name) != group]
    problem = f"seed {assignment.seed} puts {some(moved)} elsewhere when the folds are made again: another scikit-learn?"
    return judge(SEED, [problem] if moved else [], f"seed {assignment.seed} makes the same folds again", "warn")
