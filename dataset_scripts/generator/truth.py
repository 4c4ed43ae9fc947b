"""Participants, stimuli, the emotions felt and shown: sampled before any frame or gaze sample is generated.

The project's tests rely on this: **the felt emotion (ER) changes the eyes, the shown emotion (FER) changes the face**, and in
a set fraction of the recordings the two differ. The numbers here were chosen to be plausible and difficult enough; none is
fitted to people.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dataset_scripts.common.settings import check, number, settings, whole
from modeling_emert.tasks_emert import EMOTIONS, POLARITY_OF_EMOTION

# Mean valence and arousal of each emotion, both in [-1, 1].
AFFECT = {
    "happiness": (0.70, 0.45),
    "sadness": (-0.60, -0.40),
    "fear": (-0.60, 0.70),
    "surprise": (0.15, 0.65),
    "disgust": (-0.70, 0.20),
    "anger": (-0.65, 0.60),
    "neutral": (0.0, -0.30),
}
STIMULUS_STRENGTH = 0.65  # probability that a person feels the emotion that the stimulus is meant to evoke
MASKS = ("happiness", "neutral")  # shown to hide a feeling; half of the disagreements are one of these
AFFECT_NOISE = 0.15


@settings
class GeneratorSettings:
    """What to generate. `disagreement`: the fraction of recordings whose face shows another emotion than is felt."""

    participants: whole(1, 100_000) = 60
    stimuli: whole(1, 10_000) = 14
    seconds: number(1, 600) = 4.0
    frames_per_second: whole(1, 60) = 2
    frame_size: whole(96, 1920) = 128  # pixels
    gaze_rate: whole(20, 2000) = 60  # Hz
    disagreement: number(0, 1) = 0.5
    noise: number(0, 10) = 1.0  # scales every random deviation of face and eyes
    seed: whole(0, 2**32 - 1) = 0

    @check
    def _frames(self) -> Iterator[str]:
        if self.frame_size % 2:
            yield f"frame_size is {self.frame_size}, expected an even number, as the video's format requires"


@dataclass(frozen=True)
class Person:
    """A participant's habits, the same in all their recordings."""

    name: str
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    iris: tuple[int, int, int]
    face_width: float  # over its height
    brow_thickness: float  # fraction of the face's height
    expressivity: float  # scales the expression
    pupil: float  # mm
    pupil_gain: float  # scales how emotions change the pupil
    fixation_scale: float  # scales the duration of fixations
    blink_scale: float
    offset: tuple[float, float]  # of the calibration, fraction of the screen
    dropout_rate: float  # lost tracking, events a second
    eyes: tuple[float, float, float]  # position between the eyes in mm in front of the screen: x, y, z


@dataclass(frozen=True)
class Stimulus:
    """A clip that everyone watches: the emotion it should evoke, its luminance, and where it attracts the gaze (0..1)."""

    name: str
    emotion: str
    luminance: float
    centre: tuple[float, float]


@dataclass(frozen=True)
class Truth:
    """One recording before it is rendered."""

    person: Person
    stimulus: Stimulus
    felt: str
    shown: str
    felt_affect: tuple[float, float]
    shown_affect: tuple[float, float]
    intensity: float  # of the expression, 0..3
    seed: tuple[int, ...]

    @property
    def recording_id(self) -> str:
        return f"{self.person.name}-{self.stimulus.name}"

    @property
    def labels(self) -> dict[str, str | float]:
        """By label column."""
        return {
            "er3": coarse(self.felt, self.felt_affect[0]),
            "er7": self.felt,
            "er_valence": self.felt_affect[0],
            "er_arousal": self.felt_affect[1],
            "fer3": coarse(self.shown, self.shown_affect[0]),
            "fer7": self.shown,
            "fer_valence": self.shown_affect[0],
            "fer_arousal": self.shown_affect[1],
            "fer_intensity": self.intensity,
        }


def coarse(emotion: str, valence: float) -> str:
    """Positive, negative or neutral; surprise by its valence, since no coarse class is published for it."""
    return POLARITY_OF_EMOTION.get(emotion, "positive" if valence > 0 else "negative")


