"""A build spread over machines gives, joined, the data set that one machine builds; and shards that do not fit are refused."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_dataset

from dataset_scripts.build import build as building
from dataset_scripts.build.build import build, is_current
from dataset_scripts.build.fingerprint import take_fingerprint
from dataset_scripts.build.shards import SHARD_FILE, Shard, ShardIndex, build_shard, join
from dataset_scripts.dataset.metadata import Metadata
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError
from training.cli import main


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def opened(path):
    return open_source("synthetic", path)


@pytest.fixture(scope="module")
def whole(_few, tmp_path_factory) -> Path:
    return build(opened(_few), tmp_path_factory.mktemp("whole") / "whole", num_workers=1, faces=1)


@pytest.fixture(scope="module")
def _shards(_few, tmp_path_factory) -> list[Path]:
    """Three shards, each built of its own copy of the recordings, as three machines would."""
    folder = tmp_path_factory.mktemp("shards")
    shards = []
    for number in (1, 2, 3):
        recordings = shutil.copytree(_few, folder / f"machine-{number}" / "recordings", copy_function=shutil.copy)
        shards.append(
            build_shard(opened(recordings), folder / f"shard-{number}", ShardIndex(number, 3), num_workers=1, faces=1)
        )
    return shards


@pytest.fixture
def shards(_shards, tmp_path) -> list[Path]:
    return [shutil.copytree(shard, tmp_path / shard.name) for shard in _shards]


def test_joined_shards_are_the_data_set_that_one_machine_builds(shards, whole, tmp_path, cache):
    out = tmp_path / "joined"
    order = [str(shards[number]) for number in (2, 0, 1)]
    assert main(["data", "join", *order, "--out", str(out)]) == 0
    expected = files_of(whole)
    del expected[".freshness"]  # of one machine's disk
    assert files_of(out) == expected
    assert Metadata.read(out).fingerprint == Metadata.read(whole).fingerprint
    assert load_dataset(str(out), "er7-fold1", cache_dir=cache).num_rows == {"train": 3, "validation": 3, "test": 3}
    assert [len(list(shard.glob("*.cell"))) for shard in shards] == [3, 3, 3]
    assert not list(tmp_path.glob(".*"))


def test_shards_built_on_one_disk_are_known_to_be_current(few_recordings, tmp_path):
    source = opened(few_recordings)
    shards = [build_shard(source, tmp_path / f"s{number}", ShardIndex(number, 2), num_workers=1, faces=1) for number in (1, 2)]
    out = join(shards, tmp_path / "out")
    assert is_current(out, source, faces=1)
    gaze = next((few_recordings / "gaze").iterdir())
    os.utime(gaze, (1, 1))
    assert not is_current(out, source, faces=1)


def test_the_command_builds_a_shard_that_load_dataset_takes_for_nothing(few_recordings, tmp_path, cache, capsys):
    out = tmp_path / "out.shard-1-of-2"
    arguments = ["data", "build", "--source", "synthetic", "--path", str(few_recordings), "--faces", "1", "--num-workers", "1"]
    assert main([*arguments, "--out", str(out), "--shard", "1/2"]) == 0
    assert "emert data join" in capsys.readouterr().out
    assert main([*arguments, "--out", str(out), "--shard", "2/2"]) == 2
    assert "already holds something" in capsys.readouterr().err
    assert main([*arguments, "--out", str(out), "--shard", "2/2", "--overwrite"]) == 0
    assert Shard.read(out).index == ShardIndex(2, 2)
    with pytest.raises((FileNotFoundError, ConnectionError)):
        load_dataset(str(out), cache_dir=cache)


def test_a_shard_that_was_stopped_goes_on(few_recordings, tmp_path, monkeypatch, whole):
    begun, real = [], building.build_cell

    def build_two(job):
        begun.append(job.cell)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return real(job)

    with monkeypatch.context() as patch:
        patch.setattr(building, "build_cell", build_two)
        with pytest.raises(KeyboardInterrupt):
            build_shard(opened(few_recordings), tmp_path / "s1", ShardIndex(1, 2), num_workers=1, faces=1)
    assert not (tmp_path / "s1").exists()
    kept = {path.name: path.stat().st_ino for path in (tmp_path / ".s1.partial").glob("*.cell")}
    assert len(kept) == 2
    shards = [build_shard(opened(few_recordings), tmp_path / f"s{number}", ShardIndex(number, 2), 1, 1) for number in (1, 2)]
    assert {name: (shards[0] / name).stat().st_ino for name in kept} == kept
    out = join(shards, tmp_path / "out")
    assert Metadata.read(out) == Metadata.read(whole)


def test_shards_cover_every_cell_once_and_weigh_about_the_same():
    members = {(row, group): range(10 * row + group) for row in range(1, 6) for group in range(1, 6)}
    parts = [ShardIndex(number, 4).of(members) for number in range(1, 5)]
    assert sorted(cell for part in parts for cell in part) == sorted(members)
    loads = [sum(len(members[cell]) for cell in part) for part in parts]
    assert max(loads) - min(loads) <= 25


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/3", "1.0/3", ""])
def test_a_shard_index_that_is_none_is_refused(text):
    with pytest.raises(EmertInputError, match="--shard"):
        ShardIndex.parse(text)


def test_more_shards_than_parts_are_refused(few_recordings, tmp_path):
    with pytest.raises(EmertInputError, match="9 parts"):
        build_shard(opened(few_recordings), tmp_path / "out", ShardIndex(1, 10), num_workers=1)


def rewrite(folder: Path, **changes) -> None:
    shard = Shard.read(folder)
    replace(shard, **changes).write()


def test_shards_that_do_not_fit_are_refused_and_nothing_appears(shards, tmp_path):
    one, two, three = shards
    out = tmp_path / "out"
    metadata, known = Shard.read(two).metadata, Shard.read(two).fingerprint

    def refused(folders) -> str:
        before = files_of(tmp_path)
        with pytest.raises(EmertInputError) as caught:
            join(folders, out)
        assert files_of(tmp_path) == before
        assert not out.exists()
        return str(caught.value)

    assert "shard 2/3 is missing" in refused([one, three])
    assert "shard 1/3 is given 2 times" in refused([one, one, two, three])
    assert "no shard here" in refused([one, two, tmp_path])
    for changes, part in (
        ({"index": ShardIndex(2, 4)}, "one of 4 shards"),
        ({"fingerprint": replace(known, code="other")}, "another version of the code"),
        ({"fingerprint": replace(known, content="other")}, "other recordings"),
        ({"metadata": replace(metadata, faces_kept=7)}, "source, faces and seed"),
    ):
        before = files_of(two)
        rewrite(two, **changes)
        assert part in refused(shards)
        for name, content in before.items():
            (two / name).write_bytes(content)
    (cell, *_) = sorted(three.glob("*.cell"))
    content = cell.read_bytes()
    cell.write_bytes(content[:-1] + b"x")
    assert f"{cell} was changed" in refused(shards)
    cell.unlink()
    assert f"{cell} is missing" in refused(shards)
    cell.write_bytes(content)
    join(shards, out)


@pytest.mark.parametrize("text", ["", "{}", "[]", "no json", '{"share": {"number": 1}}', "[" * 100_000])
def test_a_damaged_description_of_a_shard_is_refused(shards, tmp_path, text):
    (shards[0] / SHARD_FILE).write_text(text)
    with pytest.raises(EmertInputError, match="build this shard again"):
        join(shards, tmp_path / "out")


def test_a_shard_that_names_a_file_outside_is_refused(shards, tmp_path):
    content = json.loads((shards[0] / SHARD_FILE).read_text())
    files = content["metadata"]["files"]
    files["data/../../../p1-s1.parquet"] = files.pop(next(iter(files)))
    (shards[0] / SHARD_FILE).write_text(json.dumps(content))
    with pytest.raises(EmertInputError, match="build this shard again"):
        join(shards, tmp_path / "out")


def test_join_does_not_replace_what_is_no_data_set_nor_a_shard(shards, tmp_path):
    for out in (shards[0], tmp_path):
        with pytest.raises(EmertInputError, match="give another --out"):
            join(shards, out, overwrite=True)
    assert len(list(shards[0].glob("*.cell"))) == 3


def test_the_identity_is_that_of_the_recordings_wherever_they_lie(few_recordings, tmp_path):
    other = shutil.copytree(few_recordings, tmp_path / "elsewhere/under/another/name", copy_function=shutil.copy)

    def of(path, faces=1, seed=0):
        source = opened(path)
        return take_fingerprint(source, source.entries(), faces, seed)

    here, there = of(few_recordings), of(other)
    assert (here.code, here.content) == (there.code, there.content)
    assert here.freshness != there.freshness
    assert of(few_recordings, seed=1).content != here.content
    gaze = sorted((other / "gaze").iterdir())
    gaze[0].write_text(gaze[0].read_text() + "\n")
    assert of(other).content != here.content


def test_a_folder_of_frames_counts_with_all_that_is_in_it(few_recordings):
    frames = few_recordings / "frames"
    frames.mkdir()
    (frames / "1.jpg").write_bytes(b"one")
    source = opened(few_recordings)
    entries = [replace(entry, video=frames) for entry in source.entries()]
    before = take_fingerprint(source, entries, 1, 0)
    assert take_fingerprint(source, entries, 1, 0) == before
    (frames / "2.jpg").write_bytes(b"two")
    assert take_fingerprint(source, entries, 1, 0).content != before.content
