"""Visitors' files while they are answered: in one temporary folder, deleted afterwards; and their names in sentences."""

import contextlib
import multiprocessing.util
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modeling_emert.errors_emert import EmertInputError

if TYPE_CHECKING:
    import gradio as gr
    from gradio.data_classes import FileData

MAX_UPLOAD_MB = 200  # of one file; a minute of 1080p is about half of it
UNUSED_UPLOAD_SECONDS = 900  # after which an upload that no request is about is deleted
_SWEEP_SECONDS = 60
_PREFIX = "emert-demo-"
_LONGEST_NAME, _LONGEST_FULL_NAME, _LONGEST_PATH = 60, 255, 1000  # characters: in a sentence, in a table, with folders
_LONGEST_UPLOADED = 180  # bytes; gradio takes 200, with our mark
_BROWSERS_CODES = {"%22": '"', "%0A": "\n", "%0D": "\r"}
_OWN_MARK = re.compile(r"^up[0-9a-f]{16}-")


@contextmanager
def upload_folder() -> Iterator[Path]:
    """A folder for gradio's uploads, beside one for all other temporary files; both are deleted at the end.

    Enter it before gradio's components are made, since each reads the folder's path when it is made.
    """
    multiprocessing.util.get_temp_dir()  # made here, outside of our folder: the workers' sockets in it may be used longer
    place = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    folder, scratch = place / "uploads", place / "scratch"
    folder.mkdir()
    scratch.mkdir()
    before = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR", "TMPDIR")}
    os.environ.update(GRADIO_TEMP_DIR=str(folder), TMPDIR=str(scratch))
    tempfile.tempdir = str(scratch)
    try:
        yield folder
    finally:
        tempfile.tempdir = None
        for name in before:
            os.environ.pop(name, None)
        os.environ.update({name: value for name, value in before.items() if value is not None})
        shutil.rmtree(place, ignore_errors=True)


def keep_uploads_apart() -> None:
    """Gives every upload a path of its own; call it before the server starts.

    Gradio derives the path from content and name: two visitors with the same file would share it, and lose it with the
    first answer. So each name gets a random mark, which [`visible_name`] removes. Besides, `gr.File` opens an empty
    temporary file beside every upload that it hands on, and leaves it there; ours does not.
    """
    from gradio import route_utils
    from gradio.components.file import File, NamedString

    class MarkedUpload(route_utils.GradioUploadFile):
        def __init__(self, file, *, filename: str | None = None, **rest):
            plain = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
            super().__init__(file, filename=f"up{secrets.token_hex(8)}-{_for_gradio(plain)}", **rest)

    def hand_on(component: File, file: "FileData") -> NamedString:
        if component.type != "filepath" or component.file_types:
            raise NotImplementedError("the page's file boxes take all files, and hand on their paths")
        return NamedString(file.path)

    if route_utils.GradioUploadFile.__name__ != MarkedUpload.__name__:
        route_utils.GradioUploadFile = MarkedUpload
    File._process_single_file = hand_on


def _for_gradio(name: str) -> str:
    """Shortened in the middle where gradio would cut off its end, by which names differ."""
    longest = len(name)
    while len((short := cut_middle(name, longest)).encode(errors="replace")) > _LONGEST_UPLOADED:
        longest -= 1
    return short


def asked_about(page: "gr.Blocks") -> str:
    """The data of all requests of a page that wait or are being answered, as one text to search for file names."""
    queue = page._queue  # gradio has no public way
    events = [event for waiting in list(queue.event_queue_per_concurrency_id.values()) for event in list(waiting.queue)]
    events += [event for job in list(queue.active_jobs) for event in job or ()]
    return " ".join(str(event.data.data) for event in events if event.data is not None)


