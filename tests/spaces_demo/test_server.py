"""The running page, from inside: what is kept and for how long, examples, workers that are replaced."""

import json
import os
import re
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from gradio_client import Client
from running_space import Server, files_of, left_behind

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.answers.messages import Request
from spaces_demo.examples import EXAMPLES
from spaces_demo.workers.pool import Workers
from spaces_demo.workers.process import answer_request

_MARK = re.compile(r"up[0-9a-f]{16}-")


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


def test_a_participant_that_has_to_be_named_costs_no_second_upload(server: Server, crowd: Path):
    import gradio as gr

    from spaces_demo.page.screen import _answer

    service = server[1]
    file = shutil.copy(crowd, service.uploads.folder / "crowd.csv")
    ((_, page, _, *files, field),) = _answer(service, None, str(file), "", None)
    assert "crowd.csv holds several participants (p1, p2, p10); write one of them under &#x27;Participant&#x27;." in page
    assert "Your gaze file is still here." in page
    assert file.is_file()
    assert files == [None, gr.skip()]
    assert field.open  # the field for it
    ((_, page, *_),) = _answer(service, None, str(file), "p" * 90, None)
    assert f"has no participant &#x27;{'p' * 39}…&#x27;; it has p1, p2, p10." in page
    assert file.is_file()
    *_, (_, page, _, *files, field) = _answer(service, None, str(file), "p2", None)
    assert "emert-verdict" in page
    assert files == [None, None]
    assert not file.exists()


def test_a_wrong_file_costs_only_itself(server: Server, clips: Path):
    """The right one waits for another question, unclaimed, so that it is swept away if none comes."""
    import gradio as gr

    from spaces_demo.page.screen import _answer

    service = server[1]
    wrong = {"video": b"no video", "gaze": b"hello\nthere\n"}
    for part, content in wrong.items():
        files = {"video": service.uploads.folder / "v.mp4", "gaze": service.uploads.folder / "g.csv"}
        shutil.copy(clips / "videos" / "p000-s000.mp4", files["video"])
        shutil.copy(clips / "gaze" / "p000-s000.csv", files["gaze"])
        files[part].write_bytes(content)
        ((_, page, _, *left, field),) = _answer(service, *map(str, files.values()), "", None)
        right = "gaze" if part == "video" else "video"
        assert f"Your {right}{' file' if right == 'gaze' else ''} is still here." in page
        assert left == [gr.skip() if name == right else None for name in files]
        assert field == gr.skip()
        assert [path.exists() for path in files.values()] == [name == right for name in files]
        assert not service.uploads._claimed
        service.uploads.sweep(age=-1)
        assert left_behind(server) == []


def test_where_nothing_is_given_the_last_answer_stays(server: Server):
    import gradio as gr

    from spaces_demo.page.screen import _answer

    ((notice, *rest),) = _answer(server[1], None, None, "", None)
    assert 'role="alert"' in notice.value
    assert "Nothing to answer from" in notice.value
    assert rest == [gr.skip()] * 5


@pytest.mark.parametrize(
    ("name", "shown"),
    [("quickstart/model", "'quickstart/model'"), ("<b>x</b>", "'<b>x</b>'"), ("a\nb" * 50, f"'{'a@nb' * 26}a@n…'")],
)
def test_an_unknown_model_is_named_as_it_was_given(server: Server, name: str, shown: str):
    with pytest.raises(EmertInputError) as refusal:
        server[1].checkpoint(name)
    assert str(refusal.value).startswith(f"There is no model {shown.replace('@', chr(92))}; there is ")


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


@pytest.mark.slow
def test_where_no_worker_can_start_nobody_waits(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The header of the weights is sound, but one of them is missing: it would be random numbers."""
    from safetensors.numpy import load_file, save_file

    monkeypatch.setattr("spaces_demo.workers.pool._RETRY_SECONDS", 0.5)
    model = shutil.copytree(checkpoint, tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights.pop(max(weights))
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    workers = Workers([model], count=1)
    try:
        start = time.monotonic()
        assert "can't load its model" in workers.ask(Request(model, gaze=tmp_path / "x.csv")).refusal
        assert time.monotonic() - start < 90
    finally:
        workers.close()
    assert "model.safetensors lacks" in caplog.text
