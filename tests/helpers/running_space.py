"""Helpers for tests of a running page: its functions and files, what is left on its disk, and drops and clicks in a browser."""

from pathlib import Path

from gradio_client import handle_file

from spaces_demo.service import Service

Server = tuple[str, Service]  # address and service
PATIENCE = 60_000  # ms
SKIPPED = {"__type__": "update"}  # gradio's sign that a field stays as it is
# Classes of the elements that reach beyond the window, for the message.
TOO_WIDE = """width => [...document.querySelectorAll("body *")]
    .filter(one => one.getBoundingClientRect().right > width).map(one => `${one.tagName} ${one.id} ${one.className}`)"""


# The page's functions, imported where they are used: gradio takes seconds, of each process that collects tests.


def answer_clip(*arguments):
    from spaces_demo.page import screen

    return screen.answer_clip(*arguments)


def answer_batch(*arguments):
    from spaces_demo.page import batch_tab

    return batch_tab.answer_batch(*arguments)


def files_of(clips: Path, name: str = "p000-s000") -> dict:
    return {"video": handle_file(clips / "videos" / f"{name}.mp4"), "gaze": handle_file(clips / "gaze" / f"{name}.csv")}


def left_behind(server: Server) -> list[str]:
    """Every file in the temporary folder but the examples, what torch compiles, and sockets of processes that just start."""
    place = server[1].uploads.folder.parent
    files = [path.relative_to(place) for path in place.rglob("*") if not path.is_dir() and "examples" not in path.parts]
    return [str(path) for path in files if not path.parts[1].startswith(("torchinductor", "pymp-"))]


def drop(page, clips: Path, *parts: str) -> None:
    files = {"video": clips / "videos" / "p000-s000.mp4", "gaze": clips / "gaze" / "p000-s000.csv"}
    for part in parts:
        page.set_input_files(f"#{part} input[type=file]", files[part])
    if "video" in parts:
        page.wait_for_selector("#video video")
    if "gaze" in parts:
        page.wait_for_selector("#gaze :text('p000-s000')")


def wait_for_button(page) -> None:
    """Until another question can be asked."""
    page.wait_for_selector("#ask:enabled")
    page.wait_for_timeout(300)  # it fades in
