"""From video frames to face crops."""

from pathlib import Path

import numpy as np
from PIL import Image

from .face_detection_emert import FaceBox, FaceDetector, default_detector
from .recording_emert import FaceTrack
from .video_emert import read_frames

CROP_SIZE = 112  # pixels, as the authors' network takes
CROP_MARGIN = 1.15  # side of the square crop over the longer side of the box


def track_faces(
    frames: np.ndarray,
    times_ms: np.ndarray,
    detector: FaceDetector | None = None,
    size: int = CROP_SIZE,
) -> FaceTrack | None:
    """Crops of the largest face in each frame; None if no frame has a face.

    `frames` `(frames, height, width, 3)` uint8 RGB, `times_ms` `(frames,)`. A frame without a face uses the box of the
    frame nearest in time that has one, and is False in `detected`.
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
    """Face crops of `num_frames` frames evenly spread over a video; None if there is no face. Raises `EmertInputError`."""
    frames, times_ms = read_frames(path, num_frames)
    return track_faces(frames, times_ms, detector)


def _crop(frame: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
    """A square around the box, `(size, size, 3)`; outside the frame its edge is repeated."""
    height, width = frame.shape[:2]
    side = max(2, round(max(box.width, box.height) * CROP_MARGIN))
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    square = Image.fromarray(frame[rows[:, None], columns])
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR))
