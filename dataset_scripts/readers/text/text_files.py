"""Files with text as eye trackers' users have them: plain, `.gz`, `.xz`, or inside a `.zip`; in any of five encodings.

Every reader goes through here, so that compression, encodings, sizes and the sentences for broken files are settled once.
Nothing is written to disk. Files are not trusted: bytes are counted while they are unpacked, and what unpacks to a hundred
times its size is refused.
"""

import codecs
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from modeling_emert.errors_emert import EmertInputError

MAX_BYTES = 1 << 30  # of uncompressed text; an hour at 1,200 Hz with every column of Tobii Studio is about this much
# Real exports unpack to 3 to 20 times their size. Small files may be as regular as they like.
MAX_RATIO, RATIO_FREE_BYTES = 100, 1 << 25
MAX_LINES = 3_600_000  # an hour at 1,000 Hz; a line takes 400 to 900 bytes of memory while it is read
MAX_MEMBERS = 64  # of an archive or folder that are looked at
MAX_LINE_BYTES = 1 << 20
HEAD_BYTES = 1 << 18

GZIP, XZ, ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"PK\x03\x04"
# By the first bytes of the file and not by its name. Another compression is one more line.
_OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {GZIP: gzip.GzipFile, XZ: lzma.LZMAFile}
_SUFFIXES = ("", ".gz", ".xz")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Not str.splitlines, which also splits at characters that a name may hold.
_LINE_END = re.compile(r"\r\n|\r|\n")
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


class _Bounded(io.RawIOBase):
    """Passes a stream on and refuses with `EmertInputError` once it has given more than it may."""

    def __init__(self, stream: IO[bytes], name: object, packed_size: int | None):
        self._stream, self._name, self._given = stream, name, 0
        self._limit, self._packed_size, self._lines = MAX_BYTES, packed_size, 0
        self._only_cr = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        wanted = self._limit + 1 - self._given
        data = self._stream.read(wanted if size is None or size < 0 else min(size, wanted))
        if self._given == 0:  # old Macs end lines with CR alone, which not every parser takes
            self._only_cr = b"\r" in data and b"\n" not in data
        if self._only_cr:
            data = data.replace(b"\r", b"\n")
        self._given += len(data)
        if self._given > self._limit:
            raise _too_large(self._name)
        self._lines += data.count(b"\n")
        if self._lines > MAX_LINES:
            raise EmertInputError(
                f"{self._name} holds more than {MAX_LINES:,} lines, the most that is read from one file; "
                "export fewer participants or stimuli per file"
            )
        if self._packed_size is not None and self._given > max(RATIO_FREE_BYTES, MAX_RATIO * self._packed_size):
            raise EmertInputError(
                f"{self._name} unpacks to more than {MAX_RATIO} times its size, as no recording does; unpack it and look at it"
            )
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def _too_large(name: object) -> EmertInputError:
    return EmertInputError(
        f"{name} holds more than {MAX_BYTES:,} bytes of text, the most that is read from one file; "
        "export fewer participants or stimuli per file"
    )


@dataclass(frozen=True)
class TextFile:
    """One file: on disk, or a member of the zip archive `path`. As text it is what messages call it."""

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
            raise EmertInputError(f"{self} can't be read ({error.strerror or error}); check its permissions") from error

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
    """What `path` stands for: itself, or the files of a zip archive or of a folder (not of those within it), by name.

    Raises `EmertInputError` for what is absent, no regular file, or holds nothing or more than `MAX_MEMBERS` files.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name that can't be one
        found = [TextFile(file) for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")]
    else:
        _check_regular(path)
        if _compression(path) != ZIP:
            return [TextFile(path)]
        found = [TextFile(path, member) for member in _members(path)]
    if not 0 < len(found) <= MAX_MEMBERS:
        raise EmertInputError(
            f"{path} holds {len(found)} files, where 1 to {MAX_MEMBERS} are expected; give the file of one recording"
        )
    return found


def _members(path: Path) -> list[str]:
    """The files in a zip archive that are no hidden ones and no remarks of macOS."""
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
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        raise EmertInputError(f"{str(path)[:200]!r} is no name of a file ({error}); give another") from error


def _compression(path: Path) -> bytes:
    """The mark at the start of a compressed file; empty for all others."""
    try:
        with path.open("rb") as file:
            first = file.read(8)
    except OSError as error:
        raise EmertInputError(f"{path} can't be read ({error.strerror or error}); check its permissions") from error
    return next((mark for mark in (GZIP, XZ, ZIP) if first.startswith(mark)), b"")


@dataclass(frozen=True)
class TextHead:
    """The first lines of a text file. The last, perhaps cut, line is kept."""

    file: TextFile
    encoding: str
    lines: tuple[str, ...]

    @property
    def first_line(self) -> str:
        return next((line.strip() for line in self.lines if line.strip()), "")


def read_text_head(file: TextFile) -> TextHead:
    """The start of the file as lines. Raises `EmertInputError` for what is no text: empty or binary."""
    with file.open() as stream:
        data = stream.read(HEAD_BYTES)
    if not data.strip():
        raise EmertInputError(f"{file} is empty; export the recording again")
    encoding = find_encoding(data)
    if not encoding.startswith("utf-16") and b"\0" in data:
        raise EmertInputError(f"{file} is a binary file; give the tracker's export as text (CSV or TSV)")
    try:
        # The last character of the head may be cut in half, which is no error unless the file ends there.
        text = codecs.getincrementaldecoder(encoding)().decode(data, final=len(data) < HEAD_BYTES)
    except UnicodeDecodeError as error:
        raise not_text(file) from error
    return TextHead(file, encoding, tuple(_LINE_END.split(text)))


def find_encoding(data: bytes) -> str:
    """By the byte order mark, or by what the bytes can be: UTF-8, UTF-16 without a mark, else Latin-1."""
    for mark, name in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return name
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) > len(data) / 5 and min(even, odd) == 0:
        return "utf-16-le" if odd else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def not_text(file: TextFile) -> EmertInputError:
    return EmertInputError(f"{file} is no text in UTF-8, UTF-16 or Latin-1; save it as UTF-8")


def read_lines(head: TextHead) -> Iterator[str]:
    """All lines of the file without their ends, one after the other.

    Raises `EmertInputError` for a line of more than `MAX_LINE_BYTES` and for what is no text.
    """
    with head.file.open() as stream:
        lines = io.TextIOWrapper(io.BufferedReader(stream, 1 << 16), head.encoding, newline=None)
        try:
            while line := lines.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES:
                    raise EmertInputError(f"{head.file} has a line of more than {MAX_LINE_BYTES:,} characters; export it again")
                yield line.rstrip("\n")
        except UnicodeDecodeError as error:
            raise not_text(head.file) from error
