"""Who is who: the faces of a clip's frames put together into people, of whom one is taken.

A person is followed from frame to frame by where the face is and by its colours. Frames may be seconds apart, so neither is
enough alone: people change places, and light changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .errors_emert import EmertInputError

CROP_SIZE = 112  # pixels, as the authors' network takes
CROP_MARGIN = 1.15  # side of the square crop over the longer side of the box
FaceChoice = str | int  # `left`, `right`, `largest`, or a number from the left of the picture, from 1

# Similarity of two looks, 0..1. Measured on films and drawn faces: of one person 0.98 and more, of two mostly below 0.8.
_SAME_COLOURS = 0.85  # one person, wherever the face is
_SAME_PLACE = 0.7  # one person, where the face has moved by less than its size; by colours, or by light and shade
_OTHERS_FRACTION = 0.1  # of the frames; who is there for less (and less than 2) may be no face at all
_LOOK_SIDE, _SHADE_SIDE, _LEVELS = 48, 16, 6  # pixels of a crop that is compared, of its grey version; levels of each colour
_LOOKS_KEPT = 32


@dataclass(frozen=True)
class FaceBox:
    """A face in pixels of the frame: left, top, width, height; confidence 0..1."""

    left: float
    top: float
    width: float
    height: float
    confidence: float

    @property
    def centre(self) -> np.ndarray:
        """`(2,)`: x, y."""
        return np.array([self.left + self.width / 2, self.top + self.height / 2])

    @property
    def size(self) -> float:
        """Side of a square of the same area."""
        return float(np.sqrt(max(self.width * self.height, 0.0)))


@dataclass
class Person:
    """`boxes`: by number of the frame. `colours`, `shades`: the looks that the face has had, `(looks, numbers)`."""

    boxes: dict[int, FaceBox] = field(default_factory=dict)
    colours: np.ndarray = field(default_factory=lambda: np.zeros((0, _LEVELS**3), np.float32))
    shades: np.ndarray = field(default_factory=lambda: np.zeros((0, _SHADE_SIDE**2), np.float32))

    @property
    def presence(self) -> float:
        """The sizes of the face in all its frames together."""
        return sum(box.size for box in self.boxes.values())

    @property
    def x(self) -> float:
        """Where the face is, from the left of the picture."""
        return float(np.median([box.centre[0] for box in self.boxes.values()]))

    def add(self, boxes: dict[int, FaceBox], colours: np.ndarray, shades: np.ndarray) -> None:
        self.boxes |= boxes
        self.colours = np.concatenate([self.colours, colours])[-_LOOKS_KEPT:]
        self.shades = np.concatenate([self.shades, shades])[-_LOOKS_KEPT:]


def follow(frames: np.ndarray, boxes: Sequence[Sequence[FaceBox]]) -> list[Person]:
    """All people in a clip. `frames` `(frames, height, width, 3)` uint8; `boxes`: of all faces in each frame."""
    people: list[Person] = []
    for number, (frame, found) in enumerate(zip(frames, boxes, strict=True)):
        looks = [_look(frame, box) for box in found]
        scores = [(_match(person, box, look), who, which) for who, person in enumerate(people)
                  for which, (box, look) in enumerate(zip(found, looks, strict=True))]  # fmt: skip
        taken: dict[int, int] = {}
        for score, who, which in sorted(scores, reverse=True):
            if score > -np.inf and which not in taken and who not in taken.values():
                taken[which] = who
        for which, (box, look) in enumerate(zip(found, looks, strict=True)):
            if which not in taken:
                people.append(Person())
            people[taken.get(which, -1)].add({number: box}, *look)
    return _joined(people)


def _joined(people: list[Person]) -> list[Person]:
    """Who is never seen beside somebody of the same looks is the same person, seen again."""
    joined: list[Person] = []
    for person in sorted(people, key=lambda one: -len(one.boxes)):
        same = [one for one in joined if not one.boxes.keys() & person.boxes and _colours(one, person.colours) >= _SAME_COLOURS]
        if same:
            max(same, key=lambda one: _colours(one, person.colours)).add(person.boxes, person.colours, person.shades)
        else:
            joined.append(person)
    return joined


def choose(people: Sequence[Person], num_frames: int, face: FaceChoice | None = None) -> tuple[Person, list[str]]:
    """The person that is asked for, without `face` who is there longest and largest; and a note where there are others.

    Raises `EmertInputError` for another `face`, or a number that nobody has.
    """
    check_face_choice(face)
    longest = max(people, key=lambda person: person.presence)
    fewest = min(num_frames, max(2, _OTHERS_FRACTION * num_frames))
    shown = sorted((one for one in people if one is longest or len(one.boxes) >= fewest), key=lambda person: person.x)
    number = _number(face)
    if face is None:
        person, why = longest, "who is there longest and largest"
    elif face == "largest":
        person, why = max(shown, key=lambda one: np.mean([box.size for box in one.boxes.values()])), "as asked"
    elif number is not None and number > len(shown):
        found = "one person is" if len(shown) == 1 else f"{len(shown)} people are"
        raise EmertInputError(f"face {number}: {found} seen, counted from the left of the picture; give 1 to {len(shown)}")
    else:
        person, why = shown[{"left": 0, "right": -1}.get(face, (number or 1) - 1)], "as asked"
    if len(shown) == 1:
        return person, []
    place = next(place for place, one in enumerate(shown, start=1) if one is person)
    return person, [
        f"{len(shown)} people are seen; number {place} from the left was taken, {why} "
        f"(in {len(person.boxes)} of {num_frames} frames). To take another, choose the face: left, right, largest, or a number."
    ]


def check_face_choice(face: FaceChoice | None) -> None:
    """Raises `EmertInputError` unless it is None or a [`FaceChoice`]."""
    if face not in (None, "left", "right", "largest") and _number(face) is None:
        raise EmertInputError(
            f"face is {face!r}, expected left, right, largest, or a number from 1, counted from the left of the picture"
        )


def _number(face: FaceChoice | None) -> int | None:
    text = str(face)
    return int(text) if text.isascii() and text.isdecimal() and int(text[:9]) > 0 and not isinstance(face, bool) else None


def crop(frame: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
    """A square around the box, `(size, size, 3)`; outside the frame its edge is repeated."""
    rows, columns = _square(frame, box)
    return resize(frame[rows[:, None], columns], size)


def _square(frame: np.ndarray, box: FaceBox) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the crop."""
    height, width = frame.shape[:2]
    side = max(2, round(max(box.width, box.height) * CROP_MARGIN))
    left = round(box.left + box.width / 2 - side / 2)
    top = round(box.top + box.height / 2 - side / 2)
    return np.clip(np.arange(top, top + side), 0, height - 1), np.clip(np.arange(left, left + side), 0, width - 1)


