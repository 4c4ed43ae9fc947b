"""Several recordings at once: pairs are found by name, each is answered by itself, and a table is made of the answers."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .limits import MAX_BATCH, MAX_ZIP_FILES, MAX_ZIP_RATIO, MAX_ZIP_UNPACKED_MB
from .request import Reply
from .uploads import visible_name
from .verdict import gap_of, grounded_tasks, top, verdict

VIDEO_SUFFIXES = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".gif")
GAZE_SUFFIXES = (".csv", ".tsv", ".txt", ".asc", ".tab", ".dat", ".parquet")
_PACKINGS = (".gz", ".xz")
_ABOUT = re.compile(r"(read[-_ ]?me|licen[cs]e|changelog)\b", re.IGNORECASE)  # how a text that is no gaze file is called
_NAMED = 5  # files left out that are named
_CHUNK = 1 << 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Pair:
    """Files of one recording; the names are the visitor's."""

    name: str
    video: Path | None = None
    gaze: Path | None = None
    video_name: str = ""
    gaze_name: str = ""


def unpack(archive: Path, folder: Path) -> list[tuple[str, Path]]:
    """Files of a zip, written under `folder` by number, with the names that they have in it.

    Raises:
        EmertInputError: no zip, encrypted, too many files, too much content, or packed as tightly as only a bomb is.
    """
    name = visible_name(archive)
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise EmertInputError(f"{name}: not a zip file; pack it again.") from error
    with closing(opened):
        members = [one for one in opened.infolist() if not one.is_dir() and not _is_litter(one.filename)]
        _check_members(name, members)
        found, room = [], MAX_ZIP_UNPACKED_MB * 2**20
        for number, member in enumerate(members):
            # The name inside the zip is only read; what is written is called by number, so no name leads anywhere else.
            target = folder / f"{number:04d}{Path(member.filename).suffix.lower()[:8] if _is_plain(member.filename) else ''}"
            room -= _write(opened, member, target, room, name)
            found.append((member.filename, target))
        return found


def _is_litter(name: str) -> bool:
    """What operating systems leave in a zip, and hidden files."""
    parts = _parts(name)
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini")


def _is_plain(name: str) -> bool:
    return Path(name).suffix[1:].isalnum() and Path(name).suffix.isascii()


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
    if total > MAX_ZIP_UNPACKED_MB * 2**20 or total / packed > MAX_ZIP_RATIO:
        raise EmertInputError(
            f"{name} unpacks to {total / 2**20:,.0f} MB from {packed / 2**20:,.1f}; that is too much for one batch."
        )


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, room: int, name: str) -> int:
    """Bytes that were written: counted, since a zip may say less of itself than it holds."""
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


def sort_out(files: Sequence[tuple[str, Path]]) -> tuple[list[tuple[str, Path]], list[str]]:
    """Files that may be of a recording by their names, and the names of the others; what systems leave behind is neither."""
    wanted, others = [], []
    for name, path in files:
        if _is_litter(name):
            continue
        of_recording = _is_video(name) or (_suffix(name) in GAZE_SUFFIXES and not _ABOUT.match(_parts(name)[-1]))
        if of_recording:
            wanted.append((name, path))
        else:
            others.append(name)
    return wanted, others


def left_out_words(names: Sequence[str]) -> str:
    """One sentence; empty without names."""
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"left out: {', '.join(map(visible_name, names[:_NAMED]))}{more}, neither a video nor a gaze file by name."


_Groups = dict[str, dict[str, list[tuple[str, Path]]]]  # files by recording and kind


def pair_up(files: Sequence[tuple[str, Path]]) -> list[Pair]:
    """Videos and gaze files of one name (without folder and ending) are one recording; either may be alone.

    Where names repeat, as with a folder for each person, folders are part of a recording's name: of the ways to name
    them under which nothing repeats, the one that pairs most files.

    Raises:
        EmertInputError: no files, too many recordings, or two files of one kind under one name.
    """
    found = _grouped(files, _stem)
    if (twice := _twice(found)) is not None:
        depth = max(len(_parts(name)) for name, _ in files)
        ways = [_grouped(files, _in_folder)]
        ways += [_grouped(files, partial(_top_folders, count=count)) for count in range(1, depth)]
        ways += [_grouped(files, partial(_top_folders, count=count, stem=False)) for count in range(1, depth)]
        sound = [way for way in ways if _twice(way) is None]
        if not sound:
            raise EmertInputError(twice)
        found = max(sound, key=lambda way: sum(len(parts) == 2 for parts in way.values()))
    if not found:
        raise EmertInputError("There is no file in this batch; give videos and gaze files, or a zip with them.")
    if len(found) > MAX_BATCH:
        raise EmertInputError(f"This batch has {len(found)} recordings; at most {MAX_BATCH} are answered at once.")
    return [_pair(stem, {kind: files[0] for kind, files in parts.items()}) for stem, parts in sorted(found.items())]


