"""The pictures of one answer: time line (wide and narrow), fixation density, valence and arousal, and the face crops."""

import base64
import html
import io
import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dataset_scripts.inspection.quality import known_fixations
from dataset_scripts.pictures.scan_path import draw_density
from dataset_scripts.pictures.style import (
    BLUE,
    DOTS_PER_INCH,
    GREEN,
    LIGHT,
    LINE_WIDTH,
    ORANGE,
    PURPLE,
    SKY,
    SMALL_SIZE,
    TEXT_SIZE,
    VERMILLION,
    drawing,
    dress,
    panel_legend,
    panel_title,
)
from dataset_scripts.pictures.time_series import draw_faces, draw_gaze, draw_pupils, has_points, has_pupils
from modeling_emert.answers_emert import finest_shown
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.recording_emert import Gaze, Recording
from modeling_emert.sampling_emert import spread_evenly

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# A colour of the light style -> the page's CSS variable for it (see `page/style.py`).
_VARIABLES = {
    LIGHT.background: "--emert-panel",
    LIGHT.ink: "--emert-ink",
    LIGHT.faint: "--emert-faint",
    LIGHT.grid: "--emert-grid",
    LIGHT.first: "--emert-first",
    LIGHT.second: "--emert-second",
    LIGHT.span: "--emert-span",
    LIGHT.alarm: "--emert-alarm",
}
_REFERENCES = re.compile(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"")


def svg_of(figure: "Figure", name: str, description: str) -> str:
    """The figure, drawn in the light style, as one `<svg>` element.

    `name`: unique within a page. `description`: the text for screen readers.
    """
    import matplotlib

    buffer = io.StringIO()
    # Text stays text, in the page's font. `rc_context` is global to the process, and a worker draws one figure at a time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", dpi=DOTS_PER_INCH, facecolor=figure.get_facecolor(), metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        text = re.sub(re.escape(colour), f"var({variable})", text, flags=re.IGNORECASE)
    text = _own_ids(re.sub(r"font-family: [^;\"]+;? ?", "", text), name)
    label = html.escape(description, quote=True)
    opening = f'<svg class="emert-picture emert-{name}" role="img" aria-label="{label}" '
    return re.sub(r'<svg (?:width="[^"]*" |height="[^"]*" )*', opening, text, count=1)


def _own_ids(text: str, name: str) -> str:
    """Prefixes the ids, since a page may hold several figures; ids that nothing refers to are removed."""
    used = {first or second for first, second in _REFERENCES.findall(text)}
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    return re.sub(r'href="#', f'href="#{name}-', text)


# Inches; an inch is 96 pixels of the page.
_WIDTHS = {"wide": 9.6, "narrow": 3.3}
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 0.5, 0.12, 0.08, 0.12, 0.34
_LEGEND_LINE = 0.18  # where the legend has lines of its own
_AXIS_NUMBERS = 0.2
_GAZE, _PUPILS, _ATTENTION, _FACES = 1.5, 1.1, 1.2, {"wide": 1.25, "narrow": 0.85}
_MAP_SIDE, _STIMULUS_ASPECT = 3.4, 4 / 3
_PLANE_SIDE, _PLANE_MARGIN = 3.3, 0.42
_SCENE = "scene camera's image"  # how the readers' notes call the coordinate frame of eye-tracking glasses
_CROP_SIDE = 112  # pixels at which a crop is shown
_SHOWN, _LEGEND_COLUMNS = 1.8, {"wide": 7, "narrow": 3}
_NAMED_FROM = 0.3  # the probability from which an emotion is named in the legend
_EMOTION_COLOURS = {
    **{"happiness": ORANGE, "positive": ORANGE, "sadness": BLUE, "fear": PURPLE, "surprise": SKY},
    **{"disgust": GREEN, "anger": VERMILLION, "negative": VERMILLION},
}
_PANEL_WORDS = {
    "gaze": "gaze position x and y with fixations",
    "pupils": "pupil size of both eyes with blinks",
    "attention": "the network's attention to each modality",
    "faces": "face crops",
}


def draw_answer(answer: dict) -> dict:
    """The picture that is quick enough to come with the numbers: `{"plane": SVG or None}`."""
    tasks = answer["tasks"]
    return {"plane": affect_plane(tasks.get("er_va"), tasks.get("fer_va") if "face" in answer["modalities"] else None)}


