"""Unpacks a visitor's zip within limits, into files whose paths do not depend on the names in it."""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .batch_files import is_system_file
from .uploads import visible_name

MAX_ZIP_FILES = 400
MAX_ZIP_UNPACKED_MB = 1024
MAX_ZIP_RATIO = 200  # unpacked to packed bytes; tables of gaze reach about 10
_CHUNK = 1 << 20
_PLAIN_NAME = re.compile(r"\w[\w .()-]{0,99}", re.ASCII)


def unpack(archive: Path, folder: Path) -> list[tuple[str, Path]]:
    """The files of a zip, written under `folder` by number; gives their names in the zip and their paths.

    Raises:
        EmertInputError: no zip, encrypted, damaged, too many files, too much content, or compressed as only a bomb is.
    """
    name = visible_name(archive)
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise EmertInputError(f"{name}: not a zip file; pack it again.") from error
    with closing(opened):
        members = [one for one in opened.infolist() if not one.is_dir() and not is_system_file(one.filename)]
        _check_members(name, members)
        found, room = [], MAX_ZIP_UNPACKED_MB * 2**20
        for number, member in enumerate(members):
            suffix = Path(member.filename).suffix.lower()[:8]
            target = folder / f"{number:04d}{suffix if suffix[1:].isalnum() and suffix.isascii() else ''}"
            room -= _write(opened, member, target, room, name)
            found.append((member.filename, target))
        return found


def lay_together(files: Sequence[tuple[str, Path]], folder: Path) -> Path:
    """A new folder in `folder` with these files, under their own names where these are plain, since readers look for them."""
    together = Path(tempfile.mkdtemp(prefix="gaze-", dir=folder))
    for number, (name, path) in enumerate(files):
        last = name.replace("\\", "/").rsplit("/", 1)[-1]
        target = together / last
        if not _PLAIN_NAME.fullmatch(last) or target.exists():
            target = together / f"{number:04d}{path.suffix}"
        try:
            os.link(path, target)
        except OSError:  # a file system without links
            shutil.copyfile(path, target)
    return together


def _check_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_ZIP_FILES:
        raise EmertInputError(f"{name} holds {len(members)} files; at most {MAX_ZIP_FILES} are read at once.")
    strange = [one.filename for one in members if one.filename.startswith(("/", "\\")) or ".." in Path(one.filename).parts]
    if strange:
        raise EmertInputError(f"{name} holds a file that would lie outside of it ({visible_name(strange[0])}); pack it again.")
    if any(one.flag_bits & 1 for one in members):
        raise EmertInputError(f"{name} is encrypted; pack it without a password.")
    total = sum(one.file_size for one in members)
    packed = max(1, sum(one.compress_size for one in members))
    if total > MAX_ZIP_UNPACKED_MB * 2**20:
        raise EmertInputError(f"{name} unpacks to {total / 2**20:,.0f} MB; at most {MAX_ZIP_UNPACKED_MB} MB are read at once.")
    if total / packed > MAX_ZIP_RATIO:
        raise EmertInputError(
            f"{name} unpacks to {total / packed:,.0f} times its size, and at most {MAX_ZIP_RATIO} times is allowed, since no "
            "recordings pack so tightly; give its files as they are, without the zip."
        )


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, room: int, name: str) -> int:
    """Number of bytes written. They are counted, since the sizes that a zip states may be wrong."""
    written = 0
    try:
        with opened.open(member) as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > min(room, member.file_size):
                    raise EmertInputError(f"{name} holds more than it says; pack it again, at most {MAX_ZIP_UNPACKED_MB} MB.")
                file.write(chunk)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise EmertInputError(
            f"{name} is damaged at {visible_name(member.filename)} ({type(error).__name__}); pack it again."
        ) from error
    return written
