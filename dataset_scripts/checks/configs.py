"""Checks of what `load_dataset` gives for each config, from the config file and the ids in the data files."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import yaml

from dataset_scripts.dataset.layout import CONFIG_FILE, cell_of, visible_columns, visible_features
from dataset_scripts.dataset.schema import row_features
from dataset_scripts.dataset.splits import SPLITS, Cell, config_name, split_cells, versions

from .files import require_own
from .recordings import StoredRecording
from .result import CheckResult, judge, some

_LARGEST = 8 << 20  # bytes of the config file; five folds of seven tasks take 30 kB
_DEEPEST = 10  # levels; a built file has 8
# Other fields (`data_dir`, `filters`, ...) would change what a config loads.
_FIELDS = {"config_name", "default", "description", "columns", "data_files"}


@dataclass(frozen=True)
class StoredConfig:
    """One entry of the config file. `columns`: None for all."""

    name: str
    splits: dict[str, tuple[str, ...]]
    columns: tuple[str, ...] | None

    @property
    def strict(self) -> bool:
        return "-strict-" in self.name


@dataclass(frozen=True)
class Protocols:
    """The configs that a data set should have.

    - `expected`: by name, the task, the fold, and whether it is strict.
    - `empty`: names of those that are not made, since one of their splits would be empty.
    - `given`: the folds that are tested, where the source gives them; empty: all are, and were made from a seed.
    - `sets`: they are sets of recordings, which may share participants (see `splits`).
    """

    folds: int
    groups: int
    expected: dict[str, tuple[str, int, bool]]
    empty: tuple[str, ...]
    given: tuple[int, ...] = ()
    sets: bool = False

    @classmethod
    def of(cls, tasks: Sequence[str], cells: AbstractSet[Cell], given: tuple[int, ...] = (), sets: bool = False) -> "Protocols":
        """`cells`: those that hold recordings."""
        folds, groups = map(max, zip(*cells, strict=True)) if cells else (0, 0)
        expected, empty = {}, []
        for task, strict, fold in product(tasks, (False,) if sets else versions(groups), given or range(1, folds + 1)):
            name = config_name(task, fold, strict, sets)
            if all(cells.intersection(part) for part in split_cells(folds, groups, fold, strict, sets).values()):
                expected[name] = (task, fold, strict)
            else:
                empty.append(name)
        return cls(folds, groups, expected, tuple(empty), given, sets)


def read_configs(
    folder: Path, tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()
) -> tuple[list[StoredConfig], list[str]]:
    """The valid configs, and the problems of the others."""
    path = folder / CONFIG_FILE
    try:
        require_own(path, _LARGEST)
        content = _load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        return [], [f"{CONFIG_FILE} can't be read ({error})"]
    entries = content.get("configs") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return [], [f"{CONFIG_FILE} has no list `configs`"]
    configs, problems = [], _features_problems(content.get("dataset_info"), entries, tasks, extra)
    for number, entry in enumerate(entries, start=1):
        read = _read_config(entry)
        if isinstance(read, StoredConfig):
            configs.append(read)
        else:
            problems.append(f"{CONFIG_FILE}: config {number} {read}")
    twice = [name for name, count in Counter(config.name for config in configs).items() if count > 1]
    return configs, problems + [f"{CONFIG_FILE} has {name} more than once" for name in twice]


def _load_yaml(text: str) -> object:
    """Raises `ValueError` for deep nesting, which crashes the fast loader, and for recursive aliases, which never end."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader takes 0.05 s instead of 0.35
    open_anchors: list[str | None] = []
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            open_anchors.pop()
        recursive = isinstance(event, yaml.AliasEvent) and event.anchor in open_anchors
        if len(open_anchors) > _DEEPEST or recursive:
            raise ValueError("it is nested deeply or refers to itself, which no config needs")
    return yaml.load(text, loader)


