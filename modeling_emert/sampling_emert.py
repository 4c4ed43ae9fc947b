"""Which frames and rows of a recording the network takes: spread evenly, or from consecutive chunks as the authors do."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

# One of each chunk: the one in its middle, which gives the same answer every time, or a random one, as the authors take.
Sampling = Literal["middle", "random"]
FrameOrder = Literal["time", "last_digit"]
# Of both eyes on the screen, in pixels, as the sheets of Tobii Pro Lab name them.
GAZE_POINT = ("Gaze point X", "Gaze point Y")


def spread_evenly(count: int, parts: int) -> np.ndarray:
    """`(parts,)` places of `count` from the first to the last; few are repeated."""
    return np.linspace(0, count - 1, parts).round().astype(int)


def choose_of_chunks(count: int, parts: int, sampling: Sampling, generator: np.random.Generator | None = None) -> np.ndarray:
    """`(parts,)` places, one of each of the consecutive chunks into which `count` are cut.

    The first `count % parts` chunks have one more than the others. Fewer than `parts` are repeated. `generator`: of a random
    choice; None: another choice in each call.
    """
    if count < parts:
        return np.arange(parts) * count // parts
    sizes = count // parts + (np.arange(parts) < count % parts)
    starts = np.cumsum(sizes) - sizes
    if sampling == "middle":
        return starts + (sizes - 1) // 2
    return starts + (generator or np.random.default_rng()).integers(0, sizes)


def order_frames(names: Sequence[str] | None, count: int, order: FrameOrder) -> np.ndarray:
    """`(count,)` places of frames that are given in the order of time, in the order in which they are cut into chunks.

    `"last_digit"`, which is the authors': by the last character of the file's name before its ending alone, so that frames 1,
    11, 21, ... follow each other; by time among equal ones, where the authors leave it to the file system. Without names the
    frames count from 1.
    """
    if order == "time":
        return np.arange(count)
    names = list(names) if names is not None else [str(number) for number in range(1, count + 1)]
    return np.array(sorted(range(count), key=lambda place: (names[place].rpartition(".")[0] or names[place])[-1:]), int)


def find_gaze_point(names: Sequence[str]) -> tuple[int, int] | None:
    """Places of the gaze point's x and y among the columns of a sheet; None where it has none."""
    found = [[place for place, name in enumerate(names) if without_unit(name) == wanted] for wanted in GAZE_POINT]
    return (found[0][0], found[1][0]) if all(found) else None


def without_unit(name: str) -> str:
    """ "Gaze point X [DACS px]" -> "Gaze point X"; units other than these, which tell columns apart, stay."""
    name = " ".join(name.split())
    return name.removesuffix("]").removesuffix("[DACS px").rstrip() if name.endswith("[DACS px]") else name
