"""What the files of a batch are, by their names: videos, gaze recordings with their companion files, and the others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dataset_scripts.common.media_files import PICTURE_SUFFIXES, VIDEO_SUFFIXES

from .uploads import cut_middle, visible_path

SHOWN_SUFFIXES = VIDEO_SUFFIXES + PICTURE_SUFFIXES  # a photograph is a video of one frame
GAZE_SUFFIXES = (".csv", ".tsv", ".txt", ".asc", ".tab", ".dat", ".parquet", ".xlsx")
_COMPRESSED = (".gz", ".xz")
_ABOUT = re.compile(r"(read[-_ ]?me|licen[cs]e|changelog)\b", re.IGNORECASE)  # texts that are no gaze files
_NAMED, _LONGEST_LISTED = 5, 60  # names that a sentence lists, and their characters

File = tuple[str, Path]  # the visitor's name of it, with folders, and its path here


@dataclass(frozen=True)
class Piece:
    """A video, or a gaze recording: one file, or the files of one folder that its reader takes together.

    - `folders`, `name`: as the visitor gave them. `beside`: the other files of its recording.
    - `generic`: every export of its kind has this name, so only its folder can name the recording.
    """

    is_video: bool
    name: str
    path: Path
    folders: tuple[str, ...]
    beside: tuple[File, ...] = ()
    generic: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """Folders and name, without ending."""
        return self.folders if self.generic and self.folders else (*self.folders, stem_of(self.name))

    @property
    def kind(self) -> str:
        return "video" if self.is_video else "gaze"

    @property
    def path_given(self) -> str:
        return "/".join((*self.folders, self.name))


def pieces_of(files: Sequence[File]) -> tuple[list[Piece], list[str]]:
    """Videos and gaze recordings, and the names of the other files, without those of [`is_system_file`]."""
    by_folder: dict[tuple[str, ...], list[File]] = {}
    for name, path in files:
        if not is_system_file(name):
            by_folder.setdefault(tuple(parts_of(name)[:-1]), []).append((name, path))
    videos = [file for found in by_folder.values() for file in found if _is_video(file)]
    filmed = {stem_of(name).casefold() for name, _ in videos}
    pieces = [_piece(file, is_video=True) for file in videos]
    others: list[File] = []
    for found in by_folder.values():
        gaze, rest = _gaze_pieces([file for file in found if not _is_video(file)], filmed)
        pieces, others = pieces + gaze, others + rest
    return pieces, [name for name, _ in others]


def _gaze_pieces(files: list[File], filmed: set[str]) -> tuple[list[Piece], list[File]]:
    """The gaze recordings of one folder, and the files of none. A mapping file belongs to every recording."""
    tables = [file for file in files if _is_table(file)]
    export = _export_among(files, tables, filmed)
    gaze_names, beside_names, mapping_name = _reader_names()
    mapping = tuple(file for file in files if _plain_name(file) == mapping_name)
    pieces = [_piece(file, beside=mapping) for file in tables if file not in export]
    if export:
        generic = _plain_name(export[0]) in gaze_names | beside_names
        pieces.append(_piece(export[0], beside=(*export[1:], *mapping), generic=generic))
    used = [*tables, *export, *(mapping if pieces else ())]
    return pieces, [file for file in files if file not in used]


def _export_among(files: list[File], tables: list[File], filmed: set[str]) -> list[File]:
    """The tables of one export, which are one recording; the gaze table first. Empty where there is no export.

    The export's own gaze table with everything beside it except tables that are named like a video; otherwise the only
    table that is no companion, with its companions; otherwise companions alone, where there are several.
    """
    gaze_names, beside_names, _ = _reader_names()
    beside = [file for file in files if _plain_name(file) in beside_names]
    if not beside:
        return []
    gaze = [file for file in tables if _plain_name(file) in gaze_names]
    others = [file for file in tables if file not in beside and file not in gaze]
    if gaze:
        return [*gaze, *beside, *(file for file in others if stem_of(file[0]).casefold() not in filmed)]
    if len(others) == 1:
        return [*others, *beside]
    among = [file for file in tables if file in beside]
    return [*among, *(file for file in beside if file not in among)] if not others and len(among) > 1 else []


@cache
def _reader_names() -> tuple[frozenset[str], frozenset[str], str]:
    """The file names that readers look for: gaze tables, files read beside them, and the mapping file."""
    from dataset_scripts.readers import EXPORTS, FILE_NAME  # here, since the import takes a second of the page's start

    beside = frozenset(name for export in EXPORTS for name in export.beside)
    return frozenset(export.gaze for export in EXPORTS), beside, FILE_NAME


def _piece(file: File, is_video: bool = False, beside: tuple[File, ...] = (), generic: bool = False) -> Piece:
    *folders, name = parts_of(file[0])
    return Piece(is_video, name, file[1], tuple(folders), beside, generic)


def is_system_file(name: str) -> bool:
    """What operating systems leave in a zip, and hidden files."""
    parts = parts_of(name)
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini")


def parts_of(name: str) -> list[str]:
    """Folders and file."""
    return [part for part in name.replace("\\", "/").split("/") if part] or [""]


def listed(names: Sequence[str]) -> str:
    """The first few for a sentence."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(cut_middle(visible_path(name), _LONGEST_LISTED) for name in names[:_NAMED]) + more


def _is_video(file: File) -> bool:
    return Path(file[0]).suffix.lower() in SHOWN_SUFFIXES


def _is_table(file: File) -> bool:
    return Path(_plain_name(file).lower()).suffix in GAZE_SUFFIXES and not _ABOUT.match(parts_of(file[0])[-1])


def _plain_name(file: File) -> str:
    """`p1.csv` of `a/p1.csv.gz`."""
    last = parts_of(file[0])[-1]
    return last[: -len(Path(last).suffix)] if Path(last).suffix.lower() in _COMPRESSED else last


def stem_of(name: str) -> str:
    """`p1.csv.gz` and `p1.mp4` are of one recording."""
    return Path(_plain_name((name, Path()))).stem
