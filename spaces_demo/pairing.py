"""Which of many files are one recording: a video and a gaze file of one name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .limits import MAX_BATCH
from .uploads import visible_name

VIDEO_SUFFIXES = (".mp4", ".webm", ".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv", ".gif")
GAZE_SUFFIXES = (".csv", ".tsv", ".txt", ".asc", ".tab", ".dat", ".parquet")
_PACKINGS = (".gz", ".xz")
_ABOUT = re.compile(r"(read[-_ ]?me|licen[cs]e|changelog)\b", re.IGNORECASE)  # how a text that is no gaze file is called
_NAMED = 5  # files left out that are named


@dataclass(frozen=True)
class Pair:
    """Files of one recording; the names are the visitor's."""

    name: str
    video: Path | None = None
    gaze: Path | None = None
    video_name: str = ""
    gaze_name: str = ""


def is_litter(name: str) -> bool:
    """What operating systems leave in a zip, and hidden files."""
    parts = _parts(name)
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini")


def sort_out(files: Sequence[tuple[str, Path]]) -> tuple[list[tuple[str, Path]], list[str]]:
    """Files that may be of a recording by their names, and the names of the others; what systems leave behind is neither."""
    wanted, others = [], []
    for name, path in files:
        if is_litter(name):
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
                return f"{both} are both the {kind} of {visible_path(stem)}; give each recording its own name."
    return None


def _top_folders(name: str, count: int, stem: bool = True) -> str:
    """The first folders, and with `stem` the file's name."""
    folders = _parts(name)[:-1][:count]
    return "/".join([*folders, _stem(name)] if stem or not folders else folders)


def _in_folder(name: str) -> str:
    return "/".join([*_parts(name)[:-1], _stem(name)])


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("\\", "/").split("/") if part] or [""]


def visible_path(name: str) -> str:
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
