"""A build by the workers of a dask scheduler gives the bytes of a build on one machine, also where a worker is killed."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from dask_cluster import DyingSource, dask_cluster

from dataset_scripts.build.build import build
from dataset_scripts.sources import open_source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> str:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_bytes_as_on_one_machine_and_the_progress_bar(few_recordings, tmp_path, scheduler):
    """Paths relative to a folder in which no worker was started."""
    whole = build(open_source("synthetic", few_recordings), tmp_path / "whole", num_workers=1)
    command = [
        "data",
        "build",
        "--source",
        "synthetic",
        "--path",
        few_recordings.name,
        "--out",
        "out",
        "--scheduler",
        scheduler,
    ]
    run = "import sys; from training.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", run, *command], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "building the data set: 100%" in done.stderr
    assert "9/9" in done.stderr
    assert files_of(tmp_path / "out") == files_of(whole)


def test_a_worker_that_is_killed_costs_its_cell_and_nothing_else(few_recordings, tmp_path, scheduler):
    whole = build(open_source("synthetic", few_recordings), tmp_path / "whole", num_workers=1)
    out = build(DyingSource.open(few_recordings), tmp_path / "out", scheduler=scheduler)
    reads = Counter((few_recordings / "reads.txt").read_text().split())
    first = min(reads)
    assert reads == Counter({name: 1 + (name == first) for name in reads})
    assert len(reads) == 9
    assert files_of(out / "data") == files_of(whole / "data")
    assert (out / "splits.json").read_bytes() == (whole / "splits.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
