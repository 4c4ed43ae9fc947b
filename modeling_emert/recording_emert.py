"""One recording (a participant watching a stimulus), the form in which all parts of the project pass it on."""

from dataclasses import dataclass, field

import numpy as np

from .columns_emert import ACTION_UNITS, COLUMN_INDEX, GAZE_COLUMNS, NUM_COLUMNS


@dataclass
class FaceTrack:
    """Face crops of one clip.

    - `frames`: `(frames, height, width, 3)` uint8, RGB.
    - `times_ms`: `(frames,)` float32, from the start of the clip, increasing.
    - `detected`: `(frames,)` bool; False where the crop uses the box of the nearest frame with a face.
    """

    frames: np.ndarray
    times_ms: np.ndarray
    detected: np.ndarray

    def __post_init__(self) -> None:
        self.times_ms = np.asarray(self.times_ms, np.float32)
        self.detected = np.asarray(self.detected, bool)
        count = len(self.frames)
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != np.uint8:
            raise ValueError(
                f"face frames must be (frames, height, width, 3) uint8, got {self.frames.shape} {self.frames.dtype}"
            )
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
    - `fixations_on_screen`: x and y are fractions of the screen, since the file doesn't say where the stimulus was; noted.
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
        if self.fixations is not None:
            self.fixations = np.asarray(self.fixations, np.float32).reshape(-1, 4)
            self.fixation_method = self.fixation_method or "export"

    def column(self, name: str) -> np.ndarray:
        """`(samples,)` of one named column."""
        if self.eye_movements is None:
            raise ValueError("this recording has no eye movements")
        return self.eye_movements[:, COLUMN_INDEX[name]]

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


@dataclass
class Recording:
    """All parts together. A part that is None is absent; the model's masks mark it.

    - `action_units`: for other methods; the network takes faces.
    - `big_five`: `(5,)` float32 in the order of `context_emert.BIG_FIVE`, 0..1. `stimulus_emotion`: one of `EMOTIONS`.
    - `stimulus_frame`: `(height, width, 3)` uint8, a picture of the stimulus, for display only.
    - `notes`: what was left out and why, in sentences for the user.
    """

    face: FaceTrack | None = None
    gaze: Gaze | None = None
    notes: list[str] = field(default_factory=list)
    action_units: ActionUnits | None = None
    big_five: np.ndarray | None = None
    stimulus_emotion: str | None = None
    stimulus_frame: np.ndarray | None = None