def _grouped(files: Sequence[tuple[str, Path]], key: Callable[[str], str]) -> _Groups:
    """By recording and kind (`video`, `gaze`) the files; one each where the keys tell the recordings apart."""
    found: _Groups = {}
    for name, path in files:
        kind = "video" if _is_video(name) else "gaze"
        found.setdefault(key(name), {}).setdefault(kind, []).append((name, path))
    return found


def _twice(found: _Groups) -> str | None:
    """What is wrong where a recording has two files of one kind."""
    for stem, parts in found.items():
        for kind, files in parts.items():
            if len(files) > 1:
                both = " and ".join(visible_name(name) for name, _ in files[:2])
                return f"{both} are both the {kind} of {_visible_path(stem)}; give each recording its own name."
    return None


def _top_folders(name: str, count: int, stem: bool = True) -> str:
    """The first folders, and with `stem` the file's name."""
    folders = _parts(name)[:-1][:count]
    return "/".join([*folders, _stem(name)] if stem or not folders else folders)


def _in_folder(name: str) -> str:
    return "/".join([*_parts(name)[:-1], _stem(name)])


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part] or [""]


def _visible_path(name: str) -> str:
    return "/".join(visible_name(part) for part in _parts(name))


def _is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def _suffix(name: str) -> str:
    """`.csv` of `p1.csv.gz`."""
    path = Path(_parts(name)[-1].lower())
    return Path(path.stem).suffix if path.suffix in _PACKINGS else path.suffix


def _stem(name: str) -> str:
    """`p1.csv.gz` and `p1.mp4` are of one recording."""
    plain = _parts(name)[-1]
    for packing in _PACKINGS:
        plain = plain.removesuffix(packing)
    return Path(plain).stem


def _pair(stem: str, parts: dict[str, tuple[str, Path]]) -> Pair:
    nothing: tuple[str, None] = ("", None)
    video, gaze = parts.get("video", nothing), parts.get("gaze", nothing)
    return Pair(stem, video[1], gaze[1], visible_name(video[0]) if video[0] else "", visible_name(gaze[0]) if gaze[0] else "")


def answer_pairs(pairs: Sequence[Pair], ask: Callable[[Pair], Reply]) -> Iterator[dict]:
    """One row of the table for each, as soon as it is answered."""
    for pair in pairs:
        yield table_row(pair, ask(pair))


def table_row(pair: Pair, reply: Reply) -> dict:
    """Flat: names, verdict, gap, every task's numbers as `task/label`, quality; or `problem`."""
    row: dict = {"recording": _visible_path(pair.name), "video": pair.video_name, "gaze": pair.gaze_name}
    if reply.answer is None:
        return row | {"problem": reply.refusal}
    answer, tasks = reply.answer, grounded_tasks(reply.answer)
    row |= {"problem": None, "verdict": verdict(answer)}
    for view in ("er", "fer"):
        best = top(tasks.get(f"{view}7") or tasks.get(f"{view}3"))
        row[view] = best[0] if best else None
    row |= {"gap": gap_of(answer), "modalities": " ".join(answer["modalities"])}
    row |= {"quality": answer["measured"]["verdict"], "remarks": " ".join([*answer["measured"]["reasons"], *answer["notes"]])}
    return row | {f"{task}/{name}": value for task, values in tasks.items() for name, value in values.items()}


def as_csv(rows: Sequence[dict]) -> bytes:
    """UTF-8. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _safe_cell(value) for name, value in row.items()})
    return buffer.getvalue().encode()


def _safe_cell(value: object) -> object:
    if isinstance(value, str):
        line = " ".join(value.split("\n"))
        return f"'{line}" if line.startswith(_FORMULA) else line
    return "" if value is None else value


def as_parquet(rows: Sequence[dict]) -> bytes:
    """The same table, typed; absent is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(dict.fromkeys(name for row in rows for name in row))
    arrays = {name: pa.array([row.get(name) for row in rows]) for name in columns}
    arrays = {name: array.cast(pa.string()) if pa.types.is_null(array.type) else array for name, array in arrays.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()
