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

from pathlib import Path

from dataset_scripts.common.errors import refuse_all
from dataset_scripts.sources import affec_streams
from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.tables import Row, number_or_name, read_text_rows, repeated
from modeling_emert.context_emert import STIMULUS_EMOTION
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import ActionUnits, Gaze

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
BIG_FIVE_COLUMNS = {
    "O": "openness",
    "C": "conscientiousness",
    "E": "extraversion",
    "A": "agreeableness",
    "N": "neuroticism",
}
# The files do not state the scale of the Big Five. We assume means of answers from 1 to 5, and leave all out where any value
# is outside of it.
BIG_FIVE_SCALE = (1.0, 5.0)
EMOTIONS_BY_TYPE = {
    "happy": "happiness",
    "sad": "sadness",
    "angry": "anger",
    "fear": "fear",
    "disgust": "disgust",
    "neutral": "neutral",
}


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
        return affec_streams.load_gaze(Path(gaze), Path(pupil) if pupil else None, (float(start), float(end)))

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        *_, face, start, end = entry.location
        return affec_streams.load_action_units(Path(face), (float(start), float(end))) if face and start else None

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
