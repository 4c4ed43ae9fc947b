"""The spatial panels of a recording's picture: scan path, gaze path and density of fixations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dataset_scripts.inspection.quality import gaze_points, known_fixations
from modeling_emert.recording_emert import Recording

from .style import Style, dress, panel_title
from .time_series import view_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Standard deviation of one fixation as a fraction of the map's width: about one degree of visual angle, the width of sharp
# sight, on a screen of some 33 degrees, such as 24 inches at 90 cm.
SIGMA_FRACTION = 0.03
# From zero to the maximum: dark blue, purple, red, orange, pale yellow. Lightness rises monotonically, so that the order is
# visible without colours too.
HEAT_COLOURS = np.array([(10, 10, 60), (95, 20, 115), (190, 55, 85), (245, 140, 20), (252, 250, 165)], np.float32)
_OPACITY = 0.8  # of the maximum over a stimulus frame
_BATCH = 4096  # fixations at once, to limit memory for long recordings


def fixation_map(recording: Recording, size: tuple[int, int], frame: np.ndarray | None = None) -> np.ndarray:
    """The heat map of a recording's fixations, over the stimulus frame where there is one.

    Args:
        size: height and width of the map in pixels.
        frame: `(any height, any width, 3)` uint8 RGB, the stimulus; by default the recording's `stimulus_frame`.

    Returns:
        Without a frame `(height, width)` float32, as [`fixation_density`]; with one `(height, width, 3)` uint8, the frame
        scaled to `size` with the heat over it, and the frame alone where there are no fixations.

    Raises:
        ValueError: `size` is not two positive numbers, or the frame is not valid.
    """
    fixations = None if recording.gaze is None else recording.gaze.fixations
    density = fixation_density(np.zeros((0, 4), np.float32) if fixations is None else fixations, size)
    frame = recording.stimulus_frame if frame is None else frame
    return density if frame is None else overlay(density, frame)


def fixation_density(fixations: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """`(height, width)` float32 in 0..1: the sum of one Gaussian for each fixation, scaled to a maximum of 1.

    `fixations` is `(fixations, 4)` as in `Gaze`. Each Gaussian is round in pixels, with a standard deviation of
    `SIGMA_FRACTION` of the width, and is weighted by the fixation's duration. Fixations outside of the stimulus are left
    out; without any inside the map is all zeros. Raises `ValueError` for a `size` that is not two positive numbers.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) in pixels, got {tuple(size)}")
    height, width = size
    inside = ((fixations[:, :2] >= 0) & (fixations[:, :2] <= 1)).all(axis=1) & (fixations[:, 3] > 0)
    kept = fixations[inside & np.isfinite(fixations[:, 3])]
    sigma = SIGMA_FRACTION * width
    density = np.zeros((height, width), np.float32)
    for start in range(0, len(kept), _BATCH):
        batch = kept[start : start + _BATCH].astype(np.float32)
        # A Gaussian is the product of a column and a row, so the sum over all fixations is one product of matrices.
        rows = _gaussians(batch[:, 1] * height, height, sigma)
        columns = _gaussians(batch[:, 0] * width, width, sigma)
        density += (rows * batch[:, 3:]).T @ columns
    highest = float(density.max())
    return density / highest if highest > 0 else density


