"""AFFEC: 73 people watching acted video clips, with what they felt and what they thought the actor felt.

    affec/
      participants.tsv                                    participant_id, O, C, E, A, N (Big Five), ...
      sub-aerj/sub-aerj_task-fer_run-0_events.tsv         onset, duration, flag, stim_file, ...; flag "video" is the clip
      sub-aerj/beh/sub-aerj_task-fer_run-0_beh.tsv        trial, trial_type, stim_file, f_emotion_v, f_emotion_a (felt),
                                                          p_emotion_v, p_emotion_a (perceived), each 1..9
      sub-aerj/beh/sub-aerj_task-fer_run-0_recording-gaze_physio.tsv.gz and .json         Gazepoint, 62 Hz
      sub-aerj/beh/sub-aerj_task-fer_run-0_recording-pupil_physio.tsv.gz and .json        Gazepoint, 149 Hz
      sub-aerj/beh/sub-aerj_task-fer_run-0_recording-videostream_physio.tsv.gz and .json  OpenFace, about 40 Hz

The streams may also be in folders gaze/, pupil/ and videostream/, as in their archives.

This reader was tested only on a generated folder in this layout, never on AFFEC itself. The layout is taken from the data
set's description (Zenodo 14794876) and from the loading code in github.com/itubrainlab/AFFEC (@ f1759103).
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from dataset_scripts.common.settings import refuse_all
from dataset_scripts.readers.clock import rising
from dataset_scripts.readers.gazepoint import FIXATION, gaze_of_samples
from dataset_scripts.readers.samples import nearest
from dataset_scripts.readers.text.text_table import Header, Table, read_head, read_table
from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.tables import Row, json_field, load_json, number_or_name, read_text_rows, repeated
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import BIG_FIVE, STIMULUS_EMOTION, ActionUnits, Gaze

NEUTRAL, HALF_SCALE = 5, 4  # ratings 1..9: the middle, and how far it is from either end
ABSENT = ("", "n/a", "nan", "NaN")
STREAMS = ("gaze", "pupil", "videostream")
# Column of the ratings -> our label column; the valence also gives the coarse class.
RATINGS = {
    "f_emotion_v": "er_valence",
    "f_emotion_a": "er_arousal",
    "p_emotion_v": "perceived_valence",
    "p_emotion_a": "perceived_arousal",
}
COARSE = {"er_valence": "er3", "perceived_valence": "perceived3"}
BIG_FIVE_COLUMNS = {name[0].upper(): name for name in BIG_FIVE}
# The files do not state the scale of the Big Five. We assume means of answers from 1 to 5, and leave all out where any value
# is outside of it.
BIG_FIVE_SCALE = (1.0, 5.0)
EMOTIONS_BY_TYPE = dict(happy="happiness", sad="sadness", angry="anger", fear="fear", disgust="disgust", neutral="neutral")


class AffecSource(Source):
    """About 5,600 trials of some seconds each; `path` is the folder that holds participants.tsv.

    The coarse classes follow from the valence as in `ceap_360vr`, by our own rule: above the middle of the scale is
    positive, below it negative, the middle itself neutral.
    """

    name = "affec"
    tasks = ("er3", "er_va", "perceived3", "perceived_va")
    licence = "CC0-1.0"
    redistributable = True
    citation = "Sekiavandi et al., Advancing Face-to-Face Emotion Communication (AFFEC), arXiv 2504.18969; Zenodo 14794876"
    collection = (
        "73 people watched acted emotional clips of faces before a Gazepoint eye tracker, and rated after each what they felt "
        "and what they thought the actor felt."
    )
    lacks = (
        "It has action units in place of videos of the faces, no label of what the participant's face shows, and pupils only "
        "where the tracker gave them in metres; its EEG, skin and cursor recordings are not read. The reader was tested on a "
        "generated folder in AFFEC's layout alone, not on AFFEC."
    )

    def entries(self) -> list[Entry]:
        """One for each rated trial, by `recording_id` such as `sub-aerj-run0-trial3`."""
        people = self._people()
        runs = sorted(self.path.glob("sub-*/beh/sub-*_task-fer_run-*_beh.tsv"))
        if not runs:
            raise EmertInputError(f"{self.path} has no sub-*/beh/sub-*_task-fer_run-0_beh.tsv; give the folder of AFFEC")
        entries = []
        for file in runs:
            participant, run = file.parents[1].name, file.name.removesuffix("_beh.tsv")
            errors: list[str] = []
            streams = tuple(self._stream(participant, f"{run}_recording-{kind}_physio.tsv.gz") for kind in STREAMS)
            clips = _clips(file.parents[1] / f"{run}_events.tsv")
            for line, row in _rows(file, ("trial", "stim_file", *RATINGS), errors):
                location = (*streams, *clips.get(row["stim_file"], ("", "")))
                entry = _entry(participant, run.rpartition("run-")[2], row, location, f"line {line}", errors)
                entries += [entry] if entry else []
            refuse_all(file, errors, "get it anew")
        repeats = [f"recording {name} comes twice" for name in repeated([entry.recording_id for entry in entries])]
        refuse_all(self.path, repeats, "get the data set anew")
        for entry in entries:
            entry.context.update(people.get(entry.participant, {}))
        return sorted(entries, key=lambda entry: entry.recording_id)

    def load_gaze(self, entry: Entry) -> Gaze | None:
        """Samples with the pupils nearest in time; None where the tracker or the events lack this trial."""
        gaze, pupil, _, start, end = entry.location
        if not (gaze and start):
            return None
        return trial_gaze(Path(gaze), Path(pupil) if pupil else None, (float(start), float(end)))

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        *_, face, start, end = entry.location
        return trial_action_units(Path(face), (float(start), float(end))) if face and start else None

    def reading_order(self, entry: Entry) -> tuple:
        """By run: all trials of a run are in the same files."""
        return entry.location[:3], entry.recording_id

    def _stream(self, participant: str, name: str) -> str:
        """The path of that file, "" where it does not exist."""
        kind = name.rpartition("_recording-")[2].partition("_")[0]
        places = (self.path / participant / "beh" / name, self.path / kind / participant / "beh" / name)
        return str(next((place for place in places if place.is_file()), ""))

    def _people(self) -> dict[str, dict[str, float]]:
        """The Big Five of each participant as fractions of the scale; none at all where the scale is another one."""
        file, errors = self.path / "participants.tsv", []
        rows = _rows(file, ("participant_id",), errors)
        refuse_all(file, errors, "get it anew")
        low, high = BIG_FIVE_SCALE
        people = {}
        for _, row in rows:
            numbers = {name: number_or_name(row.get(column, "")) for column, name in BIG_FIVE_COLUMNS.items()}
            if any(isinstance(value, float) and not low <= value <= high for value in numbers.values() if value == value):
                self.lacks = f"{type(self).lacks} Its Big Five are not on a scale of {low:g} to {high:g} and are left out."
                return {}
            present = {name: value for name, value in numbers.items() if isinstance(value, float) and value == value}
            people[row["participant_id"]] = {name: (value - low) / (high - low) for name, value in present.items()}
        return people


def _rows(file: Path, needed: tuple[str, ...], errors: list[str]) -> list[tuple[int, Row]]:
    """Rows of a TSV table that has these columns, with the numbers of their lines."""
    table = read_text_rows(file, errors, separators="\t")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise EmertInputError(f"{file} has no column {', '.join(missing)} (found {', '.join(table.columns)}); get it anew")
    return table.rows


def _clips(file: Path) -> dict[str, tuple[str, str]]:
    """Start and end of each clip of a run in ms, as text; the first time for a clip that was shown twice."""
    errors: list[str] = []
    clips: dict[str, tuple[str, str]] = {}
    for line, row in _rows(file, ("onset", "duration", "flag", "stim_file"), errors):
        if row["flag"].lower() != "video" or row["onset"] in ABSENT or row["stim_file"] in clips:
            continue
        onset, duration = number_or_name(row["onset"]), number_or_name(row["duration"])
        if isinstance(onset, float) and isinstance(duration, float) and duration > 0:
            clips[row["stim_file"]] = (repr(onset * 1000), repr((onset + duration) * 1000))
        else:
            errors.append(f"line {line}: onset {row['onset']!r} and duration {row['duration']!r}, where seconds are expected")
    refuse_all(file, errors, "get it anew")
    return clips


def _entry(participant: str, run: str, row: Row, location: tuple[str, ...], where: str, errors: list[str]) -> Entry | None:
    """One trial; None where nothing was rated."""
    labels: dict[str, str | float] = {}
    for column, label in RATINGS.items():
        value = number_or_name(row[column])
        if row[column] in ABSENT:
            continue
        if not (isinstance(value, float) and abs(value - NEUTRAL) <= HALF_SCALE):
            errors.append(f"{where}: {column} is {row[column]!r}, where a rating from 1 to 9 is expected")
            continue
        labels[label] = (value - NEUTRAL) / HALF_SCALE
        if label in COARSE:
            labels[COARSE[label]] = "positive" if value > NEUTRAL else "negative" if value < NEUTRAL else "neutral"
    trial = row["trial"].removesuffix(".0")
    if not (trial.isdecimal() and row["stim_file"]):
        errors.append(
            f"{where}: trial {row['trial']!r} and stim_file {row['stim_file']!r}, where a number and a name are expected"
        )
    emotion = EMOTIONS_BY_TYPE.get(row.get("trial_type", "").lower())
    context = {STIMULUS_EMOTION: emotion} if emotion else {}
    name = f"{participant}-run{run}-trial{trial}"
    return Entry(name, participant, row["stim_file"], labels, location=location, context=context) if labels else None


SECOND = 1000.0  # in ms
TIME = "onset"
GAZE = (*FIXATION, "FPOGV", *(f"{eye}POG{part}" for eye in "LRB" for part in "XYV"))
PUPIL = tuple(f"{eye}{part}" for eye in "LR" for part in ("PCX", "PCY", "PV", "EYEX", "EYEY", "EYEZ", "PUPILD", "PUPILV"))
FACE = ("success", *(f"{name}_r" for name in ACTION_UNITS))
# Pupils are sampled every 6.7 ms: one farther from a gaze sample than this does not belong to it.
PUPIL_TOLERANCE_MS = 10.0

BROKEN_COLUMNS = 3  # the face stream of 22 runs has no more than these, and is useless

Window = tuple[float, float]  # of one trial, in ms of the run


def trial_gaze(gaze_file: Path, pupil_file: Path | None, window: Window) -> Gaze | None:
    """Samples and fixations of one trial, with the pupils nearest in time; None where the stream is empty."""
    found = _stream(gaze_file, GAZE)
    if found is None:
        return None
    lacking = [name for name in FIXATION if name not in found[1].numbers]
    if lacking:
        raise EmertInputError(f"{gaze_file} has no column {', '.join(lacking)}; get the data set anew")
    clock, table = found
    rows = _within(clock, window)
    numbers = {name: values[rows] for name, values in table.numbers.items()}
    notes: list[str] = []
    pupils = _stream(pupil_file, PUPIL) if pupil_file else None
    if pupils is not None and len(rows):
        numbers |= _at(clock[rows], *pupils, notes)
    gaze = gaze_of_samples(Table(len(rows), numbers, {}), clock[rows], notes)
    if gaze is not None:
        gaze.format = "affec"
    return gaze


def _at(times: np.ndarray, clock: np.ndarray, table: Table, notes: list[str]) -> dict[str, np.ndarray]:
    """The pupil stream's columns at these times: the nearest sample, NaN where it is too far away."""
    index = nearest(clock, times)
    near = np.abs(clock[index] - times) <= PUPIL_TOLERANCE_MS
    if not near.all():
        notes.append(f"{int((~near).sum())} of {len(near)} samples have no pupil within {PUPIL_TOLERANCE_MS:g} ms.")
    return {name: np.where(near, values[index], np.nan) for name, values in table.numbers.items()}


