"""What the parts of an augmentation share: the example that they change, and their interface."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from modeling_emert.recording_emert import Gaze, Recording

if TYPE_CHECKING:  # transformers, which a recipe's check does not need
    from modeling_emert.feature_extraction_emert import GazeStatistics


@dataclass(frozen=True)
class Example:
    """A recording before the processor, in its own units, missing values NaN; `statistics` as the processor takes them.

    Parts return a new example and never change the given one, which is cached for the next epoch.
    """

    recording: Recording
    statistics: "GazeStatistics | None" = None

    def with_gaze(self, gaze: Gaze) -> "Example":
        return replace(self, recording=replace(self.recording, gaze=gaze))


class Part(Protocol):
    """One kind of random change; the same generator state gives the same change."""

    changes_face: ClassVar[bool]

    def __call__(self, example: Example, generator: np.random.Generator) -> Example: ...


def first_sample(gaze: Gaze) -> float:
    """Time of the first sample in ms; 0 without samples."""
    return float(gaze.times_ms[0]) if gaze.times_ms is not None and len(gaze.times_ms) else 0.0
