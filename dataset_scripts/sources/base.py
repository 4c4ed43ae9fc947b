"""The interface of all sources of recordings."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from modeling_emert.recording_emert import ActionUnits, FaceTrack, Gaze

TERMS = ("licence", "redistributable", "citation", "collection", "lacks")  # attributes that a data set's description takes


@dataclass(frozen=True)
class Entry:
    """One recording as a source lists it, before anything heavy is read.

    - `recording_id`: unique within the source, letters, digits, `-` and `_` only.
    - `labels`: by label column (`tasks_emert.LABEL_COLUMNS`): the class's name, or the number. Absent ones are left out.
    - `video`: the face video (for a source that reads such: the folder of its frames), or None.
    - `location`: where the other parts are, in a form of the source; only its `load_...` methods read it.
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

    A subclass is one file in `sources/`. It sets these attributes (of the class, or of the object where a user's file gives
    them) and implements two methods; all raise `EmertInputError` with a sentence that names the file, the field and the
    remedy.
    """

    name: str
    tasks: tuple[str, ...]
    licence: str  # SPDX id or a sentence
    redistributable: bool  # may a data set made from it be published?
    citation: str
    collection: str  # how the recordings were made, in a sentence
    lacks: str  # what a user might expect but is absent, in a sentence
    # The coarse class of surprise is not published: "positive" or "negative" where a source always uses one, None: either.
    surprise_polarity: str | None = None
    # For sources that a mapping file describes: its default name within `path`.
    mapping_name: ClassVar[str | None] = None

    def __init__(self, path: Path, mapping: Path | None = None):
        """`mapping`: the file that describes the layout of the recordings; None for sources with a fixed layout."""
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
        """Sort key for reading: by stimulus, since some sources keep the recordings of a stimulus in one file."""
        return entry.stimulus, entry.participant

    def load_action_units(self, entry: Entry) -> ActionUnits | None:
        """Action units of the face, for a source that gives them instead of video."""
        return None