def make_truth(settings: GeneratorSettings) -> list[Truth]:
    """Every recording of the settings, sorted by id; the same settings give the same recordings."""
    people = [_person(index, settings) for index in range(settings.participants)]
    stimuli = [_stimulus(index, settings) for index in range(settings.stimuli)]
    return [
        _recording(person, stimulus, (settings.seed, 2, row, column), settings)
        for row, person in enumerate(people)
        for column, stimulus in enumerate(stimuli)
    ]


def _person(index: int, settings: GeneratorSettings) -> Person:
    rng = np.random.default_rng((settings.seed, 0, index))
    tone = rng.uniform(0.0, 1.0)
    skin = np.array([235, 195, 170]) * (1 - tone) + np.array([115, 75, 55]) * tone
    hair = rng.uniform(15, 90) * np.array([1.0, 0.8, 0.6])
    deviation = settings.noise * rng.standard_normal(8)
    return Person(
        name=f"p{index:03d}",
        skin=_rgb(skin),
        hair=_rgb(hair),
        iris=_rgb(rng.uniform(30, 130, 3)),
        face_width=float(rng.uniform(0.70, 0.84)),
        brow_thickness=float(rng.uniform(0.016, 0.032)),
        expressivity=float(np.clip(1 + 0.2 * deviation[0], 0.5, 1.5)),
        pupil=float(np.clip(3.8 + 0.5 * deviation[1], 2.4, 5.6)),
        pupil_gain=float(np.clip(1 + 0.2 * deviation[2], 0.5, 1.5)),
        fixation_scale=float(np.exp(0.15 * deviation[3])),
        blink_scale=float(np.exp(0.25 * deviation[4])),
        offset=(float(0.015 * deviation[5]), float(0.015 * deviation[6])),
        dropout_rate=float(0.08 * settings.noise * rng.exponential()),
        eyes=(float(rng.normal(240, 25)), float(rng.normal(160, 20)), float(rng.normal(650, 40))),
    )


def _stimulus(index: int, settings: GeneratorSettings) -> Stimulus:
    rng = np.random.default_rng((settings.seed, 1, index))
    centre = rng.uniform(0.35, 0.65, 2)
    return Stimulus(
        name=f"s{index:03d}",
        emotion=EMOTIONS[index % len(EMOTIONS)],
        luminance=float(rng.uniform(-1, 1)),
        centre=(float(centre[0]), float(centre[1])),
    )


def _recording(person: Person, stimulus: Stimulus, seed: tuple[int, ...], settings: GeneratorSettings) -> Truth:
    rng = np.random.default_rng(seed)
    felt = stimulus.emotion if rng.random() < STIMULUS_STRENGTH else str(rng.choice(EMOTIONS))
    shown = felt if rng.random() >= settings.disagreement else _other_emotion(felt, rng)
    strength = 0.0 if shown == "neutral" else rng.uniform(1.3, 2.7) * person.expressivity
    return Truth(
        person=person,
        stimulus=stimulus,
        felt=felt,
        shown=shown,
        felt_affect=_affect(felt, rng),
        shown_affect=_affect(shown, rng),
        intensity=round(float(np.clip(strength + 0.15 * settings.noise * abs(rng.standard_normal()), 0, 3)), 3),
        seed=seed,
    )


def _other_emotion(felt: str, rng: np.random.Generator) -> str:
    masks = [emotion for emotion in MASKS if emotion != felt]
    if rng.random() < 0.5:
        return str(rng.choice(masks))
    return str(rng.choice([emotion for emotion in EMOTIONS if emotion != felt]))


def _affect(emotion: str, rng: np.random.Generator) -> tuple[float, float]:
    valence, arousal = np.clip(np.array(AFFECT[emotion]) + AFFECT_NOISE * rng.standard_normal(2), -1, 1)
    return round(float(valence), 3), round(float(arousal), 3)


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour, 0, 255))
    return red, green, blue
