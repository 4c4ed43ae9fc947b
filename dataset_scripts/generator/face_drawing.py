"""A drawn face whose brows, eyes and mouth depend on the shown emotion: simple enough to be fast, and realistic enough for a
face detector that was trained on photographs."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .truth import GeneratorSettings, Truth

_SUPERSAMPLING = 2

# The movements of each emotion at full strength in fractions of the face's height, similar to facial action units:
# mouth corners up, mouth open, mouth wide, brows up, inner brows down, eyes open, nose wrinkled.
_EXPRESSIONS = {
    "happiness": (0.078, 0.039, 0.065, 0, 0, -0.20, 0.0),
    "sadness": (-0.058, 0, -0.013, 0.016, -0.044, -0.29, 0.0),
    "fear": (-0.023, 0.052, 0.036, 0.044, -0.021, 0.42, 0.0),
    "surprise": (0, 0.111, -0.039, 0.060, 0, 0.39, 0.0),
    "disgust": (-0.039, 0.016, -0.019, -0.018, 0.016, -0.36, 1.0),
    "anger": (-0.029, 0.005, -0.026, -0.029, 0.042, 0.08, 0.3),
    "neutral": (0, 0, 0, 0, 0, 0.00, 0.0),
}
_DEVIATIONS = np.array([0.004, 0.004, 0.004, 0.004, 0.003, 0.04, 0.10])
_FULL_STRENGTH = 2.0  # the intensity at which the table above holds


@dataclass(frozen=True)
class Pose:
    """The face in one frame: the seven movements above, closed eyes, the head's place and tilt."""

    movements: np.ndarray
    closed: bool
    centre: tuple[float, float]  # fraction of the frame
    tilt: float  # degrees
    gaze: tuple[float, float]  # direction of the irises, -1..1


