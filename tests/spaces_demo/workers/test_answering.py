"""What a worker process makes of one recording."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import pipeline

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording
from spaces_demo.answers.messages import Request
from spaces_demo.workers.answering import answer_request, lengths_differ
from training.cli import main


def recording_of(video_s: float, gaze_s: tuple[float, float]) -> Recording:
    times = np.linspace(*gaze_s, 20) * 1000
    face = FaceTrack(np.zeros((4, 8, 8, 3), np.uint8), np.linspace(0, video_s * 1000, 4), np.ones(4, bool))
    return Recording(face, Gaze(np.zeros((20, NUM_COLUMNS), np.float32), times))


@pytest.mark.parametrize(
    ("video_s", "gaze_s", "words"),
    [
        (3, (0, 3), None),
        (3, (0, 1.2), "covers 1.2 s of the video's 3.0 s"),
        (10, (7, 10), "covers 3.0 s of the video's 10.0 s"),
        (10, (0, 3), "may not be of the same moments"),
        (3, (0, 3.5), None),
    ],
)
def test_gaze_of_less_than_half_of_the_video_is_reported(video_s: float, gaze_s: tuple[float, float], words: str | None):
    notes = lengths_differ(recording_of(video_s, gaze_s))
    assert len(notes) == (words is not None)
    assert not words or words in notes[0]


def test_calibrated_answers_are_the_pipelines(checkpoint: Path, clips: Path, tmp_path: Path):
    """In this process, as a worker does it: temperatures change the numbers, and the page says that they are calibrated."""
    model = shutil.copytree(checkpoint, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config["temperatures"] = {"er7": 0.05, "fer7": 3.0, "er3": 0.1, "fer3": 2.0}
    (model / "config.json").write_text(json.dumps(config))
    gaze = clips / "gaze" / "p000-s000.csv"
    found = next(answer_request(Request(model, gaze=gaze, pictures=False))).answer
    plain = next(answer_request(Request(checkpoint, gaze=gaze, pictures=False))).answer
    assert (found["calibrated"], plain["calibrated"]) == (True, False)
    assert found["tasks"] == pipeline("emotion-recognition", model=str(model))(gaze=gaze)["tasks"]
    assert max(found["tasks"]["er7"].values()) > max(plain["tasks"]["er7"].values()) + 0.05
    # The contributions are differences of these very probabilities.
    assert found["contributions"]["er7"]["fixations"] != plain["contributions"]["er7"]["fixations"]


@pytest.mark.parametrize("given", [("video", "gaze"), ("video",), ("gaze",)], ids=["both", "without gaze", "without face"])
def test_pipeline_command_and_worker_give_the_same_answer(
    checkpoint: Path, clips: Path, given: tuple[str, ...], capsys: pytest.CaptureFixture
):
    files = {"video": clips / "videos" / "p000-s000.mp4", "gaze": clips / "gaze" / "p000-s000.csv"}
    files = {part: files[part] for part in given}
    expected = pipeline("emotion-recognition", model=str(checkpoint))(**files)
    options = [word for part, path in files.items() for word in (f"--{part}", str(path))]
    assert main(["predict", "--model", str(checkpoint), *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    shown = next(answer_request(Request(checkpoint, **files, pictures=False))).answer
    # The command also prints the verdict of `emert data inspect`, which the page has elsewhere.
    assert {name: printed["quality"].pop(name) for name in ("verdict", "reasons")} == {
        name: shown["measured"][name] for name in ("verdict", "reasons")
    }
    for found in (printed, shown):
        assert {name: found[name] for name in expected} == expected
    assert (expected["gap"] is None) == (len(given) == 1)
    assert (expected["gap_reason"] is None) == (len(given) == 2)
