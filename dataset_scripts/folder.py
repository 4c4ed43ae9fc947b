"""The data set folder around its data files: configs, splits, card.

```
DIR/
  README.md             the card
  .huggingface.yaml     named configs: er7-fold1, er7-strict-fold1, ..., all
  splits.json           fold of every participant, group of every stimulus, seed, hash
  data/p1-s1.parquet    the recordings of participant fold 1 and stimulus group 1, and so on
```
"""

from pathlib import Path

import yaml

from modeling_emert.columns_emert import columns_markdown
from modeling_emert.tasks_emert import TASKS, get_task

from .schema import COLUMN_MEANINGS, row_features
from .source import Source
from .splits import SPLITS, Assignment, Cell, config_name, present_cells, split_cells, versions

CONFIG_FILE = ".huggingface.yaml"
SPLITS_FILE = "splits.json"
DATA_FOLDER = "data"
_BUILD = "build "


def cell_name(cell: Cell) -> str:
    """`p1-s2`: participant fold 1, stimulus group 2."""
    return f"p{cell[0]}-s{cell[1]}"


def write_description(
    folder: Path, source: Source, assignment: Assignment, cells: dict[Cell, int], notes: list[str], fingerprint: str
) -> None:
    """Everything but the data files. `cells`: number of recordings in each; `notes`: what the build left out.

    `fingerprint` stands in every config: `datasets` looks for what it has loaded before by the last name of the folder and
    the text of the configs, not by what the files hold, so that another data set of that name would be taken for this one.
    """
    (folder / SPLITS_FILE).write_text(assignment.to_json())
    configs = {"configs": _configs(source, assignment, set(cells), f"{_BUILD}{fingerprint}")}
    (folder / CONFIG_FILE).write_text(yaml.safe_dump(configs, sort_keys=False))
    (folder / "README.md").write_text(_card(source, assignment, cells, notes))


def read_fingerprint(folder: Path) -> str:
    """Of the build that made the folder."""
    return yaml.safe_load((folder / CONFIG_FILE).read_text())["configs"][0]["description"].removeprefix(_BUILD)


def _configs(source: Source, assignment: Assignment, existing: set[Cell], description: str) -> list[dict]:
    everything = [_path(cell) for cell in sorted(existing)]
    data_files = [{"split": "train", "path": everything}]
    configs = [{"config_name": "all", "default": True, "description": description, "data_files": data_files}]
    for task in source.tasks:
        for strict in versions(assignment.groups):
            for fold in range(1, assignment.folds + 1):
                cells = split_cells(assignment.folds, assignment.groups, fold, strict)
                files = {split: [_path(cell) for cell in present_cells(cells[split], existing)] for split in SPLITS}
                if all(files.values()):
                    configs.append(
                        {
                            "config_name": config_name(task, fold, strict),
                            "description": description,
                            "columns": _visible_columns(task),
                            "data_files": [{"split": split, "path": files[split]} for split in SPLITS],
                        }
                    )
    return configs


def _path(cell: Cell) -> str:
    return f"{DATA_FOLDER}/{cell_name(cell)}.parquet"


def _visible_columns(task: str) -> list[str]:
    """All but the other tasks' labels: a protocol shows what may be used in it."""
    labels = {column for other in TASKS.values() for column in other.columns}
    return [column for column in row_features() if column not in labels or column in get_task(task).columns]


def _card(source: Source, assignment: Assignment, cells: dict[Cell, int], notes: list[str]) -> str:
    tasks = "\n".join(f"| `{name}` | {_task_row(name)} |" for name in source.tasks)
    columns = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in COLUMN_MEANINGS.items())
    left_out = "\n".join(f"- {note}" for note in notes) or "- nothing"
    return f"""---
pretty_name: "Eyes and faces, felt and shown: source {source.name}"
---
# Eyes and faces, felt and shown: source `{source.name}`

{sum(cells.values())} recordings of {len(assignment.participants)} participants watching {len(assignment.stimuli)} stimuli.

- licence of the recordings: {source.licence}
- may be published: {"yes" if source.redistributable else "no"}
- cite: {source.citation}
- it lacks {source.lacks}

```python
from datasets import load_dataset
data = load_dataset("this/folder", "{config_name(source.tasks[0], 1, False)}")  # train, validation, test
```

## Protocols

Each has {assignment.folds} folds in which no participant is on two sides (`{source.tasks[0]}-fold1` ...), and a strict
version in which no stimulus is either (`{source.tasks[0]}-strict-fold1` ...). Validation comes out of the training side.
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
