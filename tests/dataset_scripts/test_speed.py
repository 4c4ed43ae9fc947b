"""`emert data benchmark`: every figure is measured and printed, on tiny settings."""

import re

import pytest

from dataset_scripts import speed
from dataset_scripts.generator.exports import WRITERS
from dataset_scripts.speed import PeakMemory
from training.cli import main


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(speed, "FILE_BYTES", 30_000)
    monkeypatch.setattr(speed, "_SMALL", 60)
    monkeypatch.setattr(speed, "STIMULI", 3)


def figures(capsys, *arguments):
    """Name -> value of every printed line."""
    assert main(["data", "benchmark", *map(str, arguments)]) in (0, None)
    lines = capsys.readouterr().out.splitlines()
    found = [re.match(r"(.*?) {2,}([\d.]+) (\S+)", line) for line in lines]
    return {match[1]: float(match[2]) for match in found if match}


def test_the_readers(tiny, tmp_path, capsys):
    found = figures(capsys, "--only", "readers", "--work", tmp_path)
    assert list(found) == [f"read {name}" for name in WRITERS]
    assert min(found.values()) > 0
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    figures(capsys, "--only", "readers", "--work", tmp_path)
    assert {path: path.stat().st_mtime_ns for path in written} == written  # used again


@pytest.mark.slow
def test_the_data_set(tiny, tmp_path, capsys):
    found = figures(capsys, "--only", "dataset", "--recordings", 9, "--seconds", 1, "--work", tmp_path)
    for name in ("build, a recording", "build, peak memory of all processes", "data set on disk", "epoch through all"):
        assert found.pop(name) > 0
    assert {name.partition(" ")[0] for name in found} == {"build", "open"}
    assert len(found) == 4


def test_peak_memory_counts_what_was_there_for_a_moment():
    with PeakMemory.watched() as before:
        pass
    with PeakMemory.watched() as peak:
        held = bytearray(b"x" * 200_000_000)
        peak._stop.wait(0.7)
        del held
    assert peak.megabytes > before.megabytes + 150
