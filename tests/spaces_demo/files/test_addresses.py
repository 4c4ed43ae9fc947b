"""Files by their address: nothing private, nothing endless, nothing left behind."""

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modeling_emert.errors_emert import EmertInputError
from spaces_demo.files import addresses
from spaces_demo.files.addresses import fetch


class Web(BaseHTTPRequestHandler):
    """`/private` redirects to an address that is not public, `/round` to itself; `/big` and `/slow` never end."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(f"{self.headers['Host']}{self.path}")
        port = self.server.server_address[1]
        targets = {"/private": f"http://127.0.0.2:{port}/secret", "/round": "/round", "/once": "/file.csv"}
        self.send_response(302 if self.path in targets else 404 if self.path == "/none" else 200)
        if self.path in targets:
            self.send_header("Location", targets[self.path])
        self.end_headers()
        with suppress(OSError):  # the other side has left
            if self.path == "/file.csv":
                self.wfile.write(b"time_ms")
            while self.path in ("/big", "/slow"):
                self.wfile.write(b"x" * (2**20 if self.path == "/big" else 1))
                time.sleep(0 if self.path == "/big" else 0.05)

    def log_message(self, *_):
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch):
    """127.0.0.1 counts as public, and no other address of this machine."""
    monkeypatch.setattr("safehttpx.is_public_ip", lambda address: address == "127.0.0.1")
    Web.asked.clear()
    server = ThreadingHTTPServer(("0.0.0.0", 0), Web)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/file.csv", "/once"])
def test_a_file_comes_also_by_a_redirect(web: str, tmp_path: Path, path: str):
    assert fetch(web + path, tmp_path).read_bytes() == b"time_ms"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/private", "not a public address"),
        ("/round", "more than 5 redirects"),
        ("/none", "the server answers 404"),
        ("/big", "more than 1 MB"),
        ("/slow", "not there after 0.3 seconds"),
    ],
)
def test_what_is_private_or_has_no_end_is_refused(web: str, tmp_path: Path, monkeypatch, path: str, problem: str):
    monkeypatch.setattr(addresses, "MAX_UPLOAD_MB", 1)
    monkeypatch.setattr(addresses, "_ALL_SECONDS", 0.3)
    with pytest.raises(EmertInputError, match=problem):
        fetch(web + path, tmp_path)
    assert not [asked for asked in Web.asked if "secret" in asked]
    assert list(tmp_path.iterdir()) == []
