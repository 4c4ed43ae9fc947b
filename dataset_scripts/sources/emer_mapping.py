"""The mapping file of source `emer`: where the faces, eye data, fixations and labels of somebody's copy lie.

Holders of EMER have it under an agreement, and its layout on disk is published nowhere, so the holder describes it. The file
is YAML; `emert data mapping` prints an example with every key explained, which is `emer_example.yaml` beside this module.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dataset_scripts.common.settings import Flag, Positive, Range, Text, number, read_settings, settings
from dataset_scripts.sources.emer_files import ColumnRule
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.tasks_emert import EMER_TASKS, TASKS, Task

EXAMPLE = Path(__file__).with_name("emer_example.yaml")
FIXATION_COLUMNS = ("x", "y", "start", "duration")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TASK_OF_COLUMN: dict[str, Task] = {column: TASKS[name] for name in EMER_TASKS for column in TASKS[name].columns}

# `LX`, `0`, or `{column: LX, divide_by: 1920}`.
_Column = Annotated[ColumnRule, BeforeValidator(lambda value: value if isinstance(value, dict) else {"column": value})]
Missing = tuple[number(), ...]


def _columns(names: tuple[str, ...]) -> Any:
    """Columns by our names. `in_our_order` stands for all of them."""
    numbers = {name: index for index, name in enumerate(names)}
    return Annotated[
        dict[Literal[*names], _Column], BeforeValidator(lambda value: numbers if value == "in_our_order" else value)
    ]


def _complete(columns: dict[str, ColumnRule]) -> dict[str, ColumnRule]:
    if lacking := [name for name in FIXATION_COLUMNS if name not in columns]:
        raise ValueError(*(f"{name} is missing ({', '.join(FIXATION_COLUMNS)} are expected)" for name in lacking))
    return columns


@settings
class RecordingsRule:
    """The table, and its columns: of the recording's id, and of the participant and the stimulus. Where `delimiter` is given
    instead of these two, the id is both with the delimiter between them."""

    table: Text
    id: Text
    participant: Text | None = None
    stimulus: Text | None = None
    delimiter: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> "RecordingsRule":
        named = (self.participant is not None) + (self.stimulus is not None)
        if named != (2 if self.delimiter is None else 0):
            raise ValueError("expected both participant and stimulus, or delimiter instead of them")
        return self


@settings
class FaceFiles:
    """Videos, or folders of pictures. `{column}` in `files` stands for the cell of that column of the table."""

    files: Text
    frames_per_second: Positive | None = None
    cropped: Flag = False


@settings
class EyeFiles:
    """Files of eye movements: plain arrays with `columns`, or without them exports of an eye tracker.

    `time` or `samples_per_second`: when each sample of an array was. `missing`: numbers that stand for a missing value.
    """

    files: Text
    columns: _columns(COLUMN_NAMES) | None = None
    time: _Column | None = None
    samples_per_second: Positive | None = None
    missing: Missing = ()

    @model_validator(mode="after")
    def _check(self) -> "EyeFiles":
        if self.columns is not None and (self.time is None) == (self.samples_per_second is None):
            raise ValueError("expected either time or samples_per_second with columns")
        return self


@settings
class FixationFiles:
    """As `EyeFiles`."""

    files: Text
    columns: Annotated[_columns(FIXATION_COLUMNS), AfterValidator(_complete)] | None = None
    missing: Missing = ()


def _code(key: object) -> object:
    """A class's code as the table has it: YAML reads 0 as a number."""
    return str(key) if isinstance(key, int | float) and not isinstance(key, bool) else key


@settings
class LabelRule:
    """One label: its column of the table; for classes our names by the table's codes; for numbers the table's range."""

    column: Text
    names: dict[Annotated[str, BeforeValidator(_code)], str | None] | None = None
    range: Range | None = None


def _check_labels(labels: dict[str, LabelRule]) -> dict[str, LabelRule]:
    problems = []
    for key, rule in labels.items():
        task = TASK_OF_COLUMN[key]
        other = "names" if task.kind == "regression" else "range"
        if getattr(rule, other) is not None:
            problems.append(f"{key}.{other} is for labels of {'classes' if other == 'names' else 'numbers'}; leave it out")
        wrong = {code: name for code, name in (rule.names or {}).items() if name is not None and name not in task.labels}
        expected = f"one of {', '.join(task.labels)}, or null for no label"
        problems += [f"{key}.names.{code} is {name!r}, expected {expected}" for code, name in wrong.items() if task.labels]
    if problems:
        raise ValueError(*problems)
    return labels


@settings
class EmerMapping:
    """The complete file."""

    recordings: RecordingsRule
    labels: Annotated[dict[Literal[*TASK_OF_COLUMN], LabelRule], Field(min_length=1), AfterValidator(_check_labels)]
    face: FaceFiles | None = None
    eye_movements: EyeFiles | None = None
    fixations: FixationFiles | None = None
    surprise_polarity: Literal["positive", "negative"] | None = None

    @model_validator(mode="after")
    def _check(self) -> "EmerMapping":
        if not self.files:
            raise ValueError("face, eye_movements and fixations are all missing; expected at least one")
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(name for name in EMER_TASKS if set(TASKS[name].columns) & set(self.labels))

    @property
    def files(self) -> dict[str, FaceFiles | EyeFiles | FixationFiles]:
        rules = {"face": self.face, "eye_movements": self.eye_movements, "fixations": self.fixations}
        return {name: rule for name, rule in rules.items() if rule is not None}


def read_mapping(path: Path) -> EmerMapping:
    """Raises `EmertInputError` with everything that is wrong in the file."""
    return read_settings(EmerMapping, path)
