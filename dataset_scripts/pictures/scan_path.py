"""The spatial panels of a recording's picture: scan path, gaze path and density of fixations."""

from typing import TYPE_CHECKING

import numpy as np

from dataset_scripts.inspection.gaze_signals import gaze_points, known_fixations
from dataset_scripts.pictures.fixation_map import fixation_map, heat
from modeling_emert.recording_emert import Recording

from .style import Style, dress, panel_title
from .time_series import view_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    panel_title(axes, "Scan path", style, *filter(None, [_count(len(x)), "area is duration", outside]))


def _count(fixations: int) -> str:
    return "1 fixation" if fixations == 1 else f"{fixations} fixations"


def _with_room(points: np.ndarray) -> list[int]:
    """The points `(n, 2)` whose number hides no other; the last first, since they are drawn on top."""
    chosen: list[int] = []
    for index in reversed(range(len(points))):
        if not chosen or np.linalg.norm(points[chosen] - points[index], axis=1).min() > _NUMBER_ROOM:
            chosen.append(index)
    return chosen


def draw_gaze_path(axes: "Axes", recording: Recording, style: Style) -> None:
    """All gaze points, for a recording without fixations."""
    assert recording.gaze is not None
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
