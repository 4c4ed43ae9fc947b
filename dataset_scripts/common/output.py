"""Where a command may write: a folder that is free, or one that such a command wrote before; never what it reads.

The one place for this rule. A folder is known by a file that only its command writes. What is replaced whole must hold
nothing else: somebody's own file there would be gone.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from ..dataset.layout import CARD_FILE, CONFIG_FILE, DATA_FOLDER, FRESHNESS_FILE
from ..dataset.metadata import METADATA_FILE
from ..dataset.splits import SPLITS_FILE

_NOBODYS = (".DS_Store",)  # written by a file manager, not by a person


@dataclass(frozen=True)
class Content:
    """What a command's folder holds.

    - `what`: its name for people. `markers`: files or folders by any of which it is known.
    - `names`: patterns of all files in it, by path within it; empty for a folder to which files are only added.
    """

    what: str
    markers: tuple[str, ...]
    names: tuple[str, ...] = ()


_DATA_FILES = (METADATA_FILE, SPLITS_FILE, CARD_FILE, CONFIG_FILE, FRESHNESS_FILE, f"{DATA_FOLDER}/*.parquet")
DATA_SET = Content("a data set", (METADATA_FILE,), _DATA_FILES)
_MODEL_FILES = (
    "training_record.json",
    "history.json",
    "config.json",
    "model.safetensors",
    "processor_config.json",
    "README.md",
    "results.json",  # `emert card` puts it there
    "*_emert.py",
    "__pycache__/*.pyc",
)
MODEL = Content("a model that `emert train` made", ("training_record.json",), _MODEL_FILES)
CONVERTED = Content("a model", ("config.json",), _MODEL_FILES)
SCORES = Content(
    "scores of `emert evaluate`",
    ("results.json",),
    ("results.json", "results.md", "predictions.parquet", "pictures/*.png"),
)
ADAPTATION = Content(
    "results of `emert adapt`",
    ("adaptation.json",),
    ("adaptation.json", "adaptation.md", "predictions.parquet", "curve.png"),
)
STEPS = Content("results of `emert benchmark robustness` or `gap`", ("robustness.json", "gap.json"))
BENCHMARK = Content("a benchmark of ours", ("cells", "recordings", ".recordings.partial"))


def check_out(out: Path, content: Content, overwrite: bool, read: Iterable[Path] = ()) -> None:
    """All that can be said of OUT before anything is read or written. `read`: the folders and files that the command reads.

    Raises:
        EmertInputError: OUT is no folder; holds something and `overwrite` is False; is, holds or lies in what is read; holds
            something else than `content`; can't be written.
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
    """Raises `EmertInputError` where OUT holds something else than such a content, naming a file that nobody may lose."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not any((out / marker).exists() for marker in content.markers):
        raise EmertInputError(f"{out}: holds something else than {content.what}, which is not replaced; give another --out")
    stranger = next((name for name in _files(out) if content.names and not _is_one_of(name, content.names)), None)
    if stranger is not None:
        raise EmertInputError(
            f"{out}: holds {stranger}, which is no part of {content.what} and would be lost; move it away or give another --out"
        )


def _files(folder: Path) -> Iterator[str]:
    """By their path within the folder; a link counts as a file."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return (path.relative_to(folder).as_posix() for path in paths if path.name not in _NOBODYS)


def _is_one_of(name: str, patterns: Iterable[str]) -> bool:
    """`*` stands for anything but a slash."""
    return any(fnmatchcase(name, pattern) and name.count("/") == pattern.count("/") for pattern in patterns)


def try_writing(folder: Path) -> None:
    """Raises the `OSError` that a write there would meet; leaves nothing."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def whole_folder(out: str | Path, content: Content) -> Iterator[Path]:
    """An empty folder beside OUT that takes its place at the end; if the body fails, OUT stays as it was.

    Raises:
        EmertInputError: as `check_replaceable`; the operating system refuses: no right, no room.
    """
    out = Path(out)
    check_replaceable(out, content)
    place = out.resolve()  # where a link leads to, so that the link stays one
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as beside:
            finished = Path(beside) / "finished"
            finished.mkdir()
            yield finished
            put_in_place(finished, place)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise EmertInputError(f"{out}: can't be written ({reason}); choose another folder or make room") from error


def put_in_place(finished: Path, out: Path) -> None:
    """`finished`, on the same disk, gets the name OUT. What was there lies beside `finished` afterwards, as `replaced`."""
    replaced = finished.with_name("replaced")
    was_there = out.exists()
    if was_there:
        os.rename(out, replaced)
    try:
        os.rename(finished, out)
    except OSError:
        if was_there:
            os.rename(replaced, out)
        raise
