"""One recording (a participant watching a stimulus), the form in which all parts of the project pass it on; with its context,
the participant's personality and the stimulus's emotion.

The network takes no context unless its config says so: both help to predict felt and perceived emotion, and both can reveal the
label (a clip that is meant to amuse amuses), so a score with them is no score of reading eyes and faces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .columns_emert import ACTION_UNITS, BOUNDS, COLUMN_INDEX, GAZE_COLUMNS, NUM_COLUMNS, POINTS, PUPILS
from .errors_emert import EmertInputError
from .tasks_emert import ABSENT_CLASS, ABSENT_NUMBER, EMOTIONS


@dataclass
class FaceTrack:
    """Face crops of one clip.

    - `frames`: `(frames, height, width, 3)` uint8, RGB.
    - `times_ms`: `(frames,)` float32, from the start of the clip, increasing.
    - `detected`: `(frames,)` bool; False where the crop uses the box of the nearest frame with a face.
    - `names`: of the frames' files, where each is one. `encoded`: each frame as a JPEG or PNG that gives just these pixels.
    - `notes`: whose face it is where there are several, in sentences for the user.
    """

    frames: np.ndarray
    times_ms: np.ndarray
    detected: np.ndarray
    names: tuple[str, ...] | None = None
    encoded: tuple[bytes, ...] | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.times_ms = np.asarray(self.times_ms, np.float32)
        self.detected = np.asarray(self.detected, bool)
        count = len(self.frames)
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != np.uint8:
            found = f"{self.frames.shape} {self.frames.dtype}"
            raise ValueError(f"face frames must be (frames, height, width, 3) uint8, got {found}")
        if self.times_ms.shape != (count,) or self.detected.shape != (count,):
            raise ValueError(f"{count} face frames need as many times and flags, got {len(self.times_ms)} times")

    @property
    def detected_fraction(self) -> float:
        """Fraction of the frames in which a face was found, 0..1."""
        return float(self.detected.mean())


@dataclass
class ActionUnits:
    """Action units that a program estimated from the face, for data sets that do not share the video.

    - `intensities`: `(frames, 17)` float32, 0..5, the units of `columns_emert.ACTION_UNITS`; missing is NaN.
    - `times_ms`: `(frames,)` float32, from the start of the recording, increasing.
    """

    intensities: np.ndarray
    times_ms: np.ndarray

    def __post_init__(self) -> None:
        self.intensities = np.asarray(self.intensities, np.float32)
        self.times_ms = np.asarray(self.times_ms, np.float32)
        if self.intensities.shape != (len(self.times_ms), len(ACTION_UNITS)):
            raise ValueError(f"action units must be (frames, {len(ACTION_UNITS)}), got {self.intensities.shape}")


# What a pupil in a tracker's own units, an area or pixels of its camera, stays below.
_LARGEST_OWN_PUPIL = 1e5
MILLIMETRES, OWN_UNITS = "mm", "tracker's own units"

_ON_SCREEN = "The fixations are in fractions of the screen: the file doesn't say where the stimulus was on it."


@dataclass
class Gaze:
    """Data of an eye tracker; either part may be absent (None).

    - `eye_movements`: `(samples, 39)` float32, the columns of `columns_emert`, missing is NaN.
    - `times_ms`: `(samples,)` float32, from the start of the recording, increasing.
    - `fixations`: `(fixations, 4)` float32: x, y in normalised coordinates of the stimulus (origin top left), start and
      duration in ms.
    - `participant`, `stimulus`: names in the file, if any.
    - `format`: the reader. `notes`: what it changed or could not determine, in sentences for the user.
    - `fixation_method`: `export`, or the detection with its parameters; None without fixations.
    - `sheet`: `(rows, 39)` float32, the numbers of the eye tracker's sheet as they stand there, for networks of the authors';
      `sheet_names`: of its columns, in its order.
    - `fixations_on_screen`: x and y are fractions of the screen, since the file doesn't say where the stimulus was; noted.
    - `pupil_unit`: `tracker's own units` where it is not mm: the network then takes its changes within the recording.
    """

    eye_movements: np.ndarray | None = None
    times_ms: np.ndarray | None = None
    fixations: np.ndarray | None = None
    participant: str | None = None
    stimulus: str | None = None
    format: str = "arrays"
    notes: list[str] = field(default_factory=list)
    fixation_method: str | None = None
    fixations_on_screen: bool = False
    sheet: np.ndarray | None = None
    sheet_names: tuple[str, ...] | None = None
    pupil_unit: str = MILLIMETRES

    def __post_init__(self) -> None:
        if self.fixations_on_screen and _ON_SCREEN not in self.notes:
            self.notes = [*self.notes, _ON_SCREEN]
        if (self.eye_movements is None) != (self.times_ms is None):
            raise ValueError("eye_movements and times_ms come together: give both or neither")
        if self.eye_movements is not None and self.times_ms is not None:
            self.eye_movements = np.asarray(self.eye_movements, np.float32)
            self.times_ms = np.asarray(self.times_ms, np.float32)
            if self.eye_movements.ndim != 2 or self.eye_movements.shape[1] != NUM_COLUMNS:
                raise ValueError(f"eye_movements must be (samples, {NUM_COLUMNS}), got {self.eye_movements.shape}")
            if self.times_ms.shape != (len(self.eye_movements),):
                raise ValueError(f"{len(self.eye_movements)} samples need as many times, got {self.times_ms.shape}")
        if self.sheet is not None:
            self.sheet = np.asarray(self.sheet, np.float32).reshape(-1, NUM_COLUMNS)
        if self.fixations is not None:
            self.fixations = np.asarray(self.fixations, np.float32).reshape(-1, 4)
            self.fixation_method = self.fixation_method or "export"

    def column(self, name: str) -> np.ndarray:
        """`(samples,)` of one named column."""
        if self.eye_movements is None:
            raise ValueError("this recording has no eye movements")
        return self.eye_movements[:, COLUMN_INDEX[name]]

    @property
    def pupil_in_mm(self) -> bool:
        return self.pupil_unit == MILLIMETRES

    def out_of_bounds(self) -> np.ndarray:
        """`(samples, 39)` bool: numbers beyond the `bounds` of their columns, with the other coordinates of their point."""
        if self.eye_movements is None:
            return np.zeros((0, NUM_COLUMNS), bool)
        low, high = np.array(BOUNDS, np.float32)
        if not self.pupil_in_mm:
            low[list(PUPILS)], high[list(PUPILS)] = -_LARGEST_OWN_PUPIL, _LARGEST_OWN_PUPIL
        wrong = (self.eye_movements < low) | (self.eye_movements > high)
        for point in map(list, POINTS if wrong.any() else ()):
            if wrong[:, point].any():
                wrong[:, point] = wrong[:, point].any(axis=1, keepdims=True) & ~np.isnan(self.eye_movements[:, point])
        return wrong

    @property
    def missing_fraction(self) -> float | None:
        """Fraction of the samples without any gaze point, 0..1; None without samples."""
        if self.eye_movements is None or len(self.eye_movements) == 0:
            return None
        gaze = self.eye_movements[:, [COLUMN_INDEX[name] for name in GAZE_COLUMNS]]
        return float(np.isnan(gaze).all(axis=1).mean())

    @property
    def duration_ms(self) -> float:
        """Time of the last sample; without samples, the end of the last fixation.

        Samples are preferred, since trackers report the full duration of a fixation that outlasts the trial.
        """
        if self.times_ms is not None and len(self.times_ms):
            return float(self.times_ms[-1])
        if self.fixations is not None and len(self.fixations):
            return float((self.fixations[:, 2] + self.fixations[:, 3]).max())
        return 0.0


def usual_pupil(eye_movements: np.ndarray) -> float:
    """The median of both eyes' sizes, of some thousand samples; NaN where none is known. `eye_movements` `(samples, 39)`."""
    sizes = eye_movements[:: max(1, len(eye_movements) // 5000), PUPILS]
    sizes = sizes[np.isfinite(sizes)]
    return float(np.median(sizes)) if len(sizes) else np.nan


@dataclass
class Recording:
    """All parts together. A part that is None is absent; the model's masks mark it.

    - `action_units`: for other methods; the network takes faces.
    - `big_five`: `(5,)` float32 in the order of `BIG_FIVE`, 0..1. `stimulus_emotion`: one of `EMOTIONS`.
    - `stimulus_frame`: `(height, width, 3)` uint8, a picture of the stimulus, for display only.
    - `notes`: what was left out and why, in sentences for the user.
    - `lengths_differ`: of video and gaze that were loaded from files, what [`lengths_differ`] says.
    """

    face: FaceTrack | None = None
    gaze: Gaze | None = None
    notes: list[str] = field(default_factory=list)
    action_units: ActionUnits | None = None
    big_five: np.ndarray | None = None
    stimulus_emotion: str | None = None
    stimulus_frame: np.ndarray | None = None
    lengths_differ: str | None = None


# Lengths that differ by both the ratio and the seconds are reported: a tracker often starts earlier or ends later.
_LENGTH_RATIO, _LENGTH_DIFFERENCE_S = 1.5, 1.5
_COVERED_FRACTION = 0.5  # of the video; gaze that covers less is reported


def lengths_differ(face: FaceTrack | None, gaze: Gaze | None) -> str | None:
    """A sentence where video and gaze can hardly be of the same moments, or the gaze covers less than half of the video.

    Their clocks have no common zero to compare. None without one of the two, and for a photograph, which has no length.
    """
    if face is None or gaze is None or len(face.times_ms) < 2 or not np.isfinite(gaze.duration_ms):
        return None
    video_s, gaze_s = float(face.times_ms[-1]) / 1000, gaze.duration_ms / 1000
    if max(video_s, gaze_s) >= _LENGTH_RATIO * min(video_s, gaze_s) and abs(video_s - gaze_s) >= _LENGTH_DIFFERENCE_S:
        return f"The video lasts {video_s:.1f} s and the gaze {gaze_s:.1f} s; do they belong together?"
    covered_s = gaze_s if gaze.times_ms is None or not len(gaze.times_ms) else float(np.ptp(gaze.times_ms)) / 1000
    if covered_s >= _COVERED_FRACTION * video_s:
        return None
    return f"The gaze covers {covered_s:.1f} s of the video's {video_s:.1f} s, less than half of it."


# The questionnaire's five numbers in the usual order, each as a fraction of its scale, 0..1.
BIG_FIVE = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
BIG_FIVE_RANGE = (0.0, 1.0)

# The emotion that the stimulus is meant to show or to cause, one of `tasks_emert.EMOTIONS`.
STIMULUS_EMOTION = "stimulus_emotion"

CONTEXT_COLUMNS = (*BIG_FIVE, STIMULUS_EMOTION)


def context_inputs(recordings: Sequence[Recording], names: Sequence[str]) -> dict[str, np.ndarray]:
    """The context of a batch as the model takes it; `names` are those of its config's `context`.

    `big_five` `(batch, 5)` float32, 0..1, all NaN where any of the five is absent; `stimulus_emotion` `(batch,)` int64,
    index into `tasks_emert.EMOTIONS`, -100 where absent. Either may reveal the label.

    Raises `EmertInputError` if a recording's Big Five are not five numbers in 0..1, or its stimulus's emotion is unknown.
    """
    return {name: np.stack([_one(item, name, number) for number, item in enumerate(recordings)]) for name in names}


def read_big_five(given: Any) -> np.ndarray:
    """`(5,)` float32 in 0..1 from five numbers in the order of `BIG_FIVE`, or a dictionary by name; None: all absent.

    If any of the five is NaN or None, all are absent (NaN). Raises `EmertInputError` for anything else.
    """
    absent = np.full(len(BIG_FIVE), ABSENT_NUMBER, np.float32)
    if given is None:
        return absent
    ordered = [given[name] for name in BIG_FIVE] if isinstance(given, Mapping) and set(given) == set(BIG_FIVE) else given
    try:
        values = np.asarray(ordered, np.float32)
    except (TypeError, ValueError):
        values = np.zeros(0)  # words, or lists of different lengths
    low, high = BIG_FIVE_RANGE
    known = values[~np.isnan(values)]
    if values.shape != absent.shape or (known < low).any() or (known > high).any():
        found = given.tolist() if isinstance(given, np.ndarray) else given
        raise EmertInputError(
            f"big_five is {found}, expected {len(BIG_FIVE)} fractions of the scale in {low:g}..{high:g} "
            f"({', '.join(BIG_FIVE)}); divide the questionnaire's numbers by its range"
        )
    return values if len(known) == len(values) else absent


def read_stimulus_emotion(given: Any) -> np.ndarray:
    """Index into `tasks_emert.EMOTIONS`, int64; None: `ABSENT_CLASS`. Raises `EmertInputError` for any other word."""
    if given is not None and not (isinstance(given, str) and given in EMOTIONS):
        raise EmertInputError(f"stimulus_emotion is {given!r}, expected one of {', '.join(EMOTIONS)}, or None for absent")
    return np.array(ABSENT_CLASS if given is None else EMOTIONS.index(given), np.int64)


def _one(recording: Recording, name: str, number: int) -> np.ndarray:
    try:
        return (read_big_five if name == "big_five" else read_stimulus_emotion)(getattr(recording, name))
    except EmertInputError as error:
        raise EmertInputError(f"recording {number}: {error}") from error
