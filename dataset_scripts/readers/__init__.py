"""Eye trackers' exports, read into `Gaze`. The format is recognised by a file's content, never by its name.

To add a format, write a module with the names of `Reader` and add it to `READERS`. Parquet, and tables with a mapping file
beside them, are read by `mapped_table` instead. Recordings whose export lists no fixations get them from `fixation_detection`.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, get_args

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze

from ..common.media_files import without_media_ending
from . import bids, emert_csv, gazepoint
from .bounds import believed
from .eyelink import reader as eyelink
from .fixation_detection import with_fixations
from .mapped import mapped_table
from .mapped.mapped_table import is_parquet
from .mapped.mapping import FILE_NAME, Mapping, own_names, read_mapping
from .pupil_labs import neon, pupil_core
from .smi import smi_events, smi_samples
from .text.encodings import encoding_note
from .text.text_files import ExportFiles, TextFile, list_files
from .text.text_table import Content, Head, Header, read_head
from .tobii import glasses3, number_sheet, tobii_pro_lab, tobii_sdk, tobii_studio, tobii_studio_events


class Reader(Protocol):
    """A reader's module. `NAME`: for `Gaze.format`. `TITLE`: for messages. `find_header`: None for any other format."""

    NAME: str
    TITLE: str

    def find_header(self, head: Head) -> Header | None: ...

    def read(self, head: Head, header: Header) -> list[Gaze]: ...


_TOBII: tuple[Reader, ...] = (number_sheet, glasses3, tobii_studio, tobii_studio_events, tobii_pro_lab, tobii_sdk)
READERS: tuple[Reader, ...] = (bids, *_TOBII, pupil_core, neon, eyelink, smi_samples, smi_events, gazepoint, emert_csv)
# Of the readers that read several files as one recording; a mapping file (`FILE_NAME`) may be beside any table.
EXPORTS: tuple[ExportFiles, ...] = (pupil_core.FILES, neon.FILES)
# Formats whose units a user has chosen, and no tracker's program.
_UNITS_OF_USERS = (emert_csv.NAME, mapped_table.NAME)
_JSON_ADVICE = (
    "export the recording as a table, or give Glasses 3's gazedata.gz as it is: Glasses 2 by Pro Lab's data export, Neon by "
    "Pupil Cloud's time series, Pupil Core by Pupil Player's raw data exporter; of your own programs write CSV"
)
_JSON = re.compile(r"\{|\[\s*([\[{\"\d-]|$)")  # and no [section] of a settings file
_NAMED = 12  # in a message
_ORDER: tuple[Content, ...] = get_args(Content)


class _Match(NamedTuple):
    """A file whose format is known."""

    file: TextFile
    content: Content
    read: Callable[[], list[Gaze]]
    notes: Sequence[str] = ()


def read_gaze_recordings(path: str | Path, mapping: str | Path | None = None) -> list[Gaze]:
    """All recordings in the file, in the order in which they begin there; at least one.

    `path`: an export, also compressed (`.gz`, `.xz`), or a `.zip` or folder with the tables of one export: then the one with
    samples is read, and its reader uses the others. `Gaze.format` names the format.
    `mapping`: a mapping file for a table of no known format (see `mapping`); by default `gaze_mapping.yaml` beside it.

    Numbers that no eye can have are missing (see `bounds`). Fixations that the export doesn't list are detected
    (`Gaze.fixation_method` says how).

    Raises `EmertInputError` for a file that is absent, empty, too large, binary, damaged, or of no known format.
    """
    given = None if mapping is None else read_mapping(TextFile(Path(mapping)))
    with np.errstate(all="ignore"):  # numbers that overflow become infinite, which `stack_columns` sets to missing
        match = _choose(Path(path), given)
        recordings = [believed(path, gaze, gaze.format in _UNITS_OF_USERS) for gaze in match.read()]
        return [with_fixations(replace(gaze, notes=[*match.notes, *gaze.notes])) for gaze in recordings]


def _choose(path: Path, mapping: Mapping | None) -> _Match:
    files = list_files(path)
    if len(files) == 1:
        return _recognise(files[0], mapping)
    matches = []
    for file in (file for file in files if file.name != FILE_NAME):
        with suppress(EmertInputError):  # a video, notes: an export's folder may contain other files
            matches.append(_recognise(file, mapping))
    if not matches:
        _mapping_beside(files[0])  # its problems come first
        raise EmertInputError(f"{path} holds {len(files)} files and none in a known format; expected is {_known()}")
    best = min((match.content for match in matches), key=_ORDER.index)
    chosen = [match for match in matches if match.content == best]
    if len(chosen) > 1:
        names = ", ".join(match.file.name for match in chosen[:5])
        raise EmertInputError(f"{path} holds several recordings ({names}) where one is expected; give one of these files")
    return chosen[0]


