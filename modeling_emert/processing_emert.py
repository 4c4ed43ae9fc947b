"""From files or arrays to the model's inputs, in one object that is saved beside the model."""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image
from transformers import BatchFeature, ProcessorMixin

from .columns_emert import NUM_COLUMNS
from .configuration_emert import EmertConfig
from .errors_emert import EmertInputError
from .face_detection_emert import FaceDetector, track_faces
from .feature_extraction_emert import EmertFeatureExtractor, GazeStatistics
from .hub_emert import EmertSharing
from .image_emert import is_image, read_image
from .people_emert import FaceChoice, check_face_choice
from .recording_emert import (
    ActionUnits,
    FaceTrack,
    Gaze,
    Recording,
    context_inputs,
    lengths_differ,
    read_big_five,
    read_stimulus_emotion,
)
from .rows_emert import as_columns, from_row, is_batch, is_row, rows_of
from .sampling_emert import FrameOrder, Sampling
from .video_emert import read_frames
from .video_processing_emert import EmertVideoProcessor

Photo = str | Path | bytes | np.ndarray | Image.Image
Video = Photo | FaceTrack
GazeInput = str | Path | bytes | np.ndarray | Gaze
Units = str | Path | bytes | ActionUnits
Row = Mapping[str, Any]  # of a data set of ours; see `rows_emert`
BigFive = Sequence[float] | Mapping[str, float] | np.ndarray


