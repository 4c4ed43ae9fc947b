"""Faces as other cameras see them: moved, turned, blurred, and partly covered. All frames of a recording change alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from PIL import Image

from dataset_scripts.common.settings import number, settings
from modeling_emert.recording_emert import FaceTrack

from .parts import Example


@settings
class FaceMove:
    """Scales, shifts and turns the face: what a detector's box and a tilted head do.

    `scale`: the size is random between 1 - scale and 1 + scale. `shift`: up to this fraction of the crop's side in each
    direction. `turn`: up to so many degrees either way. Beyond the crop, its edge is continued.
    """

    scale: number(0, 0.5) = 0.18
    shift: number(0, 0.5) = 0.06
    turn: number(0, 90) = 15.0
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        size = 1 + generator.uniform(-self.scale, self.scale)
        angle = np.radians(generator.uniform(-self.turn, self.turn))
        shift = generator.uniform(-self.shift, self.shift, 2)
        return _changed(example, lambda frames: _moved(frames, size, angle, *shift))


def _moved(frames: np.ndarray, size: float, angle: float, right: float, down: float) -> np.ndarray:
    """`frames` `(frames, height, width, 3)` uint8; `size` above 1 enlarges, `angle` in radians, shifts in sides."""
    height, width = frames.shape[1:3]
    edge = max(height, width) // 2
    padded = np.pad(frames, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="edge")
    cosine, sine = np.cos(angle) / size, np.sin(angle) / size
    middle_x, middle_y = width / 2, height / 2
    from_x, from_y = middle_x + edge - right * width, middle_y + edge - down * height
    # Of each new pixel the old place, (a x + b y + c, d x + e y + f).
    x = (cosine, -sine, from_x - cosine * middle_x + sine * middle_y)
    y = (sine, cosine, from_y - sine * middle_x - cosine * middle_y)
    place = dict(size=(width, height), method=Image.Transform.AFFINE, data=(*x, *y), resample=Image.Resampling.BILINEAR)
    return np.stack([np.asarray(Image.fromarray(frame).transform(**place)) for frame in padded])


@settings
class LowResolution:
    """With probability `chance`, only `least` to 1 of the crop's pixels in each direction are left: a blurred or far face."""

    chance: number(0, 1) = 0.25
    least: number(0.05, 1) = 0.2
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        happens, kept = generator.random() < self.chance, generator.uniform(self.least, 1)
        return _changed(example, lambda frames: _coarse(frames, kept)) if happens else example


def _coarse(frames: np.ndarray, kept: float) -> np.ndarray:
    height, width = frames.shape[1:3]
    small = max(round(width * kept), 1), max(round(height * kept), 1)
    pictures = (Image.fromarray(frame).resize(small, Image.Resampling.BOX) for frame in frames)
    return np.stack([np.asarray(one.resize((width, height), Image.Resampling.BILINEAR)) for one in pictures])


@settings
class Cover:
    """With probability `chance`, hides a random rectangle (a hand, hair, glasses) under one brightness.

    Its sides are random between `least` and `most`, fractions of the crop's.
    """

    chance: number(0, 1) = 0.3
    least: number(0, 1) = 0.12
    most: number(0, 1) = 0.33
    changes_face: ClassVar[bool] = True

    def __call__(self, example: Example, generator: np.random.Generator) -> Example:
        happens, sides = generator.random() < self.chance, generator.uniform(self.least, max(self.least, self.most), 2)
        place, brightness = generator.random(2), generator.integers(0, 256)
        return _changed(example, lambda frames: _covered(frames, sides, place, int(brightness))) if happens else example


def _covered(frames: np.ndarray, sides: np.ndarray, place: np.ndarray, brightness: int) -> np.ndarray:
    whole = np.array(frames.shape[1:3])
    size = np.rint(sides * whole).astype(int)
    top, left = np.floor(place * (whole - size + 1)).astype(int)
    frames = frames.copy()
    frames[:, top : top + size[0], left : left + size[1]] = brightness
    return frames


def _changed(example: Example, change: Callable[[np.ndarray], np.ndarray]) -> Example:
    """With other frames; without a face the example as it is."""
    face = example.recording.face
    if face is None:
        return example
    changed = FaceTrack(change(face.frames), face.times_ms, face.detected)
    return replace(example, recording=replace(example.recording, face=changed))
