"""The mapping file of source `emer`: where the faces, eye data, fixations and labels of somebody's copy lie.

Who holds EMER has it under an agreement and in a layout that is published nowhere, so that the holder says it. The file is
YAML; `emert data mapping` prints an example with every key explained, which is `emer_example.yaml` beside this module.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from dataset_scripts.common.yaml_fields import REQUIRED, Fields, describe, is_number, read_yaml
from dataset_scripts.sources.array_columns import ColumnRule
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.tasks_emert import EMER_TASKS, TASKS, Task

EXAMPLE = Path(__file__).with_name("emer_example.yaml")
IN_OUR_ORDER = "in_our_order"
FIXATION_COLUMNS = ("x", "y", "start", "duration")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
TASK_OF_COLUMN: dict[str, Task] = {column: TASKS[name] for name in EMER_TASKS for column in TASKS[name].columns}


@dataclass(frozen=True)
class RecordingsRule:
    """The table, and its columns: of the recording's id, and of the participant and the stimulus; or, where `delimiter` is
    given instead of these two, the id is both with this between them."""

    table: str
    id: str
    participant: str | None
    stimulus: str | None
    delimiter: str | None


@dataclass(frozen=True)
class FilesRule:
    """Files of one modality. `{column}` in `files` stands for the cell of that column of the table.

    - `columns`: by our names, where the files are plain arrays; None: an eye tracker's export that the readers know.
    - `time` or `samples_per_second`: when each sample was, of arrays of eye movements.
    - `missing`: numbers that stand for a missing value.
    - `frames_per_second`, `cropped`: of folders of face pictures.
    """

    files: str
    columns: dict[str, ColumnRule] | None = None
    time: ColumnRule | None = None
    samples_per_second: float | None = None
    missing: tuple[float, ...] = ()
    frames_per_second: float | None = None
    cropped: bool = False


@dataclass(frozen=True)
class LabelRule:
    """One label: its column of the table; for classes our names by the table's codes; for numbers the table's range."""

    task: Task
    column: str
    names: dict[str, str | None] | None
    range: tuple[float, float] | None


@dataclass
class EmerMapping:
    """The whole file. Parts that are None are absent, or wrong: then `mistakes` says what is."""

    recordings: RecordingsRule | None = None
    face: FilesRule | None = None
    eye_movements: FilesRule | None = None
    fixations: FilesRule | None = None
    labels: dict[str, LabelRule] = field(default_factory=dict)
    surprise_polarity: str | None = None
    mistakes: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(name for name in EMER_TASKS if set(TASKS[name].columns) & set(self.labels))

    @property
    def files(self) -> dict[str, FilesRule]:
        rules = {"face": self.face, "eye_movements": self.eye_movements, "fixations": self.fixations}
        return {name: rule for name, rule in rules.items() if rule is not None}


def read_mapping(path: Path) -> EmerMapping:
    """The file, and all that is wrong with it by itself. Raises `EmertInputError` where it is no YAML at all."""
    mapping = EmerMapping()
    top = Fields(read_yaml(path), mapping.mistakes)
    if recordings := top.section("recordings"):
        mapping.recordings = _recordings(recordings)
    if face := top.section("face", default=None):
        mapping.face = _face(face)
    if eyes := top.section("eye_movements", default=None):
        mapping.eye_movements = _eye_movements(eyes)
    if fixations := top.section("fixations", default=None):
        mapping.fixations = _fixations(fixations)
    if not {"face", "eye_movements", "fixations"} & set(top.keys):
        mapping.mistakes.append("face, eye_movements and fixations are all missing (at least one is expected)")
    if labels := top.section("labels"):
        mapping.labels = _labels(labels)
    mapping.surprise_polarity = top.choice("surprise_polarity", ("positive", "negative"), default=None)
    top.done()
    return mapping


def _recordings(fields: Fields) -> RecordingsRule | None:
    table, id_column = fields.text("table"), fields.text("id")
    split = "delimiter" in fields
    delimiter = fields.text("delimiter", default=None)
    participant, stimulus = (fields.text(key, default=None if split else REQUIRED) for key in ("participant", "stimulus"))
    if split and (participant or stimulus):
        fields.wrong("delimiter", delimiter, "either this, or both participant and stimulus,")
    fields.done()
    whole = table and id_column and (delimiter or (participant and stimulus))
    return RecordingsRule(table, id_column, participant, stimulus, delimiter) if whole else None


def _face(fields: Fields) -> FilesRule | None:
    files = fields.text("files")
    rate, cropped = fields.positive("frames_per_second", default=None), fields.flag("cropped", default=False)
    fields.done()
    return FilesRule(files, frames_per_second=rate, cropped=bool(cropped)) if files else None


def _eye_movements(fields: Fields) -> FilesRule | None:
    files = fields.text("files")
    columns = _columns(fields, COLUMN_NAMES, needed=())
    time = _column_rule(fields, "time") if "time" in fields else None
    rate, missing = fields.positive("samples_per_second", default=None), fields.numbers("missing", default=())
    if "columns" in fields and ("time" in fields) == ("samples_per_second" in fields):
        fields.wrong("time", fields.value("time"), "either this or samples_per_second with columns")
    fields.value("time")
    fields.done()
    return FilesRule(files, columns, time, rate, tuple(missing or ())) if files else None


def _fixations(fields: Fields) -> FilesRule | None:
    files, columns = fields.text("files"), _columns(fields, FIXATION_COLUMNS, needed=FIXATION_COLUMNS)
    missing = fields.numbers("missing", default=())
    fields.done()
    return FilesRule(files, columns, missing=tuple(missing or ())) if files else None


def _columns(fields: Fields, known: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, ColumnRule] | None:
    """By our names; None where there are none, so that the files are a tracker's own export."""
    if fields.value("columns") == IN_OUR_ORDER:
        return {name: ColumnRule(index) for index, name in enumerate(known)}
    section = fields.section("columns", default=None)
    if section is None:
        return None
    for name in needed:
        if name not in section:
            section.mistakes.append(f"{section.where}.{name} is missing ({', '.join(needed)} are expected)")
    unknown = [name for name in section.keys if name not in known]
    if unknown:
        section.mistakes.append(
            f"{section.where} has {', '.join(map(repr, unknown))}, which are none of our columns (see `emert data columns`)"
        )
    rules = {name: _column_rule(section, name) for name in section.keys if name in known}
    return {name: rule for name, rule in rules.items() if rule}


