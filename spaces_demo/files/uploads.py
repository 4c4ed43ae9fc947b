"""Where visitors' files lie while they are answered: one temporary folder of ours, and nothing left in it afterwards."""

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

_PREFIX = "emert-demo-"
_LONGEST_NAME, _LONGEST_WHOLE_NAME, _LONGEST_PATH = 60, 255, 1000  # letters: in a sentence, in a table, with folders
_LONGEST_UPLOADED = 180  # bytes; gradio takes 200, with our mark
_MEANT = {"%22": '"', "%0A": "\n", "%0D": "\r"}
_BROWSERS_CODES = re.compile("|".join(_MEANT), re.IGNORECASE)
_OWN_MARK = re.compile(r"^up[0-9a-f]{16}-")


@contextmanager
def upload_folder() -> Iterator[Path]:
    """A folder for what gradio is sent; beside it one for whoever asks for a temporary file. Both are gone at the end.

    Enter it before gradio's components are made, since each notes the folder when it is made.
    """
    multiprocessing.util.get_temp_dir()  # holds the sockets of the workers, which may outlive our folder
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
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(place, ignore_errors=True)


def keep_uploads_apart() -> None:
    """Gives every upload a path of its own, and no second file; call it before the server starts.

    Gradio stores an upload under its content and its name: two visitors with the same file would share it, and lose it
    with the first answer. So each name is marked; [`visible_name`] takes the mark off again.
    """
    from gradio import route_utils

    class MarkedUpload(route_utils.GradioUploadFile):
        def __init__(self, file, *, filename: str | None = None, **rest):
            plain = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
            super().__init__(file, filename=f"up{secrets.token_hex(8)}-{_for_gradio(plain)}", **rest)

    if route_utils.GradioUploadFile.__name__ != MarkedUpload.__name__:
        route_utils.GradioUploadFile = MarkedUpload
    _leave_no_empty_files()


def _for_gradio(name: str) -> str:
    """Short enough that gradio cuts nothing off its end, where names differ."""
    longest = len(name)
    while len((short := cut_middle(name, longest)).encode(errors="replace")) > _LONGEST_UPLOADED:
        longest -= 1
    return short


def _leave_no_empty_files() -> None:
    """`gr.File` opens an empty temporary file beside every upload that it hands on, and leaves it there."""
    from gradio.components.file import File, NamedString

    def hand_on(component: File, file: "FileData") -> NamedString:
        if component.type != "filepath" or component.file_types:
            raise NotImplementedError("the page's file boxes take all files, and hand on their paths")
        return NamedString(file.path)

    File._process_single_file = hand_on


def asked_about(page: "gr.Blocks") -> str:
    """All that the requests of a page name which wait for their turn or are being answered; no order, for searching."""
    queue = page._queue  # gradio tells nobody else
    events = [event for waiting in list(queue.event_queue_per_concurrency_id.values()) for event in list(waiting.queue)]
    events += [event for job in list(queue.active_jobs) for event in job or ()]
    return " ".join(str(event.data.data) for event in events if event.data is not None)


class Uploads:
    """The files of visitors within `folder`.

    - `waiting`: gives a text in which the names of all files stand that are still to be answered, see [`asked_about`].
    """

    def __init__(self, folder: Path, waiting: Callable[[], str] = str):
        self.folder, self.waiting = folder.resolve(), waiting
        self._claimed: set[Path] = set()

    @contextmanager
    def swept(self, every: float, age: float) -> Iterator[None]:
        """Meanwhile whatever is older than `age` s is deleted: uploads that broke off or that nobody asked about.

        Looks every so many s.
        """
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
        """Deletes what has lain here for more than `age` s and is neither claimed nor named by a request that waits."""
        oldest = time.time() - age
        found = sorted(self.folder.rglob("*"), reverse=True)  # what is in a folder comes before it
        waiting = self.waiting()  # after the list: who asks from now on asks about newer files, or finds them gone
        for path in found:
            mark = _OWN_MARK.match(path.name)
            if path in self._claimed or (mark is not None and mark[0] in waiting):
                continue
            with contextlib.suppress(OSError):  # deleted meanwhile, or a folder that is not empty
                if path.lstat().st_ctime < oldest:
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def claim(self, given: str | Path | None) -> Path | None:
        """The file that was uploaded; it is not swept away until it is deleted or released.

        Raises:
            EmertInputError: a path that is none, since nobody asks for the server's files.
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
        """The files stay for another question; from now on they age anew."""
        for path in self._ours(paths):
            with contextlib.suppress(OSError):
                os.utime(path)
            self._claimed.discard(path)

    def delete(self, paths: Iterable[str | Path | None]) -> None:
        """Deletes these uploads, and the folders that gradio made for each of them. Never raises: others delete too."""
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
    """A file's name as a sentence can hold it: [`whole_name`], cut to 60 letters."""
    return cut_middle(whole_name(name), _LONGEST_NAME)


def whole_name(name: str | Path) -> str:
    """A file's name on one line, without our mark and what is not for printing: for tables, which tell files apart by it.

    Browsers send a quote and the ends of a line as `%22`, `%0D` and `%0A`; they are what they were.
    """
    own = _BROWSERS_CODES.sub(lambda code: _MEANT[code[0].upper()], own_name(name))
    plain = "".join(sign if sign.isprintable() else " " for sign in own)
    return cut_middle(re.sub(r"\s+", " ", plain).strip() or "file", _LONGEST_WHOLE_NAME)


def visible_path(name: str) -> str:
    """Folders and file as [`whole_name`]; all of it, up to a bound that no folder of people reaches."""
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    return cut_middle("/".join(map(whole_name, parts or [""])), _LONGEST_PATH)


def cut_middle(text: str, longest: int) -> str:
    """At most so many letters, of its beginning and its end, where names differ."""
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[-end:]}"


def own_name(name: str | Path) -> str:
    """What the visitor calls the file, without the mark of [`keep_uploads_apart`]."""
    return _OWN_MARK.sub("", Path(name).name)
