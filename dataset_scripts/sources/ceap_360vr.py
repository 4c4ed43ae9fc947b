"""CEAP-360VR: 24 people watching 8 one-minute 360-degree videos in a headset, with what they felt.

    ceap_360vr/
      2_QuestionnaireData/P1_Questionnaire_Data.json            valence and arousal of each video, 1..9, by its viewer
      4_BehaviorData/EM_Fixation/P1_Behavior_FixationData.json  fixations: pitch and yaw in degrees, frames at 30 fps

Fixations are points of the 360-degree picture: yaw -180..180 over its width, pitch 90..-90 from top to bottom.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dataset_scripts.sources.base import Entry, Source
from dataset_scripts.sources.tables import json_field, load_json
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

FRAMES_PER_SECOND = 30
NEUTRAL, HALF_SCALE = 5, 4  # ratings 1..9: the middle, and how far it is from either end
RATINGS = ("ValenceValue", "ArousalValue")


class CeapSource(Source):
    """192 recordings of about a minute with felt valence and arousal; `path` is the folder `ceap_360vr`."""

    name = "ceap_360vr"
    tasks = ("er3", "er_va")
    # The licence file says BY-NC and links to BY-NC-SA: we follow the stricter one.
    licence = "CC-BY-NC-SA-4.0"
    # Non-commercial sharing is allowed, but the terms are unclear: too unclear to publish.
    redistributable = False
    citation = "Xue et al., CEAP-360VR; github.com/cwi-dis/CEAP-360VR-Dataset @ d41a8212"
    collection = (
        "24 people watched 8 one-minute 360-degree videos in a headset and rated what they felt from 1 to 9. Ratings became "
        "-1..1, and valence above 5 positive, below 5 negative, 5 itself neutral. A fixation's coordinates are yaw and "
        "pitch, normalised to the complete 360-degree picture; its times come from frames at 30 a second."
    )
    lacks = (
        "It has no faces, no pupils and no samples of gaze, only fixations; and with 8 videos for everyone a model can "
        "learn which video was watched, so results need a split by stimulus."
    )

    def entries(self) -> list[Entry]:
        """One for each viewer of each video, by `recording_id` such as `P1-V1`."""
        folder = self.path / "2_QuestionnaireData"
        files = sorted(folder.glob("P*_Questionnaire_Data.json"))
        if not files:
            raise EmertInputError(f"{folder} has no P1_Questionnaire_Data.json or the like; give the folder ceap_360vr")
        entries = []
        for file in files:
            for person in json_field(load_json(file), "QuestionnaireData", list, file):
                participant = json_field(person, "ParticipantID", str, file)
                videos = json_field(person, "Video_SAMRating_VideoTime_Data", list, file)
                entries += [self._entry(participant, video, file) for video in videos]
        return sorted(entries, key=lambda entry: entry.recording_id)

    def load_gaze(self, entry: Entry) -> Gaze:
        """The fixations of one viewing; there are no samples."""
        file, participant, stimulus = entry.location
        fixations = _fixations(Path(file)).get((participant, stimulus))
        if fixations is None:
            raise EmertInputError(f"{file} has no fixations of {participant} for {stimulus}; get it anew")
        return Gaze(fixations=fixations.copy(), participant=participant, stimulus=stimulus, format=self.name)

    def _entry(self, participant: str, video: Any, file: Path) -> Entry:
        stimulus = json_field(video, "VideoID", str, file)
        valence, arousal = (_rating(video, name, file) for name in RATINGS)
        polarity = "positive" if valence > NEUTRAL else "negative" if valence < NEUTRAL else "neutral"
        fixations = self.path / "4_BehaviorData" / "EM_Fixation" / f"{participant}_Behavior_FixationData.json"
        return Entry(
            recording_id=f"{participant}-{stimulus}",
            participant=participant,
            stimulus=stimulus,
            labels={
                "er3": polarity,
                "er_valence": (valence - NEUTRAL) / HALF_SCALE,
                "er_arousal": (arousal - NEUTRAL) / HALF_SCALE,
            },
            location=(str(fixations), participant, stimulus),
        )


def _rating(video: Any, name: str, file: Path) -> float:
    value = json_field(video, name, float, file)
    if abs(value - NEUTRAL) > HALF_SCALE:
        raise EmertInputError(f"{file} has {value:g} as {name}, where a rating from 1 to 9 is expected; correct it")
    return value


# A person's eight videos are in one file.
@lru_cache(maxsize=32)
def _fixations(file: Path) -> dict[tuple[str, str], np.ndarray]:
    """`(fixations, 4)` by participant and video: normalised x and y in the complete picture, start and duration in ms."""
    names = ("Yaw", "Pitch", "StartFrame", "EndFrame")
    found = {}
    for person in json_field(load_json(file), "Behavior_FixationData", list, file):
        participant = json_field(person, "ParticipantID", str, file)
        for video in json_field(person, "Video_Behavior_FixationData", list, file):
            rows = [[json_field(row, name, float, file) for name in names] for row in json_field(video, "Fixation", list, file)]
            yaw, pitch, start, end = np.array(rows, np.float64).reshape(-1, 4).T
            frames_to_ms = 1000 / FRAMES_PER_SECOND
            columns = (yaw / 360 + 0.5, 0.5 - pitch / 180, start * frames_to_ms, (end - start) * frames_to_ms)
            found[participant, json_field(video, "VideoID", str, file)] = np.stack(columns, axis=1)
    return found
