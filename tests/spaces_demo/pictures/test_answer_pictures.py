"""The pictures of one answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.recording_emert import Gaze, Recording
from spaces_demo.pictures.answer_pictures import timeline


@pytest.mark.parametrize(
    ("note", "frame"), [("Glasses know only the scene camera's image.", "scene camera's image"), ("", "stimulus")]
)
def test_the_title_of_the_gaze_panel_names_the_coordinate_frame(note: str, frame: str):
    gaze = Gaze(np.zeros((20, NUM_COLUMNS), np.float32), np.arange(20) * 150.0, notes=[note])
    no_attention = SimpleNamespace(
        time_weights={"face": np.zeros((1, 8)), "eye_movements": np.zeros((1, 32)), "fixations": np.zeros((1, 32))}
    )
    assert f"Gaze, normalised to the {frame}" in timeline(Recording(None, gaze), no_attention, "wide")
