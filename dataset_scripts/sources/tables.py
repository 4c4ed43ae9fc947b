"""Tables and JSON files of recordings, read with checks; `recordings.csv` has ids, files and labels, a row a recording."""

import csv
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dataset_scripts.common.settings import Problem, refuse_all
from dataset_scripts.readers.text.workbook import is_workbook, text_chunks
from dataset_scripts.sources.base import Entry
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import BIG_FIVE, BIG_FIVE_RANGE, STIMULUS_EMOTION
from modeling_emert.tasks_emert import EMOTIONS, Task, get_task, tasks_with

MAX_BYTES = 1 << 26  # of a table or a JSON file
REQUIRED = ("recording_id", "participant", "stimulus")
FILES = ("video", "gaze", "image", "action_units")
# Names in a gaze file of several recordings, where they differ from the table's.
GAZE_NAMES = ("gaze_participant", "gaze_stimulus")
STIMULUS_FRAME = "stimulus_frame"
_BESIDE_LABELS = (*BIG_FIVE, STIMULUS_EMOTION, STIMULUS_FRAME, *GAZE_NAMES)
RECORDING_ID = re.compile(r"[A-Za-z0-9_-]+")
_ALIKE = 0.85  # `difflib` ratio from which a name is taken for a misspelled one: "gazes" and "partcipant", not "age"
_REMEDY = "correct the table"

Row = dict[str, str]


@dataclass
class TextRows:
    """A CSV table as text: its column names, and its rows with the numbers of their lines (the header is line 1)."""

    columns: list[str]
    rows: list[tuple[int, Row]] = field(default_factory=list)


