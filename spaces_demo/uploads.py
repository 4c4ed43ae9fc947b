"""Where visitors' files lie while they are answered: one temporary folder of ours, and nothing left in it afterwards."""

import multiprocessing.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

_PREFIX = "emert-demo-"
_LONGEST_NAME = 60


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


class Uploads:
    """The files of visitors within `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder.resolve()

    def claim(self, given: str | Path | None) -> Path | None:
        """The file that was uploaded. Raises `EmertInputError` for a path that is none: nobody asks for the server's files."""
        if given is None:
            return None
        path = Path(given).resolve()
        if self.folder not in path.parents:
            raise EmertInputError("The file was not uploaded here; upload it with the question.")
        if not path.is_file():
            raise EmertInputError("The file is gone: uploads are deleted once they are answered. Drop it again.")
        return path

    def delete(self, paths: Iterable[str | Path | None]) -> None:
        """Deletes these uploads, and the folders that gradio made for each of them."""
        for given in paths:
            if given is None:
                continue
            path = Path(given).resolve()
            if self.folder not in path.parents:
                continue
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self.folder or any(parent.iterdir()):
                    break
                parent.rmdir()


def visible_name(name: str | Path) -> str:
    """A file's name as a sentence can hold it: on one line, without what is not for printing, not too long."""
    plain = "".join(sign if sign.isprintable() else " " for sign in Path(name).name)
    plain = re.sub(r"\s+", " ", plain).strip() or "file"
    return plain if len(plain) <= _LONGEST_NAME else plain[: _LONGEST_NAME - 1] + "…"
