"""A tiny checkpoint, two small clips, and one running server for all tests of the folder."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from gradio_client import Client
from running_space import Server
from tiny_emert import IMAGE, tiny_model
from tiny_training import TINY

from dataset_scripts.generator.writing import generate
from modeling_emert.processing_emert import EmertProcessor
from spaces_demo.checkpoints import find_checkpoints


def save_checkpoint(folder: Path, data: str = "synthetic", seed: int = 0) -> Path:
    """A model folder such as training leaves, without the training."""
    model = tiny_model(seed)
    model.save_pretrained(folder)
    EmertProcessor.for_config(model.config, IMAGE).save_pretrained(folder)
    (folder / "training_record.json").write_text(json.dumps({"data": data}))
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("run") / "model")


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `videos/p000-s000.mp4`, `gaze/p000-s000.csv` and more."""
    return generate(tmp_path_factory.mktemp("clips") / "recordings", TINY, workers=1)


@pytest.fixture(scope="package")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Address and service of a running page with two checkpoints."""
    from spaces_demo.serving import running

    other = save_checkpoint(tmp_path_factory.mktemp("other") / "model", data="folder", seed=1)
    before = dict(os.environ)
    with running(find_checkpoints([checkpoint, other])) as (page, service):
        assert service.workers.wait_until_warm()
        yield page.local_url, service
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="package")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server[0], verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture
def crowd(clips: Path, tmp_path: Path) -> Path:
    """A gaze file of three participants."""
    one = pd.read_csv(clips / "gaze" / "p000-s000.csv")
    names = next(name for name in one.columns if "participant" in name.lower())
    pd.concat([one.assign(**{names: name}) for name in ("p10", "p2", "p1")]).to_csv(tmp_path / "crowd.csv", index=False)
    return tmp_path / "crowd.csv"
