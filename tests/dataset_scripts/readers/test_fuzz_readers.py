"""Every reader on damaged exports: valid recordings or one clear refusal, in bounded time and memory.

The everyday test reads a few variants of each format in this process; the slow one reads 200 in a separate process with limits
of time and memory, among them files that unpack to gigabytes.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fuzz_worker import Worker, complaint, read_in_process
from fuzzing import Variant, variants
from gaze_exports import small_exports

from dataset_scripts.readers import READERS, bids
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.recording_emert import Gaze

EXPORTS = small_exports()


@pytest.fixture(scope="module")
def worker():
    with Worker() as worker:
        yield worker


def problems(read: Callable[[Path], str | None], folder: Path, name: str, count: int, seed: int, with_large: bool) -> list[str]:
    """The problems that `read` reports, each with the seed and number that reproduce it."""
    found = []
    for number, variant in enumerate(variants(EXPORTS[name], count, seed, with_large)):
        problem = read(variant.write(folder / "variant"))
        shutil.rmtree(folder / "variant")
        if problem is not None:
            found.append(f"{name}, seed {seed}, variant {number} ({variant.damage}): {problem}")
    return found


def test_every_format_is_fuzzed(tmp_path):
    found = [read_in_process(Variant("none", files).write(tmp_path / name)) for name, files in EXPORTS.items()]
    assert {problem for problem, _ in found} == {None}
    read = {said.rpartition(" ")[2] for _, said in found}
    assert read == {reader.NAME for reader in READERS} - {bids.NAME} | {"mapped"}  # which is several files: see test_bids


@pytest.mark.parametrize("name", EXPORTS)
def test_a_few_damaged_forms(tmp_path, name):
    seed = list(EXPORTS).index(name)  # so that the kinds of damage differ between formats
    assert problems(lambda path: read_in_process(path)[0], tmp_path, name, 8, seed, with_large=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTS)
def test_two_hundred_damaged_forms(worker, name):
    assert problems(lambda path: worker.read(path).problem, worker.folder, name, 200, 100, with_large=True) == []


@pytest.mark.slow
def test_a_process_that_dies_is_noticed_and_replaced(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time_ms,gaze_x\n0,0.5\n")
    with Worker() as worker:
        assert worker.read(None).problem == "the process died"  # which ends it
        assert worker.read(path).problem is None


def test_invalid_recordings_are_noticed():
    def recording(times=(0, 10), value=0.5, fixation=1.0, note="well"):
        values = np.full((2, 39), np.nan)
        values[:, COLUMN_INDEX["gaze_x"]] = value
        return [Gaze(values, np.array(times), np.full((1, 4), fixation), notes=[note])]

    assert complaint(recording()) is None
    invalid = [
        recording(times=(0, 0)),
        recording(times=(0, np.nan)),
        recording(times=(1, 2)),
        recording(value=-np.inf),
        recording(value=13),
    ]
    invalid += [recording(fixation=np.nan), recording(note="two\nlines"), []]
    assert all(complaint(recordings) for recordings in invalid)