def trial_action_units(file: Path, window: Window) -> ActionUnits | None:
    """Those of one trial, from its start; NaN where no face was found."""
    found = _stream(file, FACE)
    if found is None or not any(name in found[1].numbers for name in FACE[1:]):
        return None
    clock, table = found
    rows = _within(clock, window)
    if len(rows) == 0:
        return None
    absent = np.full(table.rows, np.nan, np.float32)
    intensities = np.stack([table.numbers.get(name, absent)[rows] for name in FACE[1:]], axis=1)
    if "success" in table.numbers:
        intensities[table.numbers["success"][rows] != 1] = np.nan
    return ActionUnits(intensities, clock[rows] - window[0])


def _within(clock: np.ndarray, window: Window) -> np.ndarray:
    return np.flatnonzero((clock >= window[0]) & (clock <= window[1]))


# The trials of a run follow each other: gaze, pupil and face of one, and of the one after it.
@lru_cache(maxsize=6)
def _stream(file: Path, columns: tuple[str, ...]) -> tuple[np.ndarray, Table] | None:
    """`(rows,)` float64 times in ms of the run, rising, and the columns that exist; None where there is no sample.

    Times of a stream count from its own start, which is `StartTime` of its JSON file in the run's time (default 0).
    """
    sidecar = file.with_name(file.name.split(".")[0] + ".json")
    described = load_json(sidecar)
    names = tuple(str(name).strip() for name in json_field(described, "Columns", list, sidecar))
    start = json_field(described, "StartTime", float, sidecar) if "StartTime" in described else 0.0
    head = read_head(file)
    header = head.find(TIME, *columns[:1]) or Header(-1, "\t", names)  # the standard allows no header, but some files have one
    cells = head.first_line.count("\t") + 1
    if cells <= BROKEN_COLUMNS < len(header.names):
        return None
    if cells != len(header.names):
        raise EmertInputError(
            f"{file} has {cells} columns where {sidecar.name} names {len(names)}; get the corrected JSON files (version 2)"
        )
    table = read_table(head, header, columns, times=(TIME, *(("FPOGS",) if "FPOGS" in columns else ())))
    if TIME not in table.numbers:
        raise EmertInputError(f"{sidecar} names no column {TIME}; get the data set anew")
    seconds = table.numbers.pop(TIME)
    order, relative, _ = rising(seconds * SECOND, file)
    kept = Table(len(order), {name: values[order] for name, values in table.numbers.items()}, {})
    return (relative.astype(np.float64) + start * SECOND, kept) if len(order) else None
