"""What every source of recordings gives, so that nothing after it knows where recordings come from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze


@dataclass(frozen=True)
class Entry:
    """One recording as a source lists it, before anything heavy is read.

    - `recording_id`: unique within the source, letters, digits, `-` and `_` only.
    - `labels`: by label column (`tasks_emert.LABEL_COLUMNS`): the class's name, or the number. Absent ones are left out.
    - `video`: the face video (for a source that reads such: the folder of its frames), or None.
    - `location`: where the rest lies, in the source's own words; only its `load_...` methods read it.
    - `context`: by column of `context_emert.CONTEXT_COLUMNS`; absent ones are left out.
    - `stimulus_frame`: a picture of what was watched, or None; only `emert data inspect` shows it.
    """

    recording_id: str
    participant: str
    stimulus: str
    labels: dict[str, str | float]
    video: Path | None = None
    location: tuple[str, ...] = field(default=())
    context: dict[str, str | float] = field(default_factory=dict)
    stimulus_frame: Path | None = None


class Source(ABC):
    """Recordings on disk under `path`.

    A subclass is one small file in `sources/`. It declares what it is in these attributes (of the class, or of the object
    where a user's own file tells them) and implements two methods; all raise `EmertInputError` with a sentence that names
    the file, the field and the remedy.
    """

    name: str
    tasks: tuple[str, ...]
    licence: str  # SPDX id or a sentence
    redistributable: bool  # may a data set made from it be published?
    citation: str
    collection: str  # how the recordings were made, in a sentence
    lacks: str  # what a user might expect and does not get, in a sentence
    # The coarse class of surprise is published nowhere: "positive" or "negative" where a source holds to one, None: free.
    surprise_polarity: str | None = None
    # Sources that a mapping file describes: its name within `path`, where none is given.
    mapping_name: ClassVar[str | None] = None

    def __init__(self, path: Path, mapping: Path | None = None):
        """`mapping`: the file that says how the recordings lie; None for sources that know."""
        self.path, self.mapping = path, mapping

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All recordings, sorted by `recording_id`. Cheap: reads labels, not recordings."""

    @abstractmethod
    def load_gaze(self, entry: Entry) -> Gaze | None:
        """The eye tracker's part of one recording, or None where it has none."""

    def load_face(self, entry: Entry, count: int) -> FaceTrack | None:
        """`count` face crops spread over the recording; None without a video, and where no face is found in it."""
        from modeling_emert.faces_emert import load_face_track

        return load_face_track(entry.video, count) if entry.video else None

    def reading_order(self, entry: Entry) -> tuple:
        """By what recordings are sorted before they are read: those of one stimulus, which some sources keep in one file."""
        return entry.stimulus, entry.participant

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        """What was seen on the face, for a source that gives this instead of video."""
        return None
