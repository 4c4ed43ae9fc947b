"""Training examples that could have been recorded: small parts for eyes and faces, put together by a recipe.

```yaml
augmentation:
  - {name: flip, chance: 0.5}
  - {name: gaze_jitter, strength: 0.01}
```

Parts act on recordings, before the processor: there x is a share of the screen, a missing value is NaN and times are ms, so
each part is a plain formula, and steps, masks and standardisation follow from the changed recording as from any other. On the
network's tensors one would have to undo the standardisation first, and could neither cut time finer than a step nor tell a
missing value from a mean one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from modeling_emert.errors_emert import EmertInputError

from .colour import Colour
from .flip import Flip
from .gaze import Blinks, GazeJitter
from .parts import Example, Part
from .time import TimeCrop, TimeWarp

# As recipes name them.
PARTS: dict[str, type[Part]] = {
    "gaze_jitter": GazeJitter,
    "blinks": Blinks,
    "time_crop": TimeCrop,
    "time_warp": TimeWarp,
    "flip": Flip,
    "colour": Colour,
}


@dataclass(frozen=True)
class Augmentation:
    """Parts in the order in which they act. Without any, nothing is changed."""

    parts: tuple[Part, ...] = ()

    @property
    def changes_face(self) -> bool:
        """Does any part change which faces are seen, or how they look?"""
        return any(part.changes_face for part in self.parts)

    def augment(self, example: Example, seed: int, epoch: int, index: int) -> Example:
        """The example as epoch `epoch` of a run with this seed sees it; `index` is the recording's number.

        It depends on these numbers alone, not on what was drawn before: a run that goes on where it was stopped, or
        that is spread over processes, draws the same. The example that was given is left as it was.
        """
        for place, part in enumerate(self.parts):
            example = part(example, np.random.default_rng([seed, epoch, index, place]))
        return example


def make_augmentation(content: Sequence[Mapping]) -> Augmentation:
    """From a recipe's `augmentation`: one mapping a part, its `name` and its fields.

    Raises:
        EmertInputError: by the part's place in the list: no such part, no such field, or a value that it does not take.
    """
    if isinstance(content, (str, Mapping)) or not isinstance(content, Sequence):
        raise EmertInputError(f"expected a list such as [{{name: flip, chance: 0.5}}], found {content!r}")
    return Augmentation(tuple(_make_part(number, item) for number, item in enumerate(content, start=1)))


def _make_part(number: int, content: Mapping) -> Part:
    where = f"part {number}"
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str) or name not in PARTS:
        raise EmertInputError(f"{where} is {content!r}; expected a mapping whose name is one of {', '.join(PARTS)}")
    given = {key: value for key, value in content.items() if key != "name"}
    known = [item.name for item in fields(PARTS[name])]
    unknown = sorted(str(key) for key in set(given) - set(known))
    if unknown:
        raise EmertInputError(f"{where} ({name}): unknown field {', '.join(unknown)}; it has {', '.join(known)}")
    try:
        return PARTS[name](**given)
    except ValueError as error:
        raise EmertInputError(f"{where} ({name}): {error}") from error


__all__ = ["PARTS", "Augmentation", "Example", "Part", "make_augmentation"]
