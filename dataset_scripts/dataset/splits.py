"""Which recordings train, validate and test: folds of participants, groups of stimuli, and the configs made from them.

Every data file is a *cell*: the recordings of one participant fold and one stimulus group. A split is a list of cells, so
that recordings are stored once for all configs.

- plain, fold k: test = participants of fold k, validation = those of the next fold, train = the rest.
- strict, fold k: test = participants of fold k watching stimuli of group k, validation the same with k + 1; train = what
  shares neither a participant nor a stimulus with either. Many recordings are left out; that is the price.

A source whose authors published a split gives the folds itself (`Entry.fold`), and says which of them are tested.

Where these are sets of recordings (`Source.gives_sets`: EMER's five) that may share people, a cell is a set and a group of
participants. Fold k: test = set k; validation = the recordings of one group of participants in the other sets, train = those
of the other groups.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import get_task

from ..common.json_file import read_json
from ..common.settings import refuse_all
from ..sources.base import Entry

FOLDS = 5
SPLITS = ("train", "validation", "test")
SPLITS_FILE = "splits.json"
AUTHORS_SETS = "authors"  # in place of a hash, in the record of a model that the authors trained on their sets

Cell = tuple[int, int]  # participant fold, stimulus group; both count from 1


@dataclass(frozen=True)
class Assignment:
    """Fold of every participant and group of every stimulus, made once from a random seed and stored with the data set.

    `given_folds`: where the source gives the folds, those whose test is a protocol; else None. `sets`: where it gives sets of
    recordings, that of each recording; then `participants` holds groups, of which one is the validation.
    """

    seed: int
    participants: dict[str, int]
    stimuli: dict[str, int]
    given_folds: tuple[int, ...] | None = None
    sets: dict[str, int] | None = None

    @property
    def folds(self) -> int:
        return max((self.sets or self.participants).values())

    @property
    def groups(self) -> int:
        return max((self.participants if self.sets else self.stimuli).values())

    @property
    def tested_folds(self) -> tuple[int, ...]:
        """The folds whose test is a protocol."""
        return self.given_folds or tuple(range(1, self.folds + 1))

    @property
    def versions(self) -> tuple[bool, ...]:
        """As `versions` of its groups; sets have no strict version."""
        return (False,) if self.sets else versions(self.groups)

    def split_cells(self, fold: int, strict: bool) -> dict[str, list[Cell]]:
        """As [`split_cells`] of its folds and groups."""
        return split_cells(self.folds, self.groups, fold, strict, self.sets is not None)

    def config_name(self, task: str, fold: int, strict: bool) -> str:
        return config_name(task, fold, strict, self.sets is not None)

    def is_of(self, stored: str) -> bool:
        """Whether what was trained on splits with this hash, or on the authors' sets (`AUTHORS_SETS`), was trained on these."""
        return stored == (AUTHORS_SETS if self.sets and stored == AUTHORS_SETS else self.sha256)

    def cell(self, entry: Entry) -> Cell:
        if self.sets:
            return self.sets[entry.recording_id], self.participants[entry.participant]
        return self.participants[entry.participant], self.stimuli[entry.stimulus]

    @property
    def sha256(self) -> str:
        """Of the content, to detect changes."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps({**self._content(), "sha256": self.sha256}, indent=2, sort_keys=True)

    def _content(self) -> dict:
        """Without the key of given folds where there are none, so that the files and hashes of other data sets stay."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def read(cls, path: Path) -> "Assignment":
        """Raises `EmertInputError` where the file is not as `to_json` made it, its hash included."""
        try:
            content = read_json(path)
            stored = content.pop("sha256")
            given = content.pop("given_folds", None)
            assignment = cls(**content, given_folds=None if given is None else tuple(given))
            numbers = [*assignment.participants.values(), *assignment.stimuli.values(), *(given or ())]
            numbers += (assignment.sets or {}).values()
            valid = bool(numbers) and all(type(number) is int and number >= 1 for number in numbers)
            valid = valid and max(numbers) < 1000  # as the files' names have them
            valid = valid and given != [] and max(given or [1]) <= assignment.folds
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EmertInputError(f"{path} is no file of splits ({str(error)[:100]}); build the data set again") from error
        if stored != assignment.sha256 or not valid:
            raise EmertInputError(f"{path} was changed after it was made: its hash is another; build the data set again")
        return assignment


