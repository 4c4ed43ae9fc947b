"""`emert data verify`: proves a data set by what `load_dataset` reads of it, the data files and the config file.

What `dataset.json` and `splits.json` say is held against that, and never taken for it. The data set may come from anywhere:
whatever lies in it becomes a finding, and no file outside its folder is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from modeling_emert.errors_emert import EmertInputError

from ..dataset.layout import DATA_FOLDER
from ..dataset.metadata import METADATA_FILE, Metadata
from .configs import Protocols, check_apart, check_configs, check_tested, check_views, read_configs
from .content import check_identities, check_thin, check_twice
from .copied_columns import check_copies
from .files import cell_of, check_cells, check_files, check_hashes, check_seed, read_splits, require_own
from .recordings import RECORDING_CHECKS, StoredRecording, examine
from .result import Finding, judge
from .stored import DamagedFile, DataFileReader

METADATA, READABLE = "metadata", "readable"


@dataclass
class Contents:
    """All recordings that can be read, what is wrong with the others, and how many each file has (-1: not known)."""

    recordings: list[StoredRecording]
    problems: list[str]
    counts: dict[str, int]


def verify(folder: Path) -> list[Finding]:
    """The outcome of every check, in the order in which a table lists them.

    Memory holds one recording at a time and a few hundred bytes of each of the others.

    Raises:
        EmertInputError: there is no data set in `folder`.
    """
    try:
        require_own(folder / METADATA_FILE)
        metadata = Metadata.read(folder)
    except EmertInputError as error:
        if not (folder / DATA_FOLDER).is_dir():
            raise
        return [judge(METADATA, [str(error)], "")]
    files, names = check_files(folder, metadata)
    contents = _read_contents(folder, names, metadata)
    recordings = contents.recordings
    splits, assignment = read_splits(folder, metadata)
    configs, problems = read_configs(folder)
    # A file that is missing or strange is told once, under `files`.
    counts = dict.fromkeys(metadata.files, -1) | contents.counts
    protocols = Protocols.of(metadata.tasks, {cell for name in counts if (cell := cell_of(name))})
    whole = len(names) == len(metadata.files) and not contents.problems
    return [
        judge(METADATA, [], f"{METADATA_FILE} is as a build writes it"),
        files,
        check_hashes(folder, metadata, contents.counts),
        judge(READABLE, contents.problems, f"{len(recordings)} recordings can be read"),
        splits,
        check_cells(recordings, assignment),
        check_seed(recordings, metadata, assignment, whole),
        check_configs(configs, problems, protocols, counts),
        check_views(configs, protocols),
        *check_apart(configs, recordings),
        check_tested(configs, protocols, recordings),
        check_identities(recordings),
        check_twice(recordings),
        check_copies(recordings),
        *(
            judge(check, [text for one in recordings for text in one.problems.get(check, [])], sound)
            for check, sound in RECORDING_CHECKS.items()
        ),
        *check_thin(recordings, protocols),
    ]


def _read_contents(folder: Path, names: Sequence[str], metadata: Metadata) -> Contents:
    contents = Contents([], [], {})
    readers: dict[str, DataFileReader] = {}
    for name in names:
        try:
            readers[name] = DataFileReader(folder / name)
        except DamagedFile as error:
            contents.problems.append(f"{name} {error}")
        contents.counts[name] = len(readers[name]) if name in readers else -1
    with tqdm(total=sum(map(len, readers.values())), desc="verifying", unit="recording", mininterval=0.5) as bar:
        for name, reader in readers.items():
            for row in reader.recordings():
                if isinstance(row, DamagedFile):
                    contents.problems.append(f"{name}: {row}")
                else:
                    contents.recordings.append(examine(row, name, metadata.surprise_polarity))
                bar.update()
    return contents


def format_findings(findings: Sequence[Finding]) -> str:
    """A table for people: check, status, what was found, and examples under it."""
    rows = [("check", "status", "what was found")]
    for one in findings:
        rows.append((one.check, one.status, one.sentence))
        rows += [("", "", f"- {example}") for example in one.examples]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{check:{widths[0]}}  {status:{widths[1]}}  {text}".rstrip() for check, status, text in rows]
    counts = {status: sum(one.status == status for one in findings) for status in ("pass", "warn", "fail")}
    return "\n".join([*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())])
