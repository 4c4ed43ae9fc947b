"""What a data set tells of a recording beside its label: its groups, by which scores are reported, and the judges' votes."""

import numpy as np
import pandas as pd
import pyarrow as pa

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.recording_emert import BIG_FIVE, STIMULUS_EMOTION
from modeling_emert.tasks_emert import EMOTIONS, LABEL_COLUMNS

# Columns of ids, splits and labels, which make no groups.
_NO_GROUPS = {"recording_id", "participant_id", "stimulus_id", "source", "participant_fold", "stimulus_group", *LABEL_COLUMNS}
_MOST_VALUES = 8  # a column with more is free text or a measurement


def add_known(predictions: pd.DataFrame, data: EmertData) -> pd.DataFrame:
    """The table of predictions with its columns `groups` and `votes` filled, where the data has any."""
    groups = groups_of(data)
    votes = {task: _votes_of(data, task) for task in predictions["task"].unique()}
    recordings = predictions["recording_id"]
    own_votes = [votes[task].get(name) for task, name in zip(predictions["task"], recordings, strict=True)]
    return predictions.assign(groups=[groups.get(name) for name in recordings], votes=own_votes)


def _votes_of(data: EmertData, task: str) -> dict[str, list[float]]:
    """By recording, the fraction of the judges who chose each class; recordings that nobody judged are left out."""
    votes = data.votes(task)
    if votes is None:
        return {}
    known = ~np.isnan(votes).any(axis=1)
    return dict(zip(data.ids["recording_id"][known], votes[known].astype(np.float64).tolist(), strict=True))


def groups_of(data: EmertData) -> dict[str, dict[str, str]]:
    """By recording, the group it falls into for each column that divides the data; recordings without any are left out.

    A column of words (gender, the tracker's format) divides by its values, 2 to 8 of them; age and the Big Five at the
    median over the participants who have them, which uses no label.
    """
    columns = {name: words for name in data.table.column_names if name not in _NO_GROUPS and (words := _words(data, name))}
    groups = {
        str(recording): {name: words[row] for name, words in columns.items() if words[row] is not None}
        for row, recording in enumerate(data.ids["recording_id"])
    }
    return {recording: known for recording, known in groups.items() if known}


def _words(data: EmertData, name: str) -> list[str | None] | None:
    """The group of every row by this column; None where it does not divide the data."""
    column = data.column(name)
    values = column.to_pylist()
    if name in BIG_FIVE:
        values = _halves(data, values, "lower half", "higher half")
    elif name == "participant_age":
        values = _halves(data, values, "{:g} years or younger", "older than {:g} years")
    elif name == STIMULUS_EMOTION:
        values = [None if value is None else EMOTIONS[int(value)] for value in values]
    elif not pa.types.is_string(column.type):
        return None
    return values if 2 <= len(set(values) - {None}) <= _MOST_VALUES else None


def _halves(data: EmertData, values: list[float | None], lower: str, higher: str) -> list[str | None]:
    """Up to or above the median, which the words may name, each participant counted once."""
    people = dict(zip(data.ids["participant_id"], values, strict=True))
    known = [value for value in people.values() if value is not None]
    if not known:
        return [None] * len(values)
    middle = float(np.median(known))
    return [None if value is None else (higher if value > middle else lower).format(middle) for value in values]
