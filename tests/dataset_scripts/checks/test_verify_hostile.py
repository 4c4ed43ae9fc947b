"""`emert data verify` on what nobody built: findings or one sentence, never a traceback, nothing read outside the folder."""

import hashlib
import json
import os
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from damaged_dataset import FIRST, edit, edit_config, edit_description, failed, read, stamp, write

from dataset_scripts.dataset import row_groups
from training.cli import main


def drop_test(entry):
    entry["data_files"].pop()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (drop_test, "expected train, validation, test"),
        (lambda entry: entry["data_files"][0].update(path=["data/*.parquet"]), "data/*.parquet"),
        (lambda entry: entry["data_files"][0].update(path=["https://example.org/p1-s1.parquet"]), "example.org"),
        (lambda entry: entry["data_files"][0].update(path=[]), "train is empty"),
        (lambda entry: entry.update(data_dir="elsewhere"), "data_dir"),
        (lambda entry: entry.update(config_name="er7-fold2"), "er7-fold1 is missing"),
        (lambda entry: entry.update(data_files=7), "no list of splits"),
    ],
)
def test_a_config_that_proves_nothing(folder, change, text):
    edit_config(folder, "er7-fold1", change)
    found = failed(folder)
    assert "configs" in found
    assert text in found["configs"]


@pytest.mark.parametrize("content", [b"", b"PAR1", pickle.dumps({"a": 1}), b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_a_data_file_that_is_none(folder, content):
    (folder / FIRST).write_bytes(content)
    stamp(folder, FIRST)
    found = failed(folder)
    assert list(found) == ["readable"]
    assert FIRST in found["readable"]


def test_other_columns_and_too_many_recordings_in_a_row_group_are_refused(folder):
    table = read(folder)
    write(folder, FIRST, table.drop_columns(["er7"]))
    assert "columns are not those" in failed(folder)["readable"]
    pq.write_table(pa.concat_tables([table] * 65).combine_chunks(), folder / FIRST)
    stamp(folder, FIRST)
    assert "holds 65 recordings" in failed(folder)["readable"]


def test_a_recording_that_would_fill_the_memory_is_not_unpacked(folder, monkeypatch):
    monkeypatch.setattr(row_groups, "MOST_BYTES", 1000)
    assert "expected at most" in failed(folder)["readable"]


def test_pictures_without_end_and_names_without_end_are_not_read(folder):
    one = read(folder)["face"][0].as_py()[0]
    edit(folder, face=[one] * 10_001)
    assert "10001 face crops" in failed(folder)["face crops"]
    edit(folder, face=[{"bytes": bytes(2 << 20), "path": None}])
    assert "2097152 bytes" in failed(folder)["face crops"]
    edit(folder, recording_id="a" * 100_000)
    assert "names of more than 64 kB" in failed(folder)["readable"]


def test_no_file_outside_the_folder_is_read(folder, tmp_path):
    (folder / FIRST).rename(tmp_path / "outside.parquet")
    (folder / FIRST).symlink_to(tmp_path / "outside.parquet")
    assert "link out of the folder" in failed(folder)["files"]
    content = json.loads((folder / "dataset.json").read_text())
    content["files"]["../outside.parquet"] = content["files"].pop(FIRST)
    (folder / "dataset.json").write_text(json.dumps(content))
    assert "'../outside.parquet' where data/p1-s1.parquet" in failed(folder)["metadata"]


@pytest.mark.parametrize(
    "content",
    ["", "[" * 100_000, "configs: 7", "configs: [7]", "a: &a [*a]", "a: !!python/name:os.system", "\x00", "a" * (9 << 20)],
)
def test_a_config_file_that_is_none(folder, content):
    (folder / ".huggingface.yaml").write_text(content)
    assert list(failed(folder)) == ["configs"]


@pytest.mark.parametrize(
    "content",
    [
        {"participants": {"p": "x"}, "stimuli": {"s": 1}},
        {"participants": {"p": 10**9}, "stimuli": {"s": 1}},
        {"participants": [], "stimuli": 1},
    ],
)
def test_a_splits_file_that_is_none(folder, content):
    content = {"seed": 0, **content}
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (folder / "splits.json").write_text(json.dumps({**content, "sha256": sha256}))
    assert list(failed(folder)) == ["splits file"]


@pytest.mark.parametrize("change", [{"tasks": ["er9"]}, {"tasks": [[1]]}, {"files": {}}, {"surprise_polarity": 7}, {"more": 1}])
def test_a_description_that_is_none_fails_in_one_sentence(folder, capsys, change):
    edit_description(folder, **change)
    assert list(failed(folder)) == ["metadata"]
    assert main(["data", "verify", str(folder)]) == 1
    assert "dataset.json is not as it was built" in capsys.readouterr().out
    assert main(["data", "verify", str(folder / "data")]) == 2


@pytest.mark.parametrize(("name", "check"), [(".huggingface.yaml", "configs"), ("splits.json", "splits file")])
def test_a_description_that_is_a_pipe_or_a_link_out_of_the_folder_is_not_read(folder, tmp_path, name, check):
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    assert "link out of the folder" in failed(folder)[check]
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "no plain file" in failed(folder)[check]


@pytest.mark.parametrize(("part", "name"), [("dataset_info", [7]), ("dataset_info", {"a": 1}), ("configs", ["er7"])])
def test_a_config_name_that_is_no_text_is_a_finding(folder, part, name):
    path = folder / ".huggingface.yaml"
    content = yaml.safe_load(path.read_text())
    content[part][1]["config_name"] = name
    path.write_text(yaml.safe_dump(content))
    assert "configs" in failed(folder)
