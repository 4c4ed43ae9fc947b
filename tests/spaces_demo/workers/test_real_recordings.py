"""Real faces with real eye trackers' files: each pair gives an answer, or one sentence that tells what is wrong with it."""

import re
from pathlib import Path

import pytest
from places import REAL
from running_space import Server

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not (REAL / "faces").is_dir(), reason=f"no real recordings under {REAL}; set EMERT_REAL_DATA"),
]
VIDEOS = ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "no_face.mp4")
# The file, whose gaze, and what is said where it can't be used.
GAZES = (
    ("exports/pupil_core/gaze_positions.csv", "", ""),
    ("exports/eyelink/eyelink_binocular_example.asc", "", ""),
    ("exports/emdat/P63-All-Data.tsv", "", ""),
    ("exports/emdat/4Ctest.csv", "", ""),
    ("tobii_studio_faces/recordings_60hz/000.csv.gz", "00", ""),
    ("tobii_studio_faces/recordings_60hz/000.csv.gz", "", "write one of them under 'Participant'"),
    ("exports/pupil_core/blinks.csv", "", ""),
)


@pytest.mark.parametrize("gaze", GAZES, ids=[f"{Path(name).name}-{person}" for name, person, _ in GAZES])
@pytest.mark.parametrize("video", VIDEOS)
def test_every_pair_gives_an_answer_or_a_sentence(server: Server, video: str, gaze: tuple[str, str, str]):
    service, (name, participant, refused) = server[1], gaze
    files = [service.uploads.folder / Path(path).name for path in (video, name)]
    for file, source in zip(files, (REAL / "faces" / video, REAL / name), strict=True):
        file.write_bytes(source.read_bytes())
    *_, reply = service.answers(*files, participant)
    assert not any(file.exists() for file in files)
    if refused:
        assert refused in (reply.refusal or "")
        return
    if reply.refusal:
        assert video == "no_face.mp4", reply.refusal
        assert re.search("No face was found .* Nothing is left to answer from", reply.refusal)
        return
    answer = reply.answer
    assert ("face" in answer["modalities"]) == (video != "no_face.mp4")
    assert "eye_movements" in answer["modalities"] or answer["notes"]
    assert reply.pictures["time-wide"].startswith("<svg")
