"""The recordings of a batch: which video and gaze recording belong together by name, and what to report of the pairing."""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .batch_files import File, Piece, listed, pieces_of, stem_of
from .uploads import cut_middle, full_name, visible_name, visible_path

MAX_BATCH = 200  # recordings
_LONGEST_IN_NOTE = 200  # characters of a path or a remark
# How people name folders and files of each kind. A missing word leaves a pair apart or adds a remark; it pairs nothing wrongly.
_VIDEO_WORDS = frozenset(("video", "videos", "vid", "movie", "movies", "film", "films", "clip", "clips", "face", "faces"))
_VIDEO_WORDS |= {"facecam", "cam", "camera", "webcam"}
_GAZE_WORDS = frozenset(("gaze", "eye", "eyes", "eyetracking", "eyetracker", "tracking", "tracker"))
_GAZE_WORDS |= {"tobii", "pupil", "eyelink", "smi", "gazepoint", "neon"}
_NEUTRAL_WORDS = frozenset(("data", "export", "exports", "file", "files", "raw"))
_WORD = re.compile(r"[^\W_]+")

Place = tuple[str, ...]  # folders and name


@dataclass(frozen=True)
class Pair:
    """The files of one recording; the names are the visitor's, in full.

    - `beside`: what the gaze file's reader takes from its folder. `remark`: what the visitor has to know of the pairing.
    """

    name: str
    video: Path | None = None
    gaze: Path | None = None
    video_name: str = ""
    gaze_name: str = ""
    beside: tuple[File, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Batch:
    """`pairs`: the recordings by name. `note`: what was left out, left alone or paired in doubt, in words; or empty."""

    pairs: list[Pair]
    note: str = ""


@dataclass(frozen=True)
class _Match:
    """A video and a gaze recording that belong together, or one of them; `remark`: why they were paired, if in doubt."""

    place: Place
    video: Piece | None = None
    gaze: Piece | None = None
    remark: str = ""


def pair_up(files: Sequence[File]) -> Batch:
    """The recordings in these files: a video and a gaze recording that belong together, or either alone.

    A folder whose name is a kind (`videos/p1.mp4`, `gaze/p1.csv`, also `p1/face/a.mp4`, `p1/gaze/a.csv`) says nothing
    about the person; any other may. So these belong together where nothing else fits as well, the surest first:

    1. in one folder, of one name, capitals apart; or of one name but for such words (`face_p1.mp4`, `gaze_p1.csv`);
    2. the only video and the only gaze recording of a folder, with a remark (not of files that lie in none);
    3. of one name in two folders that hold one kind each and have several names in common, with a remark.

    The note reports files of one name in two other folders, which are left apart since they may be two people's, and files
    without a partner where the batch has both kinds.

    Raises:
        EmertInputError: no recordings, too many, or two files of one kind under one name in a folder.
    """
    pieces, others = pieces_of(files)
    left_out = f"left out: {listed(others)}, neither a video nor a gaze file by name." if others else ""
    if not pieces and others:
        raise EmertInputError(f"There is neither a video nor a gaze file in this batch; {left_out}")
    if not pieces:
        raise EmertInputError("There is no file in this batch; give videos and gaze files, or a zip with them.")
    _check_names(pieces)
    matches, alone = _match(pieces)
    pairs = _named(matches + [_Match(_own_place(piece), **{piece.kind: piece}) for piece in alone])
    if len(pairs) > MAX_BATCH:
        raise EmertInputError(f"This batch has {len(pairs)} recordings; at most {MAX_BATCH} are answered at once.")
    both_kinds = len({piece.kind for piece in pieces}) == 2
    sentences = (left_out, _in_doubt(matches), _apart(alone), _without_partner(pairs) if both_kinds else "")
    return Batch(pairs, " ".join(filter(None, sentences)))


def _check_names(pieces: list[Piece]) -> None:
    """Raises `EmertInputError` for `p1.csv` beside `p1.tsv`."""
    found: dict[Hashable, Piece] = {}
    for piece in pieces:
        other = found.setdefault((piece.kind, piece.folders, stem_of(piece.name)), piece)
        if other is not piece:
            both, name = f"{visible_name(other.name)} and {visible_name(piece.name)}", visible_name(stem_of(piece.name))
            raise EmertInputError(f"{both} are both the {piece.kind} of {name}; give each recording its own name.")


def _match(pieces: list[Piece]) -> tuple[list[_Match], list[Piece]]:
    """Those that belong together, and the others, by the rules of [`pair_up`]."""
    alone, matches = list(pieces), []
    for rule in (_of_one_place, _of_one_name_but_for_words, _alone_in_a_folder, _in_two_folders):
        found = rule(alone, pieces)
        matches += found
        taken = [piece for one in found for piece in (one.video, one.gaze)]
        alone = [piece for piece in alone if piece not in taken]
    return matches, alone


def _of_one_place(alone: list[Piece], _: list[Piece]) -> list[_Match]:
    """First of the same case, then of the rest in any case."""
    same = _twos(alone, _own_place)
    rest = [piece for piece in alone if not any(piece in both for both in same)]
    same += _twos(rest, lambda piece: tuple(part.casefold() for part in _own_place(piece)))
    return [_Match(_own_place(video), video, gaze) for video, gaze in same]


def _of_one_name_but_for_words(alone: list[Piece], _: list[Piece]) -> list[_Match]:
    """Named by the words that both have in common, or by their folder where it has the same name or there are none."""
    matches = []
    for video, gaze in _twos(alone, lambda piece: (_folder(piece), "_".join(_own_words(piece)).casefold())):
        name, folder = "_".join(_own_words(video)), _folder(video)
        by_folder = folder and name.casefold() in ("", folder[-1].casefold())
        matches.append(_Match(folder if by_folder else (*folder, name or stem_of(video.name)), video, gaze))
    return matches


def _alone_in_a_folder(alone: list[Piece], pieces: list[Piece]) -> list[_Match]:
    """But not those whose name a piece of the other kind has elsewhere."""
    names = {(piece.is_video, _name(piece)) for piece in alone}
    matches = []
    for video, gaze in _twos(pieces, _folder):
        sought = {(False, _name(video)), (True, _name(gaze))} & names
        if _folder(video) and video in alone and gaze in alone and not sought:
            files, folder = f"{full_name(video.name)} and {full_name(gaze.name)}", visible_path("/".join(_folder(video)))
            why = f"{files} were paired because the folder {folder} has no other video or gaze file."
            matches.append(_Match(_folder(video), video, gaze, why))
    return matches


def _in_two_folders(alone: list[Piece], pieces: list[Piece]) -> list[_Match]:
    """Where each of the two folders holds one kind only, and they have more than one name in common."""
    ways: dict[tuple[Place, Place], list[tuple[Piece, Piece]]] = {}
    videos, gazes = ([piece for piece in alone if piece.is_video is is_video] for is_video in (True, False))
    for video, gaze in product(videos, gazes):
        if _name(video) == _name(gaze):
            ways.setdefault(_difference(video.place[:-1], gaze.place[:-1]), []).append((video, gaze))
    matches: list[_Match] = []
    taken: set[Piece] = set()
    for (of_video, of_gaze), both in sorted(ways.items(), key=lambda way: (-len(way[1]), way[0])):
        known = {piece for pair in both for piece in pair}
        mixed = any(set(of_gaze if piece.is_video else of_video) & set(piece.place[:-1]) for piece in pieces)
        if len(both) < 2 or len(known) < 2 * len(both) or known & taken or mixed or max(len(of_video), len(of_gaze)) > 1:
            continue
        taken |= known
        for video, gaze in both:
            why = f"{visible_path(video.path_given)} and {visible_path(gaze.path_given)} were paired by their name alone."
            folders = (folder for folder in _folder(video) if folder not in of_video)
            matches.append(_Match((*folders, video.place[-1]), video, gaze, why))
    return matches


def _twos(pieces: list[Piece], key: Callable[[Piece], Hashable]) -> list[tuple[Piece, Piece]]:
    """Video and gaze recording wherever a key has exactly these two."""
    found: dict[Hashable, list[Piece]] = {}
    for piece in sorted(pieces, key=lambda piece: not piece.is_video):
        found.setdefault(key(piece), []).append(piece)
    return [(both[0], both[1]) for both in found.values() if [piece.is_video for piece in both] == [True, False]]


def _difference(one: Place, other: Place) -> tuple[Place, Place]:
    """What is left of two paths without their common beginning and end."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return one, other


def _name(piece: Piece) -> str:
    return piece.place[-1].casefold()


def _own_place(piece: Piece) -> Place:
    """Its folders without those whose name is its kind, and its name."""
    *folders, name = piece.place
    return *_without_kinds(piece, folders), name


def _folder(piece: Piece) -> Place:
    return _without_kinds(piece, piece.folders)


def _without_kinds(piece: Piece, folders: Sequence[str]) -> Place:
    kind = _VIDEO_WORDS if piece.is_video else _GAZE_WORDS
    words = {folder: {word.casefold() for word in _WORD.findall(folder)} for folder in folders}
    return tuple(folder for folder in folders if not words[folder] & kind or words[folder] - kind - _NEUTRAL_WORDS)


def _own_words(piece: Piece) -> list[str]:
    """`p1` of a video `face_p1.mp4`: the words of its name that are of no kind."""
    kind = (_VIDEO_WORDS if piece.is_video else _GAZE_WORDS) | _NEUTRAL_WORDS
    return [] if piece.generic else [word for word in _WORD.findall(stem_of(piece.name)) if word.casefold() not in kind]


def _named(matches: list[_Match]) -> list[Pair]:
    """Sorted by name, which is as short as is unique, from the bare name to all folders."""
    short = Counter(one.place[-1] for one in matches)
    places = Counter(one.place for one in matches)
    pairs = []
    for one in matches:
        unique = one.place if places[one.place] == 1 else (one.video or one.gaze).place
        pairs.append(_pair(one.place[-1] if short[one.place[-1]] == 1 else "/".join(unique), one))
    return sorted(pairs, key=lambda pair: pair.name)


def _pair(name: str, one: _Match) -> Pair:
    video, gaze, beside, remark = one.video, one.gaze, one.gaze.beside if one.gaze else (), one.remark
    if gaze and beside:
        files = ", ".join(full_name(file) for file, _ in beside)
        remark = f"{remark} {full_name(gaze.name)} was read with the files beside it: {files}.".lstrip()
    paths = video.path if video else None, gaze.path if gaze else None
    names = full_name(video.name) if video else "", full_name(gaze.name) if gaze else ""
    return Pair(name, *paths, *names, beside, remark)


def _in_doubt(matches: list[_Match]) -> str:
    remarks = [one.remark for one in matches if one.remark]
    if not remarks:
        return ""
    rest = len(remarks) - 1
    more = f" The same goes for {rest} other{'s' if rest > 1 else ''}, see the remarks." if rest else ""
    return cut_middle(remarks[0], _LONGEST_IN_NOTE) + more


def _apart(alone: list[Piece]) -> str:
    """Files of one name in two folders that may be two people's."""
    found: dict[str, dict[str, Piece]] = {}
    for piece in alone:
        found.setdefault(_name(piece), {})[piece.kind] = piece
    doubtful = [both for both in found.values() if len(both) == 2]
    if not doubtful:
        return ""
    paths = (cut_middle(visible_path(doubtful[0][kind].path_given), _LONGEST_IN_NOTE) for kind in ("video", "gaze"))
    more = f" (and {len(doubtful) - 1} more)" if len(doubtful) > 1 else ""
    return (
        f"{' and '.join(paths)}{more} have one name but lie in two folders, which may be two people's: they are answered "
        "apart; put both into one folder if they are one recording."
    )


def _without_partner(pairs: list[Pair]) -> str:
    """Files without a partner, which the visitor of a batch of both kinds most likely wanted paired."""
    without = {"gaze file": [pair.name for pair in pairs if not pair.gaze]}
    without |= {"video": [pair.name for pair in pairs if not pair.video]}
    return " ".join(f"Without a {kind}: {listed(names)}." for kind, names in without.items() if names)
