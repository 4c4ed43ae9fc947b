"""`emert predict` from a photograph and from action units, with the model that ships; and the face over time."""

import csv
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_emert import IMAGE, tiny_model

from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.video_emert import read_frames
from training.cli import main
from training.commands.predict import as_text

TEST = {"source": "study", "unseen": "40 people", "scores": {"uar": [0.5, 0.4, 0.6]}}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the model `people`: photographs for what is shown, action units for what is felt, and the latter not beyond chance."""
    folder = tmp_path_factory.mktemp("shipped") / "model"
    weak = {"scores": {"uar": [0.4, 0.3, 0.5]}}
    evidence = [TEST | {"task": "fer7", "inputs": ["pixel_values"]}, TEST | weak | {"task": "er3", "inputs": ["action_units"]}]
    model = tiny_model(tasks=["fer7", "fer3", "er3"], hierarchical=True, face_input="both", evidence=evidence)
    model.save_pretrained(folder)
    EmertProcessor.for_config(model.config, IMAGE).save_pretrained(folder)
    sets = {"data_sets": [{"data": "ferplus"}, {"data": "audience_effects"}]}
    (folder / "training_record.json").write_text(json.dumps({"data": "ferplus"} | sets))
    return folder


@pytest.fixture
def answered(shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Calls `emert predict` without --model and gives what it prints."""
    monkeypatch.setattr("training.evaluation.model_folder._SHIPPED", shipped)

    def ask(*words: str) -> str:
        capsys.readouterr()
        assert main(["predict", *words]) == 0
        return capsys.readouterr().out

    return ask


def test_a_photograph_is_answered_without_naming_a_model(answered, recordings: Path, tmp_path: Path):
    Image.fromarray(read_frames(recordings / "videos" / "p000-s000.mp4", 1)[0][0]).save(tmp_path / "photo.png")
    found = json.loads(answered("--image", str(tmp_path / "photo.png"), "--json"))
    assert set(found["tasks"]) == {"fer7", "fer3"}
    assert found["trained_on"] == "ferplus and audience_effects"
    assert found["timeline"] is None
    assert found["evidence"]["er3"]["words"].startswith("What is felt can't be told from the face")
    assert json.loads(answered("--video", str(tmp_path / "photo.png"), "--json")) == found


def test_action_units_of_openface_are_answered_and_a_guess_is_not_printed(answered, tmp_path: Path):
    columns = ["frame", "face_id", "timestamp", "confidence", "success", *(f"{name}_r" for name in ACTION_UNITS)]
    with (tmp_path / "clip.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for frame in range(5):
            writer.writerow([frame + 1, 0, frame * 0.04, 0.98, 1, *np.full(len(ACTION_UNITS), 1.5)])
    words = ["--action-units", str(tmp_path / "clip.csv")]
    found = json.loads(answered(*words, "--json"))
    assert (found["tasks"], set(found["untold"])) == ({}, {"er3"})
    assert found["evidence"]["er3"]["told"] is False
    page = answered(*words)
    assert "felt (ER)" not in page
    assert "[0.30, 0.50] (chance 0.33), which is not beyond chance." in page


def test_why_there_is_no_gap_is_printed_once(answered, recordings: Path):
    lines = answered("--video", str(recordings / "videos" / "p000-s000.mp4")).splitlines()
    untold = "What is felt can't be told from the face: the model was never tested on that."
    assert [line for line in lines if untold in line] == [f"no gap between felt and shown: {untold}"]
    assert any(line.startswith("What the face shows rests on the face: ") for line in lines)


def test_the_page_tells_the_face_over_time(answered, recordings: Path):
    video = recordings / "videos" / "p000-s000.mp4"
    page = answered("--video", str(video))
    assert "shown over time (" in page
    timeline = json.loads(answered("--video", str(video), "--json"))["timeline"]
    assert np.diff([one["time_ms"] for one in timeline]).max() <= 500
    best = [max(one["fer7"], key=one["fer7"].get) for one in timeline]
    changes = 1 + sum(first != second for first, second in pairwise(best))
    lines = page.partition("shown over time (")[2].partition("\n\n")[0].splitlines()[1:]
    assert len(lines) == changes
    assert best[0] in lines[0]


def test_a_change_from_crying_to_smiling_is_two_lines():
    labels = ("happiness", "sadness")
    timeline = [
        {"time_ms": 500.0 * step, "fer7": dict(zip(labels, (0.9, 0.1) if step > 3 else (0.2, 0.8), strict=True))}
        for step in range(8)
    ]
    quality = {"gaze_missing_fraction": None, "face_detected_fraction": 1.0, "verdict": "good", "reasons": []}
    answer = {"tasks": {}, "evidence": {}, "timeline": timeline, "gap": None, "gap_level": None, "gap_reason": "no eyes"}
    answer |= {"modalities": ["face"], "quality": quality, "notes": [], "trained_on": None}
    page = as_text(answer)
    assert "   0.0 to   1.5 s  sadness     0.80\n   2.0 to   3.5 s  happiness   0.90\n" in page
    # And the figures of the clip say that they are of both.
    assert page.startswith("over the whole clip, in which the face changes: sadness, then happiness (")
    still = as_text(answer | {"timeline": timeline[:4]})
    assert "whole clip, in which" not in still


def test_an_installation_without_the_model_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("training.evaluation.model_folder._SHIPPED", tmp_path / "absent")
    shutil.copy(__file__, tmp_path / "a.png")
    assert main(["predict", "--image", str(tmp_path / "a.png")]) == 2
    assert "no --model is given and none came with this installation" in capsys.readouterr().err
