"""The page as an MCP server, asked by an MCP client; and files that are named by their address."""

import ast
import asyncio
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from running_space import Server, left_behind


def ask(server: Server, *calls: tuple[str, dict]):
    """The tools of the server, then the result of each call."""

    async def session():
        async with (
            streamable_http_client(f"{server[0]}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return [(await client.list_tools()).tools, *[await client.call_tool(name, given) for name, given in calls]]

    return asyncio.run(session())


@pytest.fixture
def address(clips: Path, monkeypatch: pytest.MonkeyPatch):
    """Of the clips on a web server of this machine, which counts as public meanwhile."""
    monkeypatch.setattr("safehttpx.is_public_ip", lambda _: True)
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=clips))
    threading.Thread(target=web.serve_forever, args=[0.01], daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()


@pytest.mark.slow
def test_tools_say_what_they_take_and_answer_files_by_address(server: Server, address: str):
    files = {"video": f"{address}/videos/p000-s000.mp4", "gaze": f"{address}/gaze/p000-s000.csv"}
    tools, models, answer, batch = ask(server, ("models", {}), ("answer", files), ("batch", {"files": list(files.values())}))
    found = {tool.name.rpartition("_")[2] or tool.name: tool.inputSchema["properties"] for tool in tools}
    assert set(found) == {"answer", "batch", "models"}
    assert set(found["answer"]) == {"video", "gaze", "participant", "model", "face", "stimulus"}
    assert all(field["description"] for tool in found.values() for field in tool.values())
    assert not models.isError
    assert ast.literal_eval(answer.content[0].text)["modalities"] == ["face", "eye_movements", "fixations"]
    (row,) = ast.literal_eval(batch.content[0].text)["rows"]
    assert (row["recording"], row["problem"]) == ("p000-s000", None)
    assert left_behind(server) == []


def test_addresses_of_this_machine_are_not_fetched(server: Server, clips: Path):
    hits = []

    class Counting(SimpleHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_error(404)

    web = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=web.serve_forever, args=[0.01], daemon=True).start()
    urls = [f"http://{host}:{web.server_port}/x.mp4" for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0")]
    _, *refused = ask(server, *[("answer", {"video": url}) for url in urls])
    web.shutdown()
    assert hits == []
    assert all(one.isError and "send the file itself" in one.content[0].text for one in refused)
    assert left_behind(server) == []
