"""A missing extra is installed from this project, for the running interpreter."""

import json
import shlex
import sys

import pytest
from places import ROOT

from dataset_scripts.common import extras


def test_of_a_clone():
    assert shlex.split(extras.how_to_install("demo")) == [sys.executable, "-m", "pip", "install", "-e", f"{ROOT}[demo]"]


@pytest.mark.parametrize("url", ["file:///wheels/emert-0.1.0-py3-none-any.whl", None])
def test_of_a_wheel_nothing_is_fetched_by_its_name(url, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "_CLONE", tmp_path)
    installed = tmp_path / "emert-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: emert\nVersion: 0.1.0\n")
    if url:
        (installed / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {}}))
    monkeypatch.syspath_prepend(tmp_path)
    words = extras.how_to_install("demo")
    if url:
        assert shlex.split(words) == [sys.executable, "-m", "pip", "install", f"emert[demo] @ {url}"]
    else:
        assert words == f"install the packages of emert's extra demo for {sys.executable}"
