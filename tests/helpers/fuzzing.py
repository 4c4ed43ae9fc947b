"""Damages exports in known ways, by random seed. `variants` makes the damaged files; `fuzz_worker` reads them.

For a damaged file a reader may give valid recordings (`complaint`), or refuse it with one `EmertInputError` of one line.
"""

import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

_NUMBERS = """NaN nan inf -inf 1e400 -1e308 1e38 3.4e38 1e-320 0 -1 -0.0 00 0x10 1,5 1.5
    9223372036854775808 -9223372036854775808 1e18 left None TRUE =1+1 @SUM(A1:A9) =cmd|'/c'!A1 (( é - . ٣ 1_000
    ../../etc/passwd %s%n {0} \\ 1e5e5"""
_QUOTED = ('"', '""', '"a\nb"', '"a,b;c\td"', "(0.1, 0.2)", "(nan, nan, 1e400)", "2021-01-01 10:00")
ODD_CELLS = ("", " ", "\r", "\x1a", "x" * 5000, "1" * 400, *_QUOTED, *_NUMBERS.split())
GIGABYTE = 1_000_000_000
_TABLE_SEPARATORS = "\t,;"
Rng = np.random.Generator


@dataclass(frozen=True)
class Variant:
    """Files by name, the first is read. `finish` does to the first, once written, what bytes can't say."""

    damage: str
    files: dict[str, bytes]
    finish: Callable[[Path], None] | None = None

    def write(self, folder: Path) -> Path:
        """The path to read."""
        folder.mkdir()
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        path = folder / next(iter(self.files))
        if self.finish is not None:
            self.finish(path)
        return path


def variants(files: dict[str, bytes], count: int, seed: int, with_large: bool) -> Iterator[Variant]:
    """`count` damaged forms of an export, every kind of damage in turn; the same seed gives the same ones.

    `with_large`: each kind of what takes seconds to refuse comes once, before the others.
    """
    small = [kind for kind in (*_OF_TEXT, *_OF_FILE, *_OF_FOLDER) if kind not in _LARGE]
    order = np.random.default_rng(seed).permutation(len(small))
    large = _LARGE if with_large else ()
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        kind = large[number] if number < len(large) else small[order[(number - len(large)) % len(small)]]
        first, *others = files
        if kind in _OF_TEXT:
            # The neighbours are as untrusted as the file itself.
            hit = str(rng.choice(others)) if others and rng.random() < 0.3 else first
            yield Variant(f"{kind} of {hit}", files | {hit: _OF_TEXT[kind](files[hit], rng)})
        elif kind in _OF_FILE:
            yield Variant(kind, files | {first: _OF_FILE[kind](files[first], rng)})
        else:
            yield Variant(kind, files, partial(_OF_FOLDER[kind], files=files, rng=rng))


# ---- a text, line by line and cell by cell


def _cells(data: bytes) -> tuple[list[list[str]], str]:
    """Cells by line, and what separates them; Latin-1, so that every byte comes back as it was."""
    lines = data.decode("latin-1").split("\n")
    separator = max(_TABLE_SEPARATORS, key=max(lines, key=len).count)
    return [line.split(separator) for line in lines], separator


def _join(rows: list[list[str]], separator: str) -> bytes:
    return "\n".join(separator.join(row) for row in rows).encode("utf-8", "replace")


def _on_cells(change: Callable[[list[list[str]], Rng], None]) -> Callable[[bytes, Rng], bytes]:
    def damage(data: bytes, rng: Rng) -> bytes:
        rows, separator = _cells(data)
        change(rows, rng)
        return _join(rows, separator)

    return damage


def _replace_cells(rows: list[list[str]], rng: Rng, cells: tuple[str, ...], fraction: float) -> None:
    header = rng.random() < 0.1  # that, too, now and then
    for row in rows[0 if header else 1 :]:
        for at in np.flatnonzero(rng.random(len(row)) < fraction):
            row[at] = cells[rng.integers(len(cells))]


def _one_column(rows: list[list[str]], rng: Rng, change: Callable[[float, int], str]) -> None:
    """Changes the numbers of one column from some row on."""
    at = int(rng.integers(max(map(len, rows))))
    for number, row in enumerate(rows):
        try:
            row[at] = change(float(row[at]), number)
        except (ValueError, IndexError):
            continue


def _shuffle_columns(rows: list[list[str]], rng: Rng) -> None:
    """With their names, or the names alone."""
    order = rng.permutation(max(map(len, rows)))
    names_alone = rng.random() < 0.5
    widest = max(range(len(rows)), key=lambda i: len(rows[i]))
    for number, row in enumerate(rows):
        if number == widest or not names_alone:
            rows[number] = [row[at] for at in order if at < len(row)]


def _one_odd_kind(rows: list[list[str]], rng: Rng) -> None:
    """Every number of one column becomes the same odd thing."""
    odd = ODD_CELLS[rng.integers(len(ODD_CELLS))]
    _one_column(rows, rng, lambda _, __: odd)