def _gaussians(centres: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """`(centres, length)`: a Gaussian around each centre, in pixels; the centre of pixel n is at n + 0.5."""
    distance = (np.arange(length, dtype=np.float32) + 0.5) - centres[:, None]
    return np.exp(-0.5 * (distance / sigma) ** 2)


def overlay(density: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` uint8: the frame, scaled to the map's size, with the heat over it.

    `density` `(height, width)` in 0..1; where it is 0 the frame shows as it is. Raises `ValueError` for a frame that is
    not `(height, width, 3)` uint8.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"the stimulus frame must be (height, width, 3) uint8, got {frame.shape} {frame.dtype}")
    height, width = density.shape
    below = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    # The square root makes low densities visible.
    opacity = (_OPACITY * np.sqrt(density))[:, :, None]
    return (below * (1 - opacity) + heat(density) * opacity).round().astype(np.uint8)


def heat(density: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` float32 in 0..255: the colours of a map in 0..1."""
    stops = np.linspace(0, 1, len(HEAT_COLOURS))
    return np.stack([np.interp(density, stops, channel) for channel in HEAT_COLOURS.T], axis=-1).astype(np.float32)


_MAP_WIDTH = 480  # pixels of the density map
_MOST_NUMBERS = 80  # more would hide the path
_NUMBER_ROOM = 0.025  # fraction of the panel that a number of two digits takes
_FAR = 10.0  # normalised coordinates
_AREA_OF_300_MS = 110.0  # square points
_AREAS = (42.0, 600.0)


def draw_scan_path(axes: "Axes", recording: Recording, style: Style) -> None:
    """Fixations in order, with areas by duration, over the stimulus frame where there is one."""
    fixations = known_fixations(recording.gaze)
    beyond = _prepare(axes, recording, fixations[:, :2], style)
    durations = fixations[:, 3]
    # Extreme coordinates can't be drawn; clipping them far outside of the panel does not change what is visible.
    x, y = np.clip(fixations[:, :2].T, -_FAR, 1 + _FAR)
    order = np.arange(len(x)) / max(1, len(x) - 1)
    # Many fixations are drawn smaller and without numbers, or they would hide each other.
    crowding = min(1.0, _MOST_NUMBERS / len(x))
    axes.plot(x, y, color=style.faint, linewidth=0.7 * crowding**0.5, alpha=0.8 * crowding**0.5)
    areas = np.clip(durations / 300 * _AREA_OF_300_MS, *_AREAS) * max(crowding, 0.06)
    edges = {"edgecolors": style.background, "linewidths": 0.6 * crowding}
    axes.scatter(x, y, s=areas, c=order, cmap="viridis", vmin=0, vmax=1, alpha=0.85, zorder=3, **edges)
    for index in _with_room(np.stack([x, y], axis=1)) if len(x) <= _MOST_NUMBERS else []:
        colour = "white" if order[index] < 0.6 else "black"
        number = axes.text(x[index], y[index], str(index + 1), color=colour, fontsize=5.5, ha="center", va="center", zorder=4)
        number.set_clip_on(True)
    outside = f"{round(beyond * len(x))} further out" if beyond else ""
    count = f"{len(x)} fixation{'s' * (len(x) != 1)}"
    panel_title(axes, "Scan path", style, *filter(None, [count, "area is duration", outside]))


def _with_room(points: np.ndarray) -> list[int]:
    """The points `(n, 2)` whose number hides no other; the last first, since they are drawn on top."""
    chosen: list[int] = []
    for index in reversed(range(len(points))):
        if not chosen or np.linalg.norm(points[chosen] - points[index], axis=1).min() > _NUMBER_ROOM:
            chosen.append(index)
    return chosen


def draw_gaze_path(axes: "Axes", recording: Recording, style: Style) -> None:
    """All gaze points, for a recording without fixations."""
    points, frame = gaze_points(recording.gaze)
    beyond = _prepare(axes, recording, points, style)
    axes.plot(points[:, 0], points[:, 1], color=style.first, linewidth=0.6, alpha=0.7, marker=".", markersize=1.5)
    notes = [f"on the {frame}", "no fixations known", f"{beyond:.1%} further out" if beyond else ""]
    panel_title(axes, "Gaze path", style, *filter(None, notes))


def _prepare(axes: "Axes", recording: Recording, points: np.ndarray, style: Style) -> float:
    """Prepares a panel in normalised coordinates, with the stimulus; returns the fraction of points outside of the panel."""
    dress(axes, style, grid=False)
    if recording.stimulus_frame is not None:
        axes.imshow(recording.stimulus_frame, extent=(0, 1, 1, 0), aspect="auto", alpha=0.75)
    return _show_stimulus(axes, points, style)


def _show_stimulus(axes: "Axes", points: np.ndarray, style: Style) -> float:
    """Draws the edge of the stimulus and sets the limits for these points; after `imshow`, which sets its own."""
    low, high, beyond = view_limits(points)
    axes.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color=style.faint, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set(xlim=(low, high), ylim=(high, low), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    return beyond


def draw_density(axes: "Axes", recording: Recording, aspect: float, style: Style) -> None:
    """The fixation map, over the stimulus frame where there is one. `aspect`: width over height."""
    fixations = known_fixations(recording.gaze)
    dress(axes, style, grid=False)
    picture = fixation_map(recording, (max(1, round(_MAP_WIDTH / aspect)), _MAP_WIDTH))
    image = picture if picture.ndim == 3 else heat(picture).round().astype(np.uint8)
    axes.imshow(image, extent=(0, 1, 1, 0), aspect="auto", interpolation="bilinear")
    _show_stimulus(axes, fixations[:, :2], style)
    panel_title(axes, "Fixation density", style, "weighted by duration")
