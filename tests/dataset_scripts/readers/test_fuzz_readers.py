"""Every reader on damaged exports: sound recordings or one clear refusal, in bounded time and memory.

The everyday test takes a few variants of each format, the slow one 200, among them what unpacks to gigabytes.
"""

import shutil

import numpy as np
import pytest
from fuzz_worker import Worker, complaint
from fuzzing import Variant, variants
from gaze_exports import small_exports

from dataset_scripts.readers import READERS
from modeling_emert.recording_emert import Gaze

EXPORTS = small_exports()


@pytest.fixture(scope="module")
def worker():
    with Worker() as worker:
        yield worker


def problems(worker: Worker, name: str, count: int, seed: int, with_large: bool) -> list[str]:
    """What went wrong, each with the number that makes it again."""
    found = []
    for number, variant in enumerate(variants(EXPORTS[name], count, seed, with_large)):
        outcome = worker.read(variant.write(worker.folder / "variant"))
        shutil.rmtree(worker.folder / "variant")
        if outcome.problem is not None:
            found.append(f"{name}, seed {seed}, variant {number} ({variant.damage}): {outcome.problem}")
    return found


def test_every_format_is_fuzzed(worker, tmp_path):
    outcomes = [worker.read(Variant("none", files).write(tmp_path / name)) for name, files in EXPORTS.items()]
    assert {outcome.problem for outcome in outcomes} == {None}
    assert {outcome.said.rpartition(" ")[2] for outcome in outcomes} == {reader.NAME for reader in READERS} | {"mapped"}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_few_damaged_forms(worker, name):
    seed = list(EXPORTS).index(name)  # so that other kinds of damage meet every format
    assert problems(worker, name, 8, seed, with_large=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_two_hundred_damaged_forms(worker, name):
    assert problems(worker, name, 200, 100, with_large=True) == []


@pytest.mark.slow
def test_a_process_that_dies_is_noticed_and_replaced(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time_ms,gaze_x\n0,0.5\n")
    with Worker() as worker:
        assert worker.read(None).problem == "the process died"  # it ends at that
        assert worker.read(path).problem is None


def test_unsound_recordings_are_noticed():
    def recording(times=(0, 1), value=0.5, fixation=1.0, note="well"):
        return [Gaze(np.full((2, 39), value), np.array(times), np.full((1, 4), fixation), notes=[note])]

    assert complaint(recording()) is None
    unsound = [recording(times=(0, 0)), recording(times=(0, np.nan)), recording(times=(1, 2)), recording(value=-np.inf)]
    unsound += [recording(fixation=np.nan), recording(note="two\nlines"), []]
    assert all(complaint(recordings) for recordings in unsound)