def _features_problems(infos: object, entries: list, tasks: tuple[str, ...], extra: tuple[str, ...]) -> list[str]:
    """`dataset_info` has the features of each config's columns; without them `load_dataset` gives lists of lists."""
    found = {one["config_name"]: one for one in infos if _has_name(one)} if isinstance(infos, list) else {}
    for entry in filter(_has_name, entries):
        if entry.get("columns") is None or _is_names(entry["columns"]):
            name = entry["config_name"]
            features = visible_features(entry.get("columns"), tasks, extra)
            if found.get(name) != {"config_name": name, "features": features}:
                return [f"{CONFIG_FILE}: dataset_info of {name} is not that of its columns"]
    return []


def _has_name(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("config_name"), str)


def _read_config(entry: object) -> StoredConfig | str:
    """The config, or its problem as the end of a sentence."""
    if not _has_name(entry):
        return "has no config_name"
    name = entry["config_name"]
    if not set(entry) <= _FIELDS:
        return f"({name}) has fields {set(entry) - _FIELDS}, which change what is loaded"
    columns = entry.get("columns")
    if columns is not None and not _is_names(columns):
        return f"({name}): columns is no list of names"
    splits: dict[str, tuple[str, ...]] = {}
    files = entry.get("data_files")
    for part in files if isinstance(files, list) else [None]:
        if not (isinstance(part, dict) and isinstance(part.get("split"), str) and _is_names(part.get("path"))):
            return f"({name}): data_files is no list of splits, each with a list of paths"
        if part["split"] in splits:
            return f"({name}) has the split {part['split']} more than once"
        splits[part["split"]] = tuple(part["path"])
    return StoredConfig(name, splits, None if columns is None else tuple(columns))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def check_configs(
    configs: Sequence[StoredConfig], problems: list[str], protocols: Protocols, files: Mapping[str, int]
) -> CheckResult:
    """`files`: recordings in every data file, -1 where that is not known."""
    problems = [*problems, *(f"{name} is missing" for name in protocols.expected if name not in {one.name for one in configs})]
    for config in configs:
        problems += [f"{config.name}: {text}" for text in _config_problems(config, files)]
    if "all" not in {config.name for config in configs}:
        problems.append("all is missing")
    return judge("configs", problems, f"{len(configs)} configs, each with its splits, name existing data files")


def _config_problems(config: StoredConfig, files: Mapping[str, int]) -> list[str]:
    wanted = ("train",) if config.name == "all" else SPLITS
    if tuple(config.splits) != wanted:
        return [f"has the splits {', '.join(config.splits)}; expected {', '.join(wanted)}"]
    problems = []
    for split, paths in config.splits.items():
        # A path may be a pattern or an address for `load_dataset`: only exact names of data files can be checked.
        unknown = [path for path in paths if path not in files]
        if unknown:
            problems.append(f"{split} names {some(unknown)}; expected data files of dataset.json")
        elif len(set(paths)) < len(paths):
            problems.append(f"{split} names a file twice")
        elif not any(files[path] for path in paths):
            problems.append(f"{split} is empty")
    if config.name == "all" and not problems and set(config.splits["train"]) != set(files):
        problems.append(f"lacks {some(list(set(files) - set(config.splits['train'])))}")
    return problems


def check_views(
    configs: Sequence[StoredConfig], protocols: Protocols, tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()
) -> CheckResult:
    """A protocol has its own labels, and no column that reveals others."""
    problems = []
    everything = tuple(row_features(tasks, extra))
    visible = {task: set(visible_columns(task, tasks, extra)) for task in {task for task, _, _ in protocols.expected.values()}}
    for config in configs:
        if config.name in protocols.expected:
            wanted = visible[protocols.expected[config.name][0]]
            shown = set(everything if config.columns is None else config.columns)
            if shown != wanted:
                wrong = [f"shows {some(list(shown - wanted))}"] * bool(shown - wanted)
                wrong += [f"hides {some(list(wanted - shown))}"] * bool(wanted - shown)
                problems.append(f"{config.name} {' and '.join(wrong)}")
    return judge("label views", problems, "every protocol has its own labels and no others")


