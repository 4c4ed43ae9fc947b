"""`emert data verify`: checks a data set by what `load_dataset` reads from it, the data files and the config file.

`dataset.json` and `splits.json` are compared with these and never trusted. The data set may come from anywhere: any content
gives a result, not an exception, and no file outside its folder is read.
"""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from modeling_emert.errors_emert import EmertInputError

from ..dataset.layout import DATA_FOLDER, cell_of
from ..dataset.metadata import METADATA_FILE, Metadata
from .configs import Protocols, check_apart, check_configs, check_tested, check_views, read_configs
from .content import check_amounts, check_copies, check_identities, check_twice
from .files import check_cells, check_files, check_hashes, check_seed, read_splits, require_own
from .recordings import RECORDING_CHECKS, StoredRecording, examine
from .result import CheckResult, judge
from .stored import DamagedFile, DataFileReader


def verify(folder: Path) -> list[CheckResult]:
    """The result of every check, in the order of the table.

    Memory holds one row group at a time and a few hundred bytes of each of the others. Raises `EmertInputError` where there
    is no data set in `folder`.
    """
    try:
        require_own(folder / METADATA_FILE)
        metadata = Metadata.read(folder)
    except EmertInputError as error:
        if not (folder / DATA_FOLDER).is_dir():
            raise
        return [judge("metadata", [str(error)], "")]
    files, names = check_files(folder, metadata)
    recordings, unreadable, counted = _read_contents(folder, names, metadata)
    splits, assignment = read_splits(folder, metadata)
    configs, problems = read_configs(folder, metadata.tasks, metadata.extra_columns)
    # A missing or unknown file is reported once, by the check `files`.
    counts = dict.fromkeys(metadata.files, -1) | counted
    given = (assignment.given_folds if assignment else None) or ()
    sets = assignment is not None and assignment.sets is not None
    protocols = Protocols.of(metadata.tasks, {cell for name in counts if (cell := cell_of(name))}, given, sets)
    complete = len(names) == len(metadata.files) and not unreadable
    return [
        judge("metadata", [], f"{METADATA_FILE} is as a build writes it"),
        files,
        check_hashes(folder, metadata, counted),
        judge("readable", unreadable, f"{len(recordings)} recordings can be read"),
        splits,
        check_cells(recordings, assignment),
        check_seed(recordings, metadata, assignment, complete),
        check_configs(configs, problems, protocols, counts),
        check_views(configs, protocols, metadata.tasks, metadata.extra_columns),
        *check_apart(configs, recordings, sets),
        check_tested(configs, protocols, recordings),
        check_identities(recordings),
        check_twice(recordings, bool(given)),
        check_copies(recordings),
        *(
            judge(check, [text for one in recordings for text in one.problems.get(check, [])], passed)
            for check, passed in RECORDING_CHECKS.items()
        ),
        *check_amounts(recordings, protocols),
    ]


def _read_contents(
    folder: Path, names: Sequence[str], metadata: Metadata
) -> tuple[list[StoredRecording], list[str], dict[str, int]]:
    """All readable recordings, the problems of the others, and the number of recordings in each file (-1: unknown)."""
    recordings, problems, readers = [], [], {}
    for name in names:
        try:
            readers[name] = DataFileReader(folder / name, metadata.tasks, metadata.extra_columns)
        except DamagedFile as error:
            problems.append(f"{name} {error}")
    with tqdm(total=sum(map(len, readers.values())), desc="verifying", unit="recording", mininterval=0.5) as bar:
        for name, reader in readers.items():
            for row in reader.recordings():
                if isinstance(row, DamagedFile):
                    problems.append(f"{name}: {row}")
                else:
                    recordings.append(examine(row, name, metadata.surprise_polarity, metadata.tasks, metadata.extra_columns))
                bar.update()
    return recordings, problems, {name: len(readers[name]) if name in readers else -1 for name in names}


def format_results(results: Sequence[CheckResult]) -> str:
    """A table for people: check, status, sentence, and examples below it."""
    rows = [("check", "status", "what was found")]
    for one in results:
        rows.append((one.check, one.status, one.sentence))
        rows += [("", "", f"- {example}") for example in one.examples]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{check:{widths[0]}}  {status:{widths[1]}}  {text}".rstrip() for check, status, text in rows]
    counts = {status: sum(one.status == status for one in results) for status in ("pass", "warn", "fail")}
    return "\n".join([*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())])