class EmertProcessor(EmertSharing, ProcessorMixin):
    """Loads recordings ([`load`]) and prepares them for the model (a call).

    ```python
    processor = EmertProcessor.from_pretrained(folder)
    recording = processor.load(video="clip.mp4", gaze="gaze.csv")
    inputs = processor(recording)
    inputs = processor(data[:4])  # rows of a data set, as `load_dataset` gives them
    ```

    context (`list[str]`, `[]`):
        The config's `context`: inputs besides the recording. Either may reveal the label, so a score with it is no score of
        reading eyes and faces.
    """

    _auto_class = "AutoProcessor"
    # `Trainer(processing_class=processor)` asks every processor for a tokenizer and its special tokens.
    tokenizer = SimpleNamespace(eos_token_id=None, bos_token_id=None, pad_token_id=None)

    def __init__(
        self,
        video_processor: EmertVideoProcessor | None = None,
        feature_extractor: EmertFeatureExtractor | None = None,
        context: Sequence[str] = (),
        **kwargs,
    ):
        self.context = list(context)
        super().__init__(
            video_processor=video_processor or EmertVideoProcessor(),
            feature_extractor=feature_extractor or EmertFeatureExtractor(),
            **kwargs,
        )

    @classmethod
    def for_config(cls, config: EmertConfig, image_size: int = 112, normalisation: str = "training") -> "EmertProcessor":
        """A processor with the lengths and the context that a model of this config takes."""
        return cls(
            EmertVideoProcessor(num_frames=config.num_frames, size={"height": image_size, "width": image_size}),
            EmertFeatureExtractor(
                config.num_eye_steps,
                config.num_fixation_steps,
                normalisation,
                num_unit_steps=config.num_frames if config.takes_action_units else 0,
            ),
            context=config.context,
        )

    @property
    def draws(self) -> bool:
        """Whether it takes random frames and rows, so that each call of one recording gives other inputs."""
        return "random" in (self.video_processor.sampling, self.feature_extractor.sampling)

    def feed_as_authors(self, sampling: Sampling = "middle", frame_order: FrameOrder = "time") -> "EmertProcessor":
        """Sets the inputs of the authors' reader, and returns itself: BGR, divided by 255 without mean and deviation; the 39
        columns of the sheet as they stand; the gaze point in pixels as the third stream; one frame or row of each chunk.

        `sampling`: theirs is `"random"`, in the test too; the middle of the chunk gives one recording one answer.
        `frame_order`: theirs is `"last_digit"`, which tears the film apart, and within a digit they take the file system's
        order, which differs between machines.
        """
        faces, eyes = self.video_processor, self.feature_extractor
        faces.do_normalize, faces.do_flip_channel_order = False, True
        faces.sampling = eyes.sampling = sampling
        faces.frame_order, eyes.columns = frame_order, "sheet"
        return self

    def load(
        self,
        video: Video | None = None,
        gaze: GazeInput | None = None,
        detector: FaceDetector | None = None,
        big_five: BigFive | None = None,
        stimulus_emotion: str | None = None,
        image: Photo | None = None,
        action_units: Units | None = None,
        face: FaceChoice | None = None,
        participant: str | None = None,
        stimulus: str | None = None,
    ) -> Recording:
        """One recording from files or arrays; its `notes` report what could not be used, `lengths_differ` what hardly fits.

        Args:
            video: a file or its bytes; whole frames `(frames, height, width, 3)` uint8 RGB; a [`FaceTrack`] (crops, used
                as is); or a photograph, as `image`.
            gaze: a file, or its bytes, in a format that the installed readers know; samples `(samples, 39)` in the columns
                of `columns_emert`, evenly spaced in time; or a [`Gaze`].
            big_five, stimulus_emotion: context, for a model whose config takes it: five fractions of the scale, 0..1, in the
                order of `recording_emert.BIG_FIVE` or by those names; one of `tasks_emert.EMOTIONS`. Either may reveal the
                label.
            image: a photograph in place of a video, which is a video of one frame: a PNG, JPEG or WebP file or its bytes, a
                PIL image, or an array `(height, width, 3)` uint8 RGB.
            action_units: of the face, beside or in place of a video, for a model that takes them: a CSV of OpenFace or py-feat
                (a file or its bytes), or an [`ActionUnits`].
            face: whose, where several people are seen: `left`, `right` or `largest`, or a number from 1, counted from the left
                of the picture. By default the one who is there longest and largest, and a note says that there are others.
            participant, stimulus: whose gaze of which stimulus to take, where the file holds several: by their names, or `#2`.

        Raises:
            EmertInputError: a file can't be read, an array has another shape, the context is invalid, or nothing is left to
                answer from.
        """
        notes: list[str] = []
        if video is not None and image is not None:
            raise EmertInputError(
                "a video and an image are given, where one of them is expected; load them one after the other"
            )
        if image is not None and not is_image(image):
            read_image(image)  # raises the reason
        # Arrays, and face crops in files of their own, count frames and samples where others have times.
        timed = not isinstance(video, np.ndarray) and not isinstance(gaze, np.ndarray) and not getattr(video, "names", None)
        track = self._load_face(video if image is None else image, detector, face, notes)
        gaze = self._load_gaze(gaze, notes, {"participant": participant, "stimulus": stimulus})
        units = _load_units(action_units, notes)
        if track is None and gaze is None and units is None:
            raise EmertInputError(" ".join([*notes, "Nothing is left to answer from: give a video with a face or gaze."]))
        traits = None if big_five is None else read_big_five(big_five)
        read_stimulus_emotion(stimulus_emotion)  # refused here, where it is given
        doubt = lengths_differ(track, gaze) if timed else None
        return Recording(track, gaze, notes, units, big_five=traits, stimulus_emotion=stimulus_emotion, lengths_differ=doubt)

    def __call__(
        self,
        recordings: Recording | Row | Iterable[Recording | Row],
        statistics: GazeStatistics | Sequence[GazeStatistics | None] | None = None,
        return_tensors: str | None = "pt",
        generator: np.random.Generator | None = None,
    ) -> BatchFeature:
        """One recording or a batch, as the model's keyword arguments; modalities that no recording has are left out.

        A recording may be a row of a data set, and a batch its columns (`data[:4]`), in any format that `datasets` gives.
        `statistics`: each participant's own, where `normalisation="participant"` (see [`EmertFeatureExtractor`]).
        `generator`: of random choices, for a processor that [`draws`].
        With `context`, each recording's `big_five` and `stimulus_emotion` are included, marked as absent where it has none.

        Raises:
            EmertInputError: something else than recordings is given, none has a modality, or a recording's context is invalid
                (see `recording_emert.context_inputs`).
        """
        batch = recordings_of(recordings)
        inputs = self.video_processor([item.face for item in batch], return_tensors=return_tensors, generator=generator)
        units = [item.action_units for item in batch]
        gaze = self.feature_extractor([item.gaze for item in batch], statistics, return_tensors, units, generator)
        for name in ("eye_movements", "fixations", "action_units"):
            if f"{name}_mask" in gaze and gaze[f"{name}_mask"].any():
                inputs[name], inputs[f"{name}_mask"] = gaze[name], gaze[f"{name}_mask"]
        if not inputs:
            raise EmertInputError("the recordings have nothing that the model takes: no face, eye movements or fixations")
        inputs.update(BatchFeature(context_inputs(batch, self.context), tensor_type=return_tensors))
        return inputs

    def _load_face(
        self, video: Video | None, detector: FaceDetector | None, chosen: FaceChoice | None, notes: list[str]
    ) -> FaceTrack | None:
        check_face_choice(chosen)
        if chosen is not None and (video is None or hasattr(video, "detected")):
            found = "no video" if video is None else "face crops"
            raise EmertInputError(f"face {chosen}: a person is chosen in a video or a photograph, got {found}; leave it out")
        # Not by `isinstance(video, FaceTrack)`: as remote code each processor comes with a copy of that class.
        if video is None or hasattr(video, "detected"):
            return video
        if isinstance(video, (np.ndarray, Image.Image)) and is_image(video):
            frames, times_ms, name = read_image(video)[None], np.zeros(1, np.float32), "the image"
        elif isinstance(video, np.ndarray):
            if video.ndim != 4 or video.shape[-1] != 3 or video.dtype != np.uint8 or video.size == 0:
                found = f"{video.shape} {video.dtype}"
                raise EmertInputError(f"the video's frames must be an array (frames, height, width, 3) of uint8, got {found}")
            frames, times_ms, name = video, np.arange(len(video), dtype=np.float32), "the frames"
        elif isinstance(video, (list, tuple)):
            raise EmertInputError(
                "the video is given as a list of pictures: give whole frames as an array (frames, height, width, 3) uint8. The "
                "face crops of a data set's row have times and belong to its eye movements and fixations: give the row itself, "
                "`processor(row)` or `pipe(row)`"
            )
        elif not isinstance(video, (str, Path, bytes)):
            expected = "a file's path or bytes, a numpy array of frames, a PIL image or a FaceTrack"
            raise EmertInputError(f"the video is given as {type(video).__name__}, expected {expected}")
        else:
            frames, times_ms = read_frames(video, self.video_processor.num_frames, TIMELINE_PER_SECOND)
            name = "the video" if isinstance(video, bytes) else Path(video).name
        face = track_faces(frames, times_ms, detector, face=chosen)
        if face is None:
            notes.append(f"No face was found in {name} ({len(frames)} frames examined), so the face is left out.")
            return None
        notes.extend(face.notes)
        return face

    def _load_gaze(self, gaze: GazeInput | None, notes: list[str], whose: dict[str, str | None]) -> Gaze | None:
        only_samples = isinstance(gaze, np.ndarray)
        if isinstance(gaze, (str, Path)):
            name, gaze = Path(gaze).name, _reader("gaze")(gaze, **whose)
        elif isinstance(gaze, bytes):
            name, gaze = "the gaze file", _read_bytes(gaze, "gaze", **whose)
        elif only_samples:
            if gaze.ndim != 2 or gaze.shape[1] != NUM_COLUMNS or gaze.dtype.kind not in "fiu":
                found = f"{gaze.shape} {gaze.dtype}"
                raise EmertInputError(f"the gaze samples must be an array (samples, {NUM_COLUMNS}) of numbers, got {found}")
            samples = gaze.astype(np.float32)
            gaze = Gaze(np.where(np.isfinite(samples), samples, np.nan), np.arange(len(samples), dtype=np.float32))
            name = "the gaze samples"
            if (wrong := gaze.out_of_bounds()).any():  # as of every reader
                gaze.eye_movements[wrong] = np.nan
                notes.append(f"In {name} {int(wrong.sum())} numbers that no eye can have count as missing.")
        else:
            name = "the gaze"
        if gaze is None:
            return None
        if not hasattr(gaze, "missing_fraction"):  # as with FaceTrack, no `isinstance`
            expected = "a file's path or bytes, an array of samples or a Gaze"
            raise EmertInputError(f"the gaze is given as {type(gaze).__name__}, expected {expected}")
        notes.extend(gaze.notes)
        if self.feature_extractor.columns == "sheet":
            if getattr(gaze, "sheet", None) is None:
                notes.append(f"{name} is no sheet of {NUM_COLUMNS} numbers as this model takes, so the eyes are left out.")
                return None
            return gaze
        if gaze.missing_fraction in (None, 1.0) and not (gaze.fixations is not None and len(gaze.fixations)):
            notes.append(f"In {name} there is neither a valid gaze point nor a fixation, so the eyes are left out.")
            return None
        if only_samples:
            notes.append(_ONLY_SAMPLES)
        return gaze


