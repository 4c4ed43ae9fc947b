"""Where a command may write: into a free folder, or over one that the same command wrote before; never over what it reads.

Also atomic writes of files and folders. A folder is recognised by a marker file that only its command writes. A folder that
is replaced must hold nothing else, or a user's own file in it would be lost.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from modeling_emert.errors_emert import EmertInputError

_IGNORED = (".DS_Store",)  # written by a file manager, not by a person


@dataclass(frozen=True)
class Content:
    """What the folder of a command holds.

    - `what`: its name in messages. `markers`: files or folders; any one of them identifies it.
    - `names`: patterns of all files in it, by path within it; empty for a folder to which files are only added.
    """

    what: str
    markers: tuple[str, ...]
    names: tuple[str, ...] = ()


def check_out(out: Path, content: Content, overwrite: bool, read: Iterable[Path] = ()) -> None:
    """Every check of OUT that is possible before anything is read or written. `read`: what the command reads.

    Raises `EmertInputError` where OUT is no folder, as the other checks here, and where it can't be written.
    """
    if out.exists() and not out.is_dir():
        raise EmertInputError(f"{out}: is no folder; give another --out")
    check_apart(out, read)  # first: --overwrite would not help
    check_free(out, overwrite)
    check_replaceable(out, content)
    place = next(parent for parent in out.resolve().parents if parent.exists())
    try:
        try_writing(place)
    except OSError as error:
        raise EmertInputError(f"{out}: can't be written ({error.strerror}); give another --out") from error


def check_free(out: Path, overwrite: bool) -> None:
    """Raises `EmertInputError` where OUT holds something and may not be overwritten."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not overwrite):
        raise EmertInputError(f"{out}: already holds something; give another --out, or --overwrite to replace it")


def check_apart(out: Path, read: Iterable[Path]) -> None:
    """Raises `EmertInputError` where OUT is, holds or lies in something that is read."""
    own = out.resolve()
    for path in read:
        other = path.resolve()
        if other.is_relative_to(own):
            how = "is what is to be read" if other == own else f"holds {path}, which is to be read"
            raise EmertInputError(f"{out}: {how}; give another --out")
        if own.is_relative_to(other):
            raise EmertInputError(f"{out}: lies in {path}, which is to be read; give an --out beside it")


def check_replaceable(out: Path, content: Content) -> None:
    """Raises `EmertInputError` where OUT holds something else than `content`; names the first other file."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not any((out / marker).exists() for marker in content.markers):
        raise EmertInputError(f"{out}: holds something else than {content.what}, which is not replaced; give another --out")
    for path in out.rglob("*") if content.names else ():
        name = path.relative_to(out).as_posix()
        is_file = path.is_symlink() or not path.is_dir()
        if is_file and path.name not in _IGNORED and not any(_matches(name, pattern) for pattern in content.names):
            raise EmertInputError(
                f"{out}: holds {name}, which is no part of {content.what} and would be lost; move it away or give another --out"
            )


def _matches(name: str, pattern: str) -> bool:
    """`*` stands for anything but a slash."""
    return fnmatchcase(name, pattern) and name.count("/") == pattern.count("/")


def try_writing(folder: Path) -> None:
    """Raises the `OSError` that a write there would raise; leaves no file."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to `path` at the end; if the body fails, `path` stays as it was.

    Makes the folder. Raises `EmertInputError` where the operating system refuses: no right, no room, a file in the way.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    with report_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(out: str | Path, content: Content) -> Iterator[Path]:
    """An empty folder beside OUT that replaces OUT at the end; if the body fails, OUT stays as it was.

    Raises `EmertInputError` as `check_replaceable`, and where the operating system refuses.
    """
    out = Path(out)
    check_replaceable(out, content)
    target = out.resolve()  # a link stays a link to the new folder
    with report_os_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            finished = Path(beside) / "finished"
            finished.mkdir()
            yield finished
            replace_folder(finished, target)


def replace_folder(finished: Path, out: Path) -> None:
    """Renames `finished`, on the same disk, to OUT. The folder that was there is beside `finished` then, as `replaced`."""
    replaced = finished.with_name("replaced")
    was_there = out.exists()
    if was_there:
        shutil.rmtree(replaced, ignore_errors=True)  # left by a process that was killed in this function
        os.rename(out, replaced)
    try:
        os.rename(finished, out)
    except OSError:
        if was_there:
            os.rename(replaced, out)
        raise


@contextmanager
def lock_output(out: Path) -> Iterator[None]:
    """Keeps other processes from writing the same `out` inside the block. The lock of a killed one is released by the system.

    Raises:
        EmertInputError: another one is writing `out`; its parent folder can't be written.
    """
    target = out.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try_writing(target.parent)  # filelock reports some unwritable folders as locked ones
        lock = FileLock(target.parent / f".{target.name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise EmertInputError(f"{out}: another run is writing it; wait until it ends, or give another --out") from None
    except OSError as error:
        raise EmertInputError(f"{out}: the folder above it can't be written ({error.strerror}); give another --out") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@contextmanager
def report_os_errors(path: Path) -> Iterator[None]:
    """Reports an `OSError`, such as a full disk, as an `EmertInputError` that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise EmertInputError(f"{path}: can't be written ({reason}); choose another folder or make room") from error


def first_line(error: Exception) -> str:
    """Of the error's message; the name of its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
