"""Jobs in processes of their own: what ends one job ends no other, and what a scheduler must be."""

import os
import pickle
import re
import sys
import traceback
from concurrent.futures import Future
from pathlib import Path

import pytest
from parallel_jobs import act
from tqdm import tqdm

from dataset_scripts.common import parallel
from dataset_scripts.common.parallel import run_alone, run_parallel
from modeling_emert.errors_emert import EmertInputError


def test_each_job_has_its_process_and_one_that_is_killed_costs_itself_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bar = tqdm(total=4)
    done = {one.job: one for one in run_parallel(act, ["a", "die", "b", "c"], bar, num_workers=2)}
    assert bar.n == 4
    assert done["die"].lost == "its process ended with code -9 (killed, often by lack of memory)"
    kept = [done[name].result for name in "abc"]
    assert len({os.getpid(), *(process for process, _ in kept)}) == 4
    assert {folder for _, folder in kept} == {str(tmp_path)}


def test_an_error_arrives_with_its_place_and_stops_the_others(tmp_path):
    with pytest.raises(ZeroDivisionError, match="planted") as told:
        list(run_parallel(act, [f"sleep {tmp_path / 'pid'}", "raise"], tqdm(total=2), num_workers=2))
    assert "parallel_jobs.py" in "".join(traceback.format_exception(told.value))
    pid = tmp_path / "pid"
    assert not pid.exists() or not Path("/proc", pid.read_text()).exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense"])
def test_a_scheduler_that_is_not_there_is_told(monkeypatch, address):
    monkeypatch.setattr(parallel, "_TIMEOUT_S", 0.2)
    with pytest.raises(EmertInputError, match=re.escape(f"--scheduler {address}: no dask scheduler answers there")):
        list(run_parallel(act, ["a"], tqdm(total=1), 2, address))


def test_what_dask_could_not_do_is_told():
    from distributed import KilledWorker

    killed, cancelled = Future(), Future()
    killed.set_exception(KilledWorker("act-1", None, 3))
    assert parallel._done("a", killed, "tcp://HOST:1").lost == "every worker that had it was killed, often by lack of memory"
    cancelled.cancel()
    with pytest.raises(EmertInputError, match="it has ended; the same command goes on"):
        parallel._done("a", cancelled, "tcp://HOST:1")


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EmertInputError, match=r"-m pip install -e .*\[cluster\]"):
        list(run_parallel(act, ["a"], tqdm(total=1), 2, "tcp://127.0.0.1:9"))


def test_a_worker_of_other_code_or_without_our_folders_is_refused(tmp_path):
    with pytest.raises(EmertInputError, match="has another version of the code"):
        run_alone(("parallel_jobs",), b"", str(tmp_path), code="another")
    outcome, told = pickle.loads(run_alone(("parallel_jobs",), b"", str(tmp_path / "elsewhere")))
    assert outcome == "raised"
    assert "the workers must share this machine's folders" in str(told)
