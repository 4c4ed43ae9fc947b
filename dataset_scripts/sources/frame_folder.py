"""A face video that was saved as a folder of pictures."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.faces_emert import CROP_SIZE, track_faces
from modeling_emert.recording_emert import FaceTrack
from modeling_emert.video_emert import LONGEST_SIDE, MAX_FRAMES, MAX_PIXELS

PICTURES = (".jpg", ".jpeg", ".png", ".bmp")


def load_frame_folder(folder: Path, count: int, frames_per_second: float, cropped: bool) -> FaceTrack | None:
    """`count` face crops spread evenly over the pictures, in the order of the numbers in their names.

    `cropped`: the pictures are face crops and are only scaled to 112 x 112; otherwise faces are found in them.
    None: no face was found in any.

    Raises:
        EmertInputError: no pictures, too many, one that can't be read or is too large, or pictures of different sizes.
    """
    files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    if not 0 < len(files) <= MAX_FRAMES:
        kinds = ", ".join(PICTURES)
        raise EmertInputError(f"{folder} has {len(files)} pictures ({kinds}), where 1 to {MAX_FRAMES:,} are expected")
    files.sort(key=_by_numbers)
    kept = np.unique(np.linspace(0, len(files) - 1, count).round().astype(int))
    pictures = [_read(files[index], (CROP_SIZE, CROP_SIZE) if cropped else None) for index in kept]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) > 1:
        raise EmertInputError(f"{folder} has pictures of {len(sizes)} sizes, where one video has one; keep those of one video")
    frames, times = np.stack(pictures), kept * (1000 / frames_per_second)
    return FaceTrack(frames, times, np.ones(len(kept), bool)) if cropped else track_faces(frames, times.astype(np.float32))


def _by_numbers(file: Path) -> list[tuple[int, str]]:
    """Sorts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def _read(file: Path, size: tuple[int, int] | None) -> np.ndarray:
    """`(height, width, 3)` uint8, of that size, or with its longest side at most 1280 pixels."""
    try:
        with Image.open(file) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise EmertInputError(f"{file} has {picture.width} x {picture.height} pixels; at most {MAX_PIXELS:,} are read")
            picture = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EmertInputError(f"{file} is no picture that can be read ({str(error)[:100]}); save it again") from error
    if size is None:
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        return np.asarray(picture)
    return np.asarray(picture.resize(size))
