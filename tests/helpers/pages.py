"""README and `docs/` as tests read them: their code blocks, run in order as a reader would.

A page's blocks run in a folder that [`lay_out`] made: the quickstart has run there, and CLIP.mp4, GAZE.csv, PHOTO.png and
RECORDINGS are a clip, its gaze, a photograph and a folder with a recordings.csv. A block "bash slow" or "python slow" takes
seconds: everyday tests only parse it, tests marked `slow` run it. A command with a name in capitals that is no file there
(`DATA`, `MODEL`) is parsed alone, and so is a server, but for one of a slow block: it stays up until the end of the page.
"""

import json
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from PIL import Image
from places import ROOT
from tiny_training import TINY_OVERRIDES

from modeling_emert.video_emert import read_frames
from training.cli import main, parse

README = ROOT / "README.md"
PEOPLE = ROOT / "docs" / "people" / "README.md"
_PAGES = (README, ROOT / "model_card.md", PEOPLE, *sorted((ROOT / "docs").glob("*.md")))
PAGES = {str(path.relative_to(ROOT)): path for path in _PAGES}
TINY_RECIPE = [f"overrides={json.dumps(TINY_OVERRIDES)}", "epochs=1", "image_size=32", "batch_size=8"]
_BLOCK = re.compile(r"^```(\w+)(?: (slow))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PLACEHOLDER = re.compile(r"(?:^|=)[A-Z][A-Z_]+$")
_SHOWN = {"bibtex", "csv", "json", "text", "yaml"}  # languages that do not run
_PORT = 7860  # of the demo, in the pages
_PARSED = {"quickstart"}  # `lay_out` is what it leaves


@dataclass(frozen=True)
class Block:
    language: str
    slow: bool
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block, joined where one goes on, without comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line for line in lines if shlex.split(line, comments=True)]


def blocks(page: str) -> list[Block]:
    """The blocks that run: `bash` and `python`. Raises `ValueError` for a language that nobody knows here."""
    found = [Block(name, bool(slow), text) for name, slow, text in _BLOCK.findall(PAGES[page].read_text(encoding="utf-8"))]
    if strange := {block.language for block in found} - _SHOWN - {"bash", "python"}:
        raise ValueError(f"{page}: blocks of {strange}")
    return [block for block in found if block.language not in _SHOWN]


def commands(page: str) -> list[str]:
    return [line for block in blocks(page) if block.language == "bash" for line in block.commands]


def lay_out(place: Path, recordings: Path, dataset: Path, model: Path) -> None:
    """What `make quickstart` leaves in a clone, and recordings of one's own."""
    video = recordings / "videos" / "p000-s000.mp4"
    (place / "CLIP.mp4").write_bytes(video.read_bytes())
    (place / "GAZE.csv").write_bytes((recordings / "gaze" / "p000-s000.csv").read_bytes())
    Image.fromarray(read_frames(video, 1)[0][0]).save(place / "PHOTO.png")
    (place / "docs").mkdir()
    (place / "RECORDINGS").symlink_to(recordings)
    (place / "runs" / "quickstart").mkdir(parents=True)
    for name, folder in {"recordings": recordings, "dataset": dataset, "model": model}.items():
        (place / "runs" / "quickstart" / name).symlink_to(folder)
    for name in ("examples", "spaces_demo", "tests", "training"):
        (place / name).symlink_to(ROOT / name)


def tiny_training(words: list[str]) -> list[str]:
    return [*words[:2], *TINY_RECIPE, *words[2:]] if words[0] == "train" and "--show" not in words else words


def run_page(page: str, slow: bool, shrink: Callable[[list[str]], list[str]] = tiny_training) -> None:
    """Runs the page's blocks in the working folder; `shrink` makes the words of an `emert` command cheaper."""
    with ExitStack() as servers, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()

        def start(words: list[str]) -> None:
            servers.enter_context(_served([*words, "--port", str(port)], port))

        for block in blocks(page):
            runs = slow or not block.slow
            if block.language == "bash":
                for line in block.commands:
                    _run(line, runs, shrink, start if block.slow else None)
            else:
                code = compile(block.text.replace(f":{_PORT}", f":{port}"), page, "exec")
                if runs:
                    exec(code, {})


def _run(line: str, runs: bool, shrink: Callable[[list[str]], list[str]], start: Callable[[list[str]], None] | None) -> None:
    words = shlex.split(line, comments=True)
    settings = list(takewhile(re.compile(r"[A-Z_]+=").match, words))
    program, *words = words[len(settings) :]
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
    elif program in ("git", "pip"):
        return  # what is installed is what this test runs in
    elif program in (".venv/bin/emert", "emert"):
        words = shrink(words)
        parsed = parse(words)
        if not runs or words[0] in _PARSED or _has_placeholder(words):
            return
        if words[0] == "demo" and not parsed.space:
            if start:
                start(words)
        else:
            assert main(words) == 0, line
    elif program.startswith(".venv/bin/"):
        command = words[words.index("training.cli") + 1 :] if "training.cli" in words else None
        if command:
            parse(command)
            words = [*words[: -len(command)], *shrink(command)]
        if runs and not _has_placeholder(words):
            called = ["env", *settings, str(Path(sys.executable).parent / Path(program).name), *words]
            done = subprocess.run(called, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}: {done.stderr}"
    else:
        raise AssertionError(f"{line}: what runs {program}?")


@contextmanager
def _served(words: list[str], port: int) -> Iterator[None]:
    """The command in a process of its own, from the moment that it listens."""
    with subprocess.Popen([sys.executable, "-m", "training.cli", *words]) as server:
        try:
            deadline = time.monotonic() + 900  # on a machine that does much else
            while not _listens(port):
                assert server.poll() is None, words
                assert time.monotonic() < deadline, words
                time.sleep(0.5)
            yield
        finally:
            server.terminate()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _has_placeholder(words: list[str]) -> bool:
    return any(_PLACEHOLDER.search(part) and not Path(word).exists() for word in words for part in word.split("/"))
