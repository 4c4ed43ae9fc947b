"""From recorded gaze to the network's inputs: 32 steps of 39 columns, 32 steps of fixations, and their masks; and from action
units, which are standardised in the same way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from transformers import BatchFeature, FeatureExtractionMixin

from .columns_emert import ACTION_UNITS, NUM_COLUMNS, PUPILS
from .errors_emert import EmertInputError
from .recording_emert import MILLIMETRES, ActionUnits, Gaze
from .sampling_emert import GAZE_POINT, Sampling, choose_of_chunks, find_gaze_point, spread_evenly

Normalisation = Literal["training", "participant"]
Columns = Literal["dictionary", "sheet"]
# A constant column is only centred: a standard deviation below the first, or below the second times the mean, is rounding.
_SMALLEST_STD, _SMALLEST_STD_TO_MEAN = 1e-6, 1e-5


@dataclass
class GazeStatistics:
    """Sums over samples and fixations, from which mean and standard deviation are computed; two can be added.

    `eye` `(3, 39)` float64: count, sum and sum of squares of the known values of each column. `fixations` `(3, 2)`: the same
    for x and y. `units` `(3, 17)`: of the action units.
    """

    eye: np.ndarray
    fixations: np.ndarray
    units: np.ndarray = field(default_factory=lambda: np.zeros((3, len(ACTION_UNITS))))

    @classmethod
    def of(cls, gazes: Iterable[Gaze | None], units: Iterable[ActionUnits | None] = ()) -> "GazeStatistics":
        """Over any number of recordings: their gaze, and their action units."""
        eye, fixations, of_units = np.zeros((3, NUM_COLUMNS)), np.zeros((3, 2)), np.zeros((3, len(ACTION_UNITS)))
        for given in units:
            if given is not None:
                of_units += _sums(given.intensities)
        for gaze in gazes:
            if gaze is not None and gaze.eye_movements is not None:
                sums = _sums(gaze.eye_movements)
                sums[:, PUPILS] *= gaze.pupil_in_mm
                eye += sums
            if gaze is not None and gaze.fixations is not None:
                fixations += _sums(gaze.fixations[:, :2])
        return cls(eye, fixations, of_units)

    def __add__(self, other: "GazeStatistics") -> "GazeStatistics":
        return GazeStatistics(self.eye + other.eye, self.fixations + other.fixations, self.units + other.units)

    @property
    def eye_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the 39 columns; 0 and 1 for a column without values."""
        return _mean_and_std(self.eye)

    @property
    def fixation_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of x and y."""
        return _mean_and_std(self.fixations)

    @property
    def unit_scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the 17 action units; 0 and 1 for one without values."""
        return _mean_and_std(self.units)


def _sums(values: np.ndarray) -> np.ndarray:
    values = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
    return np.stack([np.isfinite(values).sum(axis=0), np.nansum(values, axis=0), np.nansum(values**2, axis=0)])


