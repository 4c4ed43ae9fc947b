"""The mapping file of source `emer`: where the faces, eye data, fixations and labels of somebody's copy lie.

Holders of EMER have it under an agreement, and its layout on disk is published nowhere, so the holder describes it. The file
is YAML; `emert data mapping` prints an example with every key explained, which is `emer_example.yaml` beside this module.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator

from dataset_scripts.common.settings import (
    Flag,
    Positive,
    Range,
    Text,
    at_least_one,
    check,
    expected,
    keyed,
    number,
    read_settings,
    settings,
)
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


def _columns(names: tuple[str, ...], needed: bool = False) -> Any:
    """Columns by our names. `in_our_order` stands for all of them."""

    def numbered(value: object) -> object:
        if not isinstance(value, dict) and value != "in_our_order":
            raise expected("in_our_order, or `key: value` lines")
        return value if isinstance(value, dict) else {name: index for index, name in enumerate(names)}

    return Annotated[keyed(dict.fromkeys(names, _Column), needed), BeforeValidator(numbered)]


@settings
class RecordingsRule:
    """The table, and its columns: of the recording's id, and of the participant and the stimulus. Where `delimiter` is given
    instead of these two, the id is both with the delimiter between them."""

    table: Text
    id: Text
    participant: Text | None = None
    stimulus: Text | None = None
    delimiter: Text | None = None

    @check
    def _names(self) -> Iterator[str]:
        named = (self.participant is not None) + (self.stimulus is not None)
        if named != (2 if self.delimiter is None else 0):
            yield "expected both participant and stimulus, or delimiter instead of them"


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

    @check
    def _times(self) -> Iterator[str]:
        if (self.time is None) == (self.samples_per_second is None) and self.columns is not None:
            yield "expected either time or samples_per_second with columns"


@settings
class FixationFiles:
    """As `EyeFiles`."""

    files: Text
    columns: _columns(FIXATION_COLUMNS, needed=True) | None = None
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


def _label_of(task: Task) -> Any:
    """The rule of one of the task's labels."""

    def checked(rule: LabelRule) -> LabelRule:
        problems = []
        other = "names" if task.kind == "regression" else "range"
        if getattr(rule, other) is not None:
            problems.append(f"{other} is for labels of {'classes' if other == 'names' else 'numbers'}; leave it out")
        wrong = {code: name for code, name in (rule.names or {}).items() if name is not None and name not in task.labels}
        known = f"one of {', '.join(task.labels)}, or null for no label"
        problems += [f"names.{code} is {name!r}, expected {known}" for code, name in wrong.items() if other == "range"]
        if problems:
            raise ValueError(*problems)
        return rule

    return Annotated[LabelRule, AfterValidator(checked)]


@settings
class EmerMapping:
    """The complete file."""

    recordings: RecordingsRule
    labels: Annotated[keyed({column: _label_of(task) for column, task in TASK_OF_COLUMN.items()}), AfterValidator(at_least_one)]
    face: FaceFiles | None = None
    eye_movements: EyeFiles | None = None
    fixations: FixationFiles | None = None
    surprise_polarity: Literal["positive", "negative"] | None = None

    @check
    def _modalities(self) -> Iterator[str]:
        if not self.files:
            yield "face, eye_movements and fixations are all missing; expected at least one"

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
