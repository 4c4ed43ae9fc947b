"""Many visitors at once: each gets their own answer, the memory stays bounded, and a slow file holds up nobody for long."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from gradio_client import Client, handle_file
from running_space import Server
from transformers import pipeline

import modeling_emert  # noqa: F401
from spaces_demo.answers.messages import Request
from spaces_demo.workers.pool import Workers

pytestmark = pytest.mark.slow
_CLIENTS, _REQUESTS = 20, 100
_MAX_SERVER_MB = 3000
_TIME_OUT, _START = 10, 30  # s: for an answer; for a new worker on a busy machine


class Memory(threading.Thread):
    """The most that the server took, in MB: it and all its processes, shared pages counted once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self._over = 0.0, threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._over.wait(0.5):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total / 2**20)

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self.peak


@pytest.fixture(scope="module")
def questions(clips: Path) -> list[dict[str, Path]]:
    """Videos and gaze files that were never made together, or either alone: all different."""
    videos, gazes = sorted((clips / "videos").iterdir()), sorted((clips / "gaze").iterdir())
    pairs = [{"video": video, "gaze": gaze} for video in videos for gaze in gazes]
    chosen = random.Random(0).sample(pairs, _REQUESTS - 20)
    return chosen + [{"video": video} for video in videos[:10]] + [{"gaze": gaze} for gaze in gazes[:10]]


@pytest.fixture(scope="module")
def expected(questions: list[dict[str, Path]], checkpoint: Path) -> list[dict]:
    """The pipeline's own answers."""
    ask = pipeline("emotion-recognition", model=str(checkpoint))
    return [ask(**question) for question in questions]


@pytest.fixture
def memory() -> Iterator[Memory]:
    watcher = Memory()
    watcher.start()
    yield watcher
    watcher.stop()


def test_a_hundred_questions_of_twenty_visitors_get_a_hundred_answers(
    server: Server, questions: list[dict[str, Path]], expected: list[dict], tmp_path: Path, memory: Memory
):
    clients = [Client(server[0], verbose=False, download_files=str(tmp_path)) for _ in range(_CLIENTS)]

    def ask(number: int) -> dict:
        files = {name: None if path is None else handle_file(path) for name, path in _both(questions[number]).items()}
        return clients[number % _CLIENTS].predict(**files, participant="", model="", api_name="/answer")

    with ThreadPoolExecutor(_CLIENTS) as visitors:
        found = list(visitors.map(ask, range(_REQUESTS)))
    for answer, wanted in zip(found, expected, strict=True):
        assert answer["modalities"] == wanted["modalities"]
        for task, values in answer["tasks"].items():
            assert values == pytest.approx(wanted["tasks"][task], abs=2e-4)
    assert len({str(answer["tasks"]) for answer in found}) == _REQUESTS  # else any answer would do for any question
    peak = memory.stop()
    print(f"most memory of the server: {peak:.0f} MB")
    assert peak < _MAX_SERVER_MB


def _both(question: dict[str, Path]) -> dict[str, Path | None]:
    return {"video": None, "gaze": None} | question


def test_visitors_with_the_same_file_dont_lose_it_to_each_other(server: Server, clips: Path, tmp_path: Path):
    """Both have uploaded it before either asks."""
    gaze = {"video": None, "gaze": handle_file(clips / "gaze" / "p000-s000.csv"), "participant": "", "model": ""}
    clients = [Client(server[0], verbose=False, download_files=str(tmp_path)) for _ in range(6)]
    with ThreadPoolExecutor(len(clients)) as visitors:
        found = list(visitors.map(lambda client: client.predict(**gaze, api_name="/answer"), clients))
    assert all(answer == found[0] for answer in found)


def test_a_file_that_takes_forever_holds_up_the_others_for_its_time_out_at_most(checkpoint: Path, clips: Path):
    """One worker, so that everybody waits for it; it is halted, as by a file that never comes to an end."""
    question = Request(checkpoint, gaze=clips / "gaze" / "p000-s000.csv", pictures=False)
    workers = Workers([checkpoint], count=1, seconds=_TIME_OUT)
    try:
        assert workers.wait_until_warm()
        os.kill(workers.processes[0], signal.SIGSTOP)
        with ThreadPoolExecutor(2) as visitors:
            began = time.monotonic()
            first = visitors.submit(workers.ask, question)
            time.sleep(0.2)
            assert workers.ask(question).answer
            assert time.monotonic() - began < _TIME_OUT + _START
            assert f"longer than {_TIME_OUT} seconds" in (first.result().refusal or "")
    finally:
        workers.close()


def test_a_file_that_needs_too_much_memory_is_refused_and_the_worker_lives(
    checkpoint: Path, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    large = tmp_path / "large.csv"
    with large.open("w") as file:
        file.write("time_ms,gaze_x,gaze_y,pupil_left\n")
        file.writelines(f"{row},{0.5 + 0.4 * (row % 7) / 7:.3f},.5,3\n" for row in range(3_000_000))
    workers = Workers([checkpoint], count=1)
    try:
        assert workers.wait_until_warm()
        before = workers.processes
        reply = workers.ask(Request(checkpoint, gaze=large, pictures=False))
        assert "more memory than one answer may take" in (reply.refusal or "")
        assert workers.ask(Request(checkpoint, gaze=clips / "gaze" / "p000-s000.csv", pictures=False)).answer
        assert workers.processes == before
    finally:
        workers.close()