def assign(
    entries: Sequence[Entry], tasks: Sequence[str], seed: int, given_folds: tuple[int, ...] = (), gives_sets: bool = False
) -> Assignment:
    """Folds by participant and groups by stimulus, both stratified by the first class label of the source's tasks.

    Five of each, or as many as there are participants (stimuli) if those are fewer. With `given_folds`, those that the source
    tests, participants are in the folds that their entries give; and where each participant has a stimulus of their own, all
    stimuli are one group, since folds of participants then hold out stimuli too. With `gives_sets` the folds are of recordings,
    and participants are only grouped.

    Raises `EmertInputError` for fewer than three participants or given folds: training, validation and test need different
    ones; also for a participant in no given fold or in two.
    """
    entries = sorted(entries, key=lambda entry: entry.recording_id)
    people, stimuli = [entry.participant for entry in entries], [entry.stimulus for entry in entries]
    if len(names := sorted(set(people))) < 3:
        raise EmertInputError(
            f"train, validation and test need at least 3 participants, found {len(names)} ({', '.join(names)}); "
            "add recordings of others (`emert predict` and `emert data inspect` take these as they are)"
        )
    column = next((name for name in tasks if get_task(name).kind == "classification"), None)
    strata = [str(entry.labels.get(column, "")) for entry in entries]
    if not given_folds:
        return Assignment(seed, _folds(people, strata, seed), _folds(stimuli, strata, seed))
    if gives_sets:
        sets = {entry.recording_id: entry.fold for entry in entries}
        _check_given(set(sets.values()), given_folds)
        first: dict[str, int] = {}
        for entry in entries:
            first[entry.participant] = min(entry.fold, first.get(entry.participant, entry.fold))
        groups = _groups_over_sets(first, seed)
        return Assignment(seed, groups, dict.fromkeys(sorted(set(stimuli)), 1), given_folds, sets)
    own_stimuli = len(set(people)) == len(set(stimuli)) == len(set(zip(people, stimuli, strict=True)))
    groups = dict.fromkeys(sorted(set(stimuli)), 1) if own_stimuli else _folds(stimuli, strata, seed)
    return Assignment(seed, _given(entries, given_folds), groups, given_folds)


def _given(entries: Sequence[Entry], given_folds: tuple[int, ...]) -> dict[str, int]:
    folds: dict[str, int] = {}
    problems = []
    for entry in entries:
        if entry.fold is None or not 1 <= entry.fold <= FOLDS:
            problems.append(f"recording {entry.recording_id} has fold {entry.fold}, expected 1..{FOLDS}")
        elif folds.setdefault(entry.participant, entry.fold) != entry.fold:
            problems.append(f"participant {entry.participant} is in folds {folds[entry.participant]} and {entry.fold}")
    refuse_all("the given folds", problems, "correct the source")
    _check_given(set(folds.values()), given_folds)
    return dict(sorted(folds.items()))


def _check_given(folds: set[int], given_folds: tuple[int, ...]) -> None:
    if len(folds) < 3 or not set(given_folds) <= folds:
        found = f"participants are in {sorted(folds)}, of which {list(given_folds)} are tested"
        raise EmertInputError(f"the given folds: {found}; three are needed, and the tested ones among them")


def _groups_over_sets(set_of: dict[str, int], seed: int) -> dict[str, int]:
    """Groups of participants of about the same size in every set, so that the one that fold k validates on, the group after
    k, has people outside set k however few there are.
    """
    groups: dict[str, int] = {}
    for number in sorted(set(set_of.values())):
        people = sorted(person for person, own in set_of.items() if own == number)
        np.random.default_rng((seed, number)).shuffle(people)
        groups |= {person: (place + number - 1) % FOLDS + 1 for place, person in enumerate(people)}
    return dict(sorted(groups.items()))


def _folds(names: list[str], strata: list[str], seed: int) -> dict[str, int]:
    count = min(FOLDS, len(set(names)))
    if count == 1:
        return {names[0]: 1}
    from sklearn.model_selection import StratifiedGroupKFold  # slow import that only a build needs

    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    if max(strata.count(label) for label in set(strata)) < count:
        strata = [""] * len(strata)  # too few recordings to balance anything
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        parts = list(splitter.split(names, strata, groups=names))
    folds = {names[row]: fold for fold, (_, test) in enumerate(parts, start=1) for row in test}
    return dict(sorted(folds.items()))


def split_cells(folds: int, groups: int, fold: int, strict: bool, sets: bool = False) -> dict[str, list[Cell]]:
    """The cells of each split of one fold, which counts from 1. `sets`: `folds` are sets of recordings, `groups` of people."""
    if sets:
        checked, everyone = fold % groups + 1, range(1, groups + 1)
        rest = [(row, group) for row in range(1, folds + 1) if row != fold for group in everyone]
        return {
            "train": [cell for cell in rest if cell[1] != checked],
            "validation": [cell for cell in rest if cell[1] == checked],
            "test": [(fold, group) for group in everyone],
        }
    validation = fold % folds + 1
    others = [number for number in range(1, folds + 1) if number not in (fold, validation)]
    if not strict:
        everything = range(1, groups + 1)
        rows = {"train": others, "validation": [validation], "test": [fold]}
        return {split: [(row, group) for row in rows[split] for group in everything] for split in SPLITS}
    unseen, checked = (fold - 1) % groups + 1, fold % groups + 1
    seen = [group for group in range(1, groups + 1) if group not in (unseen, checked)]
    return {
        "train": [(row, group) for row in others for group in seen],
        "validation": [(validation, checked)],
        "test": [(fold, unseen)],
    }


def config_name(task: str, fold: int, strict: bool, sets: bool = False) -> str:
    """`er7-fold1`, `er7-strict-fold1`; `er7-authors-fold1` where the folds are sets of the source's authors."""
    version = "-authors" if sets else "-strict" if strict else ""
    return f"{task}{version}-fold{fold}"


def versions(groups: int) -> tuple[bool, ...]:
    """Plain, and strict where there are enough groups of stimuli; as values of `strict`."""
    return (False, True) if groups >= 3 else (False,)
