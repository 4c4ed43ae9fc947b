"""What a worker process makes of one recording."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from transformers import pipeline

from spaces_demo.answers.messages import Request
from spaces_demo.workers.answering import answer_request
from training.cli import main


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


def test_gaze_of_a_minute_beside_a_short_video_is_told_everywhere(
    checkpoint: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    """By the pipeline's notes, the command and the page; both of these call the recording usable at best."""
    video, gaze = clips / "videos" / "p000-s000.mp4", tmp_path / "gaze.csv"
    samples, time = pd.read_csv(clips / "gaze" / "p000-s000.csv"), "RecordingTimestamp"
    minute = [samples.assign(**{time: samples[time] + 4000 * part}) for part in range(15)]
    pd.concat(minute).to_csv(gaze, index=False)
    files = {"video": video, "gaze": gaze}
    note = pipeline("emotion-recognition", model=str(checkpoint))(**files)["notes"][-1]
    assert note == "The video lasts 0.7 s and the gaze 57.0 s; do they belong together?"
    assert main(["predict", "--model", str(checkpoint), "--video", str(video), "--gaze", str(gaze)]) == 0
    printed = capsys.readouterr().out
    assert f"note: {note}" in printed
    shown = next(answer_request(Request(checkpoint, **files, pictures=False))).answer
    assert note in shown["notes"]
    reason = "the video and the gaze do not cover the same time"
    assert shown["measured"]["verdict"] != "good"
    assert reason in shown["measured"]["reasons"]
    assert f"quality of the recording: {shown['measured']['verdict']}: " in printed
    assert reason in printed
