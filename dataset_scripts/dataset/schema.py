"""The columns of the data set: what each is, and its feature in `datasets`."""

from collections.abc import Iterable
from functools import cache

import pyarrow as pa
from datasets import Array2D, ClassLabel, DatasetInfo, Features, Image, List, Value
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from modeling_emert.columns_emert import ACTION_UNITS, NUM_COLUMNS
from modeling_emert.recording_emert import BIG_FIVE, STIMULUS_EMOTION
from modeling_emert.rows_emert import FIXATION_COLUMNS
from modeling_emert.tasks_emert import EMOTIONS, tasks_with

from ..sources.base import PERSON_COLUMNS

# Cast to this, the column `face` gives bytes; `from_row` decodes only those that it keeps.
UNDECODED_FACE = List(Image(decode=False))

# Column -> what it is, for the card. The label columns follow from `tasks_emert`.
COLUMN_MEANINGS = {
    "recording_id": "one participant watching one stimulus; unique in the data set",
    "participant_id": "who watched",
    "stimulus_id": "what was watched",
    "source": "where the recording comes from",
    "participant_fold": "1..5, the fold whose test set this participant is in",
    "stimulus_group": "1..5, the group of stimuli that strict protocols hold out together",
    "face": "face crops spread over the recording, 112 x 112 JPEG; null: no face",
    "face_times_ms": "time of each crop from the start of the video",
    "face_detected": "false where the crop uses the box of the nearest frame with a face",
    "eye_movements": f"(samples, {NUM_COLUMNS}) float32, see the column dictionary; missing is NaN; null: none recorded",
    "eye_times_ms": "time of each sample from the start of the recording",
    "fixation_x": "normalised coordinate on the stimulus: 0 is its left edge, 1 its right edge; null: no fixations recorded",
    "fixation_y": "normalised coordinate on the stimulus: 0 is its upper edge, 1 its lower edge",
    "fixation_start_ms": "when the fixation began, from the start of the recording",
    "fixation_duration_ms": "how long it lasted",
    "fixation_method": "`export`, or how the fixations were detected in the samples, with the parameters; null: no fixations",
    "gaze_format": "the eye tracker's export that it was read from",
    "action_units": f"(frames, {len(ACTION_UNITS)}) float32, 0..5: {', '.join(ACTION_UNITS)}; missing is NaN; null: none",
    "action_unit_times_ms": "time of each row of action units from the start of the recording",
    **{name: "of the participant, as a fraction of the questionnaire's scale, 0..1; null: not asked" for name in BIG_FIVE},
    STIMULUS_EMOTION: "what the stimulus is meant to show or to cause; null: not stated. It may reveal the label",
}

# Of the columns that only some data sets have, beside those of votes.
_GENDER, _AGE, _ETHNICITY = PERSON_COLUMNS
PERSON_MEANINGS = {
    _GENDER: "of the participant, in the source's words; null: not told. For scores by group: no model takes it",
    _AGE: "of the participant, in years; null: not told. For scores by group: no model takes it",
    _ETHNICITY: "of the participant, in the source's words; null: not told. For scores by group: no model takes it",
}
SHEET_MEANINGS = {
    "eye_sheet": f"(rows, {NUM_COLUMNS}) float32, the numbers of the eye tracker's sheet as they stand there; null: no sheet",
    "eye_sheet_names": "of the columns of eye_sheet, as the sheet spells them",
    "face_names": "of the files of the face crops",
}
SETS_MEANINGS = {
    "participant_fold": "1..5, the authors' set that the recording is in",
    "stimulus_group": "1..5, the group of participants that is the validation of one fold together",
}


def label_features(tasks: Iterable[str] = ()) -> dict[str, ClassLabel | Value]:
    """Feature of every label column of the built-in tasks and the own ones among `tasks`; absent labels are null."""
    return {
        column: ClassLabel(names=list(task.labels)) if task.kind == "classification" else Value("float32")
        for task in tasks_with(tasks)
        for column in task.columns
    }


def row_features(tasks: Iterable[str] = (), extra: Iterable[str] = ()) -> Features:
    """Features of a row of a data set with these tasks, in order. `extra`: columns that only some data sets have, of votes,
    of `PERSON_COLUMNS` or of `SHEET_COLUMNS`.
    """
    numbers = List(Value("float32"))
    special = {name: Value("float32" if name == _AGE else "string") for name in PERSON_COLUMNS}
    special |= dict.fromkeys(("eye_sheet_names", "face_names"), List(Value("string")))
    special |= {"eye_sheet": Array2D((None, NUM_COLUMNS), "float32")}
    return Features(
        {name: Value("string") for name in ("recording_id", "participant_id", "stimulus_id", "source")}
        | {name: Value("int32") for name in ("participant_fold", "stimulus_group")}
        | {"face": List(Image()), "face_times_ms": numbers, "face_detected": List(Value("bool"))}
        # Array2D: 2,200 rows/s of 1,466 x 39 as numpy; a list of lists gives 61.
        | {"eye_movements": Array2D((None, NUM_COLUMNS), "float32"), "eye_times_ms": numbers}
        | dict.fromkeys(FIXATION_COLUMNS, numbers)
        | {"fixation_method": Value("string"), "gaze_format": Value("string")}
        | {"action_units": Array2D((None, len(ACTION_UNITS)), "float32"), "action_unit_times_ms": numbers}
        | {name: Value("float32") for name in BIG_FIVE}
        | {STIMULUS_EMOTION: ClassLabel(names=list(EMOTIONS))}
        | label_features(tasks)
        | {column: special.get(column, numbers) for column in extra}
    )


@cache
def stored_schema(tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> pa.Schema:
    """Plain Arrow types, which every Parquet reader knows, in place of the extension type of `datasets` for an Array2D.

    `load_dataset` gives Array2D nevertheless, since the config file names the features.
    """
    types = {field.name: field.type for field in row_features(tasks, extra).arrow_schema}
    plain = {name: kind.storage_type if isinstance(kind, pa.ExtensionType) else kind for name, kind in types.items()}
    return pa.schema(list(plain.items()))


@cache
def described_features(tasks: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> dict[str, dict]:
    """Each column's feature as the config file names it."""
    card = DatasetCardData()
    DatasetInfosDict({"all": DatasetInfo(features=row_features(tasks, extra))}).to_dataset_card_data(card)
    return {feature["name"]: feature for feature in card["dataset_info"]["features"]}
