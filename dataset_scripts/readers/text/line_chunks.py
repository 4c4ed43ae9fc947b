"""Files that mix lines of several kinds: read as bytes, a few megabytes at a time, and filtered by line."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from dataset_scripts.readers.text.text_files import MAX_LINE_BYTES, ByteStream, TextFile, not_text
from dataset_scripts.readers.text.text_table import Head, Header
from modeling_emert.errors_emert import EmertInputError

CHUNK_BYTES = 1 << 22


def line_chunks(file: TextFile, encoding: str) -> Iterator[bytes]:
    """Chunks of complete lines, each ending in a newline; UTF-16 becomes UTF-8, other bytes stay as they are.

    Raises `EmertInputError` for a line of more than `MAX_LINE_BYTES`, for NUL bytes, and for broken UTF-16.
    """
    decoder = codecs.getincrementaldecoder(encoding)() if encoding.startswith("utf-16") else None
    rest = b""
    with file.open() as stream:
        while data := stream.read(CHUNK_BYTES):
            if decoder:
                data = _as_utf8(decoder, data, file)
            if b"\0" in data:
                raise EmertInputError(f"{file} holds NUL bytes, as no text does; copy or export it again")
            lines, newline, rest_of_data = data.rpartition(b"\n")
            if newline:
                yield rest + lines + newline
                rest = rest_of_data
            else:
                rest += data
            if len(rest) > MAX_LINE_BYTES:
                raise EmertInputError(f"{file} has a line of more than {MAX_LINE_BYTES:,} bytes; export it again")
    if rest:
        yield rest + b"\n"


def _as_utf8(decoder: codecs.IncrementalDecoder, data: bytes, file: TextFile) -> bytes:
    try:
        return decoder.decode(data).encode()
    except UnicodeError as error:
        raise not_text(file) from error


def decoded(line: bytes) -> str:
    """One line as text: UTF-8, else Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


@dataclass(frozen=True)
class SelectedLines(TextFile):
    """A file reduced to the lines that match a pattern, or with `others` to those that do not."""

    encoding: str = "utf-8"
    pattern: re.Pattern[bytes] = re.compile(rb"[^\n]*\n")
    others: bool = False

    def __str__(self) -> str:
        return super().__str__()

    @contextmanager
    def open(self) -> Iterator[io.RawIOBase]:
        yield _Stream(self._select(chunk) for chunk in line_chunks(TextFile(self.path, self.member), self.encoding))

    def _select(self, chunk: bytes) -> bytes:
        return self.pattern.sub(b"", chunk) if self.others else b"".join(self.pattern.findall(chunk))


class _Stream(ByteStream):
    """Chunks of bytes as one stream."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._rest = chunks, b""

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            data, self._rest = self._rest + b"".join(self._chunks), b""
            return data
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def select_lines(head: Head, pattern: re.Pattern[bytes], others: bool = False) -> Head:
    """The same file with only the lines that match, or with only the others. `pattern` matches whole lines with their ends."""
    lines = tuple(line for line in head.lines if bool(pattern.fullmatch(line.encode() + b"\n")) is not others)
    encoding = "utf-8" if head.encoding.startswith("utf-16") else head.encoding
    return Head(SelectedLines(head.file.path, head.file.member, head.encoding, pattern, others), encoding, lines)


def read_lines(head: Head) -> Iterator[str]:
    """All lines of the file without their ends.

    Raises `EmertInputError` for a line of more than `MAX_LINE_BYTES` and for a file that is no text.
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


def data_header(header: Header, head: Head) -> Header:
    """The header for a head that has only data lines: no header row, and as many names as the first row has cells.

    Some trackers end rows with an additional empty cell, or leave the last columns out.
    """
    row = next((line for line in head.lines if line.strip()), "")
    cells = row.count(header.separator) + 1
    names = header.names if '"' in row or not row else (*header.names, *[""] * (cells - len(header.names)))[:cells]
    return replace(header, row=-1, names=names)
