"""Five generated recordings to click on, made when the demo starts: drawn faces and simulated eyes, so that nobody is shown."""

from dataclasses import dataclass, replace
from pathlib import Path

from dataset_scripts.generator.face_drawing import face_frames, frame_count
from dataset_scripts.generator.gaze_simulation import gaze_at, simulate_gaze
from dataset_scripts.generator.truth import AFFECT, GeneratorSettings, Truth, make_truth
from dataset_scripts.generator.writing import tobii_table, write_video

# Another seed than that of the training, so that the model has met none of these people.
_SETTINGS = GeneratorSettings(participants=5, stimuli=1, seconds=6, frames_per_second=4, frame_size=192, noise=0.6, seed=20_240)
_LOSSES_A_SECOND = 3.0  # of a tracker that is set up badly
_INTENSITY = 2.4


@dataclass(frozen=True)
class Example:
    """What the button says and what is in it. `video`, `gaze`: files, or None."""

    key: str
    title: str
    meaning: str
    video: Path | None
    gaze: Path | None


@dataclass(frozen=True)
class _Plan:
    key: str
    title: str
    meaning: str
    felt: str
    shown: str
    parts: tuple[str, ...] = ("video", "gaze")
    losses: float | None = None


_PLANS = (
    _Plan("agreeing", "Agreeing", "happiness is felt and shown", "happiness", "happiness"),
    _Plan("masked-smile", "Masked smile", "a smile over sadness", "sadness", "happiness"),
    _Plan("eyes-only", "Eyes only", "gaze without a video; fear is felt", "fear", "neutral", ("gaze",)),
    _Plan("face-only", "Face only", "a video without gaze; surprise is shown", "surprise", "surprise", ("video",)),
    _Plan(
        "poor-tracking", "Poor tracking", "the eyes are lost for much of the time", "anger", "anger", losses=_LOSSES_A_SECOND
    ),
)


def make_examples(folder: Path) -> list[Example]:
    """Writes the recordings under `folder`, about a second each; the same ones every time."""
    folder.mkdir(parents=True, exist_ok=True)
    truths = make_truth(_SETTINGS)
    return [_make(folder, plan, truth) for plan, truth in zip(_PLANS, truths, strict=True)]


def _make(folder: Path, plan: _Plan, drawn: Truth) -> Example:
    losses = drawn.person.dropout_rate if plan.losses is None else plan.losses
    person = replace(drawn.person, dropout_rate=losses, expressivity=1.0)
    truth = replace(
        drawn,
        person=person,
        felt=plan.felt,
        shown=plan.shown,
        felt_affect=AFFECT[plan.felt],
        shown_affect=AFFECT[plan.shown],
        intensity=0.0 if plan.shown == "neutral" else _INTENSITY,
    )
    simulated = simulate_gaze(truth, _SETTINGS)
    video = gaze = None
    if "video" in plan.parts:
        video = folder / f"{plan.key}.mp4"
        times = [index * 1000 / _SETTINGS.frames_per_second for index in range(frame_count(_SETTINGS))]
        frames, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), _SETTINGS)
        write_video(video, frames, _SETTINGS.frames_per_second)
    if "gaze" in plan.parts:
        gaze = folder / f"{plan.key}.csv"
        tobii_table(simulated, truth).to_csv(gaze, index=False, lineterminator="\n")
    return Example(plan.key, plan.title, plan.meaning, video, gaze)
