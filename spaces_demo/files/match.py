"""Which video and which gaze recording of a batch belong together, by what they and their folders are called."""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import product

from .batch_files import Piece, stem_of
from .uploads import visible_path, whole_name

# How people call the folders and files of each kind. A word that is missing here costs a remark or a pair, never a wrong one.
_VIDEO_WORDS = frozenset(("video", "videos", "vid", "movie", "movies", "film", "films", "clip", "clips", "face", "faces"))
_VIDEO_WORDS |= {"facecam", "cam", "camera", "webcam"}
_GAZE_WORDS = frozenset(("gaze", "eye", "eyes", "eyetracking", "eyetracker", "tracking", "tracker"))
_GAZE_WORDS |= {"tobii", "pupil", "eyelink", "smi", "gazepoint", "neon"}
_NEUTRAL_WORDS = frozenset(("data", "export", "exports", "file", "files", "raw"))
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Match:
    """Pieces of one recording, or one that is alone. `place`: folders and name. `remark`: why they were paired, if in doubt."""

    place: tuple[str, ...]
    video: Piece | None = None
    gaze: Piece | None = None
    remark: str = ""


def match(pieces: list[Piece]) -> tuple[list[Match], list[Piece]]:
    """Those that belong together, and the others. See `pairing.pair_up` for the rules."""
    alone = list(pieces)
    matches: list[Match] = []
    for find in (_of_one_place, _of_one_place_in_any_case, _of_one_name_but_for_words, _alone_in_a_folder, _in_two_folders):
        found = find(alone, pieces)
        matches += found
        taken = [piece for one in found for piece in (one.video, one.gaze)]
        alone = [piece for piece in alone if piece not in taken]
    return matches, alone


def own_place(piece: Piece) -> tuple[str, ...]:
    """Its folders without those that are called by its kind, and its name."""
    *folders, name = piece.place
    return *_without_kinds(piece, folders), name


def _of_one_place(alone: list[Piece], _: list[Piece]) -> list[Match]:
    return [Match(own_place(video), video, gaze) for video, gaze in _twos(alone, own_place)]


def _of_one_place_in_any_case(alone: list[Piece], _: list[Piece]) -> list[Match]:
    both = _twos(alone, lambda piece: tuple(part.casefold() for part in own_place(piece)))
    return [Match(own_place(video), video, gaze) for video, gaze in both]


def _of_one_name_but_for_words(alone: list[Piece], _: list[Piece]) -> list[Match]:
    both = _twos(alone, lambda piece: (_folder(piece), tuple(word.casefold() for word in _telling_words(piece))))
    return [Match(_common_place(video), video, gaze) for video, gaze in both]


def _alone_in_a_folder(alone: list[Piece], pieces: list[Piece]) -> list[Match]:
    """But not those whose name a piece of the other kind has elsewhere."""
    names = {(piece.is_video, _name(piece)) for piece in alone}
    matches = []
    for video, gaze in _twos(pieces, _folder):
        sought = {(False, _name(video)), (True, _name(gaze))} & names
        if _folder(video) and video in alone and gaze in alone and not sought:
            files, folder = f"{whole_name(video.name)} and {whole_name(gaze.name)}", visible_path("/".join(_folder(video)))
            why = f"{files} were paired because the folder {folder} has no other video or gaze file."
            matches.append(Match(_folder(video), video, gaze, why))
    return matches


def _in_two_folders(alone: list[Piece], pieces: list[Piece]) -> list[Match]:
    """Where each of the two folders holds one kind only, and they have more than one name in common."""
    ways: dict[tuple, list[tuple[Piece, Piece]]] = {}
    videos, gazes = ([piece for piece in alone if piece.is_video is is_video] for is_video in (True, False))
    for video, gaze in product(videos, gazes):
        if _name(video) == _name(gaze):
            ways.setdefault(_difference(video.place[:-1], gaze.place[:-1]), []).append((video, gaze))
    matches: list[Match] = []
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
            matches.append(Match((*folders, video.place[-1]), video, gaze, why))
    return matches


def _twos(pieces: list[Piece], key: Callable[[Piece], Hashable]) -> list[tuple[Piece, Piece]]:
    """Video and gaze recording wherever a key has exactly these two."""
    found: dict[Hashable, list[Piece]] = {}
    for piece in sorted(pieces, key=lambda piece: not piece.is_video):
        found.setdefault(key(piece), []).append(piece)
    return [(both[0], both[1]) for both in found.values() if [piece.is_video for piece in both] == [True, False]]


def _name(piece: Piece) -> str:
    return piece.place[-1].casefold()


def _folder(piece: Piece) -> tuple[str, ...]:
    return tuple(_without_kinds(piece, piece.folders))


def _without_kinds(piece: Piece, folders: "list[str] | tuple[str, ...]") -> list[str]:
    return [folder for folder in folders if not _is_kind(piece, folder)]


def _is_kind(piece: Piece, folder: str) -> bool:
    words = {word.casefold() for word in _WORD.findall(folder)}
    kind = _VIDEO_WORDS if piece.is_video else _GAZE_WORDS
    return bool(words & kind) and words <= kind | _NEUTRAL_WORDS


def _telling_words(piece: Piece) -> list[str]:
    """`p1` of a video `face_p1.mp4`."""
    kind = (_VIDEO_WORDS if piece.is_video else _GAZE_WORDS) | _NEUTRAL_WORDS
    return [] if piece.generic else [word for word in _WORD.findall(stem_of(piece.name)) if word.casefold() not in kind]


def _common_place(video: Piece) -> tuple[str, ...]:
    """Called by the words that both names have, or by their folder where that says the same or they have none."""
    name, folder = "_".join(_telling_words(video)), _folder(video)
    if folder and name.casefold() in ("", folder[-1].casefold()):
        return folder
    return *folder, name or stem_of(video.name)


def _difference(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is left of two paths without their common beginning and end."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return one, other
