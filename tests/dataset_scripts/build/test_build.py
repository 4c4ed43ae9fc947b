"""The data set folder: what `load_dataset` gives of it, and a build that is stopped, repeated or refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import get_dataset_config_names, load_dataset
from everyday import others_slow

import modeling_emert
from dataset_scripts.build import build as building
from dataset_scripts.build import fingerprint
from dataset_scripts.build.build import build
from dataset_scripts.dataset import layout as folder
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.dataset.schema import label_features
from dataset_scripts.sources import open_source
from modeling_emert.rows_emert import from_row
from modeling_emert.tasks_emert import EMER_TASKS, LABEL_COLUMNS, TASKS

IDS = ["recording_id", "participant_id", "stimulus_id"]


def build_few(recordings, out, **settings):
    return build(open_source("synthetic", recordings), out, num_workers=1, **settings)


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def change(recordings, recording, column, value) -> None:
    """Sets one cell of `recordings.csv`."""
    table = pd.read_csv(recordings / "recordings.csv", dtype=str, keep_default_na=False)
    table.loc[table["recording_id"] == recording, column] = value
    table.to_csv(recordings / "recordings.csv", index=False)


def split_ids(folder) -> dict[str, dict[str, pd.DataFrame]]:
    """Ids of every split of every config, from the files that the config names."""
    parts = {path.name: pq.read_table(path, columns=IDS).to_pandas() for path in (folder / "data").iterdir()}
    configs = yaml.safe_load((folder / ".huggingface.yaml").read_text())["configs"]
    return {
        config["config_name"]: {
            files["split"]: pd.concat([parts[Path(path).name] for path in files["path"]]) for files in config["data_files"]
        }
        for config in configs
    }


def test_a_config_loads_by_name_with_its_three_splits(dataset_folder, cache):
    data = load_dataset(str(dataset_folder), "er7-fold1", cache_dir=cache)
    assert list(data) == ["train", "validation", "test"]
    assert sum(data.num_rows.values()) == 42
    assert data["train"].features["er7"].names == list(TASKS["er7"].labels)
    for split, ids in split_ids(dataset_folder)["er7-fold1"].items():
        assert data[split]["recording_id"] == list(ids["recording_id"])


def test_every_config_is_listed(dataset_folder):
    wanted = {f"{task}{version}fold{fold}" for task in EMER_TASKS for version in ("-", "-strict-") for fold in range(1, 6)}
    assert set(get_dataset_config_names(str(dataset_folder))) == {"all", *wanted}


def test_no_split_of_any_config_shares_a_participant_and_no_strict_one_a_stimulus(dataset_folder):
    configs = split_ids(dataset_folder)
    assert configs.pop("all")["train"]["recording_id"].is_unique
    for name, splits in configs.items():
        assert list(splits) == ["train", "validation", "test"]
        for column in IDS[1:] if "strict" in name else IDS[1:2]:
            names = [name for ids in splits.values() for name in set(ids[column])]
            assert len(names) == len(set(names)), name


def test_each_participant_is_tested_in_exactly_one_fold(dataset_folder):
    configs = split_ids(dataset_folder)
    tested = [name for fold in range(1, 6) for name in set(configs[f"er7-fold{fold}"]["test"]["participant_id"])]
    assert sorted(tested) == [f"p{number:03d}" for number in range(6)]


def test_all_holds_every_recording_once_as_it_was_recorded(dataset_folder, recordings):
    data = EmertData.open(dataset_folder)
    source = open_source("synthetic", recordings)
    entries = {entry.recording_id: entry for entry in source.entries()}
    assert sorted(data.ids["recording_id"]) == sorted(entries)
    labels = data.table.select(list(LABEL_COLUMNS)).to_pylist()
    for row, name in enumerate(data.ids["recording_id"]):
        entry, recording = entries[name], data.recording(row)
        np.testing.assert_array_equal(recording.gaze.eye_movements, source.load_gaze(entry).eye_movements)
        assert len(recording.face.frames) == 2
        for column, given in labels[row].items():
            feature = label_features()[column]
            assert (given is None) == (column not in entry.labels)
            if column in entry.labels:
                expected = entry.labels[column]
                assert given == pytest.approx(feature.str2int(expected) if isinstance(expected, str) else expected)


@pytest.mark.parametrize("fold", [1, 5])
@pytest.mark.parametrize("strict", [False, True])
def test_our_own_selection_of_rows_is_that_of_the_config(dataset_folder, fold, strict):
    data = EmertData.open(dataset_folder)
    config = split_ids(dataset_folder)[f"er3-strict-fold{fold}" if strict else f"er3-fold{fold}"]
    for split, rows in data.select(fold, strict).items():
        assert sorted(data.ids["recording_id"][rows]) == sorted(config[split]["recording_id"])


@pytest.mark.slow
def test_streaming_gives_the_same_rows(dataset_folder, cache):
    plain = load_dataset(str(dataset_folder), "fer_va-strict-fold2", cache_dir=cache)
    streamed = load_dataset(str(dataset_folder), "fer_va-strict-fold2", streaming=True)
    for split, rows in streamed.items():
        rows = list(rows)
        assert rows[0].keys() == plain[split][0].keys()
        for one, other in zip(rows, plain[split], strict=True):
            first, second = from_row(one), from_row(other)
            np.testing.assert_array_equal(first.gaze.eye_movements, second.gaze.eye_movements)
            np.testing.assert_array_equal(first.face.frames, second.face.frames)
            heavy = {"face", "eye_movements", "action_units"}
            assert {name: one[name] for name in one.keys() - heavy} == {name: other[name] for name in other.keys() - heavy}


def test_a_config_hides_the_labels_of_other_tasks(dataset_folder):
    configs = yaml.load((dataset_folder / ".huggingface.yaml").read_text(), yaml.CSafeLoader)["configs"]
    shown = {config["config_name"]: config.get("columns") for config in configs}
    loaded = load_dataset(str(dataset_folder), "er7-fold1", streaming=True)["test"].column_names
    assert loaded == shown["er7-fold1"]
    for task in EMER_TASKS:
        columns = shown[f"{task}-fold1"]
        assert set(columns) & set(LABEL_COLUMNS) == set(TASKS[task].columns)
        assert {"face", "eye_movements", "fixation_x", "recording_id"} <= set(columns)


def test_heavy_bytes_lie_on_disk_once(dataset_folder, recordings):
    files = files_of(dataset_folder)
    data = [name for name in files if name.startswith("data/")]
    assert len(data) == 25
    assert len(set(files.values())) == len(files)
    assert sum(pq.read_metadata(dataset_folder / name).num_rows for name in data) == 42
    assert set(files) - set(data) == {"README.md", ".huggingface.yaml", "splits.json", "dataset.json", ".freshness"}


def test_loading_says_nothing_of_the_card(dataset_folder, caplog):
    get_dataset_config_names(str(dataset_folder))
    assert "card" not in caplog.text


def test_the_card_names_the_source_its_licence_and_every_column(dataset_folder):
    card = (dataset_folder / "README.md").read_text()
    for text in ("source `synthetic`", "42 recordings of 6 participants watching 7 stimuli", "Apache-2.0", "- nothing"):
        assert text in card
    assert "EMER\n" not in card
    for column in ("eye_movements", "pupil_left", "fer_valence", "4 disgust"):
        assert column in card


def stop_after(monkeypatch, cells: int, error=KeyboardInterrupt) -> list:
    """Lets so many cells be built and gives a list of those that were begun."""
    begun = []

    def build_cell(job, real=building.build_cell):
        begun.append(job.cell)
        if len(begun) > cells:
            raise error
        return real(job)

    monkeypatch.setattr(building, "build_cell", build_cell)
    return begun


def not_loadable(folder, cache) -> None:
    for path in (str(folder), os.path.relpath(folder)):
        with pytest.raises((FileNotFoundError, ConnectionError)):
            load_dataset(path, cache_dir=cache)


def test_a_stopped_build_goes_on_with_the_cells_that_it_lacks(few_recordings, tmp_path, monkeypatch, cache, capsys):
    whole = build_few(few_recordings, tmp_path / "whole")
    out, partial = tmp_path / "out", tmp_path / ".out.partial"
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            build_few(few_recordings, out)
    assert not out.exists()
    not_loadable(partial, cache)
    kept = {path.stem: path.stat().st_ino for path in partial.glob("*.cell")}
    assert len(kept) == 4
    begun = stop_after(monkeypatch, 99)
    capsys.readouterr()
    build_few(few_recordings, out)
    assert len(begun) == 5
    assert "building the data set:  44%|████▍     | 4/9" in capsys.readouterr().err
    assert {stem: (out / f"data/{stem}.parquet").stat().st_ino for stem in kept} == kept
    assert files_of(out) == files_of(whole)
    assert not partial.exists()


@pytest.mark.slow
def test_a_build_that_was_killed_goes_on(few_recordings, tmp_path, cache):
    """SIGKILL in the middle of a file, with nothing that could tidy up."""
    whole, out = build_few(few_recordings, tmp_path / "whole"), tmp_path / "out"
    code = (
        "import os, signal, sys, types\n"
        "package = sys.modules['modeling_emert'] = types.ModuleType('modeling_emert')\n"  # without torch: seconds
        "package.__path__ = [sys.argv[1]]\n"
        "from pathlib import Path\nfrom dataset_scripts.build import build, cells\n"
        "from dataset_scripts.sources import open_source\n"
        "real, calls = cells.to_row, []\n"
        "def to_row(*a):\n    calls.append(1)\n"
        "    return real(*a) if len(calls) < 4 else os.kill(os.getpid(), signal.SIGKILL)\n"
        "cells.to_row = to_row\n"
        "build.build(open_source('synthetic', Path(sys.argv[2])), Path(sys.argv[3]), num_workers=1)"
    )
    arguments = [str(Path(modeling_emert.__file__).parent), str(few_recordings), str(out)]
    killed = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not out.exists()
    partial = tmp_path / ".out.partial"
    assert len(list(partial.glob("*.cell"))) == 3
    assert len(list(partial.glob(".*.tmp"))) == 1
    not_loadable(partial, cache)
    assert files_of(build_few(few_recordings, out)) == files_of(whole)
    assert not partial.exists()


def test_a_build_stopped_while_it_names_its_files_leaves_nothing_to_load(few_recordings, tmp_path, monkeypatch, cache):
    with monkeypatch.context() as patch:
        patch.setattr(folder, "write_description", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build_few(few_recordings, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    not_loadable(tmp_path / ".out.partial", cache)
    begun = stop_after(monkeypatch, 0)
    build_few(few_recordings, tmp_path / "out")
    assert begun == []


@pytest.mark.parametrize("what", others_slow(["label", "gaze", "faces", "seed"], ["label"]))
def test_a_changed_source_or_setting_starts_anew(few_recordings, tmp_path, monkeypatch, what):
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(KeyboardInterrupt):
            build_few(few_recordings, tmp_path / "out")
    if what == "label":
        change(few_recordings, "p000-s000", "er7", "anger")
    if what == "gaze":
        os.utime(few_recordings / "gaze/p000-s000.csv", (1, 1))
    begun = stop_after(monkeypatch, 99)
    build_few(few_recordings, tmp_path / "out", **{"faces": {"faces": 1}, "seed": {"seed": 7}}.get(what, {}))
    assert len(begun) == 9
    if what == "label":
        rows = pq.read_table(tmp_path / "out/data", columns=["recording_id", "er7"]).to_pylist()
        assert {"recording_id": "p000-s000", "er7": TASKS["er7"].labels.index("anger")} in rows


def test_no_worker_outlives_a_build_that_was_killed(tmp_path):
    (tmp_path / "sleeper.py").write_text(
        "import os, time\n\ndef sleep(folder):\n    (folder / str(os.getpid())).touch()\n    time.sleep(60)\n"
    )
    code = (
        "from pathlib import Path\nfrom dataset_scripts.common.parallel import run_parallel\nfrom sleeper import sleep\n"
        f"from tqdm import tqdm\nlist(run_parallel(sleep, [Path({str(tmp_path / 'pids')!r})] * 2, tqdm(), 2))"
    )
    (tmp_path / "pids").mkdir()
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL)
    assert soon(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    parent.kill()
    parent.wait()
    num_workers = [Path("/proc", pid.name, "cmdline") for pid in (tmp_path / "pids").iterdir()]
    assert soon(lambda: not any(worker.is_file() and worker.read_bytes() for worker in num_workers))


def soon(condition, seconds=30) -> bool:
    """Whether it comes true within that time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_data_set_is_current_until_the_recordings_or_the_code_that_reads_them_change(few_recordings, tmp_path, monkeypatch):
    source, out = open_source("synthetic", few_recordings), tmp_path / "dataset"
    assert not building.is_current(out, source)
    build(source, out, num_workers=1)
    assert building.is_current(out, source)
    assert not building.is_current(out, source, faces=3)
    assert not building.is_current(out, source, seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "code_fingerprint", lambda *_: "another reader")
        assert not building.is_current(out, source)
    gaze = next((few_recordings / "gaze").iterdir())
    gaze.write_text(gaze.read_text() + "\n")
    assert not building.is_current(out, source)
