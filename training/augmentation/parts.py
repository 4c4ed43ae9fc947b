"""What every part of an augmentation is made of: the example that it acts on, and fields that refuse nonsense."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from modeling_emert.recording_emert import Recording

if TYPE_CHECKING:  # transformers, which a recipe's check does not need
    from modeling_emert.feature_extraction_emert import GazeStatistics


@dataclass(frozen=True)
class Example:
    """A recording before the processor, in its own units, missing values NaN; `statistics` as the processor takes them.

    A part gives a new example and leaves the one that it was given as it was, since that one is kept for the next epoch.
    """

    recording: Recording
    statistics: "GazeStatistics | None" = None


class Part(Protocol):
    """One way to change an example at random. The same generator gives the same change."""

    changes_face: ClassVar[bool]

    def __call__(self, example: Example, generator: np.random.Generator) -> Example: ...


def check_fields(part: object, **limits: tuple[float, float]) -> None:
    """Raises `ValueError` that names the first field that is no number within its limits, both ends included.

    A field whose type is `int` takes whole numbers only.
    """
    whole = {item.name for item in fields(part) if item.type in (int, "int")}
    for name, (low, high) in limits.items():
        value = getattr(part, name)
        number = isinstance(value, int if name in whole else (int, float)) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            kind = "a whole number" if name in whole else "a number"
            raise ValueError(f"{name} is {value!r}; expected {kind} in {low:g}..{high:g}")
