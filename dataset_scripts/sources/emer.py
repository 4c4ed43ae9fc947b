"""EMER: felt (ER) and shown (FER) emotion of 121 people watching clips, with their faces and eyes.

Nobody of this project holds EMER: it is given to those who sign its agreement. A copy in the layout that the authors' code
reads is recognised (see `emer_authors`); of any other a mapping file says how it lies (see `emer_mapping`), and so of one with
both views, felt and shown. This reader has been tested on generated recordings alone.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.common.settings import read_settings, refuse_all
from dataset_scripts.common.strict_yaml import read_yaml
from dataset_scripts.readers import read_gaze
from dataset_scripts.readers.clock import rising
from dataset_scripts.readers.eye_events import tidy_fixations
from dataset_scripts.readers.samples import stack_columns
from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.emer_authors import (
    EYES,
    FACES,
    LABELS,
    AuthorsLayout,
    EmerAuthorsSource,
    is_authors_layout,
    refuse_without_order,
)
from dataset_scripts.sources.emer_files import load_frame_folder, read_array_columns
from dataset_scripts.sources.emer_mapping import (
    FIXATION_COLUMNS,
    PLACEHOLDER,
    TASK_OF_COLUMN,
    EmerMapping,
    EyeFiles,
    FaceFiles,
    FixationFiles,
    LabelRule,
    read_mapping,
)
from dataset_scripts.sources.tables import Row, as_recording_id, file_inside, number_or_name, read_text_rows, repeated
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import FaceTrack, Gaze

MOST_ERRORS = 40  # they come in groups, one a column or kind of file


class EmerSource(Source):
    """A licensed copy of EMER, as the mapping file describes it."""

    name = "emer"
    tasks = ()  # the object's own follow from the mapping's labels
    licence = "EULA of the EMER data set: academic and non-commercial use, not to be passed on in any form"
    redistributable = False
    citation = "EMER: arXiv 2411.05879; EMERT: arXiv 2512.16485 (IEEE Transactions on Multimedia)"
    collection = (
        "121 people watched clips that induce emotion; their faces were filmed and their eyes tracked, and each of the 1,303 "
        "recordings was labelled with what was felt and with what the face shows."
    )
    lacks = (
        "The meaning of its 39 columns of eye movements and the order of its classes are published nowhere: they are as the "
        "holder's mapping file says. That the seven tasks are the paper's seven protocols is our reading."
    )
    mapping_name = "emer.yaml"

    @classmethod
    def open(cls, path: Path, mapping: Path | None = None, **options: Any) -> Source:
        """By the mapping file, or else in the authors' layout: then `options` are those of `AuthorsLayout`."""
        file = mapping or path / cls.mapping_name
        if file.is_file() and read_yaml(file)[0].get("layout") == "authors":
            if options:
                raise EmertInputError(
                    f"{file}: has `layout: authors`; {', '.join(options)} must stand there, leave it out here"
                )
            return EmerAuthorsSource(path, mapping, read_settings(AuthorsLayout, file), cls)
        if file.is_file() or mapping is not None or not is_authors_layout(path):
            return super().open(path, mapping, **options)
        if "label_order" not in options:
            raise refuse_without_order(path)
        return EmerAuthorsSource(path, mapping, AuthorsLayout(**options), cls)

    def __init__(self, path: Path, mapping: Path | None = None):
        super().__init__(path, mapping or path / self.mapping_name)
        if not self.mapping.is_file():
            raise EmertInputError(
                f"{self.mapping}: no such file, and {path} is not in the authors' layout ({FACES}/set1.., {EYES}, {LABELS}), "
                "so source emer needs a mapping file that says how it lies; begin with the example that `emert data mapping` "
                "prints, and save it there or give it as --mapping"
            )
        self._layout = read_mapping(self.mapping)
        self.tasks = self._layout.tasks
        self.surprise_polarity = self._layout.surprise_polarity

    def entries(self) -> list[Entry]:
        """One for each row of the table. Raises `EmertInputError` with all that is wrong in the table or not where it says."""
        reader = _TableReader(self.path, self._layout)
        entries = reader.entries()
        errors = [_sentence(kind, found) for kind, found in reader.errors.items()]
        refuse_all(self.mapping, errors, "correct the mapping file or what it names", MOST_ERRORS)
        return sorted(entries, key=lambda entry: entry.recording_id)

    def load_face(self, entry: Entry, count: int) -> FaceTrack | None:
        rule = self._layout.face
        if rule is None or entry.video is None or entry.video.is_file():
            return super().load_face(entry, count)
        if rule.frames_per_second is None:
            raise EmertInputError(f"{entry.video} is a folder; add face.frames_per_second to {self.mapping}")
        return load_frame_folder(entry.video, count, rule.frames_per_second, rule.cropped)

    def load_gaze(self, entry: Entry) -> Gaze | None:
        eyes, fixations = entry.location
        gaze = _load_eyes(Path(eyes), self._layout.eye_movements) if eyes else None
        if not fixations:
            return gaze
        notes: list[str] = []
        found = _load_fixations(Path(fixations), self._layout.fixations, notes)
        if gaze is None:
            return Gaze(fixations=found, format=self.name, notes=notes)
        return replace(gaze, fixations=found, fixation_method="export", notes=[*gaze.notes, *notes])


