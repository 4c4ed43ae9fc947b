"""Audience Effects: 80 people watching 12 film clips, alone or beside somebody, with what they said that they felt.

    audience_effects/
      alone.txt, social.txt    tab-separated; private_id, age, gender, ethnicity, ..., valence (of the clip),
                               stimulus, valence_self_report, AU01..AU45 (means of OpenFace's intensities, 0..5), AU01_c, ...

A row is one person watching one clip. Rows without `private_id` are blank and skipped.
"""

import math
import re

import numpy as np

from dataset_scripts.common.settings import refuse_all
from dataset_scripts.sources.base import PERSON_COLUMNS, Entry, Source
from dataset_scripts.sources.tables import Row, number_or_name, read_text_rows, repeated
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import STIMULUS_EMOTION, ActionUnits, Gaze

FILES = ("alone.txt", "social.txt")
FELT = {"Pleasant": "positive", "Unpleasant": "negative", "Neutral": "neutral"}
INTENDED = {"amusement": "happiness", "fear": "fear", "neutral": "neutral"}
MOST_INTENSE = 5.0  # OpenFace's scale
OLDEST = 120
# The table's words, which run together; others stay as they are.
WORDS = {
    "Female": "female",
    "Male": "male",
    "Asian/AsianBritish": "Asian or Asian British",
    "Black/African/Caribbeanbackground": "Black, African or Caribbean",
    "Mixed/MultipleEthnicGroups": "mixed",
}
_NOT_TOLD = ("", "NA")
_REMEDY = "get the file anew"


class AudienceEffectsSource(Source):
    """960 recordings of one row of action units each, with felt valence; `path` is the folder with alone.txt and social.txt."""

    name = "audience_effects"
    tasks = ("er3",)
    person_columns = PERSON_COLUMNS
    licence = "GPL-3.0"
    redistributable = True
    citation = (
        "Szenteczki, Audience Effects on Emotional Face and Hand Movements in a Human Sample; "
        "github.com/Szenteczki/Audience-Effects-on-Emotional-Face-and-Hand-Movements-in-a-Human-Sample @ 89e04915"
    )
    collection = (
        "80 people, mostly women of 18 to 20, watched 12 film clips (amusing, frightening, neutral), half of them alone and "
        "half beside somebody, and said whether each was pleasant, neutral or unpleasant. OpenFace estimated their action "
        "units, of which the file has the mean over each clip."
    )
    lacks = (
        "It has no video and no eye tracker, and of the face only 17 means for each clip. Felt valence agrees with the clip's "
        "intended emotion in 59 % of the trials, and with 12 clips for everyone a model can learn which clip was watched, so "
        "results need a split by stimulus."
    )

    def entries(self) -> list[Entry]:
        """One for each person and clip, by `recording_id` such as `1539705-Blue-1`."""
        entries, errors = [], []
        for name in FILES:
            file, problems = self.path / name, []
            table = read_text_rows(file, problems, separators="\t")
            needed = ("private_id", "valence", "stimulus", "valence_self_report", *ACTION_UNITS)
            missing = [column for column in needed if column not in table.columns]
            if missing:
                raise EmertInputError(f"{file} has no column {', '.join(missing)}; {_REMEDY}")
            rows = [(line, row) for line, row in table.rows if row["private_id"]]
            entries += [_entry(row, f"line {line}", problems) for line, row in rows]
            errors += [f"{name}: {problem}" for problem in problems]
        errors += [f"recording {name} comes twice" for name in repeated([entry.recording_id for entry in entries])]
        refuse_all(self.path, errors, _REMEDY)
        return sorted(entries, key=lambda entry: entry.recording_id)

    def load_gaze(self, entry: Entry) -> Gaze | None:
        return None

    def load_action_units(self, entry: Entry) -> ActionUnits:
        """One row: the means over the clip, at time 0."""
        return ActionUnits(np.array([[float(value) for value in entry.location]], np.float32), np.zeros(1, np.float32))


def _entry(row: Row, where: str, errors: list[str]) -> Entry:
    known = {"valence_self_report": FELT, "valence": INTENDED}
    for column, values in known.items():
        if row[column] not in values:
            errors.append(f"{where} has {row[column]!r} as {column}, expected one of {', '.join(values)}")
    for unit in ACTION_UNITS:
        value = number_or_name(row[unit])
        if not (isinstance(value, float) and (math.isnan(value) or 0 <= value <= MOST_INTENSE)):
            errors.append(f"{where} has {row[unit]!r} as {unit}, expected a number in 0..{MOST_INTENSE:g}")
    stimulus = re.sub(r"[^A-Za-z0-9]+", "-", row["stimulus"]).strip("-")
    return Entry(
        recording_id=f"{row['private_id']}-{stimulus}",
        participant=row["private_id"],
        stimulus=stimulus,
        labels={"er3": FELT.get(row["valence_self_report"], "")},
        context={STIMULUS_EMOTION: INTENDED.get(row["valence"], "")},
        location=tuple(row[unit] for unit in ACTION_UNITS),
        person=_person(row, where, errors),
    )


def _person(row: Row, where: str, errors: list[str]) -> dict[str, str | float]:
    """By column of `PERSON_COLUMNS`, what the table tells."""
    told = {column: row.get(column.removeprefix("participant_"), "") for column in PERSON_COLUMNS}
    found = {column: WORDS.get(word, word) for column, word in told.items() if word not in _NOT_TOLD}
    if "participant_age" in found:
        age = number_or_name(found["participant_age"])
        if isinstance(age, float) and 0 < age <= OLDEST:
            found["participant_age"] = age
        else:
            errors.append(f"{where} has {age!r} as age, expected years in 1..{OLDEST}")
    return found