class Uploads:
    """The files of visitors within `folder`.

    - `waiting`: gives a text with the names of all files that requests are still about, see [`asked_about`].
    """

    def __init__(self, folder: Path, waiting: Callable[[], str] = str):
        self.folder, self.waiting = folder.resolve(), waiting
        self._claimed: set[Path] = set()

    @contextmanager
    def swept(self, every: float = _SWEEP_SECONDS, age: float = UNUSED_UPLOAD_SECONDS) -> Iterator[None]:
        """Within this context [`sweep`] runs `every` s in a thread."""
        stop = threading.Event()

        def sweep() -> None:
            while not stop.wait(every):
                self.sweep(age)

        sweeper = threading.Thread(target=sweep, daemon=True)
        sweeper.start()
        try:
            yield
        finally:
            stop.set()
            sweeper.join()

    def sweep(self, age: float) -> None:
        """Deletes files and folders older than `age` s, unless they are claimed or a request that waits names them.

        These are incomplete uploads and those that no request was made about.
        """
        oldest = time.time() - age
        found = sorted(self.folder.rglob("*"), reverse=True)  # a folder's files before the folder
        waiting = self.waiting()  # after the list, so that it covers all requests about the files in the list
        for path in found:
            mark = _OWN_MARK.match(path.name)
            if path in self._claimed or (mark is not None and mark[0] in waiting):
                continue
            with contextlib.suppress(OSError):  # deleted meanwhile, or a folder that is not empty
                if path.lstat().st_ctime < oldest:
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def claim(self, given: str | Path | None) -> Path | None:
        """The path of an uploaded file, which [`sweep`] then keeps until it is deleted or released.

        Raises:
            EmertInputError: the path is not in the folder of uploads (the server's own files are private), or is gone.
        """
        if given is None:
            return None
        path = Path(given).resolve()
        if self.folder not in path.parents:
            raise EmertInputError("The file was not uploaded here; upload it with the question.")
        if not path.is_file():
            raise EmertInputError("The file is gone: uploads are deleted once they are answered. Drop it again.")
        self._claimed.add(path)
        return path

    def release(self, paths: Iterable[str | Path | None]) -> None:
        """Keeps the files for another question; their age counts from now."""
        for path in self._ours(paths):
            with contextlib.suppress(OSError):
                os.utime(path)
            self._claimed.discard(path)

    def delete(self, paths: Iterable[str | Path | None]) -> None:
        """Deletes these uploads and gradio's folder of each. Never raises, since others may have deleted them already."""
        for path in self._ours(paths):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                for parent in path.parents:
                    if parent == self.folder:
                        break
                    parent.rmdir()  # raises where it is not empty
            self._claimed.discard(path)

    def _ours(self, paths: Iterable[str | Path | None]) -> Iterator[Path]:
        for given in paths:
            if given is not None and self.folder in (path := Path(given).resolve()).parents:
                yield path


def visible_name(name: str | Path) -> str:
    """A file's name for a sentence: [`full_name`], cut to 60 characters."""
    return cut_middle(full_name(name), _LONGEST_NAME)


def full_name(name: str | Path) -> str:
    """A file's name for a table, on one line, without our mark and characters that can't be printed.

    Browsers send a quote and line ends as `%22`, `%0D` and `%0A`, which are decoded.
    """
    own = re.sub("|".join(_BROWSERS_CODES), lambda code: _BROWSERS_CODES[code[0].upper()], own_name(name), flags=re.IGNORECASE)
    plain = "".join(character if character.isprintable() else " " for character in own)
    return cut_middle(re.sub(r"\s+", " ", plain).strip() or "file", _LONGEST_FULL_NAME)


def visible_path(name: str) -> str:
    """Folders and file, each as [`full_name`]."""
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    return cut_middle("/".join(map(full_name, parts or [""])), _LONGEST_PATH)


def cut_middle(text: str, longest: int) -> str:
    """At most so many characters, of its beginning and its end, since names often differ at the end."""
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[-end:]}"


def own_name(name: str | Path) -> str:
    """The visitor's name of the file, without the mark of [`keep_uploads_apart`]."""
    return _OWN_MARK.sub("", Path(name).name)
