"""A photograph as a frame: told by its content, upright, RGB, of bounded size.

Pictures come from anywhere. The number of pixels is read from the header before anything is decoded, and only PNG, JPEG and
WebP are opened: Pillow's other formats are seldom used and have had most of its security errors.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from .errors_emert import EmertInputError

MAX_BYTES = 64 << 20  # of the file
MAX_PIXELS = 8192 * 8192  # a 50 megapixel camera, with a margin
LONGEST_SIDE = 1280  # pixels; a larger picture is scaled down, as the frames of a video are
SHORTEST_SIDE = 192  # of the longest side; a smaller picture is enlarged: the detector finds few faces in 48 x 48 pixels

_FORMATS = ("PNG", "JPEG", "WEBP")
_BACKGROUND = (255, 255, 255)  # behind transparent pixels
_ERRORS = (OSError, ValueError, SyntaxError, TypeError, IndexError, KeyError, EOFError, OverflowError, MemoryError)


def is_image(given: Any) -> bool:
    """Whether it is a photograph: a PIL image, an array `(height, width, 3)`, or a file (path or bytes) that begins as one."""
    if isinstance(given, (str, Path)):
        try:
            with open(given, "rb") as file:
                given = file.read(12)
        except (OSError, ValueError):  # told where it is read
            return False
    if isinstance(given, bytes):
        return given.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (given[:4], given[8:12]) == (b"RIFF", b"WEBP")
    return isinstance(given, Image.Image) or (isinstance(given, np.ndarray) and given.ndim == 3)


def read_image(given: "str | Path | bytes | Image.Image | np.ndarray") -> np.ndarray:
    """The picture as a frame `(height, width, 3)` uint8 RGB, upright by its EXIF orientation, 192 to 1280 pixels long.

    `given`: a PNG, JPEG or WebP file (path or bytes), a PIL image, or an array `(height, width, 3)` uint8 RGB. Grey becomes
    three equal channels, transparent pixels lie on white, of an animation the first picture is taken.

    Raises `EmertInputError`: no such file, no such picture, damaged, too large, or an array of another shape.
    """
    return as_frame(open_image(given))


def open_image(given: "str | Path | bytes | Image.Image | np.ndarray") -> Image.Image:
    """As `read_image`, an RGB image in its own size."""
    if isinstance(given, np.ndarray):
        if given.ndim != 3 or given.shape[-1] != 3 or given.dtype != np.uint8 or given.size == 0:
            found = f"{given.shape} {given.dtype}"
            raise EmertInputError(f"the image must be an array (height, width, 3) of uint8, got {found}")
        _check_size("the image", given.shape[1], given.shape[0])
        return Image.fromarray(given)
    if isinstance(given, Image.Image):
        _check_size("the image", *given.size)
        return _decode("the image", given)
    if isinstance(given, bytes):
        name, content = f"image of {len(given)} bytes", given[: MAX_BYTES + 1]
    elif isinstance(given, (str, Path)):
        name, content = Path(given).name, _read_file(Path(given))
    else:
        expected = "a file's path or bytes, a PIL image or an array (height, width, 3) of uint8"
        raise EmertInputError(f"the image is given as {type(given).__name__}, expected {expected}")
    if not content:
        raise EmertInputError(f"{name}: the image file is empty (0 bytes)")
    if len(content) > MAX_BYTES:
        raise EmertInputError(f"{name}: more than {MAX_BYTES >> 20} MB, as no photograph has; save it smaller")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise EmertInputError(f"{name}: more than {MAX_PIXELS:,} pixels; save it smaller") from error
    except _ERRORS as error:
        kinds = ", ".join(_FORMATS)
        raise EmertInputError(f"{name}: not a picture that can be read ({type(error).__name__}); save it as {kinds}") from error
    _check_size(name, *image.size)
    return _decode(name, image)


def as_frame(image: Image.Image) -> np.ndarray:
    """`(height, width, 3)` uint8 of an RGB image, scaled so that its longest side has 192 to 1280 pixels."""
    longest = max(image.size)
    scale = min(max(longest, SHORTEST_SIDE), LONGEST_SIDE) / longest
    if scale != 1:
        image = image.resize([max(2, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    return np.asarray(image)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such name"
        raise EmertInputError(f"{path}: no such image file, or it can't be read ({reason})") from error


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > 50 * min(width, height):
        expected = f"at most {MAX_PIXELS:,} pixels, and no side 50 times the other"
        raise EmertInputError(f"{name}: a picture of {width} x {height} pixels, expected {expected}; give a photograph")


def _decode(name: str, image: Image.Image) -> Image.Image:
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I") or image.mode == "F":  # 16 bits a pixel; `convert` would cut them at 255
            grey = np.asarray(image, np.float32)
            image = Image.fromarray((grey * (255 / max(float(grey.max()), 255.0))).clip(0, 255).astype(np.uint8))
        if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
            image = image.convert("RGBA")
            background = Image.new("RGBA", image.size, (*_BACKGROUND, 255))
            return Image.alpha_composite(background, image).convert("RGB")
        return image.convert("RGB")
    except _ERRORS as error:
        raise EmertInputError(f"{name}: the picture is damaged ({str(error)[:80]}); save it again") from error
