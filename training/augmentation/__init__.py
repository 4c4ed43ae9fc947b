"""Augmentation of training examples: small parts for eyes and faces, combined by a recipe.

```yaml
augmentation:
  - {name: flip, chance: 0.5}
  - {name: gaze_jitter, strength: 0.01}
```

Parts change recordings before the processor: x is a fraction of the screen, a missing value is NaN and times are in ms, so
each part is a plain formula; steps, masks and standardisation are computed from the changed recording. On the network's
tensors one would have to undo the standardisation first, and could neither crop time finer than a step nor distinguish a
missing value from a mean one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataset_scripts.common.settings import make_settings
from modeling_emert.errors_emert import EmertInputError

from .face import Cover, FaceMove, LowResolution
from .flip import Flip
from .gaze import Blinks, GazeJitter
from .parts import Colour, Example, Part
from .time import TimeCrop, TimeWarp

# As recipes name them.
PARTS: dict[str, type[Part]] = {
    "gaze_jitter": GazeJitter,
    "blinks": Blinks,
    "time_crop": TimeCrop,
    "time_warp": TimeWarp,
    "flip": Flip,
    "colour": Colour,
    "face_move": FaceMove,
    "low_resolution": LowResolution,
    "cover": Cover,
}


@dataclass(frozen=True)
class Augmentation:
    """Parts in the order in which they are applied."""

    parts: tuple[Part, ...] = ()

    @property
    def changes_face(self) -> bool:
        """Whether any part changes faces or their times."""
        return any(part.changes_face for part in self.parts)

    def augment(self, example: Example, seed: int, epoch: int, index: int) -> Example:
        """The example of row `index` in this epoch of a run with this seed; the given one is not changed.

        Random by these numbers alone, so that a resumed run, or several processes, get the same examples.
        """
        for place, part in enumerate(self.parts):
            example = part(example, np.random.default_rng([seed, epoch, index, place]))
        return example


def make_augmentation(content: Sequence[Mapping]) -> Augmentation:
    """From a recipe's `augmentation`: for each part a mapping with its `name` and its fields.

    Raises:
        EmertInputError: no such part, no such field, or a wrong value; it names the part's position in the list.
    """
    if isinstance(content, (str, Mapping)) or not isinstance(content, Sequence):
        raise EmertInputError(f"expected a list such as [{{name: flip, chance: 0.5}}], found {content!r}")
    return Augmentation(tuple(_make_part(number, item) for number, item in enumerate(content, start=1)))


def _make_part(number: int, content: Mapping) -> Part:
    where = f"part {number}"
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str) or name not in PARTS:
        raise EmertInputError(f"{where} is {content!r}; expected a mapping whose name is one of {', '.join(PARTS)}")
    return make_settings(PARTS[name], {key: value for key, value in content.items() if key != "name"}, f"{where} ({name})")


__all__ = ["PARTS", "Augmentation", "Example", "Part", "make_augmentation"]