def face_frames(
    truth: Truth, blinks: np.ndarray, gaze: np.ndarray, settings: GeneratorSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Frames `(frames, size, size, 3)` uint8 RGB and their times `(frames,)` in ms.

    `blinks` `(blinks, 2)` start and end in ms; `gaze` `(frames, 2)` the gaze point, normalised to the screen.
    """
    rng = np.random.default_rng((*truth.seed, 1))
    count = frame_count(settings)
    times = np.arange(count) * 1000 / settings.frames_per_second
    target = np.array(_EXPRESSIONS[truth.shown]) * min(truth.intensity, 3.0) / _FULL_STRENGTH
    habit = _DEVIATIONS * settings.noise * rng.standard_normal(len(_DEVIATIONS))
    centre = 0.5 + 0.02 * rng.standard_normal(2)
    tilt = 4 * rng.standard_normal()
    light = 1 + 0.12 * settings.noise * rng.standard_normal()
    strength = _envelope(times / times[-1], rng)
    frames = []
    for index, moment in enumerate(times):
        tremor = 0.3 * _DEVIATIONS * settings.noise * rng.standard_normal(len(_DEVIATIONS))
        pose = Pose(
            movements=target * strength[index] + habit + tremor,
            closed=bool(((blinks[:, 0] <= moment) & (moment <= blinks[:, 1])).any()),
            centre=tuple(centre + 0.008 * rng.standard_normal(2)),
            tilt=tilt + rng.standard_normal(),
            gaze=tuple(np.clip((gaze[index] - 0.5) * 2, -1, 1)),
        )
        picture = draw_face(truth.person, pose, settings.frame_size)
        noisy = picture * light + 4 * settings.noise * rng.standard_normal(picture.shape)
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return np.stack(frames), times


def frame_count(settings: GeneratorSettings) -> int:
    """Frames in one clip, at least two."""
    return max(2, round(settings.seconds * settings.frames_per_second))


def _envelope(phase: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rises from a neutral face to the expression and decreases a little: `(frames,)` in 0..1."""
    onset, rise = rng.uniform(0.0, 0.25), rng.uniform(0.1, 0.25)
    risen = np.clip((phase - onset) / rise, 0, 1)
    return risen * (1 - 0.4 * np.clip((phase - 0.75) / 0.25, 0, 1))


def draw_face(person, pose: Pose, size: int) -> np.ndarray:
    """One frame `(size, size, 3)` float in 0..255."""
    side = size * _SUPERSAMPLING
    image = Image.new("RGB", (side, side), (96, 104, 112))
    pen = _Pen(ImageDraw.Draw(image), side, person, pose)
    pen.head()
    pen.eyes()
    pen.nose()
    pen.mouth()
    image = image.rotate(pose.tilt, Image.Resampling.BILINEAR, fillcolor=(96, 104, 112))
    image = image.resize((size, size), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(size / 250))
    return np.asarray(image, np.float64)


class _Pen:
    """Draws in face coordinates: origin between the eyes, unit the face's height, y down."""

    def __init__(self, draw: ImageDraw.ImageDraw, side: int, person, pose: Pose):
        self.draw, self.person, self.pose = draw, person, pose
        self.height = 0.62 * side
        self.x = pose.centre[0] * side
        self.y = pose.centre[1] * side - 0.05 * side
        (self.corners, self.open, self.wide, self.brows, self.inner, self.lids, self.wrinkle) = pose.movements

    def _points(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(self.x + x * self.height, self.y + y * self.height) for x, y in points]

    def _ellipse(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        corners = [(x - width / 2, y - height / 2), (x + width / 2, y + height / 2)]
        self.draw.ellipse(self._points(corners), fill=colour)

    def _line(self, points: list[tuple[float, float]], width: float, colour: tuple[int, int, int]) -> None:
        self.draw.line(self._points(points), fill=colour, width=max(1, round(width * self.height)), joint="curve")

    def _shade(self, factor: float, tint: tuple[int, int, int] = (0, 0, 0)) -> tuple[int, int, int]:
        red, green, blue = (
            int(min(255, max(0, value * factor + more))) for value, more in zip(self.person.skin, tint, strict=True)
        )
        return red, green, blue

    def head(self) -> None:
        width = self.person.face_width
        self._ellipse(0, 0.75, 1.5, 0.55, (60, 70, 90))  # shoulders
        self.draw.rectangle(self._points([(-0.16, 0.35), (0.16, 0.62)]), fill=self._shade(0.78))  # neck
        self._ellipse(0, -0.02, width + 0.16, 1.10, self.person.hair)
        for side in (-1, 1):
            self._ellipse(side * width / 2, 0.07, 0.09, 0.20, self._shade(0.85))  # ears
        self._ellipse(0, 0.09, width, 0.98, self._shade(1.0))
        self._ellipse(0.06, 0.07, width * 0.72, 0.86, self._shade(1.05))  # light from one side
        self.draw.pieslice(self._points([(-width / 2, -0.42), (width / 2, 0.06)]), 180, 360, fill=self.person.hair)  # fringe
        self._ellipse(0, -0.09, width * 0.86, 0.32, self._shade(1.02))  # forehead

    def eyes(self) -> None:
        openness = max(0.012, 0.075 * (1 + self.lids)) if not self.pose.closed else 0.0
        for side in (-1, 1):
            x = side * 0.19
            self._ellipse(x, 0.02, 0.21, 0.14, self._shade(0.88))  # socket
            if openness:
                self._ellipse(x, 0.02, 0.155, openness, (240, 238, 235))
                at = (x + 0.025 * self.pose.gaze[0], 0.02 + 0.012 * self.pose.gaze[1])
                self._ellipse(*at, min(0.068, openness), min(0.068, openness), self.person.iris)
                self._ellipse(*at, min(0.034, openness * 0.6), min(0.034, openness * 0.6), (12, 10, 10))
            lid = [(x - 0.08, 0.02), (x - 0.04, 0.02 - openness / 2), (x + 0.04, 0.02 - openness / 2), (x + 0.08, 0.02)]
            self._line(lid, 0.014, (45, 32, 28))
            inner, outer = x - side * 0.095, x + side * 0.105
            y = -0.085 - self.brows
            brow = [(inner, y + self.inner), (x, y - 0.02 + self.inner * 0.2), (outer, y + 0.012 - self.inner * 0.3)]
            self._line(brow, self.person.brow_thickness, self.person.hair)

    def nose(self) -> None:
        shade = self._shade(0.80)
        self._line([(-0.03, 0.05), (-0.045, 0.19), (-0.065, 0.225)], 0.010, shade)
        for side in (-1, 1):
            self._ellipse(side * 0.038, 0.232, 0.030, 0.016, self._shade(0.5))
            if self.wrinkle > 0.25:
                darkness = self._shade(0.88 - 0.2 * min(self.wrinkle, 1.2))
                self._line([(side * 0.02, 0.07), (side * 0.055, 0.045)], 0.010, darkness)
                self._line([(side * 0.075, 0.19), (side * 0.125, 0.28)], 0.012, darkness)

    def mouth(self) -> None:
        half = 0.125 + self.wide / 2
        y, gap = 0.36, max(0.0, self.open)
        corner = y - self.corners
        top = y - 0.012 - gap / 3
        upper = [(-half, corner), (-half / 2, top), (0, y - gap / 3), (half / 2, top), (half, corner)]
        lower = [(half, corner), (half / 2, y + 0.018 + gap), (0, y + 0.025 + gap), (-half / 2, y + 0.018 + gap)]
        lips = self._shade(0.72, (45, 0, 5))
        self.draw.polygon(self._points(upper + lower), fill=lips)
        if gap > 0.012:
            inside = [(x * 0.78, corner + (py - corner) * 0.72) for x, py in upper + lower]
            self.draw.polygon(self._points(inside), fill=(60, 20, 22))
            if self.corners > 0.02:  # a smile shows the teeth
                self._line([(-half * 0.55, y - gap / 3 + 0.012), (half * 0.55, y - gap / 3 + 0.012)], 0.018, (235, 232, 226))
        self._line(upper, 0.009, self._shade(0.45))
