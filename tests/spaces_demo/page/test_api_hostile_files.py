"""Hostile and broken files: each gets one sentence or an answer, the server keeps running, and nothing stays on its disk."""

import json
import logging
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import httpx
import numpy as np
import pandas as pd
import pytest
from running_space import Server, left_behind
from sound_file import sound_only

pytestmark = pytest.mark.slow
_TOO_MANY_ROWS = 10_000_000
_HOURS = 3


def write_video(path: Path, times_s: list[float], size: int = 64) -> Path:
    """Frames of noise at these times."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for moment in times_s:
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 255, (size, size, 3), np.uint8), format="rgb24")
            frame.pts = round(moment * 1000)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def empty(path: Path, clips: Path) -> None:
    path.touch()


def text(path: Path, clips: Path) -> None:
    path.write_text("hello\nthere\n")


def three_hours(path: Path, clips: Path) -> None:
    write_video(path, [index * _HOURS * 3600 / 7 for index in range(8)])


def sixteen_thousand_pixels(path: Path, clips: Path) -> None:
    """A GIF states its size in its first bytes; its only image has one pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 16_000, 16_000, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    path.write_bytes(screen + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00\x3b")


def no_frames(path: Path, clips: Path) -> None:
    """Cut where the frames begin: `mdat` lies before `moov` in what we write, so the index is gone as well."""
    content = (clips / "videos" / "p000-s000.mp4").read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])


def index_without_frames(path: Path, clips: Path) -> None:
    """A track whose table of samples is empty."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.start_encoding()


def uneven_frames(path: Path, clips: Path) -> None:
    write_video(path, [0, 0.01, 0.5, 0.51, 2.0, 2.04, 5.9])


def turned(path: Path, clips: Path) -> None:
    """By a quarter: the matrix in the track's header, 16.16 fixed point."""
    content = bytearray((clips / "videos" / "p000-s000.mp4").read_bytes())
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(content)


def corrupt(path: Path, clips: Path) -> None:
    content = bytearray((clips / "videos" / "p000-s000.mp4").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(content)


def ten_million_rows(path: Path, clips: Path) -> None:
    with path.open("w") as file:
        file.write("time_ms,gaze_x,gaze_y\n")
        for start in range(0, _TOO_MANY_ROWS, 100_000):
            file.write("".join(f"{row},.5,.5\n" for row in range(start, start + 100_000)))


def other_columns(path: Path, clips: Path) -> None:
    path.write_text("when,who,what\n1,2,3\n4,5,6\n")


def nothing_but_nan(path: Path, clips: Path) -> None:
    rows = "".join(f"{10 * row},NaN,NaN\n" for row in range(500))
    path.write_text(f"time_ms,gaze_x,gaze_y\n{rows}")


def another_clock(path: Path, clips: Path) -> None:
    """Milliseconds since 1970, over ten minutes: a video of seconds beside it."""
    rows = "".join(f"{1_700_000_000_000 + 100 * row},.5,.5\n" for row in range(6000))
    path.write_text(f"time_ms,gaze_x,gaze_y\n{rows}")


def formula(path: Path, clips: Path) -> None:
    table = pd.read_csv(clips / "gaze" / "p000-s000.csv", low_memory=False)
    table["ParticipantName"] = '=HYPERLINK("http://example.org","x")'
    table["MediaName"] = "@SUM(1+1)*cmd|' /C calc'!A0"
    table.to_csv(path, index=False)


def good_gaze(path: Path, clips: Path) -> None:
    path.write_bytes((clips / "gaze" / "p000-s000.csv").read_bytes())


def send(server: Server, video: tuple[str, Path] | None, gaze: tuple[str, Path] | None) -> tuple[str, str | dict]:
    """By bare HTTP with a file name as it is: `("error", sentence)` or `("complete", answer)`."""
    base = f"{server[0]}gradio_api"
    given = [None if part is None else _upload(base, *part) for part in (video, gaze)]
    event = httpx.post(f"{base}/call/answer", json={"data": [*given, "", "", "", ""]}, timeout=60).json()["event_id"]
    with httpx.stream("GET", f"{base}/call/answer/{event}", timeout=90) as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: ") and kind != "heartbeat":
                content = json.loads(line.removeprefix("data: "))
                return (kind, content["error"]) if kind == "error" else (kind, content[0])
    raise AssertionError("no answer")


def _upload(base: str, name: str, path: Path) -> dict:
    with path.open("rb") as file:
        (there,) = httpx.post(f"{base}/upload", files={"files": (name, file)}, timeout=60).raise_for_status().json()
    return {"path": there, "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def check_refusal(server: Server, sentence: str | dict, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(sentence, str)
    assert "\n" not in sentence
    assert len(sentence) < 600
    for private in ("/tmp", "Traceback", "Error:", "our side", str(server[1].uploads.folder)):
        assert private not in sentence
    assert len([record for record in caplog.records if record.name == "emert.demo"]) == 1


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("empty.mp4", empty, "is empty"),
        ("text.mp4", text, "not a video that FFmpeg can read"),
        ("long.mp4", three_hours, "longer than 3600 s"),
        ("large.gif", sixteen_thousand_pixels, "16000 x 16000 pixels"),
        ("cut.mp4", no_frames, "not a video that FFmpeg can read"),
        ("none.mkv", index_without_frames, r"no frames|not a video"),
        ("sound.mp4", lambda path, clips: sound_only(path), "holds no video stream, only audio"),
        ("uneven.mp4", uneven_frames, "No face was found in uneven.mp4"),
        ("empty.csv", empty, "is empty"),
        ("rows.csv", ten_million_rows, "more than 3,600,000 lines"),
        ("columns.csv", other_columns, "in no known format"),
        ("nan.csv", nothing_but_nan, "neither a valid gaze point nor a fixation"),
        ("text.csv", text, "in no known format"),
    ],
)
def test_what_cannot_be_answered_gets_one_sentence(
    server: Server, clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, make: Callable, words: str
):
    caplog.set_level(logging.WARNING, "emert.demo")
    make(tmp_path / name, clips)
    file = (name, tmp_path / name)
    kind, sentence = send(server, None, file) if name.endswith("csv") else send(server, file, None)
    assert kind == "error"
    assert re.search(words, str(sentence))
    check_refusal(server, sentence, caplog)
    assert left_behind(server) == []
    good_gaze(tmp_path / "good.csv", clips)
    assert send(server, None, ("good.csv", tmp_path / "good.csv"))[0] == "complete"  # the server keeps running


