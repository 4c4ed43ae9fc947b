"""A made-up recording that goes all the way once, so that the first visitor does not wait for what is slow only once."""

from typing import TYPE_CHECKING

import numpy as np

from modeling_emert.columns_emert import COLUMN_INDEX, NUM_COLUMNS
from modeling_emert.faces_emert import default_detector
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording

if TYPE_CHECKING:
    from modeling_emert.modeling_emert import EmertForEmotionRecognition
    from modeling_emert.processing_emert import EmertProcessor

_SAMPLES, _FRAMES = 60, 8


def warm_up(model: "EmertForEmotionRecognition", processor: "EmertProcessor") -> None:
    """Answers once and draws once; the numbers are thrown away."""
    from dataset_scripts.readers.fixation_detection import with_fixations

    from .process import answer_recording

    unlisted = _anything().gaze
    with_fixations(Gaze(unlisted.eye_movements, unlisted.times_ms))  # loads pymovements, which takes more than a second

    default_detector()(np.zeros((180, 320, 3), np.uint8))
    list(answer_recording(model, processor, _anything(), pictures=True))


def _anything() -> Recording:
    times = np.arange(_SAMPLES) * 50.0
    samples = np.full((_SAMPLES, NUM_COLUMNS), np.nan, np.float32)
    for name, value in (("gaze_x", 0.4), ("gaze_y", 0.5), ("pupil_left", 3.5), ("pupil_right", 3.6)):
        samples[:, COLUMN_INDEX[name]] = value + 0.1 * np.sin(times / 300)
    fixations = np.array([[0.4, 0.5, 0, 1000], [0.6, 0.4, 1200, 1500]], np.float32)
    frames = np.full((_FRAMES, 112, 112, 3), 128, np.uint8)
    face = FaceTrack(frames, np.linspace(0, 3000, _FRAMES), np.ones(_FRAMES, bool))
    return Recording(face, Gaze(samples, times, fixations))