def resize(square: np.ndarray, size: int) -> np.ndarray:
    """Pixels `(height, width, 3)` uint8 as `(size, size, 3)`."""
    return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))


def _look(frame: np.ndarray, box: FaceBox) -> tuple[np.ndarray, np.ndarray]:
    """Colours `(1, 216)`, a histogram's square root, whose product is the similarity of two; and light and shade `(1, 256)`."""
    rows, columns = _square(frame, box)
    some = (np.arange(_LOOK_SIDE) + 0.5) * len(rows) / _LOOK_SIDE
    picture = frame[rows[some.astype(int)][:, None], columns[some.astype(int)]]
    levels = picture[8:-8, 8:-8].reshape(-1, 3).astype(int) * _LEVELS // 256
    counts = np.bincount(levels @ [_LEVELS**2, _LEVELS, 1], minlength=_LEVELS**3)
    shade = picture.reshape(_SHADE_SIDE, _LOOK_SIDE // _SHADE_SIDE, _SHADE_SIDE, -1).mean((1, 3), dtype=np.float32).ravel()
    shade -= shade.mean()
    return np.sqrt(counts / counts.sum(), dtype=np.float32)[None], (shade / max(np.linalg.norm(shade), 1e-6))[None]


def _colours(person: Person, colours: np.ndarray) -> float:
    return float((person.colours @ colours.T).max())


def _match(person: Person, box: FaceBox, look: tuple[np.ndarray, np.ndarray]) -> float:
    """How well the face continues the person's; -inf: it is somebody else's."""
    last = next(reversed(person.boxes.values()))
    near = 1 - float(np.linalg.norm(last.centre - box.centre)) / max(last.size, box.size, 1.0)
    colours, shades = _colours(person, look[0]), float((person.shades @ look[1].T).max())
    if colours < _SAME_COLOURS and not (near > 0 and max(colours, shades) >= _SAME_PLACE):
        return -np.inf
    # Colours that surely tell two people apart weigh twice as much as the place.
    return max(near, 0.0) + 2 * max(colours - _SAME_PLACE, -0.3) / 0.3