@pytest.mark.parametrize(("name", "make"), [("turned.mp4", turned), ("corrupt.mp4", corrupt)])
def test_a_strange_video_is_answered_beside_good_gaze(server: Server, clips: Path, tmp_path: Path, name: str, make: Callable):
    """Its own frames, or a note that says what is wrong with them."""
    make(tmp_path / name, clips)
    good_gaze(tmp_path / "good.csv", clips)
    kind, answer = send(server, (name, tmp_path / name), ("good.csv", tmp_path / "good.csv"))
    assert kind == "complete"
    assert "face" in answer["modalities"] or name in " ".join(answer["notes"])
    assert left_behind(server) == []


def test_gaze_of_another_clock_gets_a_note(server: Server, clips: Path, tmp_path: Path):
    another_clock(tmp_path / "clock.csv", clips)
    kind, answer = send(server, ("a.mp4", clips / "videos" / "p000-s000.mp4"), ("clock.csv", tmp_path / "clock.csv"))
    assert kind == "complete"
    assert any("belong together" in note for note in answer["notes"]), answer["notes"]
    assert left_behind(server) == []


def test_a_formula_in_a_cell_is_text(server: Server, clips: Path, tmp_path: Path):
    formula(tmp_path / "formula.csv", clips)
    kind, answer = send(server, None, ("formula.csv", tmp_path / "formula.csv"))
    assert kind == "complete"
    assert "HYPERLINK" not in json.dumps(answer)
    assert left_behind(server) == []


@pytest.mark.parametrize(
    "name",
    [
        "it's \"quoted\".csv", "two\nlines.csv", "../../../../escaped.csv", "..", "\U0001f600 \u202egaze.csv",
        "<img src=x onerror=alert(1)>.csv", "a" * 3000 + ".csv", "=1+1.csv", "con.csv ", "%2e%2e%2fx.csv",
    ],
    ids=["quotes", "newline", "up", "dots", "emoji", "html", "long", "formula", "blank", "encoded"],
)  # fmt: skip
def test_a_file_name_leads_out_of_no_folder(server: Server, clips: Path, tmp_path: Path, name: str):
    """The upload is refused, or answered; a bad file's sentence has the name as plain text on one line."""
    outside = Path(server[1].uploads.folder).parents[1]
    for make in (good_gaze, text):
        make(tmp_path / "file", clips)
        try:
            kind, found = send(server, None, (name, tmp_path / "file"))
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code not in (400, 422):
                raise
            continue
        assert kind == ("complete" if make is good_gaze else "error"), found
        assert "\n" not in str(found)
    server[1].uploads.sweep(0)  # files of refused uploads are left to the sweeper
    assert left_behind(server) == []
    assert not list(outside.glob("*escaped*"))
