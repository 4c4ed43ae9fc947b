"""Checks of files: they are those that the build wrote, and their content agrees with their names and `splits.json`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dataset_scripts.dataset.layout import DATA_FOLDER, cell_of
from dataset_scripts.dataset.metadata import METADATA_FILE, Metadata, hash_file
from dataset_scripts.dataset.rows import named_labels
from dataset_scripts.dataset.splits import FOLDS, SPLITS_FILE, Assignment, assign
from dataset_scripts.sources.base import Entry
from modeling_emert.errors_emert import EmertInputError

from .recordings import StoredRecording
from .result import CheckResult, judge, some

_LARGEST_DESCRIPTION = 64 << 20  # bytes of dataset.json or splits.json


def require_own(path: Path, largest: int = _LARGEST_DESCRIPTION) -> None:
    """Raises `EmertInputError` where a description is not a plain file in its folder, or is too large."""
    if path.exists() and not path.is_file():
        raise EmertInputError(f"{path} is no plain file; build the data set again")
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise EmertInputError(f"{path} is a link out of the folder; expected the file itself")
    if path.is_file() and path.stat().st_size > largest:
        raise EmertInputError(f"{path} has {path.stat().st_size >> 20} MB; expected at most {largest >> 20}")


def check_files(folder: Path, metadata: Metadata) -> tuple[CheckResult, list[str]]:
    """Whether exactly the listed files exist; and the names of those that may be read."""
    problems, readable = [], []
    for name in metadata.files:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{name} is a link out of the folder; expected the file itself")
        elif not path.is_file():
            problems.append(f"{name} is missing")
        else:
            readable.append(name)
    data = folder / DATA_FOLDER
    visible = [path.name for path in sorted(data.iterdir()) if path.name[0] != "."] if data.is_dir() else []
    found = [f"{DATA_FOLDER}/{name}" for name in visible]
    problems += [f"{name} is not listed in {METADATA_FILE}" for name in found if name not in metadata.files]
    return judge("files", problems, f"the {len(readable)} data files of {METADATA_FILE} exist, and no others"), readable


def check_hashes(folder: Path, metadata: Metadata, counts: Mapping[str, int]) -> CheckResult:
    """Size, SHA-256 and number of recordings of every file in `counts` (-1: it can't be read) are as listed."""
    problems = []
    for name, count in counts.items():
        listed, size = metadata.files[name], (folder / name).stat().st_size
        if size != listed.bytes:
            problems.append(f"{name} has {size} bytes; {METADATA_FILE} says {listed.bytes}")
        elif hash_file(folder / name) != listed.sha256:
            problems.append(f"{name} was changed after it was built: its SHA-256 is another than in {METADATA_FILE}")
        if count not in (-1, listed.recordings):
            problems.append(f"{name} holds {count} recordings; {METADATA_FILE} says {listed.recordings}")
    return judge("hashes", problems, f"size, SHA-256 and number of recordings of {len(counts)} data files are as built")


def read_splits(folder: Path, metadata: Metadata) -> tuple[CheckResult, Assignment | None]:
    """Whether `splits.json` is unchanged, and its content."""
    try:
        require_own(folder / SPLITS_FILE)
        assignment = Assignment.read(folder / SPLITS_FILE)
        numbers = {*assignment.participants.values(), *assignment.stimuli.values(), *(assignment.sets or {}).values()}
    except (EmertInputError, TypeError) as error:
        return judge("splits file", [str(error)], ""), None
    problems = []
    if assignment.seed != metadata.seed:
        problems.append(f"{SPLITS_FILE} says seed {assignment.seed}, {METADATA_FILE} {metadata.seed}")
    if not numbers <= set(range(1, FOLDS + 1)):
        problems.append(f"{SPLITS_FILE} has folds or groups other than the numbers 1..{FOLDS}")
    result = judge("splits file", problems, f"{SPLITS_FILE} has the hash with which it was made")
    return result, None if problems else assignment


def check_cells(recordings: Sequence[StoredRecording], assignment: Assignment | None) -> CheckResult:
    """Every recording is in the file of its fold and group, by its columns and by `splits.json`."""
    problems = []
    for one in recordings:
        columns, file = (one.participant_fold, one.stimulus_group), cell_of(one.file)
        if columns != file:
            problems.append(f"{one.name} has participant_fold {columns[0]} and stimulus_group {columns[1]}")
        elif assignment is not None:
            assigned = (assignment.participants.get(one.participant or ""), assignment.stimuli.get(one.stimulus or ""))
            if assignment.sets:
                assigned = (assignment.sets.get(one.recording or ""), assigned[0])
            if assigned != file:
                problems.append(f"{one.name} belongs to fold {assigned[0]} and group {assigned[1]} by {SPLITS_FILE}")
    return judge("cells", problems, "every recording is in the file of its participant's fold and its stimulus's group")


def check_seed(
    recordings: Sequence[StoredRecording], metadata: Metadata, assignment: Assignment | None, complete: bool
) -> CheckResult:
    """The seed gives the same folds again. `complete`: all recordings could be read."""
    if assignment is None or not complete:
        return CheckResult("seed", "warn", "could not be checked, since splits or recordings can't be read")
    given = assignment.given_folds or ()
    entries = [
        Entry(
            *(name or "" for name in (one.recording, one.participant, one.stimulus)),
            named_labels(one.labels, metadata.tasks),
            fold=one.participant_fold if given else None,
        )
        for one in recordings
    ]
    try:
        again = assign(entries, metadata.tasks, assignment.seed, given, assignment.sets is not None)
    except (EmertInputError, ValueError) as error:
        return CheckResult("seed", "warn", f"the folds can't be made again: {error}")
    moved = [name for name, fold in again.participants.items() if assignment.participants.get(name) != fold]
    moved += [name for name, group in again.stimuli.items() if assignment.stimuli.get(name) != group]
    problem = f"seed {assignment.seed} puts {some(moved)} elsewhere when the folds are made again: another scikit-learn?"
    return judge("seed", [problem] if moved else [], f"seed {assignment.seed} makes the same folds again", "warn")