def _mean_and_std(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, total, squares = sums
    seen = np.maximum(count, 1)
    mean = total / seen
    variance = np.maximum(squares / seen - mean**2, 0)
    smallest = np.maximum(_SMALLEST_STD, _SMALLEST_STD_TO_MEAN * np.abs(mean))
    return mean, np.where(variance > smallest**2, np.sqrt(variance), 1.0)


class EmertFeatureExtractor(FeatureExtractionMixin):
    """Eye movements and fixations of a recording as steps.

    Args:
        num_eye_steps, num_fixation_steps: as in the model's config.
        num_unit_steps: its `num_frames`, if its `face_input` takes action units; 0 leaves them out.
        normalisation: `"training"`: every column is standardised by the training participants' mean and standard deviation,
            which [`fit`] stores. `"participant"`: by the participant's own, over all their available recordings, without
            labels; the statistics are given with the call. A call without them uses the recording alone.
        clip: standardised values are clipped to [-clip, clip].
        columns: `"dictionary"`: the columns of `columns_emert`. `"sheet"`: those of the eye tracker's sheet as they stand
            (`Gaze.sheet`), neither standardised nor clipped, and in place of fixations the gaze point in pixels, for networks
            of the authors'. Then `sampling` says which row of each of the 32 consecutive chunks of rows is a step: `"middle"`,
            or `"random"`, which is theirs; each of the two streams has a choice of its own.
        eye_mean, eye_std, fixation_mean, fixation_std, unit_mean, unit_std: the result of `fit`.
    """

    _auto_class = "AutoFeatureExtractor"
    model_input_names = ["eye_movements", "eye_movements_mask", "fixations", "fixations_mask"]  # noqa: RUF012

    def __init__(
        self,
        num_eye_steps: int = 32,
        num_fixation_steps: int = 32,
        normalisation: Normalisation = "training",
        clip: float = 5.0,
        eye_mean: Sequence[float] = (0.0,) * NUM_COLUMNS,
        eye_std: Sequence[float] = (1.0,) * NUM_COLUMNS,
        fixation_mean: Sequence[float] = (0.5, 0.5),
        fixation_std: Sequence[float] = (0.25, 0.25),
        num_unit_steps: int = 0,
        unit_mean: Sequence[float] = (0.0,) * len(ACTION_UNITS),
        unit_std: Sequence[float] = (1.0,) * len(ACTION_UNITS),
        columns: Columns = "dictionary",
        sampling: Sampling = "middle",
        **kwargs,
    ):
        if columns not in ("dictionary", "sheet") or sampling not in ("middle", "random"):
            expected = "'dictionary' or 'sheet', and 'middle' or 'random'"
            raise ValueError(f"columns and sampling must be {expected}, got {columns!r} and {sampling!r}")
        self.columns, self.sampling = columns, sampling
        if normalisation not in ("training", "participant"):
            raise ValueError(f"normalisation must be 'training' or 'participant', got {normalisation!r}")
        if len(eye_mean) != NUM_COLUMNS or len(eye_std) != NUM_COLUMNS:
            raise ValueError(f"eye_mean and eye_std need {NUM_COLUMNS} numbers, got {len(eye_mean)} and {len(eye_std)}")
        self.num_eye_steps = num_eye_steps
        self.num_fixation_steps = num_fixation_steps
        self.normalisation = normalisation
        self.clip = clip
        self.eye_mean, self.eye_std = list(eye_mean), list(eye_std)
        self.fixation_mean, self.fixation_std = list(fixation_mean), list(fixation_std)
        self.num_unit_steps = num_unit_steps
        self.unit_mean, self.unit_std = list(unit_mean), list(unit_std)
        super().__init__(**kwargs)

    def fit(self, statistics: GazeStatistics) -> None:
        """Stores the statistics of the training recordings, which are saved with the processor."""
        eye, fixations, units = statistics.eye_scale, statistics.fixation_scale, statistics.unit_scale
        self.eye_mean, self.eye_std = eye[0].tolist(), eye[1].tolist()
        self.fixation_mean, self.fixation_std = fixations[0].tolist(), fixations[1].tolist()
        self.unit_mean, self.unit_std = units[0].tolist(), units[1].tolist()

    def __call__(
        self,
        gaze: Gaze | None | Sequence[Gaze | None],
        statistics: GazeStatistics | Sequence[GazeStatistics | None] | None = None,
        return_tensors: str | None = "pt",
        action_units: Sequence[ActionUnits | None] | None = None,
        generator: np.random.Generator | None = None,
    ) -> BatchFeature:
        """One recording or a batch; an absent modality is all zeros with a mask of all False.

        `statistics`: of each recording's participant, for `normalisation="participant"`. `action_units`: of each. `generator`:
        of a random choice of rows.

        Returns `eye_movements` `(batch, eye steps, 39)` float32, `eye_movements_mask` `(batch, eye steps)` bool,
        `fixations` `(batch, fixation steps, 2)` float32, `fixations_mask` `(batch, fixation steps)` bool. With
        `num_unit_steps` also `action_units` `(batch, unit steps, 17)` float32, `action_units_mask` `(batch, unit steps)` bool.
        """
        gazes = list(gaze) if isinstance(gaze, (list, tuple)) else [gaze]
        given = list(statistics) if isinstance(statistics, (list, tuple)) else [statistics] * len(gazes)
        units = [None] * len(gazes) if action_units is None else action_units
        if self.columns == "sheet":
            rows = [self._of_sheet(one, generator) for one in gazes]
        else:
            rows = [self._one(*item) for item in zip(gazes, units, given, strict=True)]
        return BatchFeature({name: np.stack([row[name] for row in rows]) for name in rows[0]}, tensor_type=return_tensors)

    def _one(self, gaze: Gaze | None, units: ActionUnits | None, statistics: GazeStatistics | None) -> dict[str, np.ndarray]:
        gaze = gaze or Gaze()
        eye_scale, fixation_scale = (self.eye_mean, self.eye_std), (self.fixation_mean, self.fixation_std)
        unit_scale = self.unit_mean, self.unit_std
        if self.normalisation == "participant":
            own = statistics or GazeStatistics.of([gaze], [units])
            eye_scale, fixation_scale, unit_scale = own.eye_scale, own.fixation_scale, own.unit_scale
        steps, seen = resample(gaze, self.num_eye_steps)
        points, there = fixation_steps(gaze, self.num_fixation_steps)
        standardised = self._standardise(steps, *eye_scale)
        if not gaze.pupil_in_mm:  # only its changes are known: standardised within the recording
            own = GazeStatistics.of([replace(gaze, pupil_unit=MILLIMETRES)]).eye_scale
            standardised[:, PUPILS] = self._standardise(steps, *own)[:, PUPILS]
        found = {
            "eye_movements": standardised,
            "eye_movements_mask": seen,
            "fixations": self._standardise(points, *fixation_scale),
            "fixations_mask": there,
        }
        if self.num_unit_steps:
            levels, known = unit_steps(units, self.num_unit_steps)
            found |= {"action_units": self._standardise(levels, *unit_scale), "action_units_mask": known}
        return found

    def _of_sheet(self, gaze: Gaze | None, generator: np.random.Generator | None) -> dict[str, np.ndarray]:
        sheet = None if gaze is None else gaze.sheet
        lengths = {"eye_movements": self.num_eye_steps, "fixations": self.num_fixation_steps}
        masks = {f"{name}_mask": np.full(steps, sheet is not None) for name, steps in lengths.items()}
        if sheet is None:
            widths = zip(lengths.items(), (NUM_COLUMNS, 2), strict=True)
            return {name: np.zeros((steps, width), np.float32) for (name, steps), width in widths} | masks
        point = find_gaze_point(gaze.sheet_names or ())
        if point is None:
            names = ", ".join(gaze.sheet_names or ()) or "none"
            raise EmertInputError(f"the eye tracker's sheet has no columns {' and '.join(GAZE_POINT)}; it has {names}")
        rows = {name: choose_of_chunks(len(sheet), steps, self.sampling, generator) for name, steps in lengths.items()}
        return {"eye_movements": sheet[rows["eye_movements"]], "fixations": sheet[rows["fixations"]][:, point]} | masks

    def _standardise(self, values: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
        """Standardised, clipped, missing values at the mean."""
        scaled = (values - np.asarray(mean)) / np.asarray(std)
        return np.nan_to_num(np.clip(scaled, -self.clip, self.clip)).astype(np.float32)


def resample(gaze: Gaze, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Eye movements in `num_steps` equal intervals of the recording; each step is the mean over its interval.

    Returns values `(num_steps, 39)` float64, NaN where a column has no value in an interval, and a mask `(num_steps,)` bool,
    False where no column has one.
    """
    values = np.full((num_steps, NUM_COLUMNS), np.nan)
    if gaze.eye_movements is None or gaze.times_ms is None or len(gaze.times_ms) == 0:
        return values, np.zeros(num_steps, bool)
    samples = gaze.eye_movements.astype(np.float64)
    edges = np.linspace(gaze.times_ms[0], gaze.times_ms[-1], num_steps + 1)[:-1]
    starts = np.searchsorted(gaze.times_ms, edges, side="left")
    filled = np.diff(starts, append=len(samples)) > 0  # reduceat gives an empty interval a sample of the next one
    seen = np.isfinite(samples)
    starts = starts[filled]
    counts = np.add.reduceat(seen, starts, axis=0, dtype=np.int64)
    totals = np.add.reduceat(np.where(seen, samples, 0.0), starts, axis=0)
    values[filled] = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    return values, np.isfinite(values).any(axis=1)


def fixation_steps(gaze: Gaze, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The scan path in `num_steps` equal intervals of the recording: the fixation that fills most of each interval.

    A long fixation takes several steps, so their number shows its duration. Returns points `(num_steps, 2)` and a mask
    `(num_steps,)`, False where the interval has no fixation.
    """
    points = np.full((num_steps, 2), np.nan)
    nothing = points, np.zeros(num_steps, bool)
    if gaze.fixations is None:
        return nothing
    fixations = gaze.fixations[np.isfinite(gaze.fixations).all(axis=1)].astype(np.float64)
    if len(fixations) == 0:
        return nothing
    starts, ends = fixations[:, 2], fixations[:, 2] + np.maximum(fixations[:, 3], 1.0)
    begin = gaze.times_ms[0] if gaze.times_ms is not None and len(gaze.times_ms) else starts.min()
    edges = np.linspace(begin, max(gaze.duration_ms, begin + 1), num_steps + 1)
    # (steps, fixations): ms of each fixation in each interval
    shared = np.minimum(ends, edges[1:, None]) - np.maximum(starts, edges[:-1, None])
    longest = shared.argmax(axis=1)
    there = shared.max(axis=1) > 0
    points[there] = fixations[longest[there], :2]
    return points, there


def unit_steps(units: ActionUnits | None, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Action units at `num_steps` of their frames, evenly spread from the first to the last; few frames are repeated.

    Returns `(num_steps, 17)`, NaN where missing, and a mask `(num_steps,)`, False where a frame has none.
    """
    if units is None or len(units.times_ms) == 0:
        return np.full((num_steps, len(ACTION_UNITS)), np.nan), np.zeros(num_steps, bool)
    levels = units.intensities[spread_evenly(len(units.times_ms), num_steps)].astype(np.float64)
    return levels, np.isfinite(levels).any(axis=1)
