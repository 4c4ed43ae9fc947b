"""The panels of a recording's picture over time: gaze, pupils, faces."""

from typing import TYPE_CHECKING

import numpy as np

from modeling_emert.recording_emert import FaceTrack, Gaze
from modeling_emert.sampling_emert import spread_evenly

from ..inspection.quality import BLINK_SOURCES, PUPILS, blink_spans, gaze_points, known_fixations, pupil, pupil_unit
from .style import LINE_WIDTH, SMALL_SIZE, Style, dress, panel_legend, panel_title, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_POINTS = 20_000  # of a line: more than the picture has pixels
_FURTHEST = 0.25  # gaze is shown up to this fraction of the screen beyond its edge
_FACE_GAP, _TIME_HEIGHT, _LEAD_HEIGHT = 0.08, 0.16, 0.16  # inches, in the strip of faces


def has_points(gaze: Gaze | None) -> bool:
    """Whether any sample has a gaze point."""
    return gaze is not None and gaze.eye_movements is not None and not np.isnan(gaze_points(gaze)[0]).all()


def has_pupils(gaze: Gaze | None) -> bool:
    """Whether any sample has a pupil size."""
    return gaze is not None and gaze.eye_movements is not None and not np.isnan(pupil(gaze)).all()


def draw_gaze(axes: "Axes", gaze: Gaze, style: Style) -> None:
    """x and y over time, the edges of the screen, fixations as bands; without samples x and y of the fixations.

    Blinks are drawn here only without pupils; otherwise they are in the panel of the pupils.
    """
    dress(axes, style)
    notes = [] if has_pupils(gaze) else _draw_blinks(axes, gaze, style)
    fixations = known_fixations(gaze)
    if len(fixations):
        spans = [(start / 1000, duration / 1000) for _, _, start, duration in fixations.tolist()]
        _bands(axes, spans, style.span, "fixation")
    lines = ((0, style.first, "x, from the left"), (1, style.second, "y, from the top"))
    if has_points(gaze):
        points, frame = gaze_points(gaze)
        times, points = _broken_at_gaps(gaze.times_ms, points)
        for axis, colour, name in lines:
            axes.plot(times / 1000, points[:, axis], color=colour, linewidth=LINE_WIDTH, label=name)
    else:
        frame, points = "screen" if gaze.fixations_on_screen else "stimulus", fixations[:, :2]
        starts, ends = fixations[:, 2] / 1000, (fixations[:, 2] + fixations[:, 3]) / 1000
        for axis, colour, name in lines:
            axes.hlines(points[:, axis], starts, ends, color=colour, linewidth=2 * LINE_WIDTH, label=name)
        notes.append("fixations only")
    low, high, beyond = view_limits(points)
    if beyond:
        notes.append(f"{beyond:.1%} of the points are further out")
    for edge in (0, 1):
        axes.axhline(edge, color=style.faint, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(low, high)
    panel_title(axes, f"Gaze, normalised to the {frame}", style, *notes)
    panel_legend(axes, style)


def _bands(axes: "Axes", spans: list[tuple[float, float]], colour: str, label: str, alpha: float = 1.0) -> None:
    """Bands over the full height of the panel; `spans` are starts and lengths in s."""
    full_height = {"transform": axes.get_xaxis_transform(), "linewidth": 0}
    axes.broken_barh(spans, (0, 1), color=colour, alpha=alpha, label=label, **full_height)


def view_limits(points: np.ndarray) -> tuple[float, float, float]:
    """Limits of an axis for these normalised coordinates, and the fraction of points outside of them."""
    known = points[~np.isnan(points).any(axis=1)]
    low = max(-_FURTHEST, min(0.0, float(known.min(initial=0)))) - 0.03
    high = min(1 + _FURTHEST, max(1.0, float(known.max(initial=1)))) + 0.03
    beyond = ((known < low) | (known > high)).any(axis=1)
    return low, high, float(beyond.mean()) if len(known) else 0.0


def _broken_at_gaps(times_ms: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times and `(samples, n)` values with a NaN row where the tracker left rows out, so that no line crosses a gap."""
    stride = max(1, len(times_ms) // _MOST_POINTS)
    times, values = times_ms[::stride].astype(np.float64), values[::stride]
    if len(times) < 3:
        return times, values
    steps = np.diff(times)
    gaps = np.flatnonzero(steps > 3 * np.median(steps)) + 1
    return np.insert(times, gaps, times[gaps - 1]), np.insert(values, gaps, np.nan, axis=0)


def draw_pupils(axes: "Axes", gaze: Gaze, style: Style) -> None:
    """Diameters of both eyes over time, blinks as bands."""
    dress(axes, style)
    columns = {name: gaze.column(name) for name in PUPILS if np.isfinite(gaze.column(name)).any()}
    notes = _draw_blinks(axes, gaze, style) or ["blinks can't be found at this rate"]
    for name, sizes in columns.items():
        times, values = _broken_at_gaps(gaze.times_ms, sizes[:, None])
        colour = style.first if name == "pupil_left" else style.second
        axes.plot(times / 1000, values, color=colour, linewidth=LINE_WIDTH, label=name.removeprefix("pupil_") + " eye")
    known = np.concatenate([sizes[np.isfinite(sizes)] for sizes in columns.values()])
    low, high = np.percentile(known, [0.5, 99.5])
    axes.set_ylim(low - 0.15 * (high - low) - 0.1, high + 0.15 * (high - low) + 0.1)
    unit = pupil_unit(known) or ""
    axes.set_ylabel(unit)
    panel_title(axes, "Pupil diameter" if unit == "mm" else "Pupil size", style, *notes)
    panel_legend(axes, style)


def _draw_blinks(axes: "Axes", gaze: Gaze, style: Style) -> list[str]:
    """Draws bands and returns a note; no note where blinks are unknown."""
    found = blink_spans(gaze)
    if found is None:
        return []
    spans, source = found
    if len(spans):
        bars = [(start / 1000, (end - start) / 1000) for start, end in spans.tolist()]
        _bands(axes, bars, style.alarm, "blink", alpha=0.45)
    return [f"{len(spans)} {'blink' if len(spans) == 1 else 'blinks'}, from {BLINK_SOURCES[source]}"]


def draw_faces(axes: "Axes", face: FaceTrack, seconds: float, size: tuple[float, float], style: Style) -> None:
    """Face crops in a row, each connected to its time on the axis above.

    `seconds`: the time at the right end; `size`: width and height of the panel in inches, in which it is drawn.
    """
    width, height = size
    side = height - _TIME_HEIGHT - _LEAD_HEIGHT
    count = max(1, min(len(face.frames), int((width + _FACE_GAP) / (side + _FACE_GAP))))
    chosen = np.unique(spread_evenly(len(face.frames), count))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    moments = face.times_ms[chosen] / 1000
    at = moments / seconds * width if seconds > 0 else np.zeros(len(moments))
    for index, centre, moment, place in zip(chosen, _spread(at, side, width), moments, at, strict=True):
        found = bool(face.detected[index])
        left, top = centre - side / 2, height - _LEAD_HEIGHT
        axes.imshow(face.frames[index], extent=(left, left + side, _TIME_HEIGHT, top), aspect="auto", interpolation="bilinear")
        colour = style.faint if found else style.alarm
        axes.plot([place, centre], [height, top], color=colour, linewidth=0.7, clip_on=False)
        if not found:
            border = [left, left + side, left + side, left, left], [_TIME_HEIGHT, _TIME_HEIGHT, top, top, _TIME_HEIGHT]
            axes.plot(*border, color=colour, linewidth=2.0, linestyle=(0, (3, 2)))
        words = f"{moment:.1f} s" if found else f"{moment:.1f} s, no face"
        axes.text(centre, 0, printable(words), ha="center", va="bottom", fontsize=SMALL_SIZE, color=style.ink)
    axes.plot([0, width], [height, height], color=style.faint, linewidth=0.7, clip_on=False)  # the time axis again
    axes.set(xlim=(0, width), ylim=(0, height))  # imshow sets its own


def _spread(wanted: np.ndarray, side: float, width: float) -> np.ndarray:
    """Centres as near to the wanted ones as they can be without overlap, all within 0..width."""
    step = side + _FACE_GAP
    centres = np.clip(wanted, side / 2, width - side / 2).astype(np.float64)
    for index in range(1, len(centres)):
        centres[index] = max(centres[index], centres[index - 1] + step)
    centres[-1] = min(centres[-1], width - side / 2)
    for index in range(len(centres) - 2, -1, -1):
        centres[index] = min(centres[index], centres[index + 1] - step)
    return centres
