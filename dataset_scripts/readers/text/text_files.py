"""Text files: plain, `.gz`, `.xz`, or inside a `.zip`.

Every reader opens files through this module. Nothing is written to disk. Files are not trusted: bytes are counted while they
are unpacked, and a file that unpacks to a hundred times its size is refused.
"""

import gzip
import io
import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from modeling_emert.errors_emert import EmertInputError

from .workbook import MAX_RATIO, RATIO_FREE_BYTES, is_workbook, text_chunks

MAX_BYTES = 1 << 30  # of uncompressed text; an hour at 1,200 Hz with every column of Tobii Studio is about this much
MAX_LINES = 3_600_000  # an hour at 1,000 Hz; a line takes 400 to 900 bytes of memory while it is read
MAX_MEMBERS = 64  # files of an archive or folder
MAX_LINE_BYTES = 1 << 20

GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
# By the first bytes of the file, not by its name.
_OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {GZIP: gzip.GzipFile, XZ: lzma.LZMAFile}
_SUFFIXES = ("", ".gz", ".xz")
CHUNK_BYTES = 1 << 22
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


class ByteStream(io.RawIOBase):
    """A stream for reading; a subclass defines `read`."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Bounded(ByteStream):
    """Passes a stream on and raises `EmertInputError` once it has given more bytes or lines than the limits allow."""

    def __init__(self, stream: IO[bytes], name: object, packed_size: int | None):
        self._stream, self._name, self._packed_size = stream, name, packed_size
        self._given = self._lines = 0
        self._only_cr = False

    def read(self, size: int = -1) -> bytes:
        wanted = MAX_BYTES + 1 - self._given
        data = self._stream.read(wanted if size is None or size < 0 else min(size, wanted))
        if self._given == 0:  # old Macs end lines with CR alone, which not every parser accepts
            self._only_cr = b"\r" in data and b"\n" not in data
        if self._only_cr:
            data = data.replace(b"\r", b"\n")
        self._given += len(data)
        if self._given > MAX_BYTES:
            raise _too_large(self._name)
        self._lines += data.count(b"\n")
        if self._lines > MAX_LINES:
            raise EmertInputError(
                f"{self._name} holds more than {MAX_LINES:,} lines, the most that is read from one file; "
                "export fewer participants or stimuli per file"
            )
        if self._packed_size is not None and self._given > max(RATIO_FREE_BYTES, MAX_RATIO * self._packed_size):
            raise EmertInputError(
                f"{self._name} unpacks to more than {MAX_RATIO} times its size, as no recording does; unpack it and check it"
            )
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unreadable(name: object, error: OSError) -> EmertInputError:
    return EmertInputError(f"{name} can't be read ({error.strerror or error}); check its permissions")


def not_text(name: object) -> EmertInputError:
    return EmertInputError(f"{name} is no text in UTF-8, UTF-16 or Latin-1; save it as UTF-8")


def _too_large(name: object) -> EmertInputError:
    return EmertInputError(
        f"{name} holds more than {MAX_BYTES:,} bytes of text, the most that is read from one file; "
        "export fewer participants or stimuli per file"
    )


@dataclass(frozen=True)
class TextFile:
    """One file: on disk, or a member of the zip archive `path`. `str` gives the name for messages."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"

    @property
    def name(self) -> str:
        return self.path.name if self.member is None else PurePosixPath(self.member).name

    def beside(self, name: str) -> "TextFile | None":
        """The file of exactly this name in the same folder (or archive), compressed or not; None where there is none."""
        if self.member is not None:
            wanted = str(PurePosixPath(self.member).with_name(name))
            return TextFile(self.path, wanted) if wanted in _members(self.path) else None
        found = (self.path.with_name(name + suffix) for suffix in _SUFFIXES)
        return next((TextFile(path) for path in found if path.is_file()), None)

    @contextmanager
    def open(self) -> Iterator[_Bounded]:
        """The uncompressed bytes; errors of the file system and of the compression become `EmertInputError`."""
        try:
            _check_regular(self.path)
            with ExitStack() as stack:
                yield stack.enter_context(self._bounded(stack))
        except _DAMAGED as error:
            raise EmertInputError(f"{self} is compressed but cut off or damaged ({error}); copy it again") from error
        except OSError as error:
            raise _unreadable(self, error) from error

    def _bounded(self, stack: ExitStack) -> _Bounded:
        size = self.path.stat().st_size
        if self.member is not None:
            archive = stack.enter_context(zipfile.ZipFile(self.path))
            info = archive.getinfo(self.member)
            if info.flag_bits & 1:
                raise EmertInputError(f"{self} is locked with a password; unpack it first")
            return _Bounded(archive.open(info), self, size)
        opener = _OPENERS.get(_compression(self.path))
        if opener is None and size > MAX_BYTES:
            raise _too_large(self)
        return _Bounded(opener(self.path) if opener else self.path.open("rb"), self, size if opener else None)


