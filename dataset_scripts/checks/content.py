"""Checks across recordings: identities, duplicates, copied columns, and warnings about what makes scores less certain."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from dataset_scripts.dataset.layout import cell_path
from dataset_scripts.dataset.splits import FOLDS, config_name, split_cells
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.tasks_emert import TASKS

from .configs import Protocols
from .recordings import StoredRecording
from .result import CheckResult, judge, some

MODALITIES = ("face", "eye_movements", "fixations")
_MOST_SHARED = 0.3  # fraction of values, above that shared across stimuli; copies have 0.7, all other columns under 0.05
_FEWEST_PAIRS = 20


def check_identities(recordings: Sequence[StoredRecording]) -> CheckResult:
    """Each has a unique id, a participant and a stimulus."""
    problems = []
    for one in recordings:
        lacking = [name for name in ("recording", "participant", "stimulus") if not getattr(one, name)]
        if lacking:
            problems.append(f"{one.name} has no {' and no '.join(lacking)}_id")
    places = defaultdict(list)
    for one in recordings:
        places[one.recording].append(one.file)
    problems += [f"{name} occurs {len(files)} times: {some(files)}" for name, files in places.items() if len(files) > 1]
    return judge("identities", problems, f"{len(recordings)} recordings, each with a unique id, a participant and a stimulus")


def check_twice(recordings: Sequence[StoredRecording], given: bool = False) -> CheckResult:
    """No two recordings share the content of any part. Empty parts are not compared.

    `given`: the source gives the folds; then two in the same fold, which leak nothing, are a warning.
    """
    holders = defaultdict(list)
    for one in recordings:
        for part, digest in one.digests.items():
            holders[part, digest].append(one)
    shared, leaks, harmless = defaultdict(list), set(), True
    for (part, _), same in holders.items():
        if len(same) > 1:
            names = tuple(one.name for one in same)
            shared[names].append(part)
            inside = given and len({one.participant_fold for one in same}) == 1
            harmless = harmless and inside
            if not inside and len({one.participant for one in same}) > 1:
                leaks.add(names)
    problems = [
        f"{some(names)} hold the same {', '.join(parts)}" + (", under two participants: a leak" if names in leaks else "")
        for names, parts in shared.items()
    ]
    passed = "no two recordings hold the same face, samples, action units or fixations"
    return judge("no recording twice", problems, passed, "warn" if harmless else "fail")


def check_amounts(recordings: Sequence[StoredRecording], protocols: Protocols) -> list[CheckResult]:
    """What makes scores less certain without being an error: warnings only."""
    return [
        judge("classes in tests", _absent_classes(recordings, protocols), "every class is in every test split", "warn"),
        _amounts(recordings),
        _missing(recordings),
        _folds(protocols),
    ]


def _absent_classes(recordings: Sequence[StoredRecording], protocols: Protocols) -> list[str]:
    """Each config whose test split lacks a class."""
    counts = Counter((one.file, column, value) for one in recordings for column, value in one.labels.items())
    problems, of = [], (protocols.folds, protocols.groups)
    for task, fold, strict in protocols.expected.values():
        if TASKS[task].kind == "classification":
            files = [cell_path(cell) for cell in split_cells(*of, fold, strict, protocols.sets)["test"]]
            present = {index for index in range(TASKS[task].size) if any(counts[file, task, index] for file in files)}
            absent = [label for index, label in enumerate(TASKS[task].labels) if index not in present]
            problems += [f"{config_name(task, fold, strict, protocols.sets)} has no {' and no '.join(absent)}"] * bool(absent)
    return problems


def _amounts(recordings: Sequence[StoredRecording]) -> CheckResult:
    counts = Counter(one.participant or "" for one in recordings)
    few = [name for name, count in counts.items() if count < 2]
    problems = [f"{len(few)} of {len(counts)} participants have a single recording: {some(few)}"] if few else []
    return judge("recordings each", problems, f"each of {len(counts)} participants has at least 2 recordings", "warn")


def _missing(recordings: Sequence[StoredRecording]) -> CheckResult:
    lacking = {name: sum(name not in one.modalities for one in recordings) for name in MODALITIES}
    of = len(recordings)
    problems = [f"{n} of {of} recordings ({n / of:.1%}) have no {name}" for name, n in lacking.items() if n]
    return judge("missing parts", problems, "every recording has face, eye_movements and fixations", "warn")


def _folds(protocols: Protocols) -> CheckResult:
    folds, groups = protocols.folds, protocols.groups
    problems = []
    if folds < FOLDS and not protocols.given:
        problems.append(f"{folds} folds instead of {FOLDS}: there are no more participants")
    if groups < 3:
        problems.append(f"no strict version: {groups} groups of stimuli, where 3 are needed")
    elif groups < FOLDS:
        problems.append(f"{groups} groups of stimuli instead of {FOLDS}: there are no more stimuli")
    if protocols.empty:
        problems.append(f"no config for lack of recordings in one of its splits: {some(protocols.empty)}")
    made = f"{folds} folds, which the source gives" if protocols.given else f"{FOLDS} folds, plain and strict"
    return judge("folds", problems, made, "warn")


def check_copies(recordings: Sequence[StoredRecording]) -> CheckResult:
    """No column has the same values for different participants of one stimulus, unless it has them for all stimuli.

    Such a column was copied from one participant to the others and identifies the stimulus, and so the label: any model
    given it seems to recognise emotions. A published data set has three such columns.
    """
    first: dict[tuple[str | None, str | None], StoredRecording] = {}
    for one in recordings:
        if one.sketch is not None:
            first.setdefault((one.participant, one.stimulus), one)
    stimuli = [stimulus for _, stimulus in first]
    sketches = np.array([one.sketch for one in first.values()], np.uint64).reshape(-1, len(COLUMN_NAMES))
    problems = []
    for name, column in zip(COLUMN_NAMES, sketches.T, strict=True):
        same, other = _shared(column, stimuli)
        if same - other > _MOST_SHARED:
            found = f"participants of one stimulus share {same:.0%} of their values, those of others {other:.0%}"
            remedy = f"leave it empty in the recordings, or out of them by `leave_out: [{name}]` in a folder's source.yaml"
            problems.append(f"{name}: {found}; it identifies the stimulus, so {remedy}")
    return judge("copied columns", problems, "no column's values are shared by the participants of a stimulus")


def _shared(column: np.ndarray, stimuli: Sequence[str | None]) -> tuple[float, float]:
    """Fraction of pairs of recordings with the same sketch, within one stimulus and across stimuli; 0 for too few pairs."""
    known = [(stimulus, int(value)) for stimulus, value in zip(stimuli, column, strict=True) if value]
    within = _pairs(Counter(stimulus for stimulus, _ in known))
    across = _pairs(Counter({None: len(known)})) - within
    if within < _FEWEST_PAIRS or across < _FEWEST_PAIRS:
        return 0.0, 0.0
    equal = _pairs(Counter(known))
    equal_anywhere = _pairs(Counter(value for _, value in known))
    return equal / within, (equal_anywhere - equal) / across


def _pairs(counts: Counter) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
