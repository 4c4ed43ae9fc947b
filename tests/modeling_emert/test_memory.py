"""One pipeline that answers for hours: its memory does not grow with the clips."""

import gc
from pathlib import Path

import psutil
import pytest
from tiny_emert import tiny_config, tiny_model
from transformers import pipeline

from modeling_emert import EmertProcessor

FIRST, CLIPS = 100, 400
# 50 MB over the 1,900 clips that follow the first 100, in as many as are tried here; a decoder or a clip that stays takes more.
MOST_MB = 50 * (CLIPS - FIRST) / 1900


@pytest.mark.slow
def test_the_memory_of_a_pipeline_does_not_grow(recordings: Path):
    pipe = pipeline(
        "emotion-recognition", model=tiny_model(), processor=EmertProcessor.for_config(tiny_config(), image_size=32)
    )
    clips = [
        {"video": str(video), "gaze": str(recordings / "gaze" / f"{video.stem}.csv")}
        for video in sorted((recordings / "videos").iterdir())
    ]
    held = []
    for number in range(CLIPS):
        assert pipe(**clips[number % len(clips)])["tasks"]
        if number + 1 in (FIRST, CLIPS):
            gc.collect()
            held.append(psutil.Process().memory_full_info().uss / 1e6)
    assert held[1] - held[0] < MOST_MB
