"""Starts the demo in order (temporary folder, workers, examples, page) and stops it in reverse."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from modeling_emert.errors_emert import EmertInputError

from .checkpoints import Checkpoint, find_checkpoints
from .workers.pool import WORKERS, Workers

if TYPE_CHECKING:
    import gradio as gr

    from .service import Service

log = logging.getLogger("emert.demo")

MAX_WAITING = 60  # visitors in the queue; the next one is asked to come back
_FIRST_PORT, _LAST_PORT = 7860, 2**16 - 1
# No request leaves the machine: neither gradio's statistics nor the Hub's.
_OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}


def serve(models: Sequence[Path] = (), host: str = "127.0.0.1", port: int | None = None) -> None:
    """Runs until it is interrupted or terminated.

    `port`: by default what the variable GRADIO_SERVER_PORT says, or the first free one from 7860.

    Raises:
        EmertInputError: a folder of `models` holds no trained model, or the port can't be opened.
    """
    variable = os.environ.get("GRADIO_SERVER_PORT")
    if port is None and variable is not None:
        if not variable.isdecimal():  # gradio would end in a traceback
            raise EmertInputError(f"GRADIO_SERVER_PORT: found {variable!r}, expected a number from 1 to {_LAST_PORT}")
        port = int(variable)
    check_port(host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that `running` cleans up
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    checkpoints = find_checkpoints(models)
    names, where = " and ".join(one.name for one in checkpoints), f"http://{host}:{port or _FIRST_PORT}"
    later = "" if port else " or the next free port"
    print(f"Loading {names}: the page will be at {where}{later}, in a minute or two.", flush=True)
    with running(checkpoints, host, port) as (page, _):
        print(f"The page is at {page.local_url} (Ctrl+C ends it).", flush=True)
        page.block_thread()


def check_port(host: str, port: int | None) -> None:
    """Raises `EmertInputError` where the page can't be opened there, before anything is started."""
    if port is not None and not 0 < port <= _LAST_PORT:
        raise EmertInputError(f"port: found {port}, expected 1 to {_LAST_PORT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family)
        socket.create_server((host, port or 0), family=family).close()
    except socket.gaierror as error:
        raise EmertInputError(f"host: {host!r} is no address of this machine ({error.strerror})") from error
    except OSError as error:
        reason = f"port: {port} can't be opened on {host} ({os.strerror(error.errno or 0)})"
        raise EmertInputError(f"{reason}; give another one, or none for the first that is free from 7860") from error


@contextlib.contextmanager
def running(
    checkpoints: Sequence[Checkpoint], host: str = "127.0.0.1", port: int | None = None
) -> "Iterator[tuple[gr.Blocks, Service]]":
    """The launched page and its service; at the end everything is stopped and nothing is left on disk."""
    os.environ.update(_OFFLINE)  # before gradio is imported
    from .files.uploads import Uploads, asked_about, keep_uploads_apart, upload_folder

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(upload_folder())
        workers = Workers([one.folder for one in checkpoints])  # they start while gradio is imported
        stack.callback(workers.close)
        from .examples import ExampleFiles
        from .page.screen import build_screen
        from .service import Service

        keep_uploads_apart()
        uploads, examples = Uploads(folder), ExampleFiles(folder.parent / "examples")
        stack.callback(examples.close)
        service = Service(workers, uploads, checkpoints, examples)
        page = build_screen(service)
        uploads.waiting = partial(asked_about, page)
        _launch(page, host, port)
        stack.callback(page.close)
        threading.Thread(target=_prepare, args=(page, service), daemon=True).start()
        stack.enter_context(uploads.swept())
        yield page, service


def _prepare(page: "gr.Blocks", service: "Service") -> None:
    """Does what is slow the first time, after the workers are warm, so that no visitor waits for it."""
    from gradio_client import Client

    service.workers.wait_until_warm(wanted=WORKERS)
    try:  # gradio takes half a second longer for its first request
        client = Client(page.local_url, verbose=False, download_files=False)
        client.predict(api_name="/models")
        client.close()
    except Exception as error:  # the first visitor waits a little longer
        log.info("the page could not be asked beforehand: %s", error)
    with contextlib.suppress(OSError):  # the server has ended meanwhile, and its folder is gone
        service.examples.draw_all()


def _launch(page: "gr.Blocks", host: str, port: int | None) -> None:
    """Opens the port and returns."""
    from .files.uploads import MAX_UPLOAD_MB
    from .page.style import HEAD_STYLES, STYLE_SHEET, theme

    page.queue(max_size=MAX_WAITING, default_concurrency_limit=WORKERS)
    look = {"theme": theme(), "css": STYLE_SHEET, "head": HEAD_STYLES, "footer_links": ["api"]}
    off = dict.fromkeys(("share", "ssr_mode", "show_error", "enable_monitoring"), False)
    limit = f"{MAX_UPLOAD_MB}mb"
    where = {"server_name": host, "server_port": port, "prevent_thread_lock": True, "quiet": True}
    page.launch(**where, max_file_size=limit, mcp_server=True, **look, **off)
