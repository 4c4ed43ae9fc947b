"""A build spread over machines: each builds its part of the cells into a folder, and `join` makes the data set of them.

```
SHARD/
  description.shard   JSON: which shard of how many, its `Fingerprint`, and the metadata of its cells
  splits.shard        JSON: as `splits.json` of the data set
  p1-s1.cell          a data file before it is renamed, and so on
```
No name in it is one that `load_dataset` reads.
"""

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ..common.output import Content, check_free
from ..dataset.layout import DATA_SET, assemble
from ..dataset.metadata import Counts, DataFile, Metadata, make_fingerprint
from ..dataset.splits import Assignment, Cell
from ..sources.base import Source
from .build import Plan, build_cells, cell_file, check_target, open_partial
from .fingerprint import Fingerprint
from .reassign_folds import reassign_folds

SHARD_FILE = "description.shard"
_SPLITS_FILE = "splits.shard"
_SHARD = Content("a shard of a data set", (SHARD_FILE,))


@dataclass(frozen=True)
class ShardIndex:
    """Shard `number` of `count`; counts from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "ShardIndex":
        """Raises `EmertInputError` where the text is not like `2/3`."""
        match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise EmertInputError(f"--shard {text}: expected i/n with i from 1 to n, such as 1/3 for the first of three")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, members: Mapping[Cell, Sequence]) -> list[Cell]:
        """The cells of this shard: from the largest cell on, each goes to the shard with the fewest recordings so far."""
        loads = [0] * self.count
        own = []
        for cell in sorted(members, key=lambda cell: (-len(members[cell]), cell)):
            lightest = loads.index(min(loads))
            loads[lightest] += len(members[cell])
            if lightest == self.number - 1:
                own.append(cell)
        return own


@dataclass(frozen=True)
class Shard:
    """A shard's folder. `metadata` describes its own cells."""

    folder: Path
    index: ShardIndex
    fingerprint: Fingerprint
    metadata: Metadata
    assignment: Assignment

    def write(self) -> None:
        content = {"share": asdict(self.index), "identity": asdict(self.fingerprint), "metadata": self.metadata.to_content()}
        (self.folder / _SPLITS_FILE).write_text(self.assignment.to_json())
        (self.folder / SHARD_FILE).write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Shard":
        """Raises `EmertInputError` where `build_shard` did not make the folder."""
        path = folder / SHARD_FILE
        if not path.is_file():
            raise EmertInputError(f"{folder}: no shard here ({SHARD_FILE} is missing); make it with `emert data build --shard`")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            metadata = Metadata.from_content(content["metadata"])
            index, fingerprint = ShardIndex(**content["share"]), Fingerprint(**content["identity"])
            if not 1 <= index.number <= index.count <= 9999:
                raise ValueError(f"found {index}")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise EmertInputError(f"{path} is not as it was built ({str(error)[:100]}); build this shard again") from error
        return cls(folder, index, fingerprint, metadata, Assignment.read(folder / _SPLITS_FILE))

    def check_files(self) -> None:
        """Raises `EmertInputError` where a cell is missing or was changed."""
        for name, file in self.metadata.files.items():
            cell = cell_file(self.folder, name)
            if not cell.is_file() or DataFile.of(cell, file.recordings) != file:
                state = "was changed after it was built" if cell.is_file() else "is missing"
                raise EmertInputError(f"{cell} {state}; copy or build shard {self.index} again")


