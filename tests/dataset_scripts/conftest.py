"""Generated recordings and the data set built of them, made once for all tests of the data room."""

import shutil
from pathlib import Path

import pytest

from dataset_scripts.build.build import build
from dataset_scripts.generator.truth import GeneratorSettings
from dataset_scripts.generator.writing import generate
from dataset_scripts.sources import open_source

TINY = {"seconds": 1, "frames_per_second": 2, "frame_size": 96}


@pytest.fixture(scope="session")
def tiny_settings() -> GeneratorSettings:
    return GeneratorSettings(participants=6, stimuli=7, **TINY)


@pytest.fixture(scope="session")
def recordings(tiny_settings, tmp_path_factory) -> Path:
    """Six people, seven clips: more than there are folds. Not to be changed."""
    return generate(tmp_path_factory.mktemp("recordings") / "all", tiny_settings, num_workers=1)


@pytest.fixture(scope="session")
def dataset_folder(recordings, tmp_path_factory) -> Path:
    """The data set of `recordings`. Not to be changed."""
    return build(open_source("synthetic", recordings), tmp_path_factory.mktemp("built") / "dataset", num_workers=1)


@pytest.fixture(scope="session")
def _few(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("few") / "all", GeneratorSettings(participants=3, stimuli=3, **TINY), num_workers=1)


@pytest.fixture
def few_recordings(_few, tmp_path) -> Path:
    """Three people, three clips, nine cells: a copy for this test alone, with the times of the original."""
    return shutil.copytree(_few, tmp_path / "few")


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> str:
    """Where `load_dataset` keeps what it made."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def small_dataset(_few, tmp_path_factory):
    """Three people, three clips: nine cells of one recording. Not to be changed."""
    return build(open_source("synthetic", _few), tmp_path_factory.mktemp("verified") / "sound", num_workers=1)


@pytest.fixture
def folder(small_dataset, tmp_path) -> Path:
    """A copy for this test alone."""
    return shutil.copytree(small_dataset, tmp_path / "data set")
