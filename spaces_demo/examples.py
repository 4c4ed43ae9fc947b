"""Five generated recordings to click on: drawn faces and simulated eyes, so that no real person is shown.

Their files are made when they are first asked for, or in the background once the page is open, which waits for none of them.
"""

import threading
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """`title`: the button's text. `dropouts`: times a second that the gaze is lost; by default the generated person's own."""

    key: str
    title: str
    meaning: str
    felt: str
    shown: str
    parts: tuple[str, ...] = ("video", "gaze")
    dropouts: float | None = None


EXAMPLES = (
    Example("agreeing", "Agreeing", "happiness is felt and shown", "happiness", "happiness"),
    Example("masked-smile", "Masked smile", "a smile over sadness", "sadness", "happiness"),
    Example("eyes-only", "Eyes only", "gaze without a video; fear is felt", "fear", "neutral", ("gaze",)),
    Example("face-only", "Face only", "a video without gaze; surprise is shown", "surprise", "surprise", ("video",)),
    Example("poor-tracking", "Poor tracking", "the eyes are lost for much of the time", "anger", "anger", dropouts=3.0),
)


class ExampleFiles:
    """The examples' files in the new folder `folder`; they are the same every time."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self._folder, self._made, self._lock, self._closed = folder, {}, threading.Lock(), False
        self.drawn = threading.Event()  # all of them

    def of(self, example: Example) -> tuple[Path | None, Path | None]:
        """Video and gaze file, or None; made at the first call, which takes about a second."""
        with self._lock:
            if self._closed:
                raise FileNotFoundError("the server has ended, and its folder is gone")
            if example.key not in self._made:
                self._made[example.key] = _make(self._folder, example)
            return self._made[example.key]

    def draw_all(self) -> None:
        """Makes those that were not asked for yet."""
        for example in EXAMPLES:
            self.of(example)
        self.drawn.set()

    def close(self) -> None:
        """After this call no file is made any more."""
        with self._lock:
            self._closed = True


def _make(folder: Path, example: Example) -> tuple[Path | None, Path | None]:
    from dataset_scripts.generator.face_drawing import face_frames, frame_count
    from dataset_scripts.generator.gaze_simulation import gaze_at, simulate_gaze
    from dataset_scripts.generator.truth import AFFECT, GeneratorSettings, make_truth
    from dataset_scripts.generator.writing import tobii_table, write_video

    # Not the random seed of the training, so that the model has seen none of these people.
    shape = {"participants": len(EXAMPLES), "stimuli": 1, "seconds": 6, "frames_per_second": 4, "frame_size": 192}
    settings = GeneratorSettings(**shape, noise=0.6, seed=20_240)
    generated = make_truth(settings)[EXAMPLES.index(example)]
    dropouts = generated.person.dropout_rate if example.dropouts is None else example.dropouts
    truth = replace(
        generated,
        person=replace(generated.person, dropout_rate=dropouts, expressivity=1.0),
        felt=example.felt,
        shown=example.shown,
        felt_affect=AFFECT[example.felt],
        shown_affect=AFFECT[example.shown],
        intensity=0.0 if example.shown == "neutral" else 2.4,  # of 3
    )
    simulated = simulate_gaze(truth, settings)
    video = gaze = None
    if "video" in example.parts:
        video = folder / f"{example.key}.mp4"
        times = [index * 1000 / settings.frames_per_second for index in range(frame_count(settings))]
        frames, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), settings)
        write_video(video, frames, settings.frames_per_second)
    if "gaze" in example.parts:
        gaze = folder / f"{example.key}.csv"
        tobii_table(simulated, truth).to_csv(gaze, index=False, lineterminator="\n")
    return video, gaze
