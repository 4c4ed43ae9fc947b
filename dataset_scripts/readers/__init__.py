"""Eye trackers' exports, read into `Gaze`. The format is told by what a file holds, never by its name.

A reader is one module with four names: `NAME` (what `Gaze.format` says), `TITLE` (for messages), `find_header(head)`
(the header, if the file is one of its own, else None) and `read(head, header)`. To add one, write the module and put it
into `READERS`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args

from dataset_scripts.readers import emert_csv, pupil_core, tobii_studio
from dataset_scripts.readers.text_files import TextFile, list_files
from dataset_scripts.readers.text_table import Content, Head, Header, read_head
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze


class Reader(Protocol):
    """What a reader's module offers."""

    NAME: str
    TITLE: str

    def find_header(self, head: Head) -> Header | None: ...

    def read(self, head: Head, header: Header) -> list[Gaze]: ...


READERS: tuple[Reader, ...] = (tobii_studio, pupil_core, emert_csv)
_ORDER: tuple[Content, ...] = get_args(Content)


@dataclass(frozen=True)
class _Match:
    """A file with the reader that takes it."""

    reader: Reader
    head: Head
    header: Header


def read_gaze_recordings(path: str | Path) -> list[Gaze]:
    """All recordings in the file, in the order in which they begin there; at least one.

    `path`: an export as it is, compressed (`.gz`, `.xz`), or a `.zip` or folder with the tables of one export: of these the
    one with samples is read, and its reader takes what it needs from those beside it. `Gaze.format` says what it was.

    Raises `EmertInputError` for a file that is absent, empty, too large, binary, cut, or of no known format.
    """
    match = _choose(Path(path))
    return match.reader.read(match.head, match.header)


def _choose(path: Path) -> _Match:
    files = list_files(path)
    if len(files) == 1:
        return _recognise(files[0])
    matches = []
    for file in files:
        try:
            matches.append(_recognise(file))
        except EmertInputError:  # a video, notes: an export's folder may hold anything
            continue
    if not matches:
        raise EmertInputError(f"{path} holds {len(files)} files and none in a known format; expected is {_known()}")
    best = min(_ORDER.index(match.header.content) for match in matches)
    chosen = [match for match in matches if _ORDER.index(match.header.content) == best]
    if len(chosen) > 1:
        names = ", ".join(match.head.file.name for match in chosen[:5])
        raise EmertInputError(f"{path} holds several recordings ({names}) where one is expected; give one of these files")
    return chosen[0]


def _recognise(file: TextFile) -> _Match:
    head = read_head(file)
    for reader in READERS:
        header = reader.find_header(head)
        if header is not None:
            return _Match(reader, head, header)
    raise EmertInputError(
        f"{file} is in no known format: it begins with {head.first_line[:60]!r}, where one of these is expected: "
        f"{_known()}; rename its columns to our own CSV"
    )


def _known() -> str:
    return "; ".join(reader.TITLE for reader in READERS)


def read_gaze(path: str | Path, participant: str | None = None, stimulus: str | None = None) -> Gaze:
    """The one recording in the file, or the one of that participant (and stimulus).

    Names are compared as text: "00" is not "0". Raises `EmertInputError` as `read_gaze_recordings`, and where no
    recording or more than one fits; it then names those that the file has.
    """
    recordings = read_gaze_recordings(path)
    chosen = [gaze for gaze in recordings if participant in (None, gaze.participant)]
    if not chosen:
        raise EmertInputError(f"{path} has no participant {participant!r}; it has {_names(recordings, 'participant')}")
    if len({gaze.participant for gaze in chosen}) > 1:
        raise EmertInputError(
            f"{path} holds several participants ({_names(chosen, 'participant')}) where one is expected; "
            "choose one with --participant"
        )
    fitting = [gaze for gaze in chosen if stimulus in (None, gaze.stimulus)]
    if len(fitting) != 1:
        found = f"{len(chosen)} recordings of one participant (stimuli {_names(chosen, 'stimulus')})"
        raise EmertInputError(f"{path} holds {found} where one is expected; export one recording of one stimulus")
    return fitting[0]


def _names(recordings: list[Gaze], field: str) -> str:
    """The first twelve names as a list for a sentence."""
    names = list(dict.fromkeys(getattr(gaze, field) or "without a name" for gaze in recordings))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
