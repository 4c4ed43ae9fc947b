"""Face crops as EMER's authors have them, a folder of JPEG files a recording, in the pixels that their reader makes of them."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dataset_scripts.sources.emer_files import by_numbers
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.face_detection_emert import CROP_SIZE
from modeling_emert.recording_emert import FaceTrack
from modeling_emert.sampling_emert import spread_evenly
from modeling_emert.video_emert import MAX_FRAMES, MAX_PIXELS

_FIXED_POINT = 11  # bits of OpenCV's weights
_ORIENTATION = 0x0112  # EXIF


def list_frames(folder: Path) -> list[Path]:
    """The `.jpg` files in the order of the numbers in their names. Raises `EmertInputError` for none, or too many."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".jpeg")]
    if not 0 < len(files) <= MAX_FRAMES:
        raise EmertInputError(f"{folder}: has {len(files)} .jpg files, where 1 to {MAX_FRAMES:,} face crops are expected")
    return sorted(files, key=by_numbers)


def read_face_crops(folder: Path, most: int | None = None) -> FaceTrack:
    """All crops, or `most` spread evenly, as 112 x 112 pixels without loss; times are numbers of frames, since none are known.

    Raises `EmertInputError` for a file that can't be read.
    """
    files = list_frames(folder)
    kept = range(len(files))
    if most is not None and most < len(files):
        kept = np.unique(spread_evenly(len(files), most)).tolist()
    read = [_read(files[number]) for number in kept]
    pixels, encoded = np.stack([one[0] for one in read]), tuple(one[1] for one in read)
    names = tuple(files[number].name for number in kept)
    return FaceTrack(pixels, np.array(kept, np.float32), np.ones(len(read), bool), names, encoded)


def _read(file: Path) -> tuple[np.ndarray, bytes]:
    """Pixels `(112, 112, 3)` uint8 RGB, and a file that gives just these: the JPEG itself if it has this size, else a PNG."""
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise EmertInputError(f"{file}: {picture.width} x {picture.height} pixels; at most {MAX_PIXELS:,} are read")
            plain = (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (CROP_SIZE, CROP_SIZE))
            plain = plain and picture.getexif().get(_ORIENTATION, 1) == 1
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EmertInputError(f"{file}: no picture that can be read ({str(error)[:100]}); copy it again") from error
    if plain:
        return pixels, content
    pixels, buffer = resize_as_opencv(pixels, CROP_SIZE), io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return pixels, buffer.getvalue()


def resize_as_opencv(pixels: np.ndarray, size: int) -> np.ndarray:
    """`(height, width, 3)` uint8 -> `(size, size, 3)`, bit for bit as `cv2.resize` does by default.

    That is bilinear between the two nearest pixels, without a filter when it makes smaller, in fixed-point arithmetic.
    """
    height, width = pixels.shape[:2]
    if (height, width) == (size, size):
        return pixels
    top, bottom, *vertical = _weights(height, size)
    left, right, *horizontal = _weights(width, size, at_edges=True)
    wide = pixels.astype(np.int64)
    rows = wide[:, left] * horizontal[0][None, :, None] + wide[:, right] * horizontal[1][None, :, None]
    parts = [(weight[:, None, None] * (rows[line] >> 4)) >> 16 for line, weight in zip((top, bottom), vertical, strict=True)]
    return np.clip((parts[0] + parts[1] + 2) >> 2, 0, 255).astype(np.uint8)


def _weights(length: int, size: int, at_edges: bool = False) -> tuple[np.ndarray, ...]:
    """Of each new pixel the two old ones and their weights. `at_edges`: a pixel beyond the edge has all of the weight."""
    place = ((np.arange(size) + 0.5) * (length / size) - 0.5).astype(np.float32)
    first = np.floor(place).astype(int)
    second_part = (place - first).astype(np.float32)
    if at_edges:
        second_part = np.where((first < 0) | (first >= length - 1), np.float32(0), second_part)
    weights = [np.rint(part * np.float32(1 << _FIXED_POINT)).astype(np.int64) for part in (1 - second_part, second_part)]
    return first.clip(0, length - 1), (first + 1).clip(0, length - 1), *weights
