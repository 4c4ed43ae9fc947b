"""Text files whose last row was cut, as by a recording that was stopped: seen without that row."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Self

from dataset_scripts.readers.text.text_files import MAX_LINE_BYTES, TextFile

_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True)
class WithoutLastRow(TextFile):
    """A file without its last line that is not empty."""

    whole: TextFile | None = None
    length: int = 0

    @classmethod
    def of(cls, file: TextFile, encoding: str) -> Self:
        """Reads the file once, to its end. Raises `EmertInputError` as `TextFile.open`."""
        return cls(file.path, file.member, file, _start_of_last_row(file, encoding))

    def __str__(self) -> str:
        return str(self.whole)

    @contextmanager
    def open(self) -> Iterator[io.RawIOBase]:
        assert self.whole is not None
        with self.whole.open() as stream:
            yield _First(stream, self.length)


def _start_of_last_row(file: TextFile, encoding: str) -> int:
    """Its place in bytes; 0 where a line is longer than any that is read."""
    tail, size = b"", 0
    with file.open() as stream:
        while data := stream.read(_CHUNK_BYTES):
            tail, size = (tail + data)[-2 * MAX_LINE_BYTES :], size + len(data)
    width = 2 if encoding.startswith("utf-16") else 1
    end_of_text = len(tail.rstrip(b"\r\n\0" if width == 2 else b"\r\n"))
    found = tail.rfind(b"\n", 0, end_of_text)
    if found < 0:
        return 0
    after = size - len(tail) + found + 1
    return after + after % width  # UTF-16 with the little end first has one more byte of the line's end


class _First(io.RawIOBase):
    """The first `length` bytes of a stream."""

    def __init__(self, stream: IO[bytes], length: int):
        self._stream, self._left = stream, length

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
