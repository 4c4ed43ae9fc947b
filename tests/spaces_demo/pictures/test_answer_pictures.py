"""The pictures of one answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.recording_emert import Gaze, Recording
from spaces_demo.pictures.answer_pictures import shown_over_time, timeline


@pytest.mark.parametrize(
    ("note", "frame"), [("Glasses know only the scene camera's image.", "scene camera's image"), ("", "stimulus")]
)
def test_the_title_of_the_gaze_panel_names_the_coordinate_frame(note: str, frame: str):
    gaze = Gaze(np.zeros((20, NUM_COLUMNS), np.float32), np.arange(20) * 150.0, notes=[note])
    no_attention = SimpleNamespace(
        time_weights={"face": np.zeros((1, 8)), "eye_movements": np.zeros((1, 32)), "fixations": np.zeros((1, 32))}
    )
    assert f"Gaze, normalised to the {frame}" in timeline(Recording(None, gaze), no_attention, "wide")


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_what_is_shown_over_time_is_named_beside_the_picture(width: str):
    """And not in it, where names of neighbours would lie on each other."""
    shown = [("neutral", "sadness"), ("sadness", "neutral"), ("happiness", "sadness")]
    rest = dict.fromkeys(("happiness", "sadness", "fear", "neutral"), 0.02)
    frames = [rest | {first: 0.6, second: 0.36} for first, second in shown]
    found = shown_over_time([{"time_ms": 400.0 * step, "fer7": one} for step, one in enumerate(frames)], width)
    assert f"emert-shown-{width}" in found
    assert [found.count(f">{name}</text>") for name in rest] == [1, 1, 0, 1]  # fear never counts
    assert "from 0.0 s neutral; from 0.4 s sadness; from 0.8 s happiness." in found
    assert shown_over_time(None, width) is None
