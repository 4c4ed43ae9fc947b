"""The folder of a run in progress, from which an interrupted run resumes.

```
.OUT.FINGERPRINT.partial/   the fingerprint is of recipe, data and fold: only the same run resumes here, and no other deletes it
  checkpoints/
    checkpoint-STEP/        as transformers writes it, with an empty file `complete` that is written last
  finished/                 the model folder while it is written; then it is renamed to OUT
  replaced/                 what OUT held before, until the new model is there
```

A checkpoint without `complete` was being written or deleted when the run was killed, and is ignored. Two are kept, the last
and the best; an older one is deleted only after a newer one is complete.
"""

import errno
import glob
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers import TrainerState

from dataset_scripts.common.output import replace_folder
from dataset_scripts.dataset.reader import EmertData
from modeling_emert.errors_emert import EmertInputError

from ..data.joined import as_list
from ..recipes.recipe import Recipe

_COMPLETE = "complete"
_STATE = "trainer_state.json"
_DIGITS = 8  # of the fingerprint in the folder's name
_FINGERPRINT = "[0-9a-f]" * _DIGITS
# What the errors of torch and safetensors say when a write failed.
_WRITE_FAILED = ("inline_container", "iostream", "unexpected pos", "file write", "IoError", "I/O error")


def run_folder(out: Path, recipe: Recipe, data: EmertData | Sequence[EmertData], fold: int, strict: bool) -> Path:
    """The folder of this run beside `out`. A run with another recipe, such as after a loss of NaN, has another folder."""
    content = [recipe.to_yaml(), *(one.metadata.fingerprint for one in as_list(data)), fold, strict]
    fingerprint = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    out = out.resolve()  # `.` has no name, and a link may point to another disk
    return out.parent / f".{out.name}.{fingerprint[:_DIGITS]}.partial"


def open_run(run: Path) -> None:
    """Creates the run's folder, or deletes what is incomplete in it, and other runs of the same OUT without a checkpoint."""
    for other in _others(run):
        if last_checkpoint(other) is None:
            shutil.rmtree(other)
    checkpoints_folder(run).mkdir(parents=True, exist_ok=True)
    for folder in checkpoints_folder(run).glob("checkpoint-*"):
        if not (folder / _COMPLETE).is_file():
            shutil.rmtree(folder)


def unfinished_runs(run: Path) -> list[Path]:
    """Those of the same OUT with another recipe, data or fold and with a checkpoint; they are never deleted by us."""
    return [path for path in _others(run) if last_checkpoint(path) is not None]


def _others(run: Path) -> list[Path]:
    same_out = run.name.removesuffix(".partial")[:-_DIGITS]
    return sorted(path for path in run.parent.glob(f"{glob.escape(same_out)}{_FINGERPRINT}.partial") if path != run)


def checkpoints_folder(run: Path) -> Path:
    return run / "checkpoints"


def checkpoint_folder(run: Path, step: int) -> Path:
    return checkpoints_folder(run) / f"checkpoint-{step}"


def last_checkpoint(run: Path) -> Path | None:
    """The newest complete one, if any."""
    complete = [path.parent for path in checkpoints_folder(run).glob(f"checkpoint-*/{_COMPLETE}")]
    return max(complete, key=_step, default=None)


def read_state(folder: Path) -> TrainerState:
    """The Trainer's state at this checkpoint."""
    return TrainerState.load_from_json(str(folder / _STATE))


def mark_complete(folder: Path, best_step: int | None) -> None:
    """Marks a checkpoint as complete, then deletes the others but the best."""
    (folder / _COMPLETE).touch()
    for path in folder.parent.glob("checkpoint-*"):
        if path != folder and _step(path) != best_step:
            (path / _COMPLETE).unlink(missing_ok=True)  # first, so that a partly deleted one counts as incomplete
            shutil.rmtree(path)


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def finish_run(finished: Path, out: Path) -> None:
    """Renames the finished model to `out`, then deletes the run's folder with what `out` held before."""
    replace_folder(finished, out.resolve())
    shutil.rmtree(finished.parent)


@contextmanager
def report_unwritable(folder: Path, run: Path) -> Iterator[None]:
    """Turns a failed write (a full disk) into an `EmertInputError` that names the last good epoch; deletes `folder`.

    torch and safetensors raise errors of their own for it. All other errors pass unchanged.
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
            f"{folder}: can't be written ({reason}; {free:.0f} MB free); {describe_last(run)}; free some space and run "
            "the same command again, it resumes from there"
        ) from error


def describe_last(run: Path) -> str:
    """Epoch and folder of the last complete checkpoint, in words."""
    last = last_checkpoint(run)
    if last is None:
        return "no epoch is complete"
    return f"epoch {round(read_state(last).epoch or 0)} is complete in {last}"


def _is_about_writing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    return any(text in str(error) for text in _WRITE_FAILED)