def list_files(path: Path) -> list[TextFile]:
    """`path` itself, or the files of that zip archive or folder (without sub-folders), sorted by name.

    Raises `EmertInputError` if `path` is absent or no regular file, or holds no file or more than `MAX_MEMBERS`.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for an impossible name
        found = [TextFile(file) for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")]
    else:
        _check_regular(path)
        if _compression(path) != ZIP or is_workbook(path):
            return [text_file(path)]
        found = [TextFile(path, member) for member in _members(path)]
    if not 0 < len(found) <= MAX_MEMBERS:
        raise EmertInputError(
            f"{path} holds {len(found)} files, where 1 to {MAX_MEMBERS} are expected; give the file of one recording"
        )
    return found


def _members(path: Path) -> list[str]:
    """The files in a zip archive, without hidden ones and those that macOS adds."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except (*_DAMAGED, OSError, ValueError) as error:
        raise EmertInputError(f"{path} is a zip archive that is cut off or damaged ({error}); copy it again") from error
    return [name for name in names if not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))]


def _check_regular(path: Path) -> None:
    try:
        if path.is_dir():
            raise EmertInputError(f"{path} is a folder; give the file with the gaze samples in it")
        if not path.exists():
            raise EmertInputError(f"{path} does not exist; give the path of an eye tracker's export")
        if not path.is_file():
            raise EmertInputError(f"{path} is not a regular file; give an eye tracker's export saved on disk")
    except (OSError, ValueError) as error:  # a name that is too long or holds a NUL
        raise EmertInputError(f"{str(path)[:200]!r} is no name of a file ({error}); give another") from error


def _compression(path: Path) -> bytes:
    """The first bytes that mark a compressed file; empty for all others."""
    try:
        with path.open("rb") as file:
            first = file.read(8)
    except OSError as error:
        raise _unreadable(path, error) from error
    return next((mark for mark in (GZIP, XZ, ZIP) if first.startswith(mark)), b"")


class _Chunks(ByteStream):
    """Chunks of bytes as one stream."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._rest = chunks, b""

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            size = sys.maxsize
            self._rest += b"".join(self._chunks)
        while not self._rest and (chunk := next(self._chunks, None)) is not None:
            self._rest = chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


@dataclass(frozen=True)
class PartOfFile(TextFile):
    """A file of which only a part is seen: the bytes that `chunks` gives."""

    chunks: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), repr=False)

    @contextmanager
    def open(self) -> Iterator[io.RawIOBase]:
        yield _Chunks(self.chunks())


def text_file(path: Path) -> TextFile:
    """A file on disk; of an Excel workbook the first sheet as text."""
    return PartOfFile(path, chunks=partial(text_chunks, path)) if is_workbook(path) else TextFile(path)


def without_last_row(file: TextFile, encoding: str) -> TextFile:
    """The file without its last line that is not empty: a recording that was stopped cuts that line.

    Reads the file once, to its end. Raises `EmertInputError` as `TextFile.open`.
    """
    return PartOfFile(file.path, file.member, partial(_first_bytes, file, _start_of_last_row(file, encoding)))


def _first_bytes(file: TextFile, length: int) -> Iterator[bytes]:
    with file.open() as stream:
        while data := stream.read(min(length, CHUNK_BYTES)):
            length -= len(data)
            yield data


def _start_of_last_row(file: TextFile, encoding: str) -> int:
    """Its position in bytes; 0 where a line is longer than `MAX_LINE_BYTES`."""
    tail, size = b"", 0
    with file.open() as stream:
        while data := stream.read(CHUNK_BYTES):
            tail, size = (tail + data)[-2 * MAX_LINE_BYTES :], size + len(data)
    width = 2 if encoding.startswith("utf-16") else 1
    end_of_text = len(tail.rstrip(b"\r\n\0" if width == 2 else b"\r\n"))
    found = tail.rfind(b"\n", 0, end_of_text)
    after = size - len(tail) + found + 1
    return after + after % width if found >= 0 else 0  # in little-endian UTF-16 the line end has one more byte


class ExportFiles(NamedTuple):
    """File names of an export of several files: the table with the samples, and those read from the same folder."""

    gaze: str
    beside: tuple[str, ...]
