"""The recordings of a batch: which files are one, what it is called, and what the visitor has to know of it."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ..limits import MAX_BATCH
from .batch_files import File, Piece, listed, pieces_of, stem_of
from .match import Match, match, own_place
from .uploads import cut_middle, visible_name, visible_path, whole_name

_LONGEST_IN_NOTE = 200  # letters of a path or a remark


@dataclass(frozen=True)
class Pair:
    """Files of one recording; the names are the visitor's, whole.

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


def pair_up(files: Sequence[File]) -> Batch:
    """The recordings in these files: a video and a gaze recording that belong together, or either alone.

    A folder that is called by a kind (`videos/p1.mp4`, `gaze/p1.csv`, also `p1/face/a.mp4`, `p1/gaze/a.csv`) says nothing
    of the person; any other may. So these belong together where nothing else fits as well, the surest first:

    1. in one folder, of one name, capitals apart; or of one name but for such words (`face_p1.mp4`, `gaze_p1.csv`);
    2. the only video and the only gaze recording of a folder, with a remark (not of files that lie in none);
    3. of one name in two folders that hold one kind each and have several names in common, with a remark.

    The note tells what has one name in two other folders and was left apart, since these may be two people's, and what
    is alone though the batch has both kinds.

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
    matches, alone = match(pieces)
    pairs = _named(matches + [Match(own_place(piece), **{piece.kind: piece}) for piece in alone])
    if len(pairs) > MAX_BATCH:
        raise EmertInputError(f"This batch has {len(pairs)} recordings; at most {MAX_BATCH} are answered at once.")
    both_kinds = len({piece.kind for piece in pieces}) == 2
    sentences = (left_out, _in_doubt(matches), _apart(alone), _halves(pairs) if both_kinds else "")
    return Batch(pairs, " ".join(filter(None, sentences)))


def _check_names(pieces: list[Piece]) -> None:
    """Raises `EmertInputError` for `p1.csv` beside `p1.tsv`."""
    found: dict[Hashable, Piece] = {}
    for piece in pieces:
        other = found.setdefault((piece.kind, piece.folders, stem_of(piece.name)), piece)
        if other is not piece:
            both, name = f"{visible_name(other.name)} and {visible_name(piece.name)}", visible_name(stem_of(piece.name))
            raise EmertInputError(f"{both} are both the {piece.kind} of {name}; give each recording its own name.")


def _named(matches: list[Match]) -> list[Pair]:
    """By name: as short as tells them apart, from the bare name to all folders."""
    short = Counter(one.place[-1] for one in matches)
    places = Counter(one.place for one in matches)
    pairs = []
    for one in matches:
        if short[one.place[-1]] == 1:
            name = one.place[-1]
        elif places[one.place] == 1:
            name = "/".join(one.place)
        else:
            name = "/".join((one.video or one.gaze).place)
        pairs.append(_pair(name, one))
    return sorted(pairs, key=lambda pair: pair.name)


def _pair(name: str, one: Match) -> Pair:
    video, gaze = one.video, one.gaze
    remarks = [one.remark] if one.remark else []
    if gaze and gaze.beside:
        files = ", ".join(whole_name(file) for file, _ in gaze.beside)
        remarks.append(f"{whole_name(gaze.name)} was read with what lies beside it: {files}.")
    return Pair(
        name,
        video.path if video else None,
        gaze.path if gaze else None,
        whole_name(video.name) if video else "",
        whole_name(gaze.name) if gaze else "",
        gaze.beside if gaze else (),
        " ".join(remarks),
    )


def _in_doubt(matches: list[Match]) -> str:
    remarks = [one.remark for one in matches if one.remark]
    if not remarks:
        return ""
    rest = len(remarks) - 1
    more = f" The same goes for {rest} other{'s' if rest > 1 else ''}, see the remarks." if rest else ""
    return cut_middle(remarks[0], _LONGEST_IN_NOTE) + more


def _apart(alone: list[Piece]) -> str:
    """Of one name in two folders that may be two people's."""
    found: dict[str, dict[str, Piece]] = {}
    for piece in alone:
        found.setdefault(piece.place[-1].casefold(), {})[piece.kind] = piece
    doubtful = [both for both in found.values() if len(both) == 2]
    if not doubtful:
        return ""
    paths = (cut_middle(visible_path(doubtful[0][kind].path_given), _LONGEST_IN_NOTE) for kind in ("video", "gaze"))
    more = f" (and {len(doubtful) - 1} more)" if len(doubtful) > 1 else ""
    return (
        f"{' and '.join(paths)}{more} have one name but lie in two folders, which may be two people's: they are answered "
        "apart; put both into one folder if they are one recording."
    )


def _halves(pairs: list[Pair]) -> str:
    """Most likely somebody wanted them paired."""
    without = {
        "gaze file": [pair.name for pair in pairs if not pair.gaze],
        "video": [pair.name for pair in pairs if not pair.video],
    }
    return " ".join(f"Without a {kind}: {listed(names)}." for kind, names in without.items() if names)
