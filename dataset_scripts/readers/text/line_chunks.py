"""Files that mix lines of several kinds: read as bytes, a few megabytes at a time, and filtered by line."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from dataset_scripts.readers.text.text_files import CHUNK_BYTES, MAX_LINE_BYTES, PartOfFile, TextFile, not_text
from dataset_scripts.readers.text.text_table import Head, Header
from modeling_emert.errors_emert import EmertInputError


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


def select_lines(head: Head, pattern: re.Pattern[bytes], others: bool = False) -> Head:
    """The same file with only the lines that match, or only the others. `pattern` matches complete lines with their ends."""
    lines = tuple(line for line in head.lines if bool(pattern.fullmatch(line.encode() + b"\n")) is not others)
    encoding = "utf-8" if head.encoding.startswith("utf-16") else head.encoding
    chunks = partial(_selected, head.file, head.encoding, pattern, others)
    return Head(PartOfFile(head.file.path, head.file.member, chunks), encoding, lines)


def _selected(file: TextFile, encoding: str, pattern: re.Pattern[bytes], others: bool) -> Iterator[bytes]:
    for chunk in line_chunks(file, encoding):
        yield pattern.sub(b"", chunk) if others else b"".join(pattern.findall(chunk))


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
