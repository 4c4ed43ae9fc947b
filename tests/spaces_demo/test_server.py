"""The running page, asked by `gradio_client`: answers, refusals, and nothing left behind."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from modeling_emert.tasks_emert import EMER_TASKS, EMOTIONS
from spaces_demo.examples import EXAMPLES
from spaces_demo.request import Request
from spaces_demo.service import Service
from spaces_demo.uploads import visible_name
from spaces_demo.worker import answer_request
from spaces_demo.workers import Workers

Server = tuple[str, Service]


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server[0], verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


def files_of(clips: Path, name: str = "p000-s000") -> dict:
    return {"video": handle_file(clips / "videos" / f"{name}.mp4"), "gaze": handle_file(clips / "gaze" / f"{name}.csv")}


def left_behind(server: Server) -> list[str]:
    """Files with content in the temporary folder, the examples aside."""
    place = server[1].uploads.folder.parent
    files = [path for path in place.rglob("*") if path.is_file() and path.stat().st_size and "examples" not in path.parts]
    return [str(path.relative_to(place)) for path in files if not path.relative_to(place).parts[1].startswith("torchinductor")]


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


def test_calibrated_answers_are_the_pipelines(checkpoint: Path, clips: Path, tmp_path: Path):
    """In this process, as a worker does it: temperatures change the numbers, and the page says that they are calibrated."""
    from transformers import pipeline

    model = shutil.copytree(checkpoint, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    config["temperatures"] = {"er7": 0.05, "fer7": 3.0, "er3": 0.1, "fer3": 2.0}
    (model / "config.json").write_text(json.dumps(config))
    gaze = clips / "gaze" / "p000-s000.csv"
    found = next(answer_request(Request(model, gaze=gaze, pictures=False))).answer
    plain = next(answer_request(Request(checkpoint, gaze=gaze, pictures=False))).answer
    assert (found["calibrated"], plain["calibrated"]) == (True, False)
    assert found["tasks"]["er7"] == pytest.approx(
        pipeline("emotion-recognition", model=str(model))(gaze=gaze)["tasks"]["er7"], abs=2e-4
    )
    assert max(found["tasks"]["er7"].values()) > max(plain["tasks"]["er7"].values()) + 0.05
    # The contributions are shares of these very probabilities.
    assert found["contributions"]["er7"]["fixations"] != plain["contributions"]["er7"]["fixations"]


def test_nothing_given_and_unknown_models_are_refused(client: Client):
    with pytest.raises(AppError, match="Nothing to answer from"):
        client.predict(video=None, gaze=None, participant="", model="", api_name="/answer")
    with pytest.raises(AppError, match="There is no model 'other'"):
        client.predict(files=[], model="other", api_name="/batch")


def test_nobody_asks_for_a_file_of_the_server(server: Server, clips: Path):
    """By bare HTTP, since the client would upload the file."""
    path = clips / "gaze" / "p000-s000.csv"
    stolen = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    call = f"{server[0]}gradio_api/call/answer"
    event = httpx.post(call, json={"data": [None, stolen, "", ""]}).json()["event_id"]
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
    rows = client.predict(files=[handle_file(tmp_path / "b.zip")], model="", api_name="/batch")
    assert [row["recording"] for row in rows] == ["bad", "p000-s000", "p001-s001"]
    assert "no known format" in rows[0]["problem"]
    assert rows[1]["problem"] is None
    assert sum(rows[1][f"er7/{emotion}"] for emotion in EMOTIONS) == pytest.approx(1, abs=1e-3)
    one = client.predict(**files_of(clips), participant="", model="", api_name="/answer")
    assert rows[1]["er7/fear"] == one["tasks"]["er7"]["fear"]
    assert left_behind(server) == []


def test_the_endpoints_are_documented(client: Client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/answer", "/batch", "/models"}
    assert [one["parameter_name"] for one in endpoints["/answer"]["parameters"]] == ["video", "gaze", "participant", "model"]


def test_a_refusal_leaves_one_line_in_the_log(server: Server, caplog: pytest.LogCaptureFixture):
    uploads = server[1].uploads.folder
    (uploads / "x.csv").write_text("hello\n\x1b[31mred")
    (reply,) = server[1].answers(None, uploads / "x.csv")
    assert reply.refusal
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "\x1b" not in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


@pytest.mark.slow
def test_examples_answer_and_stay(server: Server):
    service = server[1]
    for example in EXAMPLES:
        *early, reply = service.answers_of_example(example, None)
        assert [one.answer == reply.answer and one.more for one in early] == [True]
        assert reply.refusal is None
        parts = {"face": "video", "eye_movements": "gaze"}
        assert [name for name, part in parts.items() if part in example.parts] == [
            name for name in reply.answer["modalities"] if name != "fixations"
        ]
        assert reply.pictures["time-wide"].startswith("<svg")
        files = [file for file in service.examples.of(example) if file]
        assert [file.is_file() for file in files] == [True] * len(example.parts)
        *_, again = service.answers_of_example(example, None)
        assert again.answer["tasks"] == reply.answer["tasks"]
    assert reply.answer["measured"]["verdict"] == "poor"  # the last one's tracking


def test_a_visitor_who_leaves_between_numbers_and_pictures_holds_up_nobody(server: Server, clips: Path):
    service, gaze = server[1], "p000-s000.csv"
    (service.uploads.folder / gaze).write_bytes((clips / "gaze" / gaze).read_bytes())
    replies = service.answers(None, service.uploads.folder / gaze)
    assert next(replies).more
    assert left_behind(server) == []  # deleted with the first answer
    before = set(service.workers.processes)
    replies.close()
    assert len(before - set(service.workers.processes)) == 1  # what it still draws is for nobody


@pytest.mark.slow
def test_a_worker_that_is_too_slow_or_dies_is_replaced(checkpoint: Path, clips: Path):
    request = Request(checkpoint, gaze=clips / "gaze" / "p000-s000.csv", pictures=False)
    workers = Workers([checkpoint], count=1, seconds=1e-4)
    try:
        assert workers.wait_until_warm()
        (first,) = workers.processes
        assert "longer than 0.0001 seconds" in workers.ask(request).refusal
        workers._seconds = 60
        assert workers.ask(request).answer["modalities"] == ["eye_movements", "fixations"]
        (second,) = workers.processes
        assert second != first
        os.kill(second, 9)
        assert "stopped halfway" in workers.ask(request).refusal
        assert workers.ask(request).answer
    finally:
        workers.close()
    assert workers.processes == []


def test_the_downloads_of_the_page_hold_the_whole_table(server: Server, clips: Path):
    import base64
    import io
    import re

    from spaces_demo.screen import _answer_batch

    uploads = server[1].uploads.folder
    for part, suffix in (("videos", "mp4"), ("gaze", "csv")):
        (uploads / f"a.{suffix}").write_bytes((clips / part / f"p000-s000.{suffix}").read_bytes())
    *steps, (page, cleared) = _answer_batch(server[1], [str(uploads / "a.mp4"), str(uploads / "a.csv")], None)
    assert "0 of 1" in steps[0][0]
    assert "1 of 1" in steps[1][0]
    assert cleared is None
    links = re.findall(r'href="data:[^,]+,([^"]+)" download="answers\.(\w+)"', page)
    tables = {kind: io.BytesIO(base64.b64decode(content)) for content, kind in links}
    csv, parquet = pd.read_csv(tables["csv"]), pd.read_parquet(tables["parquet"])
    assert csv["er7/fear"].tolist() == parquet["er7/fear"].tolist()
    assert not (uploads / "a.mp4").exists()
    assert visible_name("a.mp4") in parquet["video"].tolist()
