"""The data set as a `GeneratorBasedBuilder`: the rows and splits of the folder, by the same code."""

import csv
import os

import numpy as np
import pytest
import yaml
from datasets import load_dataset
from everyday import others_slow

from dataset_scripts.build.hf_builder import EmertDatasetBuilder
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.rows_emert import from_row
from modeling_emert.tasks_emert import LABEL_COLUMNS


@pytest.fixture
def builder(few_recordings, tmp_path):
    def make(config="all", **settings):
        settings = {"source": "synthetic", "path": few_recordings, "cache_dir": tmp_path / "cache", "faces": 1} | settings
        return EmertDatasetBuilder(config, **settings)

    return make


def same_rows(ours, theirs) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        first, second = from_row(one), from_row(other)
        np.testing.assert_array_equal(first.gaze.eye_movements, second.gaze.eye_movements)
        np.testing.assert_array_equal(first.face.frames, second.face.frames)
        assert first.action_units is second.action_units is None
        light = one.keys() - {"face", "eye_movements", "action_units"}
        assert {name: one[name] for name in light} == {name: other[name] for name in light}


@pytest.mark.parametrize("config", others_slow(["er7-fold1", "fer_va-strict-fold5", "all"], ["fer_va-strict-fold5"]))
def test_it_gives_the_rows_and_splits_of_the_folder(dataset_folder, recordings, tmp_path, cache, config):
    folder = load_dataset(str(dataset_folder), config, cache_dir=cache)
    builder = EmertDatasetBuilder(config, source="synthetic", path=recordings, cache_dir=tmp_path)
    builder.download_and_prepare()
    built = builder.as_dataset()
    assert list(built) == list(folder)
    for split in folder:
        assert built[split].features == folder[split].features
        same_rows(built[split], folder[split])


def test_it_streams(builder, few_recordings):
    streamed = builder("er3-fold2").as_streaming_dataset()
    assert list(streamed) == ["train", "validation", "test"]
    prepared = builder("er3-fold2")
    prepared.download_and_prepare()
    same_rows(list(streamed["test"]), prepared.as_dataset("test"))


@pytest.mark.slow
def test_two_processes_give_the_same(builder, tmp_path):
    one, two = builder("er3-fold1"), builder("er3-fold1", cache_dir=tmp_path / "other")
    one.download_and_prepare()
    two.download_and_prepare(num_proc=2)
    same_rows(two.as_dataset("train"), one.as_dataset("train"))


def test_a_config_hides_other_labels(builder):
    columns = set(builder("fer_va-fold1").info.features)
    assert columns & set(LABEL_COLUMNS) == {"fer_valence", "fer_arousal"}


@pytest.mark.slow
def test_own_tasks_have_configs_too(builder, few_recordings):
    tasks = [{"name": "stress", "labels": ["calm", "stressed"]}, {"name": "pain", "labels": ["pain"], "range": [0, 10]}]
    (few_recordings / "source.yaml").write_text(yaml.safe_dump({"name": "mine", "tasks": tasks}))
    with (few_recordings / "recordings.csv").open() as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"stress": ["calm", "stressed"][number % 2], "pain": number % 11}
    with (few_recordings / "recordings.csv").open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    one = builder("stress-fold1", source="folder")
    one.download_and_prepare(num_proc=2)
    assert one.info.features["stress"].names == ["calm", "stressed"]
    assert set(one.as_dataset()) == {"train", "validation", "test"}
    assert {*one.info.features} & {*LABEL_COLUMNS, "pain"} == set()
    assert "pain" in next(iter(builder("pain-fold2", source="folder").as_streaming_dataset()["test"]))
    with pytest.raises(EmertInputError, match=r"no such config.*stress-fold1"):
        builder("boredom-fold1", source="folder")


def test_a_changed_recording_or_setting_is_not_taken_from_the_cache(builder, few_recordings):
    first = builder().cache_dir
    assert builder().cache_dir == first
    assert len({first, builder(seed=1).cache_dir, builder(faces=2).cache_dir}) == 3
    os.utime(few_recordings / "gaze/p000-s000.csv", (1, 1))
    assert builder().cache_dir != first


@pytest.mark.parametrize(
    ("config", "part"),
    [("er9-fold1", "no such config"), ("perceived3-fold1", "has the tasks"), ("er7-fold4", "make 3 folds")],
)
def test_a_config_that_can_not_be_is_refused(builder, config, part):
    with pytest.raises(EmertInputError, match=part):
        builder(config)


def test_a_recording_that_can_not_be_read_is_named(builder, few_recordings):
    (few_recordings / "gaze/p000-s001.csv").write_text("no table at all")
    with pytest.raises(Exception, match="generating the dataset") as caught:
        builder().download_and_prepare()
    assert isinstance(caught.value.__cause__, EmertInputError)
    assert "p000-s001: " in str(caught.value.__cause__)
