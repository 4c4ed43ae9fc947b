"""Finds recordings to inspect: in a file, a folder of files, a source's folder, or a data set."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.recording_emert import Gaze, Recording
from modeling_emert.tasks_emert import LABEL_COLUMNS

from ..common.media_files import VIDEO_SUFFIXES
from ..dataset.metadata import METADATA_FILE
from ..dataset.rows import named_labels
from .quality import FaceCheck

FACES_SHOWN = 16  # frames of a video in which faces are searched, spread over it
_TABLE, _SETTINGS = "recordings.csv", "settings.json"
_MAX_FRAME_SIDE = 1280


@dataclass
class Found:
    """One recording, or the reason why it can't be read.

    - `name`: the recording's id, or the file's name with the participant and the stimulus where the file names them.
    - `labels`: by label column the class's name, or the number; absent ones are left out.
    - `face`: None where there is no video. `problem`: a sentence; all other fields are empty then.
    """

    name: str
    participant: str | None = None
    stimulus: str | None = None
    labels: dict[str, str | float] = field(default_factory=dict)
    recording: Recording = field(default_factory=Recording)
    face: FaceCheck | None = None
    problem: str | None = None

    def named_gaze(self) -> Gaze | None:
        """The gaze with the names of the participant and the stimulus; None without gaze."""
        gaze = self.recording.gaze
        return None if gaze is None else replace(gaze, participant=self.participant, stimulus=self.stimulus)


@dataclass
class FoundRecordings:
    """The recordings at a path: `kind` in words, their number where it is known, and an iterator that reads them one by one."""

    kind: str
    total: int | None
    recordings: Iterator[Found]


def find_recordings(path: Path, source: str | None = None, with_faces: bool = False) -> FoundRecordings:
    """The recordings at `path`, read one at a time.

    Args:
        path: a gaze file, a video, a data set folder, a folder with `recordings.csv`, the folder of a source, or any
            folder, of which every file is tried.
        source: the name of a source, for folders from which it does not follow.
        with_faces: read the face crops of a data set, which only pictures need.

    Raises `EmertInputError` where the path or the one file can't be read. In a folder such a file is a `Found.problem`.
    """
    if not path.exists():
        raise EmertInputError(f"{path} does not exist; give a gaze file, a video, or a folder with recordings")
    if path.is_file():
        if source is not None:
            raise EmertInputError(f"{path} is a file, where --source {source} needs a folder; leave out --source")
        found = _read_file(path)
        return FoundRecordings("file", len(found), iter(found))
    if source is None and (path / _TABLE).is_file():
        source = "synthetic" if (path / _SETTINGS).is_file() else "folder"
    if source is not None:
        return _of_source(path, source)
    if (path / METADATA_FILE).is_file():
        return _of_dataset(path, with_faces)
    return _of_folder(path)


# ---- files


def _read_file(path: Path) -> list[Found]:
    """The recordings of one gaze file, or the video. The suffix only decides which of the two is tried first."""
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return [_read_video(path)]
    try:
        return _read_gaze(path)
    except EmertInputError as error:
        try:
            return [_read_video(path)]
        except EmertInputError:
            raise error from None


def _read_gaze(path: Path) -> list[Found]:
    from ..readers import read_gaze_recordings

    recordings, found = read_gaze_recordings(path), []
    for number, gaze in enumerate(recordings, start=1):
        own = " ".join(filter(None, (gaze.participant, gaze.stimulus))) or str(number)
        name = path.name if len(recordings) == 1 else f"{path.name} {own}"
        found.append(Found(name, gaze.participant, gaze.stimulus, recording=Recording(gaze=gaze)))
    return found


def _read_video(path: Path) -> Found:
    track, check = _find_faces(path)
    return Found(path.name, recording=Recording(track), face=check)


def _find_faces(video: Path):
    """Face crops of some frames (None without any face) and in which of them a face was found."""
    from modeling_emert.face_detection_emert import track_faces
    from modeling_emert.video_emert import read_frames

    frames, times_ms = read_frames(video, FACES_SHOWN)
    track = track_faces(frames, times_ms)
    return track, FaceCheck(np.zeros(len(times_ms), bool) if track is None else track.detected, times_ms)


def _of_folder(path: Path) -> FoundRecordings:
    """One export in several files, else every file by itself."""
    try:
        found = _read_gaze(path)
        return FoundRecordings("folder of one export", len(found), iter(found))
    except EmertInputError:
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise EmertInputError(f"{path} holds no files; give a file, a data set, or --source with the folder of that source")
    return FoundRecordings("folder of files", None, _file_by_file(files))


def _file_by_file(files: list[Path]) -> Iterator[Found]:
    for file in files:
        try:
            yield from _read_file(file)
        except EmertInputError as error:
            yield Found(file.name, problem=str(error))


# ---- sources


def _of_source(path: Path, name: str) -> FoundRecordings:
    from ..sources import open_source

    source = open_source(name, path)
    entries = source.entries()
    return FoundRecordings(f"recordings of source {name}", len(entries), (_of_entry(source, entry) for entry in entries))


def _of_entry(source, entry) -> Found:
    known = (entry.recording_id, entry.participant, entry.stimulus, entry.labels)
    try:
        recording = Recording(gaze=source.believed_gaze(entry), action_units=source.load_action_units(entry))
        check = None
        if entry.video is not None:
            recording.face, check = _find_faces(entry.video)
        if entry.stimulus_frame is not None:
            recording.stimulus_frame = _read_picture(entry.stimulus_frame)
    except EmertInputError as error:
        return Found(*known, problem=str(error))
    return Found(*known, recording=recording, face=check)


def _read_picture(path: Path) -> np.ndarray:
    """`(height, width, 3)` uint8, at most `_MAX_FRAME_SIDE` pixels a side."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (_MAX_FRAME_SIDE, _MAX_FRAME_SIDE))
            picture.thumbnail((_MAX_FRAME_SIDE, _MAX_FRAME_SIDE))
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EmertInputError(f"{path} is no picture that can be shown ({str(error)[:80]}); save it as PNG or JPEG") from error


# ---- data sets


def _of_dataset(path: Path, with_faces: bool) -> FoundRecordings:
    from ..dataset.reader import EmertData

    data = EmertData.open(path)
    return FoundRecordings(f"data set of source {data.metadata.source}", len(data), _rows(data, with_faces))


def _rows(data, with_faces: bool) -> Iterator[Found]:
    labels = data.table.select([name for name in LABEL_COLUMNS if name in data.table.column_names]).to_pylist()
    found, times_ms = (data.column(name) for name in ("face_detected", "face_times_ms"))
    for row in range(len(data)):
        recording = data.recording(row, FACES_SHOWN) if with_faces else Recording(gaze=data.gaze_only([row])[0].gaze)
        ids = [str(data.ids[name][row]) for name in ("recording_id", "participant_id", "stimulus_id")]
        detected, times = found[row].as_py(), times_ms[row].as_py()
        check = FaceCheck(np.array(detected, bool), np.array(times, np.float32)) if detected else None
        yield Found(*ids, named_labels(labels[row]), recording, check)
