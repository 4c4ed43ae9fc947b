"""The panel of the network's attention over time."""

from typing import TYPE_CHECKING

import numpy as np

from dataset_scripts.inspection.gaze_signals import known_fixations
from dataset_scripts.pictures.style import LINE_WIDTH, Style, dress, panel_legend, panel_title
from modeling_emert.explain_emert import EmertExplanation
from modeling_emert.recording_emert import Gaze, Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_attention(axes: "Axes", recording: Recording, reasons: EmertExplanation, style: Style) -> None:
    """Each step's share of all attention in percent: frames as points, the steps of the eyes as lines.

    The kinds differ in their marks and not in colour alone. Modalities that are absent are not drawn.
    """
    dress(axes, style)
    weights = {name: 100 * values[0] for name, values in reasons.time_weights.items()}
    if recording.face is not None:
        steps = np.linspace(0, len(recording.face.times_ms) - 1, len(weights["face"])).round().astype(int)
        moments = recording.face.times_ms[steps] / 1000
        axes.vlines(moments, 0, weights["face"], color=style.ink, linewidth=0.7, alpha=0.6)
        axes.plot(moments, weights["face"], "o", color=style.ink, markersize=3.2, label="face", clip_on=False, zorder=3)
    for name, colour, dashes in (("eye_movements", style.first, "-"), ("fixations", style.second, (0, (3, 1.5)))):
        if weights[name].any() and recording.gaze is not None:
            edges = step_edges(recording.gaze, name, len(weights[name]))
            label = name.replace("_", " ")
            axes.stairs(weights[name], edges, color=colour, linewidth=1.4 * LINE_WIDTH, linestyle=dashes, label=label)
    axes.set_ylim(0, 1.12 * max(values.max(initial=0.0) for values in weights.values()) + 0.1)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:g} %")
    panel_title(axes, "Attention", style, "share of each step")
    panel_legend(axes, style)


def step_edges(gaze: Gaze, name: str, steps: int) -> np.ndarray:
    """`(steps + 1,)` in s: where the processor cuts the recording (see `feature_extraction_emert`)."""
    if gaze.times_ms is not None and len(gaze.times_ms):
        begin = float(gaze.times_ms[0])
    else:
        begin = float(known_fixations(gaze)[:, 2].min())
    return np.linspace(begin, max(gaze.duration_ms, begin + 1), steps + 1) / 1000