def read_text_rows(path: Path, errors: list[str], separators: str = ",") -> TextRows:
    """The complete table, each cell without surrounding spaces; empty lines are skipped.

    Rows with more or fewer cells than the header are left out and named in `errors`: a truncated row would look like
    one without labels. `separators`: the one that splits the header into the most cells is taken. Raises `EmertInputError`.
    """
    if not path.is_file():
        raise EmertInputError(f"{path}: no such file; a source needs a {path.name}")
    if path.stat().st_size > MAX_BYTES:
        raise EmertInputError(f"{path} has more than {MAX_BYTES:,} bytes, as no table of recordings does; give another")
    try:
        if is_workbook(path):
            text, separators = b"".join(text_chunks(path)).decode(), "\t"
        else:
            text = path.read_text(encoding="utf-8-sig")
        first = text.split("\n", 1)[0]
        reader = csv.reader(text.splitlines(keepends=True), delimiter=max(separators, key=first.count), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except (csv.Error, UnicodeDecodeError) as error:
        raise EmertInputError(f"{path}: not a CSV table in UTF-8 ({error}); save it as such") from error
    if not lines:
        raise EmertInputError(f"{path}: empty; expected a header and one row for each recording")
    table = TextRows(lines[0][1])
    for number, cells in lines[1:]:
        if len(cells) != len(table.columns):
            errors.append(Problem(f"line {number}", f"{len(cells)} cells, where the header has {len(table.columns)}"))
        else:
            table.rows.append((number, dict(zip(table.columns, cells, strict=True))))
    return table


def read_recordings_table(
    path: Path, tasks: tuple[str, ...], big_five_range: tuple[float, float] = BIG_FIVE_RANGE
) -> list[Entry]:
    """Entries of a `recordings.csv`: `recording_id, participant, stimulus`, `FILES` and the tasks' label columns.

    Further columns: the Big Five (within `big_five_range`, which becomes 0..1), `stimulus_emotion`, `stimulus_frame`, and
    `gaze_participant`, `gaze_stimulus`. Others are not read (see `note_unread_columns`). Files are relative to the table's
    folder, or empty; an empty label is an absent one.
    `Entry.video` is the video or the image; `Entry.location` the gaze file and the two names in it, "" where there are none,
    and the file of action units where there is one.

    Raises `EmertInputError` with the errors (those of one cause once, at most ten) of the columns, the number of cells, the
    ids, the files (one outside of the folder is refused) and the values.
    """
    errors: list[str] = []
    table = read_text_rows(path, errors, separators=",;\t")
    refuse_all(path, check_columns(table.columns, tasks), _REMEDY)
    columns = {column: get_task(task) for task in tasks for column in get_task(task).columns if column in table.columns}
    entries = [_RowReader(path.parent, row, number, errors).entry(columns, big_five_range) for number, row in table.rows]
    errors += [f"recording_id {name!r} comes twice" for name in repeated([entry.recording_id for entry in entries])]
    refuse_all(path, errors, _REMEDY)
    return sorted(entries, key=lambda entry: entry.recording_id)


def check_columns(columns: list[str], tasks: tuple[str, ...] = ()) -> list[str]:
    """Errors of the header, whose labels are of the built-in tasks and the own ones among `tasks`.

    An unknown column is refused where it looks like a known one, since it may be a misspelled label; others are left out
    (see `note_unread_columns`).
    """
    if len(columns) == 1 and (mark := next((mark for mark in ";\t|" if mark in columns[0]), None)):
        return [f"the columns are separated by {mark!r}, where commas are expected: save it as CSV with commas"]
    missing = [name for name in REQUIRED if name not in columns]
    known = known_columns(tasks)
    errors = [f"column {name} comes twice" for name in repeated(columns) if name in known]
    if missing:
        errors.append(f"column {', '.join(missing)} is missing (found {', '.join(columns)})")
    if not set(FILES) & set(columns):
        errors.append(f"there is neither a column {' nor '.join(FILES)}")
    for name in _unread_columns(columns, tasks):
        if meant := _meant_column(name, columns, known):
            errors.append(f"column {name!r} is unknown (did you mean {meant!r}?)")
    return errors


def note_unread_columns(columns: list[str], tasks: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A note for the data set that names the columns which are not read (`Source.notes`); empty where there are none."""
    unread = ", ".join(map(repr, _unread_columns(columns, tasks)))
    return (f"columns of recordings.csv that a data set does not take: {unread}",) if unread else ()


def _unread_columns(columns: list[str], tasks: tuple[str, ...]) -> list[str]:
    known = known_columns(tasks)
    return [name for name in dict.fromkeys(columns) if name not in known]


def known_columns(tasks: tuple[str, ...] = ()) -> tuple[str, ...]:
    labels = [column for task in tasks_with(tasks) for column in task.columns]
    return (*REQUIRED, *FILES, *labels, *_BESIDE_LABELS)


def _meant_column(name: str, columns: list[str], known: tuple[str, ...]) -> str | None:
    """The known column that differs by case, spaces or marks only, or one that is alike and not in the table itself."""
    plain = {re.sub(r"[\W_]", "", column.lower()): column for column in known}
    given = re.sub(r"[\W_]", "", name.lower())
    absent = [short for short, column in plain.items() if column not in columns]
    alike = [given] if given in plain else get_close_matches(given, absent, n=1, cutoff=_ALIKE)
    return plain[alike[0]] if alike else None


def as_recording_id(name: str) -> str:
    """A name of a source as a recording's id: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


@dataclass(frozen=True)
class _RowReader:
    """One row; its errors are added to `errors`."""

    folder: Path
    row: Row
    line: int
    errors: list[str]

    def entry(self, label_columns: dict[str, Task], big_five_range: tuple[float, float]) -> Entry:
        row = self.row
        if not RECORDING_ID.fullmatch(row["recording_id"]):
            self._add_error(f"recording_id {row['recording_id']!r}: only letters, digits, - and _ are allowed")
        for name in ("participant", "stimulus"):
            if row[name] == "":
                self._add_error(f"{name} is empty; splits need it", f"recording {row['recording_id']}")
        video, gaze, image, units, frame = (self._file(kind) for kind in (*FILES, STIMULUS_FRAME))
        if video and image:
            self._add_error("a video and an image, where one of them is expected", f"recording {row['recording_id']}")
        return Entry(
            recording_id=row["recording_id"],
            participant=row["participant"],
            stimulus=row["stimulus"],
            labels={column: _label(row[column], task) for column, task in label_columns.items() if row[column] != ""},
            video=video or image,
            location=(str(gaze) if gaze else "", *(row.get(name, "") for name in GAZE_NAMES), *([str(units)] if units else [])),
            context=self._context(big_five_range),
            stimulus_frame=frame,
        )

    def _context(self, big_five_range: tuple[float, float]) -> dict[str, str | float]:
        context: dict[str, str | float] = {}
        low, high = big_five_range
        for name in BIG_FIVE:
            if self.row.get(name):
                value = number_or_name(self.row[name])
                if isinstance(value, float) and low <= value <= high:
                    context[name] = (value - low) / (high - low)
                else:
                    self._add_error(f"{name} is {self.row[name]!r}, where a number in [{low:g}, {high:g}] is expected")
        emotion = self.row.get(STIMULUS_EMOTION)
        if emotion:
            context[STIMULUS_EMOTION] = emotion
            if emotion not in EMOTIONS:
                self._add_error(f"{STIMULUS_EMOTION} is {emotion!r}, where one of {', '.join(EMOTIONS)} is expected")
        return context

    def _file(self, kind: str) -> Path | None:
        name = self.row.get(kind)
        if not name:
            return None
        file, wrong = file_inside(self.folder, name, folders=kind == "gaze")
        if wrong:
            self._add_error(f"{kind} {name!r} {wrong}", self.row["recording_id"])
        return file

    def _add_error(self, what: str, name: str = "") -> None:
        self.errors.append(Problem(f"line {self.line}: {name}" if name else f"line {self.line}", what))


def _label(text: str, task: Task) -> str | float:
    """A class may be called 1."""
    return text if text in task.labels and task.kind == "classification" else number_or_name(text)


def number_or_name(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def file_inside(folder: Path, name: str, folders: bool = False) -> tuple[Path | None, str | None]:
    """The file (with `folders` also: the folder) of that name, which must be in `folder`; or the error."""
    try:
        file = (folder / name).resolve()
        inside = file.is_relative_to(folder.resolve())
        exists = file.is_file() or (folders and file.is_dir() and file != folder.resolve())
    except (OSError, ValueError):  # too long a name, or a NUL in it
        return None, "does not exist"
    if not inside:
        return None, f"lies outside the folder{_by_link(folder, folder / name)}"
    return (file, None) if exists else (None, "does not exist")


def _by_link(folder: Path, file: Path) -> str:
    """Which link leads out of the folder, as the end of a sentence with the remedy; "" where none does.

    Of a link in place of a single file the target is not named, so that the sentence is the same for all files.
    """
    beneath = [place for place in (file, *file.parents) if place != folder and place.is_relative_to(folder)]
    links = (place for place in reversed(beneath) if place.is_symlink())
    link = next((link for link in links if not link.resolve().is_relative_to(folder.resolve())), None)
    if link is None:
        return ""
    what, place = f"{str(link.relative_to(folder))!r}", f" to {str(link.resolve())!r},"
    if link == file:
        what, place = "it", ""
    remedy = "put the files themselves or hard links there, or give as --path the folder that holds them all"
    return f": {what} is a link that leads{place} outside of it; {remedy}"


def load_json(file: Path) -> Any:
    """The content of the file. Raises `EmertInputError`: it does not exist, is too large, or is no JSON."""
    if not file.is_file():
        raise EmertInputError(f"{file} does not exist; get the whole data set, and give its folder")
    if file.stat().st_size > MAX_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_BYTES:,} bytes, as none of the data set has; get it anew")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise EmertInputError(f"{file} is no JSON ({str(error)[:80]}); get it anew") from error


def json_field(record: Any, name: str, kind: type, file: Path) -> Any:
    """`record[name]`. Raises `EmertInputError` where it is not of that type: list, str, or float for a finite number."""
    value = record.get(name) if isinstance(record, dict) else None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if kind is float or not isinstance(value, kind):
        wanted = {list: "a list", str: "a text", float: "a number"}[kind]
        raise EmertInputError(f"{file} has {str(value)[:40]!r} as {name}, where {wanted} is expected; get it anew")
    return value
