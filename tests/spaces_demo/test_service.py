"""The service of a running page: refusals, the log, examples, and visitors who leave."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client
from running_space import Server, files_of, left_behind

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.answers.messages import Request
from spaces_demo.examples import EXAMPLES

_MARK = re.compile(r"up[0-9a-f]{16}-")


@pytest.mark.slow  # starts a server of its own
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