def build_shard(
    source: Source,
    out: Path,
    index: ShardIndex,
    num_workers: int = 2,
    faces: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """As `build`, for this shard's cells. Raises `EmertInputError` also where there are fewer cells than shards."""
    check_free(out, overwrite)
    out = out.resolve()
    check_target(source.path, out, _SHARD)
    plan = Plan.of(source, faces, seed)
    if index.count > len(plan.members):
        raise EmertInputError(f"--shard {index}: the data set has {len(plan.members)} parts to divide; use fewer shards")
    partial = open_partial(out, f"{plan.fingerprint.freshness} {index}")
    metadata = build_cells(plan, index.of(plan.members), partial, num_workers)
    Shard(partial, index, plan.fingerprint, metadata, plan.assignment).write()
    if out.exists():
        shutil.rmtree(out)
    os.replace(partial, out)
    return out


def join(folders: Sequence[Path], out: Path, overwrite: bool = False) -> Path:
    """Makes the data set of all shards in the folder `out`: byte for byte that of a build on one machine.

    Raises `EmertInputError` where `out` may not be replaced, or a shard is missing or given twice, is of other recordings,
    settings or code, or is not complete.
    """
    check_free(out, overwrite)
    out = out.resolve()
    for folder in folders:
        check_target(folder, out, DATA_SET)
    shards = [Shard.read(folder) for folder in folders]
    _check_same(shards)
    _check_complete(shards)
    for shard in shards:
        shard.check_files()
    metadata = _joined(shards)
    if not metadata.files:
        raise EmertInputError(f"{shards[0].folder} and the others: no recording has anything that can be used")
    cells = {name: cell_file(shard.folder, name) for shard in shards for name in shard.metadata.files}
    planned = shards[0].assignment
    freshness = {shard.fingerprint.freshness for shard in shards}
    staging, moved = (out.parent / f".{out.name}.{name}" for name in ("joining", "reassigned"))
    known = freshness.pop() if len(freshness) == 1 else ""  # of several disks none can show whether a file is new
    try:
        assemble(out, staging, *reassign_folds(cells, metadata, shards[0].fingerprint.content, moved, planned), known)
    except OSError as error:
        raise EmertInputError(f"{out}: can't be written ({error.strerror}); give another --out") from error
    finally:
        shutil.rmtree(moved, ignore_errors=True)
    return out


def _check_same(shards: Sequence[Shard]) -> None:
    first = shards[0]
    for shard in shards[1:]:
        message = f"{shard.folder} does not belong to {first.folder}:"
        if shard.index.count != first.index.count:
            raise EmertInputError(f"{message} it is one of {shard.index.count} shards, the other one of {first.index.count}")
        if shard.fingerprint.code != first.fingerprint.code:
            raise EmertInputError(f"{message} it was built by another version of the code; build all shards with the same")
        found, other = ((one.metadata.source, one.metadata.faces_kept, one.metadata.seed) for one in (shard, first))
        if found != other:
            raise EmertInputError(
                f"{message} its source, faces and seed are {found}, the other's {other}; build it with the same"
            )
        if (shard.fingerprint.content, shard.assignment) != (first.fingerprint.content, first.assignment):
            raise EmertInputError(f"{message} it was built of other recordings or labels; build all shards of the same")


def _check_complete(shards: Sequence[Shard]) -> None:
    numbers = [shard.index.number for shard in shards]
    count = shards[0].index.count
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise EmertInputError(f"shard {twice[0]}/{count} is given {numbers.count(twice[0])} times; give every shard once")
    missing = [f"{number}/{count}" for number in range(1, count + 1) if number not in numbers]
    if missing:
        remedy = f"build it with --shard {missing[0]} and give its folder too"
        raise EmertInputError(f"shard {', '.join(missing)} is missing; {remedy}")
    names = [name for shard in shards for name in shard.metadata.files]
    if len(set(names)) < len(names):
        raise EmertInputError("two shards hold the same part of the data set; build them again")


def _joined(shards: Sequence[Shard]) -> Metadata:
    first = shards[0]
    files = dict(sorted(item for shard in shards for item in shard.metadata.files.items()))
    return dataclasses.replace(
        first.metadata,
        files=files,
        fingerprint=make_fingerprint(first.fingerprint.content, files),
        counts=Counts.sum(first.metadata.tasks, [shard.metadata.counts for shard in shards]),
        notes=tuple(sorted({note for shard in shards for note in shard.metadata.notes})),
    )
