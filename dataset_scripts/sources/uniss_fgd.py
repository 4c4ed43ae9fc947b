"""Uniss-FGD: 15 observers looking at 80 photographs of faces, before a Tobii at 300 Hz.

    tobii_studio_faces/
      StimuliMap.csv             ID, FileName: 0, AF09SAS.JPG
      recordings_60hz/NNN.csv.gz one photograph each (NNN is its ID), all observers, Tobii Studio's export of samples

Three columns are left empty: the published saccade amplitudes and directions of every observer are copies of the first
observer's, by the order of fixations. They identify the photograph (all 1,199 by a lookup table), and so the label.

Characters 5 and 6 of a photograph's name are its expression: that is what the stimulus shows (`perceived3`), neither
what the observer felt nor what the observer's face showed.
"""

import csv
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

from dataset_scripts.readers import read_gaze_recordings
from dataset_scripts.readers.text.text_table import read_head, read_table
from dataset_scripts.sources.base import Entry, Source
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

EXPRESSIONS = {"HA": "positive", "NE": "neutral", "SA": "negative"}
FOLDER = "recordings_60hz"


class UnissFgdSource(Source):
    """1,200 recordings of about 3 s; `path` is the folder `tobii_studio_faces`."""

    name = "uniss_fgd"
    tasks = ("perceived3",)
    left_out = ("saccade_amplitude", "saccade_direction", "saccade_turn")  # of every observer, copies of the first one's
    licence = "Re-use allowed, commercial too, naming CVLab-Uniss and stating changes"
    redistributable = True
    citation = "Ruiu et al., Uniss-FGD, IEEE Access 2024; github.com/CVLab-Uniss/FFD-EXTENDED @ 1b3884d9"
    collection = (
        "15 observers looked at 80 photographs of faces for about 3 s each, before a screen-based Tobii at 300 Hz, of which "
        "every fifth sample is kept here (60 Hz): a change of whoever made this copy. The label is what a photograph shows. "
        "Saccade amplitudes and directions are left out: as published, those of every observer are copies of the first one's."
    )
    lacks = "It has no labels of felt emotion, no videos of the observers' faces, and not the photographs that they saw."

    def entries(self) -> list[Entry]:
        """One for each observer of each photograph, by `recording_id` such as `p00-s000`."""
        entries = []
        for number, photograph in self._photographs().items():
            file = self.path / FOLDER / f"{number:03d}.csv.gz"
            for who in _participants(file):
                labels = {"perceived3": EXPRESSIONS[photograph[4:6]]}
                entries.append(Entry(f"p{who}-s{number:03d}", who, photograph, labels, location=(str(file), who)))
        return sorted(entries, key=lambda entry: entry.recording_id)

    def load_gaze(self, entry: Entry) -> Gaze:
        """Samples and fixations of one observer, as copies."""
        file, participant = entry.location
        gaze = _recordings(file).get(participant)
        if gaze is None:
            raise EmertInputError(f"{file} has no participant {participant!r}; list the source's entries again")
        gaze = deepcopy(gaze)
        gaze.stimulus = entry.stimulus
        return gaze

    def _photographs(self) -> dict[int, str]:
        """Name of each photograph, without its suffix, by number."""
        file = self.path / "StimuliMap.csv"
        lines = read_head(file).lines
        rows = csv.DictReader((line for line in lines if line.strip()), skipinitialspace=True)
        rows.fieldnames = names = [name.strip() for name in rows.fieldnames or []]
        if not {"ID", "FileName"} <= set(names):
            raise EmertInputError(f"{file} has columns {', '.join(names)} where ID and FileName are expected; get it anew")
        photographs = {}
        for row in rows:
            number, name = (row["ID"] or "").strip(), Path((row["FileName"] or "").strip()).stem
            if not number.isdecimal() or name[4:6] not in EXPRESSIONS:
                raise EmertInputError(
                    f"{file} has ID {number!r} and FileName {name!r}, where a number and a name with HA, NE or SA as its "
                    "characters 5 and 6 are expected; get it anew"
                )
            photographs[int(number)] = name
        return photographs


def _participants(file: Path) -> tuple[str, ...]:
    """The observers in one photograph's file, as text."""
    head = read_head(file)
    header = head.find("ParticipantName")
    if header is None:
        raise EmertInputError(f"{file} has no column ParticipantName; get it anew")
    names = read_table(head, header, texts=("ParticipantName",)).texts["ParticipantName"].values
    return tuple(sorted({name for name in names if name}))


# All 80 files take 34 MB when parsed; a caller that goes by participants needs every file for each of them.
@lru_cache(maxsize=80)
def _recordings(file: str) -> dict[str | None, Gaze]:
    return {gaze.participant: gaze for gaze in read_gaze_recordings(file)}