def recordings_of(given: Recording | Row | Iterable[Recording | Row]) -> list[Recording]:
    """One or several recordings or rows, or a batch of rows, as a list. Raises `EmertInputError` for anything else."""
    given = as_columns(given)
    if is_row(given) and is_batch(given):
        given = rows_of(given)
    elif is_row(given) or is_recording(given):
        given = [given]
    elif isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__iter__"):
        raise _no_recording(given)
    batch = [from_row(row) if is_row(row) else row for item in given for row in _rows_in(as_columns(item))]
    if wrong := [item for item in batch if not is_recording(item)]:
        raise _no_recording(wrong[0])
    if not batch:
        raise EmertInputError("expected a Recording or a row, or several, got none")
    return batch


def _rows_in(item: Any) -> Iterable[Any]:
    """Of a batch of rows each, as tables give one row; else the item."""
    return rows_of(item) if is_row(item) and is_batch(item) else [item]


def _no_recording(given: object) -> EmertInputError:
    found = f"a dictionary of {', '.join(map(str, given))}" if isinstance(given, Mapping) else type(given).__name__
    return EmertInputError(
        f"expected a Recording, or several, got {found}; `load` makes one of files and arrays, and a row of a data set is one "
        "if it has the columns of its face, eye movements or fixations"
    )


