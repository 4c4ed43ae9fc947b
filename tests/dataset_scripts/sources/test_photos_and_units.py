"""A user's folder of photographs and of action units: columns `image` and `action_units` of its table."""

import numpy as np
import pytest
from PIL import Image

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.face_drawing import face_frames
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from dataset_scripts.sources import open_source
from modeling_emert.columns_emert import ACTION_UNITS
from modeling_emert.errors_emert import EmertInputError


@pytest.fixture
def folder(tmp_path):
    """Three people: a photograph each, action units of the first two, neither of the fourth recording's face."""
    settings = GeneratorSettings(seconds=1, frames_per_second=2, frame_size=256)
    frames, _ = face_frames(make_truth(settings)[0], np.zeros((0, 2)), np.full((2, 2), 0.5), settings)
    Image.fromarray(frames[-1]).save(tmp_path / "face.jpg")
    names = ["frame", "timestamp", "confidence", "success", *(f"{unit}_r" for unit in ACTION_UNITS)]
    rows = [", ".join([str(frame + 1), str(frame / 10), "0.9", "1", *["1.5"] * 17]) for frame in range(4)]
    (tmp_path / "units.csv").write_text("\n".join([", ".join(names), *rows]) + "\n")
    lines = ["recording_id,participant,stimulus,image,action_units,fer7"]
    lines += ["a,p1,s1,face.jpg,units.csv,anger", "b,p2,s1,,units.csv,anger", "c,p3,s1,face.jpg,,neutral"]
    (tmp_path / "recordings.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_they_become_rows(folder, tmp_path):
    data = EmertData.open(build(open_source("folder", folder), tmp_path.parent / f"{tmp_path.name}-data", num_workers=1))
    a, b, c = (data.recording(row) for row in np.argsort(data.ids["recording_id"]))
    assert a.face.frames.shape == c.face.frames.shape == (1, 112, 112, 3)
    assert b.face is None
    assert a.action_units.intensities.shape == b.action_units.intensities.shape == (4, 17)
    assert b.action_units.times_ms == pytest.approx([0, 100, 200, 300])
    assert c.action_units is None


def test_a_video_and_an_image_of_one_recording_are_refused(folder):
    table = folder / "recordings.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{head},video", *(f"{row},face.jpg" for row in rows)]) + "\n")
    with pytest.raises(EmertInputError, match="recording a: a video and an image"):
        open_source("folder", folder).entries()
