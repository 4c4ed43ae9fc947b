"""The pictures of one answer: the time line, wide and narrow, the density of fixations, and what the network was given."""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dataset_scripts.inspection.gaze_signals import known_fixations
from dataset_scripts.pictures.scan_path import draw_density
from dataset_scripts.pictures.style import LIGHT, SMALL_SIZE, TEXT_SIZE, drawing, panel_title
from dataset_scripts.pictures.time_series import draw_faces, draw_gaze, draw_pupils, has_points, has_pupils
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Gaze, Recording

from .affect_plane import affect_plane
from .attention import draw_attention
from .svg import svg_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

# Inches; an inch is 96 pixels of the page.
_WIDTHS = {"wide": 9.6, "narrow": 3.3}
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 0.5, 0.12, 0.08, 0.12, 0.34
_LEGEND_LINE = 0.18  # in the narrow picture the legend has a line of its own
_AXIS_NUMBERS = 0.2
_GAZE, _PUPILS, _ATTENTION, _FACES = 1.5, 1.1, 1.2, {"wide": 1.25, "narrow": 0.85}
_MAP_SIDE, _STIMULUS_ASPECT = 3.4, 4 / 3
_SCENE = "scene camera's image"  # how the readers' notes call the frame of glasses
_CROP_SIDE = 112  # pixels at which a crop is shown


def draw_answer(answer: dict) -> dict:
    """By name what stands beside the numbers and is quick: `plane` (SVG or None)."""
    shown = answer["tasks"].get("fer_va") if "face" in answer["modalities"] else None
    return {"plane": affect_plane(answer["tasks"].get("er_va"), shown)}


def draw_reasons(recording: Recording, reasons: EmertExplanation, processor: EmertProcessor) -> dict:
    """By name: `time-wide`, `time-narrow`, `map` (SVG or None), `crops` (PNGs as data URLs)."""
    found: dict = {f"time-{width}": timeline(recording, reasons, width) for width in _WIDTHS}
    found["map"] = density_map(recording)
    found["crops"] = crops(recording, processor)
    return found


def timeline(recording: Recording, reasons: EmertExplanation, width: str) -> str | None:
    """Gaze, pupils, attention and faces over one time axis; None where there is nothing to draw. `width`: of `_WIDTHS`."""
    seconds = _seconds(recording)
    across = _WIDTHS[width] - _LEFT - _RIGHT
    rows = _rows(recording, reasons, seconds, width, across)
    if not rows or seconds <= 0:
        return None
    legend = _LEGEND_LINE if width == "narrow" else 0.0
    above = [_GAP + (0.0 if name == "faces" else legend) for name, _, _ in rows]
    below = _BOTTOM if rows[-1][0] == "faces" else _BOTTOM + _AXIS_NUMBERS
    height = _TOP + sum(above) + sum(height for _, height, _ in rows) + below
    with drawing(_WIDTHS[width], height, LIGHT) as figure:
        used = _TOP
        for number, (name, tall, draw) in enumerate(rows):
            used += above[number] + tall
            place = (_LEFT / _WIDTHS[width], 1 - used / height, across / _WIDTHS[width], tall / height)
            axes = figure.add_axes(place)
            draw(axes)
            if name != "faces":
                _dress_time(axes, seconds, labelled=all(later[0] == "faces" for later in rows[number + 1 :]))
                if legend:
                    _legend_on_its_own_line(axes)
        return svg_of(figure, f"time-{width}", _describe(recording, [name for name, _, _ in rows], seconds))


def _rows(
    recording: Recording, reasons: EmertExplanation, seconds: float, width: str, across: float
) -> "list[tuple[str, float, Callable[[Axes], None]]]":
    """Name, height in inches and drawing of each panel that has something to show."""
    gaze, face = recording.gaze, recording.face
    rows: list = []
    if gaze is not None and (has_points(gaze) or len(known_fixations(gaze))):
        rows.append(("gaze", _GAZE, lambda axes: _draw_gaze(axes, gaze)))
    if has_pupils(gaze):
        rows.append(("pupils", _PUPILS, lambda axes: draw_pupils(axes, gaze, LIGHT)))
    rows.append(("attention", _ATTENTION, lambda axes: draw_attention(axes, recording, reasons, LIGHT)))
    if face is not None and len(face.frames):
        tall = _FACES[width]
        rows.append(("faces", tall, lambda axes: draw_faces(axes, face, seconds, (across, tall), LIGHT)))
    return rows


