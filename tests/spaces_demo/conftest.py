"""A tiny checkpoint, two small clips, and one running server for all tests of the folder."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import pandas as pd
import pytest
from gradio_client import Client
from running_space import PATIENCE, TOO_WIDE, Server
from tiny_emert import IMAGE, tiny_model

from modeling_emert.processing_emert import EmertProcessor
from spaces_demo.checkpoints import find_checkpoints

if TYPE_CHECKING:
    from playwright.sync_api import Browser


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
def clips(recordings: Path) -> Path:
    """A folder with `videos/p000-s000.mp4`, `gaze/p000-s000.csv` and more. Not to be changed."""
    return recordings


@pytest.fixture(scope="package")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Address and service of a running page with two checkpoints."""
    from spaces_demo.server import running

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


@pytest.fixture(scope="module")  # its event loop is in the way of others
def browser() -> Iterator["Browser"]:
    from real_browser import chromium  # here, since importing it skips what imports it where playwright is missing

    with chromium() as opened:
        yield opened


@pytest.fixture(params=[("light", 1440), ("dark", 390)], ids=["light-wide", "dark-narrow"])
def page(browser: "Browser", server: Server, request: pytest.FixtureRequest) -> Iterator:
    """Opened; at the end nothing was asked of other hosts, no script failed, and nothing is wider than the window."""
    theme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    asked: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda one: asked.append(one.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(server[0])
    opened.wait_for_selector("#ask")
    opened.wait_for_function(f"document.body.classList.contains('dark') === {str(theme == 'dark').lower()}")
    yield opened
    assert {urlparse(url).hostname for url in asked if url.startswith("http")} == {"127.0.0.1"}
    assert errors == []
    assert opened.evaluate("document.documentElement.scrollWidth") <= width, opened.evaluate(TOO_WIDE, width)
    context.close()
