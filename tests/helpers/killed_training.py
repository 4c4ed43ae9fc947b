"""A training in a process of its own, which is killed at a chosen moment."""

import itertools
import multiprocessing
import os
import pkgutil
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from dataset_scripts.dataset.reader import EmertData
from training.fit.fit import fit
from training.recipes.recipe import Recipe


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train_in_child(
    recipe: Recipe,
    data: EmertData,
    out: Path,
    die_in: str | None = None,
    calls: int = 1,
    seconds: float | None = None,
    largest_file: int | None = None,
) -> int:
    """Exit code of the child: 0 done, 2 refused, -9 killed.

    It is killed by SIGKILL in the call number `calls` of what `die_in` names, or after so many seconds. `largest_file`:
    writing more bytes to one file fails, as on a full disk; the reason is left in OUT.reason.
    """
    context = multiprocessing.get_context("fork")  # what is imported need not be again
    child = context.Process(target=_train, args=(recipe, data, out, die_in, calls, largest_file))
    child.start()
    child.join(seconds)
    if child.is_alive():
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    return child.exitcode


def _train(recipe: Recipe, data: EmertData, out: Path, die_in: str | None, calls: int, largest_file: int | None) -> None:
    torch.set_num_threads(1)  # the parent's threads are not the child's
    tqdm.set_lock(threading.RLock())  # its own lock is shared by forked processes, and who is killed never gives it back
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    try:
        if die_in is None:
            fit(recipe, data, out, fold=1)
        else:
            with mock.patch(die_in, _die_in_call(calls, pkgutil.resolve_name(die_in))):
                fit(recipe, data, out, fold=1)
    except Exception as error:
        out.with_suffix(".reason").write_text(f"{type(error).__name__}: {error}"[:2000])
        os._exit(2)
    os._exit(0)


def _die_in_call(calls: int, real: Callable) -> Callable:
    count = itertools.count(1)

    def call(*args: object, **kwargs: object) -> object:
        if next(count) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    return call
