"""Videos that tests write: of drawn people who stand where the test puts them, or of any frames."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from dataset_scripts.generator.face_drawing import Pose, draw_face
from dataset_scripts.generator.truth import Person

_SKINS = [(224, 180, 150), (120, 84, 66), (205, 130, 120)]
_HAIR = [(60, 40, 30), (15, 15, 20), (190, 160, 90)]
Place = tuple[int, int, int]  # which person, left edge, side of the square in pixels


@cache
def draw_person(who: int, side: int) -> np.ndarray:
    """`(side, side, 3)` uint8: person 0, 1 or 2, with a face about half as wide."""
    person = Person("p000", _SKINS[who], _HAIR[who], (80, 60, 40), 0.74, 0.03, 1, 3.5, 1, 1, 1, (0, 0), 0, (0, 0, 0))
    return draw_face(person, Pose(np.zeros(7), False, (0.5, 0.5), 0.0, (0.0, 0.0)), side).astype(np.uint8)


def draw_people(*frames: Sequence[Place], width: int = 480, height: int = 240) -> np.ndarray:
    """`(frames, height, width, 3)` uint8: in each frame the people at their places, in the middle of the height."""
    drawn = np.full((len(frames), height, width, 3), 100, np.uint8)
    for frame, places in zip(drawn, frames, strict=True):
        for who, left, side in places:
            top = (height - side) // 2
            frame[top : top + side, left : left + side] = draw_person(who, side)
    return drawn


def write_video(
    path: Path, frames: np.ndarray, codec: str = "libx264", rate: int = 25, live: bool = False, pixel: Fraction | None = None
) -> Path:
    """`live`: as a browser's recorder writes, without a duration in the header. `pixel`: its width over its height."""
    with av.open(str(path), "w", container_options={"live": "1"} if live else {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if pixel is not None:
            stream.codec_context.sample_aspect_ratio = pixel
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
