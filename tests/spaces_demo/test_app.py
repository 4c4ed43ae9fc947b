"""What a Space runs."""

import socket

import pytest

from spaces_demo import app, server


def test_the_port_that_a_space_asks_for_is_checked_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(server, "running", lambda *_: pytest.fail("started"))
    monkeypatch.setenv("GRADIO_SERVER_PORT", "many")
    with pytest.raises(SystemExit, match="emert: GRADIO_SERVER_PORT: found 'many', expected a number"):
        app.main()
    with socket.create_server(("0.0.0.0", 0)) as taken:
        monkeypatch.setenv("GRADIO_SERVER_PORT", str(taken.getsockname()[1]))
        with pytest.raises(SystemExit, match=r"emert: port: .* can't be opened on 0\.0\.0\.0"):
            app.main()