def _sentence(kind: str, found: list[str]) -> str:
    """What is wrong in the same way many times over, with the first three."""
    names = list(dict.fromkeys(found))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind}: {', '.join(names[:3])}{more}" if names else kind


def _load_eyes(file: Path, rule: EyeFiles) -> Gaze:
    if rule.columns is None:
        return read_gaze(file)
    timed = {"time": rule.time} if rule.time else {}
    columns = read_array_columns(file, timed | rule.columns, rule.missing)
    rows = len(next(iter(columns.values())))
    times = columns.pop("time") if rule.time else np.arange(rows) * (1000 / rule.samples_per_second)
    order, relative, notes = rising(times, file)
    return Gaze(stack_columns(rows, columns)[order], relative, format="emer", notes=notes)


def _load_fixations(file: Path, rule: FixationFiles, notes: list[str]) -> np.ndarray:
    """`(fixations, 4)`; a file without any gives no rows."""
    if rule.columns is None:
        found = read_gaze(file).fixations
        return np.zeros((0, 4), np.float32) if found is None else found
    columns = read_array_columns(file, rule.columns, rule.missing)
    return tidy_fixations(np.stack([columns[name] for name in FIXATION_COLUMNS], axis=1), notes)


@dataclass
class _TableReader:
    """The table that the mapping names, against the mapping. `errors`: kind of error -> where it occurs."""

    path: Path
    layout: EmerMapping
    errors: dict[str, list[str]] = field(default_factory=dict)

    def entries(self) -> list[Entry]:
        file, wrong = file_inside(self.path, self.layout.recordings.table)
        if file is None:
            self._wrong(f"recordings.table {self.layout.recordings.table!r} {wrong}")
            return []
        cut: list[str] = []
        table = read_text_rows(file, cut, separators=",;\t")
        for sentence in cut:
            self._wrong("the table has rows of another length than its header", sentence)
        if not self._check_columns(table.columns):
            return []
        entries = [self._entry(row) for _, row in table.rows]
        for name in repeated([entry.recording_id for entry in entries]):
            self._wrong("recordings come twice in the table", name)
        return entries

    def _wrong(self, kind: str, *found: str) -> None:
        self.errors.setdefault(kind, []).extend(found)

    def _check_columns(self, columns: list[str]) -> bool:
        """Whether the table has all that is needed to find the recordings; labels whose column it lacks are named only."""
        rule = self.layout.recordings
        asked = {f"recordings.{key}": getattr(rule, key) for key in ("id", "participant", "stimulus")}
        asked |= {f"labels.{key}.column": label.column for key, label in self.layout.labels.items()}
        for key, files in self.layout.files.items():
            asked |= {f"{key}.files {{{name}}}": name for name in PLACEHOLDER.findall(files.files)}
        lacking = {key: name for key, name in asked.items() if name is not None and name not in columns}
        if lacking:
            self._wrong(f"the table has no column {', '.join(f'{name!r} ({key})' for key, name in lacking.items())}")
        return not any(not key.startswith("labels.") for key in lacking)

    def _entry(self, row: Row) -> Entry:
        name = row[self.layout.recordings.id]
        participant, stimulus = self._who_and_what(row, name)
        files = {key: self._file(key, rule, row) for key, rule in self.layout.files.items()}
        labels = {column: self._label(column, rule, row, name) for column, rule in self.layout.labels.items()}
        return Entry(
            recording_id=as_recording_id(name),
            participant=participant,
            stimulus=stimulus,
            labels={column: label for column, label in labels.items() if label is not None},
            video=files.get("face"),
            location=tuple(str(files.get(key) or "") for key in ("eye_movements", "fixations")),
        )

    def _who_and_what(self, row: Row, name: str) -> tuple[str, str]:
        rule = self.layout.recordings
        if rule.delimiter is None:
            who, what = row[rule.participant], row[rule.stimulus]
        else:
            who, _, what = name.partition(rule.delimiter)
        if not (who and what):
            self._wrong("recordings have no participant or no stimulus, which splits need", repr(name))
        return who, what

    def _file(self, key: str, rule: FaceFiles | EyeFiles | FixationFiles, row: Row) -> Path | None:
        name = PLACEHOLDER.sub(lambda match: row[match[1]], rule.files)
        file, wrong = file_inside(self.path, name, folders=key == "face")
        if wrong:
            self._wrong(f"files of {key}: each {wrong}", name)
        elif file.is_dir() and rule.frames_per_second is None:
            self._wrong("face.frames_per_second is missing, which folders of pictures need")
        return file

    def _label(self, column: str, rule: LabelRule, row: Row, name: str) -> str | float | None:
        """The label in our words and our range; None: there is none, or it is wrong."""
        text = row.get(rule.column, "")
        if text == "":
            return None
        task = TASK_OF_COLUMN[column]
        if task.kind == "classification":
            known = {label: label for label in task.labels} if rule.names is None else rule.names
            if text not in known:
                self._wrong(f"labels.{column}.names lacks classes that column {rule.column} of the table has", repr(text))
            return known.get(text)
        value, (low, high) = number_or_name(text), rule.range or task.range
        if not (isinstance(value, float) and low <= value <= high):
            self._wrong(f"column {rule.column} of the table has what is no number in [{low:g}, {high:g}]", f"{text!r} ({name})")
            return None
        ours_low, ours_high = task.range
        return ours_low + (value - low) / (high - low) * (ours_high - ours_low)