def draw_reasons(answer: dict, recording: Recording, reasons: EmertExplanation, processor: EmertProcessor) -> dict:
    """By name SVG: `time-wide`, `time-narrow`, `shown-wide`, `shown-narrow`, `map` (or None); `crops` (PNGs)."""
    found: dict = {f"time-{width}": timeline(recording, reasons, width) for width in _WIDTHS}
    found |= {f"shown-{width}": shown_over_time(answer["timeline"], width) for width in _WIDTHS}
    return found | {"map": density_map(recording), "crops": crops(recording, processor)}


def shown_over_time(timeline: list[dict] | None, width: str) -> str | None:
    """The probabilities of what the face shows, frame by frame, one above the other; None without a timeline."""
    if not timeline:
        return None
    finest = finest_shown(timeline)
    labels = list(timeline[0][finest])
    seconds = np.array([one["time_ms"] for one in timeline]) / 1000
    values = np.array([[one[finest][label] for one in timeline] for label in labels])
    named = [index for index, own in enumerate(values) if own.max() >= _NAMED_FROM]
    columns = _LEGEND_COLUMNS[width]
    across, above = _WIDTHS[width], _TOP + _GAP + _LEGEND_LINE * -(-len(named) // columns)
    height = above + _SHOWN + _AXIS_NUMBERS + _BOTTOM
    with drawing(across, height, LIGHT) as figure:
        place = (_LEFT / across, (_AXIS_NUMBERS + _BOTTOM) / height, 1 - (_LEFT + _RIGHT) / across, _SHOWN / height)
        axes = figure.add_axes(place)
        dress(axes, LIGHT)
        colours = [_EMOTION_COLOURS.get(label, LIGHT.faint) for label in labels]
        parts = axes.stackplot(seconds, values, colors=colours, alpha=0.75)
        axes.set(xlim=(seconds[0], max(seconds[-1], seconds[0] + 0.1)), ylim=(0, 1))
        axes.xaxis.set_major_formatter(lambda moment, _: f"{moment:g} s")
        axes.yaxis.set_major_formatter(lambda probability, _: f"{probability:.0%}")
        panel_title(axes, "Probability in each frame", LIGHT)
        _legend_on_its_own_line(axes, [parts[index] for index in named], [labels[index] for index in named], columns)
        best = [labels[index] for index in values.argmax(axis=0)]
        changes = [index for index, label in enumerate(best) if index == 0 or best[index - 1] != label]
        words = "; ".join(f"from {seconds[index]:.1f} s {best[index]}" for index in changes)
        return svg_of(figure, f"shown-{width}", f"What the face shows over time: {words}.")


def affect_plane(felt: dict[str, float] | None, shown: dict[str, float] | None) -> str | None:
    """Felt and shown as two points with a line between them.

    `felt`, `shown`: `valence` and `arousal` in -1..1, or None; without both there is no picture.
    """
    points = {"felt": felt, "shown": shown}
    known = {name: (point["valence"], point["arousal"]) for name, point in points.items() if point}
    if not known:
        return None
    with drawing(_PLANE_SIDE, _PLANE_SIDE, LIGHT) as figure:
        start, side = _PLANE_MARGIN / _PLANE_SIDE, (_PLANE_SIDE - _PLANE_MARGIN - 0.1) / _PLANE_SIDE
        axes = figure.add_axes((start, start, side, side))
        dress(axes, LIGHT)
        for line in (axes.axhline, axes.axvline):
            line(0, color=LIGHT.faint, linewidth=0.8)
        if len(known) == 2:
            axes.plot(*zip(*known.values(), strict=True), color=LIGHT.ink, linewidth=1.0, linestyle=(0, (4, 2)), zorder=2)
        marks = {"felt": ("o", LIGHT.first), "shown": ("s", LIGHT.second)}
        higher = max(known, key=lambda name: known[name][1])
        for name, (valence, arousal) in known.items():
            mark, colour = marks[name]
            axes.plot(valence, arousal, mark, color=colour, markersize=9, markeredgecolor=LIGHT.background, zorder=3)
            # The label points away from the other point, or inward where it would leave the panel.
            above = (name == higher or len(known) == 1) != (abs(arousal) > 0.8 and (arousal > 0) == (name == higher))
            beside = "left" if valence < -0.7 else "right" if valence > 0.7 else "center"
            place = {"xytext": (0, 8 if above else -8), "ha": beside, "va": "bottom" if above else "top"}
            text = {"fontsize": TEXT_SIZE, "fontweight": "bold", "color": LIGHT.ink}
            axes.annotate(name, (valence, arousal), textcoords="offset points", **place, **text)
        axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), xticks=(-1, 0, 1), yticks=(-1, 0, 1))
        axes.set_xlabel("valence: unpleasant to pleasant", fontsize=SMALL_SIZE, labelpad=2)
        axes.set_ylabel("arousal: calm to excited", fontsize=SMALL_SIZE, labelpad=0)
        words = [f"{name}: valence {valence:+.2f}, arousal {arousal:+.2f}" for name, (valence, arousal) in known.items()]
        return svg_of(figure, "plane", f"Valence and arousal, each from -1 to 1. {'; '.join(words)}.")