def _mapping_beside(file: TextFile) -> Mapping | None:
    """The mapping in the same folder. Raises `EmertInputError` for an invalid one."""
    beside = file.beside(FILE_NAME)
    return None if beside is None else read_mapping(beside)


def _recognise(file: TextFile, given: Mapping | None) -> _Match:
    """A given mapping is used always; one in the same folder only if the file has its columns or no other format."""
    if given is not None:
        return _mapped(file, given)
    if is_parquet(file):
        return _mapped(file, _mapping_beside(file))
    head = read_head(file)
    mapping = _mapping_beside(file)
    if mapping is not None and head.find(*mapping.names) is not None:
        return _mapped(file, mapping)
    for reader in READERS:
        header = reader.find_header(head)
        if header is not None:
            return _Match(file, header.content, partial(reader.read, head, header), encoding_note(head.encoding))
    if mapping is not None:
        return _mapped(file, mapping)  # raises an error that names the missing columns
    if _JSON.match(head.first_line):
        raise EmertInputError(f"{file} is JSON, which is not read; {_JSON_ADVICE}")
    raise EmertInputError(
        f"{file} is in no known format: it begins with {head.first_line[:60]!r}, where one of these is expected: "
        f"{_known()}; or write a {FILE_NAME} that says which column is which"
    )


def _mapped(file: TextFile, mapping: Mapping | None) -> _Match:
    """Without a mapping the file is Parquet with our column names."""
    table = mapped_table.open_table(file, mapping.names if mapping else ("time_ms",))
    return _Match(file, "samples", partial(mapped_table.read, table, mapping or own_names(table.names)))


def _known() -> str:
    return ", ".join(reader.TITLE.partition(" (")[0] for reader in READERS)


def read_gaze(
    path: str | Path, participant: str | None = None, stimulus: str | None = None, mapping: str | Path | None = None
) -> Gaze:
    """The one recording in the file, or the one of that participant (and stimulus). `mapping`: as `read_gaze_recordings`.

    Raises `EmertInputError` as `read_gaze_recordings` and `choose_recording`, which says how the names are compared.
    """
    return choose_recording(path, read_gaze_recordings(path, mapping), participant, stimulus)


def choose_recording(
    path: str | Path, recordings: list[Gaze], participant: str | None, stimulus: str | None, by_table: bool = False
) -> Gaze:
    """That of the participant and the stimulus among a file's; None: any.

    Names are compared as text: "00" is not "0"; a stimulus may lack the ending of its video or picture (`rain` for `rain.mp4`).
    It may also be `#2`: the second of the participant's recordings, in the order of the file, where they have no names or the
    same. `by_table`: the names are of a row of recordings.csv, so that a recording without names fits too.

    Raises `EmertInputError`, with the names that the file has, where no recording or more than one fits.
    """
    options = ("participant (--participant)", "stimulus (--stimulus)")
    columns = ("gaze_participant in recordings.csv", "gaze_stimulus in recordings.csv")
    give_participant, give_stimulus = columns if by_table else options
    chosen = [gaze for gaze in recordings if participant in (None, gaze.participant)]
    chosen = chosen or [gaze for gaze in recordings if by_table and gaze.participant is None]
    names = _names([gaze.participant or "without a name" for gaze in recordings])
    if not chosen:
        if not any(gaze.participant for gaze in recordings):
            raise EmertInputError(f"{path} names no participant, so {participant!r} can't be chosen; leave the participant out")
        raise EmertInputError(f"{path} has no participant {participant!r}; it has {names}; give one as {give_participant}")
    if len({gaze.participant for gaze in chosen}) > 1:
        raise EmertInputError(f"{path} holds several participants ({names}) where one is expected; give {give_participant}")
    fitting = [gaze for number, gaze in enumerate(chosen, 1) if stimulus in (None, gaze.stimulus, f"#{number}")]
    fitting = fitting or [gaze for gaze in chosen if gaze.stimulus and without_media_ending(gaze.stimulus) == stimulus]
    fitting = fitting or [gaze for gaze in chosen if by_table and gaze.stimulus is None]
    if len(fitting) != 1:
        whose = f" of participant {chosen[0].participant!r}" if chosen[0].participant else ""
        numbered = _names([f"#{number} {gaze.stimulus or ''}".strip() for number, gaze in enumerate(chosen, 1)])
        what = "" if stimulus is None else f" of stimulus {stimulus!r}"
        found = f"{len(fitting)} recordings" if fitting else "no recording"
        raise EmertInputError(
            f"{path} has {found}{whose}{what} where one is expected; of the recordings {numbered} give one, by name or number, "
            f"as {give_stimulus}"
        )
    return fitting[0]


def _names(all_names: list[str]) -> str:
    """The first of them, for a message."""
    names = list(dict.fromkeys(all_names))
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
