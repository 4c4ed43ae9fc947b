"""What every source of recordings gives, so that nothing after it knows where recordings come from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from modeling_emert.recording_emert import Gaze


@dataclass(frozen=True)
class Entry:
    """One recording as a source lists it, before anything heavy is read.

    - `recording_id`: unique within the source, letters, digits, `-` and `_` only.
    - `labels`: by label column (`tasks_emert.LABEL_COLUMNS`): the class's name, or the number. Absent ones are left out.
    - `video`: the face video, or None.
    - `location`: where the gaze lies, in the source's own words; only its `load_gaze` reads it.
    """

    recording_id: str
    participant: str
    stimulus: str
    labels: dict[str, str | float]
    video: Path | None = None
    location: tuple[str, ...] = field(default=())


class Source(ABC):
    """Recordings on disk under `path`.

    A subclass is one small file in `sources/`. It declares what it is in class attributes and implements two methods;
    both raise `EmertInputError` with a sentence that names the file, the field and the remedy.
    """

    name: ClassVar[str]
    tasks: ClassVar[tuple[str, ...]]
    licence: ClassVar[str]  # SPDX id or a sentence
    redistributable: ClassVar[bool]  # may a data set made from it be published?
    citation: ClassVar[str]
    lacks: ClassVar[str]  # what a user might expect and does not get, in a sentence

    def __init__(self, path: Path):
        self.path = path

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All recordings, sorted by `recording_id`. Cheap: reads labels, not recordings."""

    @abstractmethod
    def load_gaze(self, entry: Entry) -> Gaze | None:
        """The eye tracker's part of one recording, or None where it has none."""