def _jump(rows: list[list[str]], rng: Rng) -> None:
    size = float(rng.choice([1e18, -1e18, 1e12, 1e300, 1e9]))
    start = int(rng.integers(len(rows)))
    end = start + 1 if rng.random() < 0.5 else len(rows)
    for _ in range(4):
        _one_column(rows, rng, lambda value, row: repr(value + size) if start <= row < end else repr(value))


def _restart(rows: list[list[str]], rng: Rng) -> None:
    """The rows as wide as the widest but the first (the header) once more, from some row on."""
    wide = [row for row in rows if len(row) == max(map(len, rows))][1:]
    rows[len(rows) - 1 : len(rows) - 1] = [[*row] for row in wide[int(rng.integers(max(1, len(wide) // 2))) :]]


def _double(rows: list[list[str]], rng: Rng) -> None:
    """Each row twice, as two recordings on one clock."""
    rows[:] = [row for number, row in enumerate(rows) for _ in range(1 + (number > 0 and len(row) == max(map(len, rows))))]


def _other_unit(rows: list[list[str]], rng: Rng) -> None:
    factor = float(rng.choice([1e-6, 1e-3, 1e3, 1e6, 1920.0, 1 / 1920]))
    _one_column(rows, rng, lambda value, _: repr(value * factor))


def _insert(data: bytes, rng: Rng, part: bytes) -> bytes:
    at = int(rng.integers(len(data) + 1))
    return data[:at] + part + data[at:]


def _flip_bytes(data: bytes, rng: Rng) -> bytes:
    changed = bytearray(data)
    for at in rng.integers(len(data), size=int(rng.integers(1, 30))):
        changed[at] = int(rng.integers(256))
    return bytes(changed)


def _other_encoding(data: bytes, rng: Rng) -> bytes:
    text = data.decode("utf-8", "replace") + "é"
    name = str(rng.choice(["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-8-sig", "utf-32"]))
    encoded = text.encode(name, "replace")
    return encoded[: len(encoded) - int(rng.integers(2))]


def _other_separator(data: bytes, rng: Rng) -> bytes:
    _, separator = _cells(data)
    return data.replace(separator.encode(), str(rng.choice([*"\t,; |", "\0", "", "\t\t"])).encode())


def _double_lines(data: bytes, rng: Rng) -> bytes:
    """The header (and the lines about it) once more, somewhere."""
    lines = data.splitlines(keepends=True)
    upto = int(rng.integers(1, max(2, min(12, len(lines)))))
    at = int(rng.integers(len(lines) + 1))
    return b"".join([*lines[:at], *lines[:upto], *lines[at:]])


_OF_TEXT: dict[str, Callable[[bytes, Rng], bytes]] = {
    "cut": lambda data, rng: data[: int(rng.integers(len(data)))],
    "cut in the last row": lambda data, rng: data[: len(data) - int(rng.integers(1, 40))],
    "columns shuffled": _on_cells(_shuffle_columns),
    "rows shuffled": _on_cells(lambda rows, rng: rng.shuffle(rows[1:]) if rng.random() < 0.2 else _shuffle_tail(rows, rng)),
    "a few odd cells": _on_cells(partial(_replace_cells, cells=ODD_CELLS, fraction=0.01)),
    "many odd cells": _on_cells(partial(_replace_cells, cells=ODD_CELLS, fraction=0.3)),
    "a column of odd cells": _on_cells(_one_odd_kind),
    "flooded with NaN": _on_cells(partial(_replace_cells, cells=("NaN", "nan", "-nan"), fraction=0.9)),
    "all cells NaN": _on_cells(partial(_replace_cells, cells=("NaN",), fraction=1.0)),
    "empty cells": _on_cells(partial(_replace_cells, cells=("",), fraction=0.5)),
    "huge numbers": _on_cells(partial(_replace_cells, cells=("1e38", "-1e38", "3e38", "1e30", "-1e19"), fraction=0.2)),
    "tiny numbers": _on_cells(partial(_replace_cells, cells=("1e-38", "-1e-44", "0", "1e-300"), fraction=0.3)),
    "negative": _on_cells(lambda rows, rng: [_one_column(rows, rng, lambda value, _: repr(-value)) for _ in range(4)]),
    "jumps": _on_cells(_jump),
    "sentinels": _on_cells(partial(_replace_cells, cells=("1e8", "-32768", "-9999", "2.3e6", "99999"), fraction=0.02)),
    "a clock set back": _on_cells(_restart),
    "every row twice": _on_cells(_double),
    "another unit": _on_cells(_other_unit),
    "constant": _on_cells(lambda rows, rng: [_one_column(rows, rng, lambda _, __: "7") for _ in range(3)]),
    "NUL bytes": lambda data, rng: _insert(data, rng, b"\0" * int(rng.integers(1, 9))),
    "a long cell": lambda data, rng: _insert(data, rng, bytes([int(rng.choice([*b"1x,\t "]))]) * 3_000_000),
    "an open quote": lambda data, rng: _insert(data, rng, b'"'),
    "bytes flipped": _flip_bytes,
    "other encoding": _other_encoding,
    "other separator": _other_separator,
    "header twice": _double_lines,
    "noise before": lambda data, rng: rng.bytes(40) + data,
    "line ends": lambda data, rng: data.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\r", b"\n\n", b"\x0b", b"\0\n"])),
}


def _shuffle_tail(rows: list[list[str]], rng: Rng) -> None:
    """All rows that are as wide as the widest, the header among them now and then."""
    wide = [at for at, row in enumerate(rows) if len(row) == max(map(len, rows))][1:]
    for at, row in zip(wide, [rows[at] for at in rng.permutation(wide)] if wide else [], strict=True):
        rows[at] = row


# ---- what a file can be wrapped in


@cache
def _member(filler: str) -> bytes:
    """A gzip member of a gigabyte of `filler`, or (`noisy`) of 300 MB in one line that packs less than a hundredfold."""
    if filler == "noisy":
        block = (
            np.random.default_rng(0).bytes(900).replace(b"\n", b"x").replace(b"\0", b"x").replace(b"\r", b"x") + b"1" * 60_000
        )
        return gzip.compress(block * 5000, 1)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        chunk = (filler.encode() * 1_000_000)[: 1 << 24]
        for _ in range(GIGABYTE // len(chunk)):
            file.write(chunk)
    return packed.getvalue()


@cache
def _xz_bomb() -> bytes:
    return lzma.compress(b"1,2\n" * (GIGABYTE // 16), preset=0)


def _zip(name: str, data: bytes, count: int = 1, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression, compresslevel=1) as archive:
        for i in range(count):
            archive.writestr(name if i == 0 else f"{i}-{name}", data)
    return packed.getvalue()


def _last_line(data: bytes) -> bytes:
    return data.rstrip(b"\n").rpartition(b"\n")[2] + b"\n"


def _cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(4, len(data)))]


_OF_FILE: dict[str, Callable[[bytes, Rng], bytes]] = {
    "gz": lambda data, rng: gzip.compress(data),
    "gz cut": lambda data, rng: _cut(gzip.compress(data), rng),
    "gz flipped": lambda data, rng: _flip_bytes(gzip.compress(data), rng),
    "xz cut": lambda data, rng: _cut(lzma.compress(data), rng),
    "zip cut": lambda data, rng: _cut(_zip("a.csv", data), rng),
    "zip flipped": lambda data, rng: _flip_bytes(_zip("a.csv", data), rng),
    "zip out of the folder": lambda data, rng: _zip(
        str(rng.choice(["../../x.csv", "/etc/x.csv", "C:\\x.csv", "a/../b.csv"])), data
    ),
    "zip of many": lambda data, rng: _zip("a.csv", data, int(rng.integers(2, 300))),
    "zip in zip": lambda data, rng: _zip("a.zip", _zip("a.csv", data)),
    "zip bomb": lambda data, rng: _zip("a.csv", data + b"0" * 100_000_000),
    "gz bomb": lambda data, rng: gzip.compress(data) + _member("0"),
    "xz bomb": lambda data, rng: _xz_bomb(),
    "a line of 300 MB in gz": lambda data, rng: gzip.compress(data) + _member("noisy"),
    "ten million empty rows": lambda data, rng: gzip.compress(data) + gzip.compress(b"\n" * 10_000_000, 1),
    "ten million rows": lambda data, rng: gzip.compress(data) + gzip.compress(_last_line(data)[-3:] * 10_000_000, 1),
    "many rows": lambda data, rng: data + _last_line(data) * (25_000_000 // len(_last_line(data))),
    "other bytes": lambda data, rng: rng.bytes(3000),
    "no bytes": lambda data, rng: b"",
}


# ---- what lies in a folder


def _sparse(path: Path, files: dict[str, bytes], rng: Rng) -> None:
    """A gigabyte in one last line, of which the disk holds next to nothing."""
    os.truncate(path, GIGABYTE)


def _link(path: Path, files: dict[str, bytes], rng: Rng) -> None:
    """The file, or all that lie beside it, are links elsewhere."""
    target = str(rng.choice(["/etc/passwd", "/etc", "/dev/zero", "/dev/null", "/proc/self/mem", "absent", path.name]))
    beside = [path.parent / name for name in files][1:]
    for name in beside or [path]:
        name.unlink()
        name.symlink_to(target)


def _pipe(path: Path, files: dict[str, bytes], rng: Rng) -> None:
    beside = [path.parent / name for name in files][1:]
    chosen = beside[int(rng.integers(len(beside)))] if beside else path
    chosen.unlink()
    os.mkfifo(chosen)


_OF_FOLDER: dict[str, Callable[..., None]] = {"a line of 1 GB": _sparse, "links": _link, "a pipe": _pipe}
_LARGE = (
    "zip bomb",
    "gz bomb",
    "xz bomb",
    "a line of 300 MB in gz",
    "a line of 1 GB",
    "ten million empty rows",
    "ten million rows",
    "many rows",
)
