"""The folder of a run that is under way, from which it goes on after it was killed at any moment.

```
.OUT.FINGERPRINT.partial/   of recipe, data, fold: only the same run goes on here, and no other removes what it has reached
  checkpoints/
    checkpoint-STEP/        as transformers writes it, with a file `whole` that is written after all others
  finished/                 the model folder while it is written; then it becomes OUT
  replaced/                 what OUT held before, until the new model stands there
```

A checkpoint without `whole` was being written when the run was killed, or was being removed: it counts for nothing. Two are
kept, the last and the best one; an older one is removed only after a newer one is whole.
"""

import errno
import glob
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError
from transformers import TrainerState

from dataset_scripts.common.output import replace_folder, try_writing
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError

from ..recipes.recipe import Recipe

_WHOLE = "whole"
_STATE = "trainer_state.json"
_DIGITS = 8  # of the fingerprint in the folder's name
_FINGERPRINT = "[0-9a-f]" * _DIGITS
# How torch and safetensors, which write by themselves, tell of a write that failed.
_WRITE_FAILED = ("inline_container", "iostream", "unexpected pos", "file write", "IoError", "I/O error")


def run_folder(out: Path, recipe: Recipe, data: EmertData, fold: int, strict: bool) -> Path:
    """Where this run of OUT lies while it is under way. Another recipe's, such as that after a loss of NaN, lies elsewhere."""
    content = [recipe.to_yaml(), data.metadata.fingerprint, fold, strict]
    fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    out = out.resolve()  # `.` has no name, and a link may lead to another disk
    return out.parent / f".{out.name}.{fingerprint[:_DIGITS]}.partial"


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Meanwhile no other run writes OUT: it would replace this one's model, or train in the same folder.

    A run that was killed holds nothing back.

    Raises:
        EmertInputError: another run is writing OUT; there is no place for it.
    """
    place = out.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try_writing(place.parent)  # the lock would take some folders that can't be written for taken ones
        lock = FileLock(place.parent / f".{place.name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise EmertInputError(f"{out}: another run is writing it; wait for its end, or give another --out") from None
    except OSError as error:
        raise EmertInputError(f"{out}: no place for a model ({error.strerror}); give another --out") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def open_run(run: Path) -> None:
    """Makes the folder, or makes an unfinished one ready. What is half-written is removed, other runs of OUT included."""
    for other in _others(run):
        if last_checkpoint(other) is None:
            shutil.rmtree(other)
    checkpoints(run).mkdir(parents=True, exist_ok=True)
    for folder in checkpoints(run).glob("checkpoint-*"):
        if not (folder / _WHOLE).is_file():
            shutil.rmtree(folder)


def kept_runs(run: Path) -> list[Path]:
    """Unfinished ones of the same OUT with another recipe, data or fold; no run removes them."""
    return [path for path in _others(run) if last_checkpoint(path) is not None]


def _others(run: Path) -> list[Path]:
    same_out = run.name.removesuffix(".partial")[:-_DIGITS]
    return sorted(path for path in run.parent.glob(f"{glob.escape(same_out)}{_FINGERPRINT}.partial") if path != run)


def checkpoints(run: Path) -> Path:
    return run / "checkpoints"


def checkpoint(run: Path, step: int) -> Path:
    return checkpoints(run) / f"checkpoint-{step}"


def last_checkpoint(run: Path) -> Path | None:
    """The newest whole one."""
    whole = [path.parent for path in checkpoints(run).glob(f"checkpoint-*/{_WHOLE}")]
    return max(whole, key=_step, default=None)


def read_state(folder: Path) -> TrainerState:
    """What the Trainer knew when it wrote this checkpoint."""
    return TrainerState.load_from_json(str(folder / _STATE))


def seal_checkpoint(folder: Path, best_step: int | None) -> None:
    """Says that a checkpoint is whole, and removes those before it, but for the best."""
    (folder / _WHOLE).touch()
    for path in folder.parent.glob("checkpoint-*"):
        if path != folder and _step(path) != best_step:
            (path / _WHOLE).unlink(missing_ok=True)  # first, so that a half-removed one is not taken for a whole one
            shutil.rmtree(path)


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def move_out(finished: Path, out: Path) -> None:
    """The finished model takes its place, and the run's folder is gone, with what OUT held before."""
    shutil.rmtree(finished.with_name("replaced"), ignore_errors=True)  # of a run that was killed just here
    replace_folder(finished, out.resolve())
    shutil.rmtree(finished.parent)


@contextmanager
def told_if_unwritable(folder: Path, run: Path) -> Iterator[None]:
    """Turns a write that failed into an `EmertInputError` which says what is safe; removes what was half written.

    torch and safetensors tell of a full disk by errors of their own. Those that are not about writing pass.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if not _is_about_writing(error):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        free = shutil.disk_usage(run).free / 1e6 if run.exists() else 0.0
        reason = " ".join(str(error).split())[:120]
        raise EmertInputError(
            f"{folder}: can't be written ({reason}; {free:.0f} MB free); {tell_last(run)}; make room and give the same "
            "command again, it goes on from there"
        ) from error


def tell_last(run: Path) -> str:
    """Where the last good checkpoint lies, in words."""
    last = last_checkpoint(run)
    if last is None:
        return "no epoch was finished before"
    return f"epoch {round(read_state(last).epoch or 0)} is safe in {last}"


def _is_about_writing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    return any(sign in str(error) for sign in _WRITE_FAILED)
