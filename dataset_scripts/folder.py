"""The data set folder around its data files: configs, splits, card.

```
DIR/
  README.md             the card
  .huggingface.yaml     named configs: er7-fold1, er7-strict-fold1, ..., all
  dataset.json          source, licence, settings, every data file with its size and hash
  splits.json           fold of every participant, group of every stimulus, seed, hash
  data/p1-s1.parquet    the recordings of participant fold 1 and stimulus group 1, and so on
```
"""

from pathlib import Path

import yaml

from modeling_emert.columns_emert import columns_markdown
from modeling_emert.context_emert import STIMULUS_EMOTION
from modeling_emert.tasks_emert import LABEL_COLUMNS, get_task

from .metadata import Metadata
from .schema import COLUMN_MEANINGS, row_features
from .splits import SPLITS, Assignment, Cell, config_name, split_cells, versions

CONFIG_FILE = ".huggingface.yaml"
SPLITS_FILE = "splits.json"
DATA_FOLDER = "data"


def cell_name(cell: Cell) -> str:
    """`p1-s2`: participant fold 1, stimulus group 2."""
    return f"p{cell[0]}-s{cell[1]}"


def write_description(folder: Path, metadata: Metadata, assignment: Assignment) -> None:
    """Everything but the data files, which lie there already."""
    metadata.write(folder)
    (folder / SPLITS_FILE).write_text(assignment.to_json())
    configs = {"configs": make_configs(metadata, assignment)}
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(configs, sort_keys=False))
    (folder / "README.md").write_text(make_card(metadata, assignment))


def make_configs(metadata: Metadata, assignment: Assignment) -> list[dict]:
    """`all`, and each task's protocols in both versions, every one a list of data files for each split.

    The build's fingerprint stands in every config: `datasets` looks for what it has loaded before by the last name of the
    folder and the text of the configs, not by what the files hold, so that another data set of that name would be taken
    for this one.
    """
    description = f"build {metadata.fingerprint}"
    everything = [{"split": "train", "path": list(metadata.files)}]
    configs = [{"config_name": "all", "default": True, "description": description, "data_files": everything}]
    for task in metadata.tasks:
        for strict in versions(assignment.groups):
            for fold in range(1, assignment.folds + 1):
                files = split_files(metadata, assignment, fold, strict)
                if all(files.values()):
                    configs.append(
                        {
                            "config_name": config_name(task, fold, strict),
                            "description": description,
                            "columns": visible_columns(task),
                            "data_files": [{"split": split, "path": files[split]} for split in SPLITS],
                        }
                    )
    return configs


def split_files(metadata: Metadata, assignment: Assignment, fold: int, strict: bool) -> dict[str, list[str]]:
    """Paths of the data files of each split, within the folder."""
    cells = split_cells(assignment.folds, assignment.groups, fold, strict)
    return {split: [path for path in map(cell_path, cells[split]) if path in metadata.files] for split in SPLITS}


def cell_path(cell: Cell) -> str:
    return f"{DATA_FOLDER}/{cell_name(cell)}.parquet"


def visible_columns(task: str) -> list[str]:
    """All but what tells of other labels: a protocol shows what may be used in it."""
    hidden = {STIMULUS_EMOTION, *LABEL_COLUMNS} - set(get_task(task).columns)
    return [column for column in row_features() if column not in hidden]


def make_card(metadata: Metadata, assignment: Assignment) -> str:
    tasks = "\n".join(f"| `{name}` | {_task_row(name)} |" for name in metadata.tasks)
    columns = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in COLUMN_MEANINGS.items())
    left_out = "\n".join(f"- {note}" for note in metadata.notes) or "- nothing"
    return f"""---
pretty_name: "Eyes and faces, felt and shown: source {metadata.source}"
---
# Eyes and faces, felt and shown: source `{metadata.source}`

{metadata.recordings} recordings of {len(assignment.participants)} participants watching {len(assignment.stimuli)} stimuli.

- licence of the recordings: {metadata.licence}
- may be published: {"yes" if metadata.redistributable else "no"}
- cite: {metadata.citation}
- what is not in it: {metadata.lacks}

```python
from datasets import load_dataset
data = load_dataset("this/folder", "{config_name(metadata.tasks[0], 1, False)}")  # train, validation, test
```

## Protocols

Each has {assignment.folds} folds in which no participant is on two sides (`{metadata.tasks[0]}-fold1` ...), and a strict
version in which no stimulus is either (`{metadata.tasks[0]}-strict-fold1` ...). Validation comes out of the training side.
`all` holds every recording once. The folds were made with seed {assignment.seed} and are kept in `{SPLITS_FILE}`.

| task | labels |
|---|---|
{tasks}

## Columns

| column | meaning |
|---|---|
{columns}

Each label is a column of its own and null where it is absent.

## The {len(columns_markdown().splitlines()) - 2} columns of `eye_movements`

{columns_markdown()}

## Left out when it was built

{left_out}
"""


def _task_row(name: str) -> str:
    task = get_task(name)
    if task.kind == "classes":
        return ", ".join(f"{index} {label}" for index, label in enumerate(task.labels))
    low, high = task.range or (float("-inf"), float("inf"))
    return f"{', '.join(task.columns)} in [{low:g}, {high:g}]"
