"""The running page, asked by `gradio_client`: answers, refusals, and nothing left behind."""

import json
import os
import re
import shutil
import signal
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
_FILE = {"_type": "gradio.FileData"}
_MARK = re.compile(r"up[0-9a-f]{16}-")


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
        archive.writestr("thesis.pdf", "%PDF")
    found = client.predict(files=[handle_file(tmp_path / "b.zip")], model="", api_name="/batch")
    assert found["left_out"] == "left out: thesis.pdf, neither a video nor a gaze file by name."
    rows = found["rows"]
    assert [row["recording"] for row in rows] == ["bad", "p000-s000", "p001-s001"]
    assert "no known format" in rows[0]["problem"]
    assert rows[1]["problem"] is None
    assert sum(rows[1][f"er7/{emotion}"] for emotion in EMOTIONS) == pytest.approx(1, abs=1e-3)
    one = client.predict(**files_of(clips), participant="", model="", api_name="/answer")
    assert rows[1]["er7/fear"] == one["tasks"]["er7"]["fear"]
    assert left_behind(server) == []


def test_files_of_those_who_wait_are_not_swept_away(
    client: Client, clips: Path, server: Server, monkeypatch: pytest.MonkeyPatch
):
    """More requests than workers, and a sweep that takes every age for too old."""
    service, go_on = server[1], threading.Event()
    replies = service.workers.replies

    def slow(request: Request):
        assert go_on.wait(60)
        return replies(request)

    monkeypatch.setattr(service.workers, "replies", slow)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(client.predict, **files_of(clips), participant="", model="", api_name="/answer") for _ in range(4)]
        deadline = time.monotonic() + 30
        while len(set(_MARK.findall(service.uploads.waiting()))) < 8 and time.monotonic() < deadline:
            time.sleep(0.1)
        (service.uploads.folder / "forgotten.csv").write_text("x")
        service.uploads.sweep(age=-1)
        go_on.set()
        answers = [one.result() for one in asked]
    assert all(one["tasks"] == answers[0]["tasks"] for one in answers)
    assert left_behind(server) == []


@pytest.fixture
def crowd(clips: Path, tmp_path: Path) -> Path:
    """A gaze file of three participants."""
    one = pd.read_csv(clips / "gaze" / "p000-s000.csv")
    names = next(name for name in one.columns if "participant" in name.lower())
    pd.concat([one.assign(**{names: name}) for name in ("p10", "p2", "p1")]).to_csv(tmp_path / "crowd.csv", index=False)
    return tmp_path / "crowd.csv"


def test_a_participant_that_has_to_be_named_costs_no_second_upload(server: Server, crowd: Path):
    from spaces_demo.screen import _answer

    service = server[1]
    file = shutil.copy(crowd, service.uploads.folder / "crowd.csv")
    ((page, _, *rest),) = _answer(service, None, str(file), "", None)
    assert "crowd.csv holds several participants (p1, p2, p10); write one of them under &#x27;Participant&#x27;." in page
    assert "still here" in page
    assert file.is_file()
    assert rest[2].open  # the field for it
    ((page, *_),) = _answer(service, None, str(file), "p" * 90, None)
    assert f"has no participant &#x27;{'p' * 39}…&#x27;; it has p1, p2, p10." in page
    assert file.is_file()
    *_, (page, _, *rest) = _answer(service, None, str(file), "p2", None)
    assert "emert-verdict" in page
    assert rest[:2] == [None, None]
    assert not file.exists()


def test_programs_send_the_participant_with_the_file(client: Client, server: Server, crowd: Path):
    with pytest.raises(AppError, match=r"several participants \(p1, p2, p10\)"):
        client.predict(video=None, gaze=handle_file(crowd), participant="", model="", api_name="/answer")
    assert left_behind(server) == []


@pytest.mark.parametrize(
    ("api", "data", "words"),
    [
        ("answer", [None, None, 5, ""], "participant: found int, expected text."),
        ("answer", [None, None, "", ["x"]], "model: found list, expected text."),
        ("answer", ["clip.mp4", None, "", ""], "video: found str, expected a file"),
        ("answer", [None, 7, "", ""], "gaze: found int, expected a file"),
        ("answer", [], "The arguments can't be read"),
        (
            "answer",
            [None, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "", ""],
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


def _kill_at_work(workers: Workers, process: int) -> None:
    """The worker sleeps through the next question and is killed meanwhile."""
    os.kill(process, signal.SIGSTOP)
    threading.Timer(1.0, os.kill, (process, signal.SIGKILL)).start()


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
        assert workers.ask(request).answer  # nobody is told of a worker that died while it had nothing to do
        (third,) = workers.processes
        _kill_at_work(workers, third)
        refusal = workers.ask(request).refusal
        assert "stopped halfway" in refusal
        assert "shorter video" in refusal
        assert workers.ask(request).answer
        (fourth,) = workers.processes
        _kill_at_work(workers, fourth)
        refusal = workers.ask(replace(request, example=True)).refusal
        assert "try again" in refusal
        assert "shorter video" not in refusal
    finally:
        workers.close()
    assert workers.processes == []


def test_the_downloads_of_the_page_hold_the_whole_table(server: Server, clips: Path):
    import base64
    import io
    import re

    from spaces_demo.several import _answer_batch

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
