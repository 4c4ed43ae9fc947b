"""What the parts of an augmentation share: the example that they change, and their interface."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from dataset_scripts.common.settings import number, settings
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording

if TYPE_CHECKING:  # transformers, which a recipe's check does not need
    from modeling_emert.feature_extraction_emert import GazeStatistics


@dataclass(frozen=True)
class Example:
    """A recording before the processor, in its own units, missing values NaN; `statistics` as the processor takes them.

    Parts return a new example and never change the given one, which is cached for the next epoch.
    """

    recording: Recording
    statistics: "GazeStatistics | None" = None

    def with_gaze(self, gaze: Gaze) -> "Example":
        return replace(self, recording=replace(self.recording, gaze=gaze))


class Part(Protocol):
    """One kind of random change; the same generator state gives the same change."""

    changes_face: ClassVar[bool]

    def __call__(self, example: Example, generator: np.random.Generator) -> Example: ...


def first_sample(gaze: Gaze) -> float:
    """Time of the first sample in ms; 0 without samples."""
    return float(gaze.times_ms[0]) if gaze.times_ms is not None and len(gaze.times_ms) else 0.0


_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # weights of red, green and blue in the luma (ITU-R BT.601)


@settings
class Colour:
    """Changes brightness, contrast and saturation of all frames of a recording alike.

    Each factor is random between 1 - x and 1 + x, x being the field of that name; 0 changes nothing.
    """

    brightness: number(0, 1) = 0.2
    contrast: number(0, 1) = 0.2
    saturation: number(0, 1) = 0.2
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        spans = np.array([self.brightness, self.contrast, self.saturation])
        factors = generator.uniform(1 - spans, 1 + spans).astype(np.float32)
        face = example.recording.face
        if face is None:
            return example
        recoloured = FaceTrack(_recolour(face.frames, *factors), face.times_ms, face.detected)
        return replace(example, recording=replace(example.recording, face=recoloured))


def _recolour(frames: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    """`frames` `(frames, height, width, 3)` uint8; contrast is relative to the mean brightness of all frames."""
    pixels = frames.astype(np.float32) * brightness
    grey = pixels @ _GREY  # (frames, height, width)
    pixels *= saturation
    pixels += (1 - saturation) * grey[..., None]
    pixels *= contrast
    pixels += (1 - contrast) * grey.mean()
    return np.rint(pixels, out=pixels).clip(0, 255).astype(np.uint8)
