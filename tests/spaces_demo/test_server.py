"""Addresses that the server can't open."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo import server
from spaces_demo.server import check_port


@pytest.mark.parametrize(("host", "port", "words"), [("127.0.0.1", 70_000, "port: found 70000"), ("no.such.", 80, "host")])
def test_an_address_that_is_none_is_refused(host: str, port: int, words: str):
    with pytest.raises(EmertInputError, match=words):
        check_port(host, port)


def test_it_says_at_once_what_loads_and_where_the_page_will_be(
    checkpoint: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    said = []

    @contextlib.contextmanager
    def running(*_):
        said.append(capsys.readouterr().out)
        yield SimpleNamespace(local_url="http://127.0.0.1:7861/", block_thread=lambda: None), None

    monkeypatch.setattr(server, "running", running)
    monkeypatch.setattr(server.signal, "signal", lambda *_: None)
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    server.serve([checkpoint])
    assert said[0].startswith(
        "Loading run0/model (trained on synthetic): the page will be at http://127.0.0.1:7860 or the next"
    )
    assert said[0].count("\n") == 1
    assert capsys.readouterr().out == "The page is at http://127.0.0.1:7861/ (Ctrl+C ends it).\n"


def test_gradio_says_nothing_of_public_links(capsys: pytest.CaptureFixture):
    import gradio as gr

    with gr.Blocks(analytics_enabled=False) as page:
        gr.HTML("here")
    server._launch(page, "127.0.0.1", None)
    try:
        assert "public link" not in capsys.readouterr().out
    finally:
        page.close()