def is_recording(given: object) -> bool:
    """Not by `isinstance`: as remote code each processor comes with a copy of that class."""
    return hasattr(given, "face") and hasattr(given, "gaze")


TIMELINE_PER_SECOND = 2.2  # frames of a video that are kept: in whole frames at least two a second, for the timeline
_ONLY_SAMPLES = (
    "The gaze samples came without times and fixations: they are taken as evenly spaced, and fixations are left out. A Gaze "
    "has all three, and so has a row of a data set."
)


def _load_units(given: Units | None, notes: list[str]) -> ActionUnits | None:
    name = "the action units"
    if isinstance(given, (str, Path)):
        name, given = Path(given).name, _reader("face")(given)
    elif isinstance(given, bytes):
        given = _read_bytes(given, "face")
    if given is None:
        return None
    if not hasattr(given, "intensities"):  # as with FaceTrack, no `isinstance`
        expected = "a file's path or bytes or an ActionUnits"
        raise EmertInputError(f"the action units are given as {type(given).__name__}, expected {expected}")
    if not np.isfinite(given.intensities).any():
        notes.append(f"In {name} there is no row with a face, so the action units are left out.")
        return None
    return given


def _read_bytes(content: bytes, kind: str, **whose: str | None) -> Any:
    """From a private temporary file, since the readers take files. `kind`: as `_reader`."""
    with tempfile.TemporaryDirectory(prefix="emert-") as folder:
        path = Path(folder) / kind
        path.write_bytes(content)
        try:
            return _reader(kind)(path, **whose)
        except EmertInputError as error:
            raise EmertInputError(str(error).replace(str(path), f"{kind} of {len(content)} bytes")) from error


def _reader(kind: str) -> Callable[..., Any]:
    """The reader of `gaze` (eye trackers' files) or `face` (action units): not in the model folder, but in `emert`."""
    for entry_point in entry_points(group=f"emert.{kind}_readers"):
        return entry_point.load()
    arrays = {"gaze": "Gaze", "face": "ActionUnits"}[kind]
    raise EmertInputError(f"no reader of {kind} files is installed: install emert from its clone, or give arrays ({arrays})")
