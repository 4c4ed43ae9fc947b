"""Faces under another light and another camera."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from modeling_emert.recording_emert import FaceTrack

from .parts import Example, check_fields

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue look (ITU-R BT.601)


@dataclass(frozen=True)
class Colour:
    """Changes brightness, contrast and saturation of a recording's faces, of all its frames alike.

    Each factor is drawn from 1 - x to 1 + x, x being the field of that name; 0 leaves it alone.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    changes_face: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self, brightness=(0, 1), contrast=(0, 1), saturation=(0, 1))

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        spans = np.array([self.brightness, self.contrast, self.saturation])
        factors = generator.uniform(1 - spans, 1 + spans).astype(np.float32)
        face = example.recording.face
        if face is None:
            return example
        recoloured = FaceTrack(_recolour(face.frames, *factors), face.times_ms, face.detected)
        return replace(example, recording=replace(example.recording, face=recoloured))


def _recolour(frames: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    """`frames` `(frames, height, width, 3)` uint8; contrast is about the mean brightness of all of them."""
    pixels = frames.astype(np.float32) * brightness
    grey = pixels @ _GREY  # (frames, height, width)
    pixels *= saturation
    pixels += (1 - saturation) * grey[..., None]
    pixels *= contrast
    pixels += (1 - contrast) * grey.mean()
    return np.rint(pixels, out=pixels).clip(0, 255).astype(np.uint8)
