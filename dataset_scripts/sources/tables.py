"""`recordings.csv`: one row a recording, with its ids, its files and its labels. Shared by the sources that have one."""

from pathlib import Path

import pandas as pd

from dataset_scripts.source import Entry
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import get_task

_REQUIRED = ("recording_id", "participant", "stimulus", "video", "gaze")


def read_recordings_table(path: Path, tasks: tuple[str, ...]) -> list[Entry]:
    """Entries of a `recordings.csv`: `recording_id, participant, stimulus, video, gaze` and the tasks' label columns.

    `video` and `gaze` are paths relative to the file's folder, or empty; an empty label is an absent one.

    Raises:
        EmertInputError: the file or a column is missing, an id comes twice or holds other characters than letters,
            digits, `-` and `_`, a file lies outside the folder or is not there.
    """
    table = _read(path)
    label_columns = [column for task in tasks for column in get_task(task).columns if column in table]
    entries = [_entry(path, row, label_columns) for row in table.to_dict("records")]
    return sorted(entries, key=lambda entry: entry.recording_id)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise EmertInputError(f"{path}: no such file; a source needs a recordings.csv")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise EmertInputError(f"{path}: not a CSV table ({str(error).splitlines()[0]})") from error
    missing = [column for column in _REQUIRED if column not in table]
    if missing:
        raise EmertInputError(f"{path}: column {', '.join(missing)} is missing; found {', '.join(table.columns)}")
    ids = table["recording_id"]
    if ids.duplicated().any():
        raise EmertInputError(f"{path}: recording_id {ids[ids.duplicated()].iloc[0]!r} comes twice")
    wrong = ids[~ids.str.fullmatch(r"[A-Za-z0-9_-]+")]
    if len(wrong):
        raise EmertInputError(f"{path}: recording_id {wrong.iloc[0]!r}: only letters, digits, - and _ are allowed")
    for name in ("participant", "stimulus"):
        table[name] = table[name].str.strip()  # "p1 " is no other person than "p1", and splits go by these names
        if (table[name] == "").any():
            raise EmertInputError(f"{path}: recording {ids[table[name] == ''].iloc[0]}: {name} is empty; splits need it")
    return table


def _entry(path: Path, row: dict[str, str], label_columns: list[str]) -> Entry:
    files = {kind: _inside(path, row, kind) for kind in ("video", "gaze")}
    labels: dict[str, str | float] = {}
    for column in label_columns:
        if row[column] != "":
            labels[column] = _number_or_name(row[column])
    return Entry(
        recording_id=row["recording_id"],
        participant=row["participant"],
        stimulus=row["stimulus"],
        labels=labels,
        video=files["video"],
        location=(str(files["gaze"]) if files["gaze"] else "",),
    )


def _number_or_name(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _inside(path: Path, row: dict[str, str], kind: str) -> Path | None:
    """The file that a row names, which must lie in the table's folder."""
    if row[kind] == "":
        return None
    try:
        file = (path.parent / row[kind]).resolve()
        inside, exists = file.is_relative_to(path.parent.resolve()), file.is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL in it
        inside, exists = True, False
    if not inside:
        raise EmertInputError(f"{path}: {row['recording_id']}: {kind} {row[kind]!r} lies outside the folder")
    if not exists:
        raise EmertInputError(f"{path}: {row['recording_id']}: {kind} {row[kind]!r} does not exist")
    return file