def _draw_gaze(axes: "Axes", gaze: Gaze) -> None:
    """As everywhere; glasses know no screen and no stimulus, and the title then names what their numbers are shares of."""
    draw_gaze(axes, gaze, LIGHT)
    if any(_SCENE in note for note in gaze.notes):
        first, *notes = axes.get_title(loc="left").split(" · ")
        panel_title(axes, f"{first.partition(' of the ')[0]} of the {_SCENE}", LIGHT, *notes)


def _dress_time(axes: "Axes", seconds: float, labelled: bool) -> None:
    axes.set_xlim(0, seconds)
    axes.tick_params(labelbottom=labelled)
    axes.xaxis.set_major_formatter(lambda moment, _: f"{moment:g} s")


def _legend_on_its_own_line(axes: "Axes") -> None:
    """Between the title and the panel, since the two do not fit side by side on a phone."""
    handles, labels = axes.get_legend_handles_labels()
    title = axes.get_title(loc="left").split(" · ")[0]
    axes.set_title(title, loc="left", fontsize=TEXT_SIZE, color=LIGHT.ink, pad=4 + _LEGEND_LINE * 72, parse_math=False)
    axes.legend(
        handles,
        [label.split(",")[0] for label in labels],
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        borderaxespad=0.1,
        ncols=4,
        frameon=False,
        fontsize=SMALL_SIZE,
        labelcolor=LIGHT.ink,
        handlelength=1.2,
        columnspacing=0.9,
    )


def _seconds(recording: Recording) -> float:
    """Length of the time axis."""
    ends = [] if recording.gaze is None else [recording.gaze.duration_ms]
    if recording.face is not None and len(recording.face.times_ms):
        ends.append(float(recording.face.times_ms[-1]))
    return max(max(filter(np.isfinite, ends), default=0.0) / 1000, 0.1)


_PANEL_WORDS = {
    "gaze": "gaze position x and y with fixations",
    "pupils": "pupil size of both eyes with blinks",
    "attention": "the network's attention to each modality",
    "faces": "face crops",
}


def _describe(recording: Recording, panels: list[str], seconds: float) -> str:
    words = [f"Time line of {seconds:.1f} seconds: {'; '.join(_PANEL_WORDS[name] for name in panels)}."]
    fixations = known_fixations(recording.gaze)
    if len(fixations):
        words.append(f"{len(fixations)} fixations, {np.median(fixations[:, 3]):.0f} ms at the median.")
    return " ".join(words)


def density_map(recording: Recording) -> str | None:
    """Where the fixations lie on the stimulus; None without any inside of it."""
    fixations = known_fixations(recording.gaze)
    inside = ((fixations[:, :2] >= 0) & (fixations[:, :2] <= 1)).all(axis=1) if len(fixations) else np.zeros(0, bool)
    if not inside.any():
        return None
    height = _MAP_SIDE / _STIMULUS_ASPECT
    across, down = _LEFT + _MAP_SIDE + _RIGHT, _TOP + _GAP + height + _AXIS_NUMBERS + _BOTTOM
    with drawing(across, down, LIGHT) as figure:
        place = (_LEFT / across, (_AXIS_NUMBERS + _BOTTOM) / down, _MAP_SIDE / across, height / down)
        draw_density(figure.add_axes(place), recording, _STIMULUS_ASPECT, LIGHT)
        x, y = np.average(fixations[inside, :2], axis=0, weights=np.maximum(fixations[inside, 3], 1))
        words = f"Heat map of {inside.sum()} fixations; their middle lies {x:.0%} from the left and {y:.0%} from the top."
        return svg_of(figure, "map", words)


def crops(recording: Recording, processor: EmertProcessor) -> list[dict]:
    """The face crops as the network gets them: `picture` (PNG as a data URL), `seconds`, `found`."""
    face = recording.face
    if face is None:
        return []
    size = processor.video_processor.size
    chosen = np.linspace(0, len(face.frames) - 1, processor.video_processor.num_frames).round().astype(int)
    seen = []
    for index in chosen:
        small = Image.fromarray(face.frames[index]).resize((size["width"], size["height"]), Image.Resampling.BILINEAR)
        picture = small.resize((_CROP_SIDE, _CROP_SIDE), Image.Resampling.NEAREST)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        seen.append({"picture": url, "seconds": float(face.times_ms[index]) / 1000, "found": bool(face.detected[index])})
    return seen