def _column_rule(fields: Fields, key: str) -> ColumnRule | None:
    """`LX`, `0`, or `{column: LX, divide_by: 1920}`."""
    value = fields.value(key)
    divide_by = 1.0
    if isinstance(value, dict):
        section = Fields(value, fields.mistakes, key)
        divide_by, value = section.positive("divide_by", default=1.0), section.value("column")
        section.done()
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value < 0):
        fields.wrong(key, value, "a column's name, or its number from 0 in an array,")
        return None
    return ColumnRule(value, divide_by) if divide_by else None


def _labels(fields: Fields) -> dict[str, LabelRule]:
    rules = {}
    for key in fields.keys:
        if key not in TASK_OF_COLUMN:
            fields.mistakes.append(f"labels.{key} is unknown (known are {', '.join(TASK_OF_COLUMN)})")
        elif section := fields.section(key):
            rules[key] = _label(section, TASK_OF_COLUMN[key])
    if not fields.keys:
        fields.mistakes.append(f"labels is empty (at least one of {', '.join(TASK_OF_COLUMN)} is expected)")
    return {key: rule for key, rule in rules.items() if rule}


def _label(fields: Fields, task: Task) -> LabelRule | None:
    column, names, range_ = fields.text("column"), None, task.range
    if task.kind == "regression":
        range_ = fields.range("range", default=task.range)
    elif section := fields.section("names", default=None):
        names = {_code(key): section.value(key) for key in section.keys}
        for code, name in names.items():
            if name is not None and name not in task.labels:
                section.wrong(code, name, f"one of {', '.join(task.labels)}, or null for no label,")
    fields.done()
    return LabelRule(task, column, names, range_) if column and (range_ or task.kind == "classification") else None


def _code(key: object) -> str:
    """A class's code as the table has it: YAML reads 0 as a number."""
    return str(key) if isinstance(key, str) or is_number(key) else describe(key)