def timeline(recording: Recording, reasons: EmertExplanation, width: str) -> str:
    """Gaze, pupils, attention and faces over one time axis. `width`: `wide` or `narrow`."""
    seconds = _seconds(recording)
    across = _WIDTHS[width] - _LEFT - _RIGHT
    panels = _panels(recording, reasons, seconds, width, across)
    if not panels:
        return ""
    legend = _LEGEND_LINE if width == "narrow" else 0.0
    above = [_GAP + (0.0 if name == "faces" else legend) for name, _, _ in panels]
    below = _BOTTOM if panels[-1][0] == "faces" else _BOTTOM + _AXIS_NUMBERS
    height = _TOP + sum(above) + sum(tall for _, tall, _ in panels) + below
    with drawing(_WIDTHS[width], height, LIGHT) as figure:
        used = _TOP
        for number, (name, tall, draw) in enumerate(panels):
            used += above[number] + tall
            axes = figure.add_axes((_LEFT / _WIDTHS[width], 1 - used / height, across / _WIDTHS[width], tall / height))
            draw(axes)
            if name != "faces":
                axes.set_xlim(0, seconds)
                axes.tick_params(labelbottom=all(later[0] == "faces" for later in panels[number + 1 :]))
                axes.xaxis.set_major_formatter(lambda moment, _: f"{moment:g} s")
                if legend:
                    _legend_on_its_own_line(axes, *axes.get_legend_handles_labels(), 4)
        return svg_of(figure, f"time-{width}", _describe(recording, [name for name, _, _ in panels], seconds))


def _panels(
    recording: Recording, reasons: EmertExplanation, seconds: float, width: str, across: float
) -> "list[tuple[str, float, Callable[[Axes], None]]]":
    """Name, height in inches and drawing of each panel that has something to show."""
    gaze, face = recording.gaze, recording.face
    panels: list = []
    if gaze is not None and (has_points(gaze) or len(known_fixations(gaze))):
        panels.append(("gaze", _GAZE, lambda axes: _draw_gaze(axes, gaze)))
    if has_pupils(gaze):
        panels.append(("pupils", _PUPILS, lambda axes: draw_pupils(axes, gaze, LIGHT)))
    if any(weights.any() for weights in reasons.time_weights.values()):  # nothing is told otherwise
        panels.append(("attention", _ATTENTION, lambda axes: _draw_attention(axes, recording, reasons)))
    if face is not None and len(face.frames):
        tall = _FACES[width]
        panels.append(("faces", tall, lambda axes: draw_faces(axes, face, seconds, (across, tall), LIGHT)))
    return panels


def _draw_gaze(axes: "Axes", gaze: Gaze) -> None:
    """As in reports; for glasses, which know no screen and no stimulus, the title names the scene camera's image instead."""
    draw_gaze(axes, gaze, LIGHT)
    if any(_SCENE in note for note in gaze.notes):
        _, *notes = axes.get_title(loc="left").split(" · ")
        panel_title(axes, f"Gaze, normalised to the {_SCENE}", LIGHT, *notes)


