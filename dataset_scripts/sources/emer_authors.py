"""EMER in the layout of its authors' code, without a mapping file.

    ROOT/
      face/set1 ... set5/<ID>/*.jpg    face crops of a recording; the sets are the authors' five folds
      eye/<ID>.xlsx                    39 columns of numbers, a row a sample
      new_label.xlsx                   ID, Emotion (0..6), Valence, Arousal, Intensity

ID names a recording. What the codes of Emotion mean, and who is in which recording, is in no file: the user says the first,
and may say the second.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from dataset_scripts.common.settings import Text, check, different, refuse_all, settings
from dataset_scripts.readers.fixation_detection import with_fixations
from dataset_scripts.readers.text.workbook import read_rows
from dataset_scripts.readers.tobii.number_sheet import header_of, read_sheet
from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.emer_faces import read_face_crops
from dataset_scripts.sources.tables import Row, as_recording_id, number_or_name, read_text_rows, repeated
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import FaceTrack, Gaze
from modeling_emert.tasks_emert import EMOTIONS, register_tasks, single_number

LABELS, FACES, EYES = "new_label.xlsx", "face", "eye"
SETS = ("set1", "set2", "set3", "set4", "set5")
# Of Emotion 0..6, as the three README files of the authors list the classes; their code states none.
LABEL_ORDERS = {
    "2023 text": ("happiness", "sadness", "disgust", "anger", "fear", "surprise", "neutral"),
    "2023 list": ("happiness", "sadness", "fear", "disgust", "surprise", "anger", "neutral"),
    "2024": ("happiness", "sadness", "fear", "surprise", "disgust", "anger", "neutral"),
}
BY_PREFIX = "prefix"  # in place of a table of participants: the part of an ID before its first _
_NUMBERS = {"Valence": "valence", "Arousal": "arousal", "Intensity": "intensity"}
_PARTICIPANTS = ("ID", "Participant")


@settings
class AuthorsLayout:
    """What the authors' files leave open. A mapping file with `layout: authors` has the same keys.

    - `label_order`: the class of Emotion 0, 1, ..., 6. `view`: whether the labels are felt (`er`) or shown (`fer`).
    - `participants`: a table (.xlsx, .csv) with the columns ID and Participant, and Stimulus where it is known; or `prefix`.
    - `folds`: the authors' five sets, or folds of participants that are made anew.
    """

    label_order: different(Text)
    layout: Literal["authors"] = "authors"
    view: Literal["er", "fer"] = "er"
    participants: Text | None = None
    folds: Literal["authors", "participants"] = "authors"

    @check
    def _order(self) -> Iterator[str]:
        if sorted(self.label_order) != sorted(EMOTIONS):
            yield f"label_order is {', '.join(self.label_order)}, expected each of {', '.join(EMOTIONS)} once"

    @check
    def _folds(self) -> Iterator[str]:
        if self.folds == "participants" and self.participants is None:
            yield (
                "folds of participants need to know who is who, and no file of EMER says so; give participants, a table "
                f"with the columns {' and '.join(_PARTICIPANTS)}, or {BY_PREFIX} where the IDs begin with the person"
            )


def is_authors_layout(path: Path) -> bool:
    return (path / LABELS).is_file() and (path / FACES).is_dir() and (path / EYES).is_dir()


class EmerAuthorsSource(Source):
    """A licensed copy of EMER as its authors' code reads it."""

    given_folds = (1, 2, 3, 4, 5)
    faces_kept = 10_000  # all: which of them are taken is the network's choice

    def __init__(self, path: Path, mapping: Path | None, layout: AuthorsLayout, emer: type[Source]):
        """`emer`: the source whose name, licence and citation this one has."""
        super().__init__(path, mapping)
        self.layout, self._emer = layout, emer
        for name in ("name", "licence", "redistributable", "citation"):
            setattr(self, name, getattr(emer, name))
        self.gives_sets = layout.folds == "authors"
        if not self.gives_sets:
            self.given_folds = ()
        felt = "felt" if layout.view == "er" else "shown on the face"
        codes = ", ".join(f"{code} {name}" for code, name in enumerate(layout.label_order))
        self.collection = (
            "Participants watched clips that induce emotion; their faces were filmed and their eyes tracked. The files lay as "
            "the authors' code reads them. Emotion is one column there, of which the user of this copy said that it is what "
            f"was {felt} (tasks {', '.join(self.tasks)}), and that its codes are {codes}."
        )
        self.lacks = (
            "Its code states neither the order of the classes nor which of felt and shown the labels are. "
            + ("" if layout.participants else "Who is in which recording is not known, so each counts as its own participant. ")
            + "The frames have no times. The 39 numbers of the eye tracker are kept as they stand in eye_sheet, and those of "
            "known names are in eye_movements too."
        )

    def __reduce__(self) -> tuple:
        return type(self), (self.path, self.mapping, self.layout, self._emer)

    @cached_property
    def _rows(self) -> list[Row]:
        """Of the table of labels. Raises `EmertInputError`."""
        cut: list[str] = []
        table = read_text_rows(self.path / LABELS, cut, separators="\t")
        lacking = [name for name in ("ID", "Emotion") if name not in table.columns]
        if lacking:
            cut.append(f"there is no column {' and no '.join(lacking)}, only {', '.join(table.columns)}")
        refuse_all(self.path / LABELS, cut, "correct the table")
        return [row for _, row in table.rows]

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        columns = set(self._rows[0]) if self._rows else set()
        view, single = self.layout.view, ()
        if {"Valence", "Arousal"} <= columns:
            single = register_tasks([single_number(view, "valence"), single_number(view, "arousal")])
        found = (f"{view}7", *([f"{view}_va"] if single else []), *(["fer_intensity"] if "Intensity" in columns else []))
        return (*found, *single)

    def entries(self) -> list[Entry]:
        """One for each folder of faces in a set. Raises `EmertInputError` with all that is missing or wrong."""
        errors: list[str] = []
        folders = self._folders(errors)
        by_name = {row["ID"]: row for row in self._rows}
        errors += [f"{LABELS}: ID {name!r} comes twice" for name in repeated([row["ID"] for row in self._rows])]
        people = self._participants(errors)
        entries = []
        for name, (fold, folder) in folders.items():
            sheet = self.path / EYES / f"{name}.xlsx"
            if not sheet.is_file():
                errors.append(f"{EYES}/{name}.xlsx does not exist, which {FACES}/{SETS[fold - 1]}/{name} needs")
            if name not in by_name:
                errors.append(f"{LABELS} has no row for ID {name!r}, which {FACES}/{SETS[fold - 1]} has")
                continue
            participant, stimulus = people.get(name, (name, name))
            labels = dict(self._labels(by_name[name], name, errors))
            entries.append(Entry(as_recording_id(name), participant, stimulus, labels, folder, (str(sheet),), fold=fold))
        errors += [f"two IDs become {name} without spaces" for name in repeated([entry.recording_id for entry in entries])]
        refuse_all(self.path, errors, "correct the files")
        if unused := sorted(set(by_name) - set(folders)):
            self.notes = (f"{len(unused)} rows of {LABELS} have no folder in {FACES}/set1..set5, such as {unused[0]!r}",)
        return sorted(entries, key=lambda entry: entry.recording_id)

    def _folders(self, errors: list[str]) -> dict[str, tuple[int, Path]]:
        """ID -> set (counted from 1) and folder of the faces."""
        found: dict[str, tuple[int, Path]] = {}
        for fold, name in enumerate(SETS, start=1):
            place = self.path / FACES / name
            if not place.is_dir():
                errors.append(f"{FACES}/{name} does not exist, one of the authors' five sets")
                continue
            for folder in sorted(one for one in place.iterdir() if one.is_dir()):
                if folder.name in found:
                    errors.append(f"{FACES}/{name}/{folder.name} is in {SETS[found[folder.name][0] - 1]} too")
                found[folder.name] = fold, folder
        return found

    def _participants(self, errors: list[str]) -> dict[str, tuple[str, str]]:
        """ID -> participant and stimulus; empty where nobody says."""
        where = self.layout.participants
        if where is None:
            return {}
        names = [row["ID"] for row in self._rows]
        if where == BY_PREFIX:
            errors += [f"ID {name!r} has no _ after the person" for name in names if not name.partition("_")[2]]
            return {name: (name.partition("_")[0], name.partition("_")[2] or name) for name in names}
        table = read_text_rows(Path(where) if Path(where).is_file() else self.path / where, errors, separators=",;\t")
        if lacking := [name for name in _PARTICIPANTS if name not in table.columns]:
            raise EmertInputError(f"{where}: no column {' and no '.join(lacking)}, only {', '.join(table.columns)}; correct it")
        found = {row["ID"]: (row["Participant"], row.get("Stimulus") or row["ID"]) for _, row in table.rows}
        errors += [f"{where} has no participant for ID {name!r}" for name in names if not found.get(name, ("",))[0]]
        return found

    def _labels(self, row: Row, name: str, errors: list[str]) -> Iterator[tuple[str, str | float]]:
        """Label column and label."""
        view, code = self.layout.view, number_or_name(row["Emotion"])
        if code in range(len(EMOTIONS)):
            yield f"{view}7", self.layout.label_order[int(code)]
        elif code != "":
            errors.append(f"{LABELS}: Emotion of {name!r} is {row['Emotion']!r}, expected 0..{len(EMOTIONS) - 1}")
        for column, label in _NUMBERS.items():
            value = number_or_name(row.get(column, ""))
            if isinstance(value, str):
                errors += [f"{LABELS}: {column} of {name!r} is {value!r}, expected a number"] * bool(value)
            elif label == "intensity":
                yield "fer_intensity", value
            elif f"{view}_va" in self.tasks:
                yield f"{view}_{label}", value
                yield single_number(view, label)["name"], value

    @cached_property
    def _first_sheet(self) -> Path:
        sheets = sorted((self.path / EYES).glob("*.xlsx"))
        if not sheets:
            raise EmertInputError(f"{self.path / EYES}: no .xlsx file, where the eye tracker's sheets are expected")
        return sheets[0]

    @cached_property
    def sheet_columns(self) -> tuple[str, ...]:
        """Names of the 39 columns, of the first sheet, whose order the others must have. Raises `EmertInputError`."""
        return header_of(self._first_sheet, next(read_rows(self._first_sheet), []))

    def load_gaze(self, entry: Entry) -> Gaze:
        return with_fixations(read_sheet(Path(entry.location[0]), self.sheet_columns, f"{EYES}/{self._first_sheet.name}"))

    def load_face(self, entry: Entry, count: int) -> FaceTrack:
        return read_face_crops(entry.video, count)


def refuse_without_order(path: Path) -> EmertInputError:
    """The error for a copy without the order of its classes."""
    orders = "; ".join(f"{','.join(order)} ({name})" for name, order in LABEL_ORDERS.items())
    return EmertInputError(
        f"{path / LABELS}: Emotion is a code 0..6, whose order the authors' code does not state and their README files give in "
        f"three ways: {orders}. Ask them, or look at faces of each code; then give --label-order with one of these"
    )
