"""The files of a copy of EMER: columns of `.npy` or text files by rules of the mapping file, and folders of frames."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Annotated

import numpy as np
from PIL import Image

from dataset_scripts.common.settings import Positive, expects, settings, whole
from dataset_scripts.readers.text.text_table import SEPARATORS, Head, Header, read_head, read_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.face_detection_emert import CROP_SIZE, track_faces
from modeling_emert.recording_emert import FaceTrack
from modeling_emert.sampling_emert import spread_evenly
from modeling_emert.video_emert import LONGEST_SIDE, MAX_FRAMES, MAX_PIXELS

MAX_ARRAY_BYTES = 1 << 30
NPY_MAGIC = b"\x93NUMPY"
PICTURES = (".jpg", ".jpeg", ".png", ".bmp")

_Key = Annotated[str | whole(0, 1 << 20), expects("a column's name, or its number from 0 in an array")]


@settings
class ColumnRule:
    """A column of a file, by name or number from 0, and the divisor that converts its unit to ours."""

    column: _Key
    divide_by: Positive = 1.0


def read_array_columns(file: Path, rules: Mapping[str, ColumnRule], missing: Collection[float]) -> dict[str, np.ndarray]:
    """`(rows,)` float64 by the names of `rules`; numbers in `missing` and infinite numbers become NaN.

    A text file has a header where the rules name columns, and none where they number them.

    Raises `EmertInputError` where the file is absent, too large, no array of numbers `(rows, columns)`, or lacks a column.
    """
    try:
        with file.open("rb") as stream:
            is_npy = stream.read(len(NPY_MAGIC)) == NPY_MAGIC
    except OSError as error:
        raise EmertInputError(f"{file} can't be read ({error.strerror or error}); check the mapping") from error
    wanted = {rule.column for rule in rules.values()}
    found = _read_npy(file, wanted) if is_npy else _read_text(file, wanted)
    columns = {}
    for name, rule in rules.items():
        values = np.array(found[rule.column], np.float64)
        values[np.isin(values, list(missing)) | ~np.isfinite(values)] = np.nan
        columns[name] = values / rule.divide_by
    return columns


def _read_npy(file: Path, wanted: set[str | int]) -> dict[str | int, np.ndarray]:
    names = sorted(str(column) for column in wanted if isinstance(column, str))
    if names:
        raise EmertInputError(f"{file} is an array without names, where the mapping asks for {', '.join(names)}; give numbers")
    if file.stat().st_size > MAX_ARRAY_BYTES:
        raise EmertInputError(f"{file} has more than {MAX_ARRAY_BYTES:,} bytes, as no recording does; check the mapping")
    try:
        # Memory-mapped: a false size in the header allocates nothing; pickled objects are refused.
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, OverflowError, TokenError) as error:
        raise EmertInputError(f"{file} is no array of numbers ({str(error)[:100]}); save it as float32") from error
    if array.ndim != 2 or array.dtype.kind not in "fiu" or max(wanted) >= array.shape[1]:
        raise EmertInputError(
            f"{file} is an array {array.shape} of {array.dtype}, where numbers (samples, at least {max(wanted) + 1}) are "
            "expected; correct the mapping's columns"
        )
    return {column: array[:, column] for column in wanted}


def _read_text(file: Path, wanted: set[str | int]) -> dict[str | int, np.ndarray]:
    head = read_head(file)
    if all(isinstance(column, int) for column in wanted):
        header, keys = _numbered(head), {column: str(column) for column in wanted}
    else:
        keys = {column: str(column).replace(" ", "") for column in wanted}  # as the headers' names are read
        header = head.find(*keys.values())
    lacking = sorted(set(keys.values()) - set(header.names if header else ()))
    if header is None or lacking:
        raise EmertInputError(
            f"{file} begins with {head.first_line[:100]!r}, where columns {', '.join(lacking)} are expected; "
            "correct the mapping's columns"
        )
    numbers = read_table(head, header, times=keys.values()).numbers
    return {column: numbers[key] for column, key in keys.items()}


def _numbered(head: Head) -> Header:
    """A table without a header: its columns are named by their numbers."""
    separator = max(SEPARATORS, key=head.first_line.count)
    return Header(-1, separator, tuple(str(number) for number in range(head.first_line.count(separator) + 1)))


def load_frame_folder(folder: Path, count: int, frames_per_second: float, cropped: bool) -> FaceTrack | None:
    """`count` face crops spread evenly over the pictures, in the order of the numbers in their names.

    `cropped`: the pictures are face crops and are only scaled to 112 x 112; otherwise faces are found in them. None: no
    face was found in any. Raises `EmertInputError` for no or too many pictures, and for unreadable, too large or unequal ones.
    """
    files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES]
    if not 0 < len(files) <= MAX_FRAMES:
        kinds = ", ".join(PICTURES)
        raise EmertInputError(f"{folder} has {len(files)} pictures ({kinds}), where 1 to {MAX_FRAMES:,} are expected")
    files.sort(key=by_numbers)
    kept = np.unique(spread_evenly(len(files), count))
    pictures = [_read_picture(files[index], (CROP_SIZE, CROP_SIZE) if cropped else None) for index in kept]
    sizes = {picture.shape for picture in pictures}
    if len(sizes) > 1:
        raise EmertInputError(f"{folder} has pictures of {len(sizes)} sizes, where one video has one; keep those of one video")
    frames, times = np.stack(pictures), kept * (1000 / frames_per_second)
    return FaceTrack(frames, times, np.ones(len(kept), bool)) if cropped else track_faces(frames, times.astype(np.float32))


def by_numbers(file: Path) -> list[tuple[int, str]]:
    """Sorts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def _read_picture(file: Path, size: tuple[int, int] | None) -> np.ndarray:
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
