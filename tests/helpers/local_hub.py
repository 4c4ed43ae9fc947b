"""A Hugging Face Hub on this machine, over HTTP: each repository a folder, each call of `huggingface_hub` recorded."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_KINDS = ("models", "datasets", "spaces")


class LocalHub:
    """`calls`: method and path. `commits`: repository, files that were added, files that were removed. `refused`: repositories
    that the user may not write to. `before_commit` is called with the repository's name before a commit is taken.
    """

    def __init__(self, folder: Path):
        self.folder, self.calls, self.commits = folder, [], []
        self.private: dict[str, bool] = {}  # by models/me/emert and the like
        self.created: list[dict] = []
        self.refused: set[str] = set()
        self.before_commit: Callable[[str], None] = lambda repository: None
        self.address = ""

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [path for method, path in self.calls if path == "/api/repos/create" or "/commit/" in path]

    def files(self, repository: str) -> dict[str, bytes]:
        root = self.folder / repository
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def sha(self, repository: str) -> str:
        content = [(name, hashlib.sha1(data).hexdigest()) for name, data in self.files(repository).items()]
        return hashlib.sha1(repr(content).encode()).hexdigest()

    def create(self, asked: dict) -> tuple[int, dict]:
        kind = asked.get("type") or "model"
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        repository = f"{kind}s/{name}"
        self.created.append(asked)
        status = 409 if repository in self.private else 200
        self.private.setdefault(repository, asked.get("visibility") == "private" or bool(asked.get("private")))
        (self.folder / repository).mkdir(parents=True, exist_ok=True)
        (self.folder / repository / ".gitattributes").touch()
        place = name if kind == "model" else f"{kind}s/{name}"
        return status, {"url": f"{self.address}/{place}", "name": name}

    def commit(self, repository: str, lines: list[dict]) -> tuple[int, dict]:
        self.before_commit(repository)
        root, added, removed = self.folder / repository, [], []
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, self.sha(repository)):
            return 412, {"error": "the branch has another commit"}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                target = root / value["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(base64.b64decode(value["content"]))
                added.append(value["path"])
            elif line["key"] == "deletedFile":
                (root / value["path"]).unlink()
                removed.append(value["path"])
        self.commits.append((repository, added, removed))
        sha = self.sha(repository)
        return 200, {"commitUrl": f"{self.address}/{repository}/commit/{sha}", "commitOid": sha, "success": True}

    def entry(self, path: str, content: bytes) -> dict:
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return {"type": "file", "path": path, "size": len(content), "oid": oid}


def _handler(hub: LocalHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments) -> None:
            pass

        def _send(self, status: int, content: dict | list | bytes, **headers: str) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            hub.calls.append((self.command, path))
            words = path.strip("/").split("/")
            if words[0] == "api":
                self._api(words[1:], body)
            else:
                self._file(words)

        do_GET = do_HEAD = do_POST = _answer

        def _missing(self, what: str) -> None:
            self._send(404, {"error": f"no {what}"}, X_Error_Code=f"{what}NotFound", X_Error_Message=f"no {what}")

        def _file(self, words: list[str]) -> None:
            kind = words.pop(0) if words[0] in _KINDS else "models"
            repository, rest = f"{kind}/{'/'.join(words[:2])}", words[2:]
            if repository not in hub.private:
                self._missing("Repo")
                return
            content = hub.files(repository).get("/".join(rest[2:]))
            if content is None or rest[0] != "resolve":
                self._missing("Entry")
                return
            oid = hub.entry("", content)["oid"]
            self._send(200, content, X_Repo_Commit=hub.sha(repository), ETag=f'"{oid}"')

        def _api(self, words: list[str], body: bytes) -> None:
            if words == ["whoami-v2"]:
                self._send(200, {"name": "me", "type": "user", "orgs": [], "auth": {}})
            elif words == ["validate-yaml"]:
                self._send(200, {"errors": [], "warnings": []})
            elif words == ["repos", "create"]:
                self._send(*hub.create(json.loads(body)))
            elif len(words) < 3 or (repository := "/".join(words[:3])) not in hub.private:
                self._missing("Repo")
            else:
                self._repository(repository, words[3:], body)

        def _repository(self, repository: str, words: list[str], body: bytes) -> None:
            files = hub.files(repository)
            match words:
                case [] | ["revision", _]:
                    name, siblings = repository.split("/", 1)[1], [{"rfilename": name} for name in files]
                    content = {"id": name, "sha": hub.sha(repository), "siblings": siblings, "tags": []}
                    self._send(200, content | {"private": hub.private[repository], "disabled": False, "gated": False})
                case ["tree", _, *_]:
                    place = "".join(f"{word}/" for word in words[2:])
                    self._send(200, [hub.entry(name, data) for name, data in files.items() if name.startswith(place)])
                case ["paths-info", _]:
                    asked = json.loads(body)["paths"] if body.startswith(b"{") else []
                    found = [hub.entry(name, files[name]) for name in asked if name in files]
                    folders = [name for name in asked if any(file.startswith(f"{name}/") for file in files)]
                    self._send(200, [*found, *({"type": "directory", "path": name, "oid": "0" * 40} for name in folders)])
                case ["preupload" | "commit", _] if repository in hub.refused:
                    self._send(403, {"error": "you may not write there"})
                case ["preupload", _]:
                    modes = [
                        {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for one in json.loads(body)["files"]
                    ]
                    self._send(200, {"files": modes})
                case ["commit", _]:
                    self._send(*hub.commit(repository, [json.loads(line) for line in body.splitlines()]))
                case _:
                    self._missing("Entry")

    return Handler


@contextmanager
def local_hub(folder: Path) -> Iterator[LocalHub]:
    hub = LocalHub(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
