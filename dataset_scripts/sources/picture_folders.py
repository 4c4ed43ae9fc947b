"""Many pictures in a folder or a zip archive, read one at a time, without unpacking: nothing is written to disk.

Archives come from anywhere. Only files in the archive's root, or in the one folder that has the archive's name, are known by
their names; sizes are checked before a file is read, and no more is read than was stated.
"""

import hashlib
import zipfile
import zlib
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

MOST_FILES = 200_000
MOST_BYTES = 16 << 20  # of one file
MOST_RATIO = 200  # unpacked over packed bytes; a table of votes has 10
_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile)


class PictureFolder(ABC):
    """Files by name. `place`: the folder or archive."""

    place: Path

    @abstractmethod
    def holds(self, name: str) -> bool: ...

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises `EmertInputError` where there is no such file, or it is too large or damaged."""

    def name_of(self, name: str) -> str:
        """For messages."""
        return f"{self.place}/{name}"

    def digest(self, name: str) -> bytes:
        """Equal for files of equal content."""
        return hashlib.blake2b(self.read(name), digest_size=16).digest()


def open_pictures(path: Path) -> PictureFolder:
    """The folder `path`, or the archive `path.zip`. Raises `EmertInputError` where neither is there or can be read."""
    if path.is_dir():
        return _Folder(path)
    archive = path.with_name(f"{path.name}.zip")
    if not archive.is_file():
        raise EmertInputError(f"{path.parent}: no folder {path.name} and no {archive.name}; a part of the data is missing")
    return _open_archive(archive, archive.stat().st_mtime_ns)


class _Folder(PictureFolder):
    def __init__(self, place: Path):
        self.place = place
        self._names = {file.name for file in place.iterdir()}
        _check_count(place, len(self._names))

    def holds(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        path = self.place / name
        try:
            if path.stat().st_size > MOST_BYTES:
                raise _too_large(self.name_of(name))
            return path.read_bytes()
        except OSError as error:
            raise EmertInputError(f"{path}: can't be read ({error.strerror}); get it anew") from error


class _Archive(PictureFolder):
    def __init__(self, place: Path):
        self.place = place
        try:
            self._zip = zipfile.ZipFile(place)
        except _DAMAGED as error:
            raise EmertInputError(f"{place}: a zip archive that is cut off or damaged ({error}); get it anew") from error
        members = self._zip.infolist()
        _check_count(place, len(members))
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in members:
            name = info.filename.removeprefix(f"{place.stem}/")
            if info.is_dir() or "/" in name or "\\" in name:
                continue
            if name in self._members:
                raise EmertInputError(f"{place}: {name} comes twice; get it anew")
            self._members[name] = info

    def holds(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        where, info = self.name_of(name), self._members.get(name)
        if info is None:
            raise EmertInputError(f"{where}: no such file in the archive; get it anew")
        if info.flag_bits & 1:
            raise EmertInputError(f"{where}: locked with a password; unpack the archive into a folder first")
        if info.file_size > MOST_BYTES or info.file_size > MOST_RATIO * max(info.compress_size, 64):
            raise _too_large(where)
        try:
            with self._zip.open(info) as file:
                return file.read(info.file_size + 1)[: info.file_size]
        except _DAMAGED as error:
            raise EmertInputError(f"{where}: damaged ({error}); get the archive anew") from error


@lru_cache(maxsize=8)
def _open_archive(path: Path, changed: int) -> _Archive:
    """`changed`: its time, so that a new archive is opened anew."""
    return _Archive(path)


def _check_count(place: Path, count: int) -> None:
    if count > MOST_FILES:
        raise EmertInputError(f"{place}: {count:,} files, where at most {MOST_FILES:,} are read; give the data set alone")


def _too_large(name: str) -> EmertInputError:
    return EmertInputError(f"{name}: unpacks to more than a picture or a table of votes has; get it anew")
