"""From which inputs of a recording each task is answered: the answer and its explanation both ask here."""

from collections.abc import Collection, Mapping, Sequence

import torch

from .configuration_emert import EmertConfig
from .constants_emert import MASK_OF
from .evidence_emert import Test, ground_of, is_beyond_chance

# By task, the arguments that it is answered from (None: all), and the tests that say how well that goes.
Names = tuple[str, ...] | None
Grounds = dict[str, tuple[Names, list[Test]]]


def taken_by(config: EmertConfig) -> list[str]:
    """The arguments that the network reads."""
    unread = {"frames": "action_units", "action_units": "pixel_values"}.get(config.face_input)
    return [name for name in MASK_OF if name != unread]


def given_to(config: EmertConfig, inputs: Mapping[str, torch.Tensor], index: int) -> tuple[str, ...]:
    """Those of them that one recording of the batch has; without its mask an argument is there in every recording."""
    there = [name for name in taken_by(config) if inputs.get(name) is not None]
    return tuple(name for name in there if inputs.get(MASK_OF[name]) is None or inputs[MASK_OF[name]][index].any())


def grounds_of(config: EmertConfig, given: Collection[str]) -> Grounds:
    """What each task is answered from, of the arguments that are given; without tasks that were tested with none of them."""
    if not config.evidence:
        return {name: (None, []) for name in config.tasks}
    known = {name: ground_of(config.evidence, config.derived_tasks.get(name, name), given) for name in config.tasks}
    return {name: ground for name, ground in known.items() if ground is not None}


def is_told(config: EmertConfig, ground: tuple[Names, list[Test]]) -> bool:
    """Whether an answer on this ground is beyond chance; without evidence nobody has said that it is not."""
    return not config.evidence or is_beyond_chance(ground[1])


def by_names(grounds: Sequence[Grounds]) -> dict[Names, list[int]]:
    """By the arguments that the network is to be given, the recordings with a task that is answered from these."""
    found: dict[Names, list[int]] = {}
    for index, ground in enumerate(grounds):
        for names in dict.fromkeys(names for names, _ in ground.values()):
            found.setdefault(names, []).append(index)
    return found


def inputs_of(inputs: Mapping[str, torch.Tensor], names: Names, rows: Sequence[int], count: int) -> dict[str, torch.Tensor]:
    """These arguments of these recordings of a batch of `count`, with what is no part of a recording."""
    hidden = {part for name in MASK_OF if names and name not in names for part in (name, MASK_OF[name])}
    known = {name: values for name, values in inputs.items() if name not in hidden and values is not None}
    return known if len(rows) == count else {name: values[list(rows)] for name, values in known.items()}
