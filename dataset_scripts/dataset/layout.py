"""The data set folder around its data files: configs, splits, card.

```
DIR/
  README.md             the card
  .huggingface.yaml     named configs: er7-fold1, er7-strict-fold1, ..., all
  dataset.json          source, licence, settings, every data file with its size and hash
  splits.json           fold of every participant, group of every stimulus, seed, hash
  data/p1-s1.parquet    the recordings of participant fold 1 and stimulus group 1, and so on
  .freshness            see `Fingerprint`: shows on this disk whether the recordings have changed; not part of the data set
```
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from modeling_emert.recording_emert import STIMULUS_EMOTION
from modeling_emert.tasks_emert import get_task, tasks_with

from ..common.output import Content, replace_folder
from ..common.strict_yaml import dump_yaml
from ..sources.base import PERSON_COLUMNS, votes_column
from .card import make_card
from .metadata import METADATA_FILE, Metadata
from .schema import described_features, row_features
from .splits import FOLDS, SPLITS, SPLITS_FILE, Assignment, Cell

CONFIG_FILE = ".huggingface.yaml"
CARD_FILE = "README.md"

FRESHNESS_FILE = ".freshness"
DATA_FOLDER = "data"
_FILES = (METADATA_FILE, SPLITS_FILE, CARD_FILE, CONFIG_FILE, FRESHNESS_FILE, f"{DATA_FOLDER}/*.parquet")
DATA_SET = Content("a data set", (METADATA_FILE,), _FILES)


def cell_name(cell: Cell) -> str:
    """`p1-s2`: participant fold 1, stimulus group 2."""
    return f"p{cell[0]}-s{cell[1]}"


def write_description(folder: Path, metadata: Metadata, assignment: Assignment) -> None:
    """Writes everything but the data files, which are there already."""
    metadata.write(folder)
    (folder / SPLITS_FILE).write_text(assignment.to_json())
    configs = make_configs(metadata, assignment)
    shown = partial(visible_features, tasks=metadata.tasks, extra=metadata.extra_columns)
    features = {config["config_name"]: shown(config.get("columns")) for config in configs}
    infos = [{"config_name": name, "features": own} for name, own in features.items()]
    # Shared lists become YAML anchors and aliases: `datasets` parses YAML in Python, which takes 1 s for 71 configs in full.
    (folder / CONFIG_FILE).write_text(dump_yaml({"configs": configs, "dataset_info": infos}))
    (folder / CARD_FILE).write_text(make_card(metadata, assignment))


def make_configs(metadata: Metadata, assignment: Assignment) -> list[dict]:
    """`all`, and each task's protocols, plain and strict; each is a list of data files for each split.

    The build's fingerprint is in every config: `datasets` caches by the last name of the folder and the text of the
    configs, not by the content of the files, so it would take another data set of that name for this one.
    """
    description = f"build {metadata.fingerprint}"
    everything = [{"split": "train", "path": list(metadata.files)}]
    configs = [{"config_name": "all", "default": True, "description": description, "data_files": everything}]
    folds = [(strict, fold) for strict in assignment.versions for fold in assignment.tested_folds]
    splits = {one: split_files(metadata, assignment, fold=one[1], strict=one[0]) for one in folds}
    data_files = {one: [{"split": split, "path": files[split]} for split in SPLITS] for one, files in splits.items()}
    for task in metadata.tasks:
        columns = visible_columns(task, metadata.tasks, metadata.extra_columns)
        for strict, fold in folds:
            if all(splits[strict, fold].values()):
                one = {"config_name": assignment.config_name(task, fold, strict), "description": description}
                configs.append(one | {"columns": columns, "data_files": data_files[strict, fold]})
    return configs


def split_files(metadata: Metadata, assignment: Assignment, fold: int, strict: bool) -> dict[str, list[str]]:
    """Paths of the data files of each split, within the folder."""
    cells = assignment.split_cells(fold, strict)
    return {split: [path for path in map(cell_path, cells[split]) if path in metadata.files] for split in SPLITS}


def cell_path(cell: Cell) -> str:
    return f"{DATA_FOLDER}/{cell_name(cell)}.parquet"


def cell_of(path: str) -> Cell | None:
    """The cell of a data file by its path within the folder; None for any other path."""
    match = re.fullmatch(rf"{DATA_FOLDER}/p([1-{FOLDS}])-s([1-{FOLDS}])\.parquet", path)
    return (int(match[1]), int(match[2])) if match else None


def visible_columns(task: str, tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> list[str]:
    """Of a data set with these tasks, all columns but the labels of other tasks and what may reveal them."""
    labels = [column for one in tasks_with(tasks) for column in one.columns]
    labels += [column for column in extra if column not in PERSON_COLUMNS]
    hidden = {STIMULUS_EMOTION, *labels} - {*get_task(task).columns, votes_column(task)}
    return [column for column in row_features(tasks, extra) if column not in hidden]


@cache
def _features_of(columns: tuple[str, ...], tasks: tuple[str, ...], extra: tuple[str, ...]) -> list[dict]:
    return [feature for name, feature in described_features(tasks, extra).items() if name in columns]


def visible_features(columns: Sequence[str] | None, tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> list[dict]:
    """Features of these columns, or of all, as the config file names them; the same list object for the same columns."""
    return _features_of(tuple(row_features(tasks, extra) if columns is None else columns), tasks, extra)


def assemble(
    out: Path, staging: Path, cells: Mapping[str, Path], metadata: Metadata, assignment: Assignment, freshness: str
) -> None:
    """Makes the folder `out` from finished cells, given by their path within it. What was there is beside `staging` then.

    `staging`: a folder on the same disk, made new. `freshness`: see `Fingerprint`.
    """
    shutil.rmtree(staging, ignore_errors=True)
    (staging / DATA_FOLDER).mkdir(parents=True)
    for name, cell in cells.items():
        try:
            os.link(cell, staging / name)
        except OSError:  # a file system without links
            shutil.copyfile(cell, staging / name)
    (staging / FRESHNESS_FILE).write_text(freshness)
    write_description(staging, metadata, assignment)
    replace_folder(staging, out)