def check_apart(
    configs: Sequence[StoredConfig], recordings: Sequence[StoredRecording], sets: bool = False
) -> list[CheckResult]:
    """No participant, and in strict configs no stimulus, is in two splits of any config.

    `sets`: the test is a set of the source's authors, which may share people with the others: a warning, since it is theirs.
    """
    participants, stimuli = defaultdict(set), defaultdict(set)
    for one in recordings:
        participants[one.file].add(one.participant or "")
        stimuli[one.file].add(one.stimulus or "")
    split = [config for config in configs if len(config.splits) > 1]
    strict = [config for config in split if config.strict]
    if sets:
        return [_people_in_sets(split, participants, recordings)]
    people_apart = f"no participant is in two splits of any of the {len(split)} configs, validation included"
    none = "there is no strict config (fewer than 3 groups of stimuli)"
    stimuli_apart = f"no stimulus is in two splits of any of the {len(strict)} strict configs" if strict else none
    return [
        judge("participants apart", _shared(split, participants), people_apart),
        judge("stimuli apart", _shared(strict, stimuli), stimuli_apart),
    ]


def _people_in_sets(
    configs: Sequence[StoredConfig], participants: Mapping[str, set[str]], recordings: Sequence[StoredRecording]
) -> CheckResult:
    within = [replace(one, splits={side: one.splits.get(side, ()) for side in ("train", "validation")}) for one in configs]
    if problems := _shared(within, participants):
        return judge("participants apart", problems, "")
    if len({one.participant for one in recordings}) == len(recordings):
        unknown = "whether the authors' sets share people is not known: each recording counts as a participant of its own"
        return judge("participants apart", [f"{unknown}; build with --participants to find out"], "", "warn")
    problems = [f"the authors' sets share people: {text}" for text in _shared(configs, participants)]
    return judge("participants apart", problems, "the authors' sets share no participant, and validation none", "warn")


def _shared(configs: Sequence[StoredConfig], names_in: Mapping[str, set[str]]) -> list[str]:
    problems = []
    for config in configs:
        sides = {side: set().union(*(names_in.get(path, ()) for path in paths)) for side, paths in config.splits.items()}
        counts = Counter(name for names in sides.values() for name in names)
        shared = [name for name, count in counts.items() if count > 1]
        if shared:
            where = [side for side, names in sides.items() if not names.isdisjoint(shared)]
            problems.append(f"{config.name}: {some(shared)} in {' and '.join(where)}")
    return problems


def check_tested(configs: Sequence[StoredConfig], protocols: Protocols, recordings: Sequence[StoredRecording]) -> CheckResult:
    """Each recording is tested exactly once over the plain folds of a task, and every fold uses all recordings.

    Where the source gives the folds, those of the folds that it tests.
    """
    by_name = {config.name: config for config in configs}
    in_file = Counter(one.file for one in recordings)
    folds: dict[str, list[StoredConfig | None]] = defaultdict(list)
    for name, (task, _, strict) in protocols.expected.items():
        if not strict:
            folds[task].append(by_name.get(name))
    problems = []
    for task, members in folds.items():
        present = [config for config in members if config is not None]
        for config in present:
            used = {path for paths in config.splits.values() for path in paths}
            lost = sum(count for file, count in in_file.items() if file not in used)
            problems += [f"{config.name} uses {lost} recordings in no split"] * bool(lost)
        if len(present) == len(members):  # a missing config is reported by another check
            tested = Counter(path for config in present for path in config.splits.get("test", ()))
            once = {path: not protocols.given or (cell_of(path) or (0,))[0] in protocols.given for path in in_file}
            wrong = [f"{path} in {tested[path]}" for path in in_file if tested[path] != once[path]]
            problems += [f"{task}: tested in other than one fold: {some(wrong)}"] * bool(wrong)
    of = f" of fold {', '.join(map(str, protocols.given))}, which the source gives as the test," if protocols.given else ""
    return judge(
        "tested once", problems, f"each recording{of} is in exactly one test split over the folds of {len(folds)} tasks"
    )