def _draw_attention(axes: "Axes", recording: Recording, reasons: EmertExplanation) -> None:
    """Each step's percentage of all attention: frames as points, the steps of the eyes as lines.

    The modalities differ in their marks and not in colour alone. Those that are absent are not drawn.
    """
    dress(axes, LIGHT)
    weights = {name: 100 * values[0] for name, values in reasons.time_weights.items()}
    if recording.face is not None and weights["face"].any():
        steps = spread_evenly(len(recording.face.times_ms), len(weights["face"]))
        moments = recording.face.times_ms[steps] / 1000
        axes.vlines(moments, 0, weights["face"], color=LIGHT.ink, linewidth=0.7, alpha=0.6)
        axes.plot(moments, weights["face"], "o", color=LIGHT.ink, markersize=3.2, label="face", clip_on=False, zorder=3)
    for name, colour, dashes in (("eye_movements", LIGHT.first, "-"), ("fixations", LIGHT.second, (0, (3, 1.5)))):
        if weights[name].any() and recording.gaze is not None:
            edges = _step_edges(recording.gaze, len(weights[name]))
            label = name.replace("_", " ")
            axes.stairs(weights[name], edges, color=colour, linewidth=1.4 * LINE_WIDTH, linestyle=dashes, label=label)
    axes.set_ylim(0, 1.12 * max(values.max(initial=0.0) for values in weights.values()) + 0.1)
    axes.yaxis.set_major_formatter(lambda percent, _: f"{percent:g} %")
    panel_title(axes, "Attention", LIGHT, "percentage of each step")
    panel_legend(axes, LIGHT)


def _step_edges(gaze: Gaze, steps: int) -> np.ndarray:
    """`(steps + 1,)` in s: where the processor divides the recording (see `feature_extraction_emert`)."""
    if gaze.times_ms is not None and len(gaze.times_ms):
        begin = float(gaze.times_ms[0])
    else:
        begin = float(known_fixations(gaze)[:, 2].min())
    return np.linspace(begin, max(gaze.duration_ms, begin + 1), steps + 1) / 1000


def _legend_on_its_own_line(axes: "Axes", handles: list, labels: list[str], columns: int) -> None:
    """Between the title and the panel, since the two do not fit side by side on a phone."""
    lines = -(-len(labels) // columns)
    title = axes.get_title(loc="left").split(" · ")[0]
    pad = 4 + lines * _LEGEND_LINE * 72
    axes.set_title(title, loc="left", fontsize=TEXT_SIZE, color=LIGHT.ink, pad=pad, parse_math=False)
    place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "borderaxespad": 0.1}
    text = {"frameon": False, "fontsize": SMALL_SIZE, "labelcolor": LIGHT.ink, "handlelength": 1.2, "columnspacing": 0.9}
    axes.legend(handles, [label.split(",")[0] for label in labels], ncols=columns, **place, **text)


def _seconds(recording: Recording) -> float:
    """Length of the time axis."""
    ends = [] if recording.gaze is None else [recording.gaze.duration_ms]
    if recording.face is not None and len(recording.face.times_ms):
        ends.append(float(recording.face.times_ms[-1]))
    return max(max(filter(np.isfinite, ends), default=0.0) / 1000, 0.1)


def _describe(recording: Recording, panels: list[str], seconds: float) -> str:
    words = [f"Time line of {seconds:.1f} seconds: {'; '.join(_PANEL_WORDS[name] for name in panels)}."]
    fixations = known_fixations(recording.gaze)
    if len(fixations):
        words.append(f"{len(fixations)} fixations, {np.median(fixations[:, 3]):.0f} ms at the median.")
    return " ".join(words)


def density_map(recording: Recording) -> str | None:
    """Density of the fixations on the stimulus; None where no fixation is inside of it."""
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
    chosen = processor.video_processor.pick(len(face.frames), face.names)
    pictures = []
    for index in chosen:
        small = Image.fromarray(face.frames[index]).resize((size["width"], size["height"]), Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        small.resize((_CROP_SIDE, _CROP_SIDE), Image.Resampling.NEAREST).save(buffer, "PNG")
        url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        pictures.append({"picture": url, "seconds": float(face.times_ms[index]) / 1000, "found": bool(face.detected[index])})
    return pictures
