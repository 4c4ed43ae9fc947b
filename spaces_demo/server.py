"""Starts everything in order and stops it in reverse: temporary folder, workers, examples, page."""

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
from .limits import SWEEP_SECONDS, UNUSED_UPLOAD_SECONDS, WORKERS

if TYPE_CHECKING:
    import gradio as gr

    from .service import Service

log = logging.getLogger("emert.demo")

# No request leaves the machine: neither gradio's statistics nor the Hub's.
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}


def serve(models: Sequence[Path] = (), host: str = "127.0.0.1", port: int | None = None) -> None:
    """Until it is interrupted or told to end.

    `port`: by default what the variable GRADIO_SERVER_PORT says, or the first free one from 7860.

    Raises:
        EmertInputError: a folder of `models` holds no trained model, or the port can't be opened.
    """
    port = _port_of_environment() if port is None else port
    check_port(host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what is below is left in order, and nothing stays on disk
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with running(find_checkpoints(models), host, port) as (page, _):
        page.block_thread()


def _port_of_environment() -> int | None:
    """gradio would read it as well, and end in a traceback where it can't be had."""
    asked = os.environ.get("GRADIO_SERVER_PORT")
    if asked is None:
        return None
    if not asked.isdecimal():
        raise EmertInputError(f"GRADIO_SERVER_PORT: found {asked!r}, expected a number from 1 to {2**16 - 1}")
    return int(asked)


def check_port(host: str, port: int | None) -> None:
    """Before anything is started. Raises `EmertInputError` where the page could not be opened there."""
    if port is not None and not 0 < port < 2**16:
        raise EmertInputError(f"port: found {port}, expected 1 to {2**16 - 1}")
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
    """The page, launched, and its service; at the end all is stopped and nothing is left on disk."""
    os.environ.update(_QUIET)
    from .files.uploads import Uploads, asked_about, keep_uploads_apart, upload_folder

    with upload_folder() as folder:
        from .workers.pool import Workers

        workers = Workers([one.folder for one in checkpoints])  # they warm up while the rest is made ready
        try:
            from .examples import ExampleFiles
            from .page.screen import build_screen
            from .service import Service

            keep_uploads_apart()
            uploads = Uploads(folder)
            service = Service(workers, uploads, checkpoints, ExampleFiles(folder.parent / "examples"))
            page = build_screen(service)
            uploads.waiting = partial(asked_about, page)
            launch(page, host, port)
            threading.Thread(target=_make_ready, args=(page, service), daemon=True).start()
            try:
                with uploads.swept(SWEEP_SECONDS, UNUSED_UPLOAD_SECONDS):
                    yield page, service
            finally:
                page.close()
                service.examples.close()
        finally:
            workers.close()


def _make_ready(page: "gr.Blocks", service: "Service") -> None:
    """What is slow only once, so that no visitor waits for it; not before the workers are warm, whose time it would take."""
    with contextlib.suppress(OSError):  # the server has ended meanwhile, and its folder is gone
        service.workers.wait_until_warm(wanted=WORKERS)
        _ask(page)
        service.examples.draw_all()


def _ask(page: "gr.Blocks") -> None:
    """A first question to the page, which takes gradio more than half a second longer than the second."""
    from gradio_client import Client

    try:
        client = Client(page.local_url, verbose=False, download_files=False)
        client.predict(api_name="/models")
        client.close()
    except Exception as error:  # it goes without; the first visitor waits a little longer
        log.info("the page could not be asked beforehand: %s", error)


def launch(page: "gr.Blocks", host: str, port: int | None) -> None:
    """Opens the port and comes back."""
    from .limits import MAX_UPLOAD_MB, MAX_WAITING
    from .page.style import HEAD_STYLES, STYLE_SHEET, theme

    page.queue(max_size=MAX_WAITING, default_concurrency_limit=WORKERS)
    page.launch(
        server_name=host,
        server_port=port,
        share=False,
        prevent_thread_lock=True,
        ssr_mode=False,
        theme=theme(),
        css=STYLE_SHEET,
        head=HEAD_STYLES,
        max_file_size=f"{MAX_UPLOAD_MB}mb",
        footer_links=["api"],
        show_error=False,
        enable_monitoring=False,
    )
