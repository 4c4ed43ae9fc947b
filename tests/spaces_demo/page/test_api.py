"""The running page, asked by programs: `gradio_client` and bare HTTP."""

import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest
from demo_answers import an_answer
from drawn_people import draw_people, write_video
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from running_space import Server, files_of, left_behind

from modeling_emert.tasks_emert import EMER_TASKS, EMOTIONS


def test_a_program_gets_the_pipelines_answer(client: Client, clips: Path, checkpoint: Path, server: Server):
    from transformers import pipeline

    import modeling_emert  # noqa: F401

    found = client.predict(**files_of(clips), participant="", model="", api_name="/answer")
    paths = {"video": clips / "videos" / "p000-s000.mp4", "gaze": clips / "gaze" / "p000-s000.csv"}
    expected = pipeline("emotion-recognition", model=str(checkpoint))(**paths)
    assert set(found["tasks"]) == set(EMER_TASKS)
    for task, values in expected["tasks"].items():
        assert found["tasks"][task] == pytest.approx(values, abs=2e-4)
    assert found["modalities"] == ["face", "eye_movements", "fixations"]
    assert found["trained_on"] == "synthetic"
    assert found["gap_meaning"].startswith(f"{found['gap']:.0%}")
    assert left_behind(server) == []


def test_either_file_may_be_missing_and_the_model_is_chosen(client: Client, clips: Path):
    first, second = client.predict(api_name="/models")
    files = files_of(clips)
    face = client.predict(video=files["video"], gaze=None, participant="", model=first, api_name="/answer")
    eyes = client.predict(video=None, gaze=files["gaze"], participant="", model=second, api_name="/answer")
    assert face["modalities"] == ["face"]
    assert (eyes["modalities"], eyes["gap"], eyes["model"]) == (["eye_movements", "fixations"], None, second)
    assert eyes["trained_on"] == "folder"
    assert {task[:2] for task in eyes["tasks"]} == {task[:2] for task in eyes["contributions"]} == {"er"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all", "not a video that FFmpeg can read"),
        ("<b>hello.csv", b"hello\nthere\n", "is in no known format"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(
    client: Client, server: Server, tmp_path: Path, name: str, content: bytes, words: str
):
    (tmp_path / name).write_bytes(content)
    part = "video" if name.endswith(".mp4") else "gaze"
    files = {"video": None, "gaze": None, part: handle_file(tmp_path / name)}
    with pytest.raises(AppError) as refusal:
        client.predict(**files, participant="", model="", api_name="/answer")
    assert words in str(refusal.value)
    assert name.split(".")[0].replace("<b>", "") in str(refusal.value)
    assert "/tmp" not in str(refusal.value)
    assert left_behind(server) == []


def test_nothing_given_and_unknown_models_are_refused(client: Client):
    with pytest.raises(AppError, match="Nothing to answer from"):
        client.predict(video=None, gaze=None, participant="", model="", api_name="/answer")
    with pytest.raises(AppError, match="There is no model 'other'"):
        client.predict(files=[], model="other", api_name="/batch")


def test_a_path_on_the_server_is_refused(server: Server, clips: Path):
    """By bare HTTP, since the client would upload the file."""
    path = clips / "gaze" / "p000-s000.csv"
    foreign = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    call = f"{server[0]}gradio_api/call/answer"
    event = httpx.post(call, json={"data": [None, foreign, "", "", "", ""]}).json()["event_id"]
    events = httpx.get(f"{call}/{event}", timeout=60).text
    assert "event: error" in events
    assert "event: complete" not in events
    assert path.is_file()


def test_a_batch_is_a_table_with_a_row_for_every_recording(client: Client, clips: Path, server: Server, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for name in ("p000-s000", "p001-s001"):
            archive.write(clips / "videos" / f"{name}.mp4", f"videos/{name}.mp4")
            archive.write(clips / "gaze" / f"{name}.csv", f"gaze/{name}.csv")
        archive.writestr("bad.csv", "hello")
        archive.writestr("thesis.pdf", "%PDF")
    found = client.predict(files=[handle_file(tmp_path / "b.zip")], model="", api_name="/batch")
    left_out = "left out: thesis.pdf, neither a video nor a gaze file by name."
    assert found["left_out"] == f"{left_out} Without a video: bad."
    rows = found["rows"]
    assert [row["recording"] for row in rows] == ["bad", "p000-s000", "p001-s001"]
    assert "no known format" in rows[0]["problem"]
    assert rows[1]["problem"] is None
    assert sum(rows[1][f"er7/{emotion}"] for emotion in EMOTIONS) == pytest.approx(1, abs=1e-3)
    one = client.predict(**files_of(clips), participant="", model="", api_name="/answer")
    assert rows[1]["er7/fear"] == one["tasks"]["er7"]["fear"]
    assert left_behind(server) == []


def test_programs_choose_the_person_where_the_video_shows_two(client: Client, server: Server, tmp_path: Path):
    video = write_video(tmp_path / "two.mp4", draw_people(*[[(0, 20 + n, 150), (1, 270, 150)] for n in range(4)]))
    files = {"video": handle_file(video), "gaze": None, "participant": "", "model": "", "api_name": "/answer"}
    left, right = (client.predict(**files, face=face) for face in ("left", "2"))
    assert left["tasks"] != right["tasks"]
    assert [found["notes"][0].split(" from")[0] for found in (left, right)] == [
        f"2 people are seen; number {number}" for number in (1, 2)
    ]
    with pytest.raises(AppError, match="give 1 to 2"):
        client.predict(**files, face="3")
    assert left_behind(server) == []


def test_programs_send_the_participant_with_the_file(client: Client, server: Server, crowd: Path):
    with pytest.raises(AppError, match=r"several participants \(p1, p2, p10\)"):
        client.predict(video=None, gaze=handle_file(crowd), participant="", model="", api_name="/answer")
    assert left_behind(server) == []


def test_programs_choose_the_recording_where_the_file_holds_two(client: Client, server: Server, clips: Path, tmp_path: Path):
    one, two = (pd.read_csv(clips / "gaze" / f"p000-s00{number}.csv") for number in (0, 1))
    stimulus = next(name for name in one.columns if "media" in name.lower() or "stimulus" in name.lower())
    pd.concat([one.assign(**{stimulus: "a.png"}), two.assign(**{stimulus: "b.png"})]).to_csv(tmp_path / "two.csv", index=False)
    files = {"video": None, "gaze": handle_file(tmp_path / "two.csv"), "participant": "", "model": "", "api_name": "/answer"}
    with pytest.raises(AppError, match=r"two.csv holds 2 recordings \(#1 a.png, #2 b.png\); write the name or number"):
        client.predict(**files)
    with pytest.raises(AppError, match=r"one of stimulus 'c.png' is not among them"):
        client.predict(**files, stimulus="c.png")
    named, numbered, first = (client.predict(**files, stimulus=name) for name in ("b.png", "#2", "#1"))
    assert named == numbered
    assert named["tasks"] != first["tasks"]
    assert left_behind(server) == []


@pytest.mark.parametrize(
    ("api", "data", "words"),
    [
        ("answer", [None, None, 5, "", "", ""], "participant: found int, expected text."),
        ("answer", [None, None, "", ["x"], "", ""], "model: found list, expected text."),
        ("answer", [None, None, "", "", 1, ""], "face: found int, expected text."),
        ("answer", ["clip.mp4", None, "", "", "", ""], "video: found str, expected a file"),
        ("answer", [None, 7, "", "", "", ""], "gaze: found int, expected a file"),
        ("answer", [], "The arguments can't be read"),
        (
            "answer",
            [None, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "", "", "", ""],
            "The arguments can't be read",
        ),
        ("batch", ["x", ""], "files: found str, expected a list"),
        ("batch", [["x"], ""], "files: found str, expected a file"),
    ],
)
def test_wrong_types_give_one_sentence_and_one_line(
    server: Server, api: str, data: list, words: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
):
    call = f"{server[0]}gradio_api/call/{api}"
    event = httpx.post(call, json={"data": data}).json()["event_id"]
    events = httpx.get(f"{call}/{event}", timeout=60).text
    assert "event: error" in events
    assert words in events
    assert len([record for record in caplog.records if record.name == "emert.demo"]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_the_endpoints_are_documented(client: Client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/answer", "/batch", "/models"}
    taken = [one["parameter_name"] for one in endpoints["/answer"]["parameters"]]
    assert taken == ["video", "gaze", "participant", "model", "face", "stimulus"]


@pytest.mark.parametrize("modalities", [["face"], ["fixations"]])
def test_without_a_gap_there_is_a_reason_in_place_of_its_meaning(modalities: list[str]):
    from spaces_demo.page.api import as_json

    found = as_json(an_answer(modalities=modalities))
    assert (found["gap"], found["gap_meaning"]) == (None, None)
    assert found["gap_reason"].startswith("Needs")
    assert as_json(an_answer())["gap"] == 0.8
