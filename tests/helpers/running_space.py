"""What tests ask of a running page, and what it may not leave behind."""

from pathlib import Path

from gradio_client import handle_file

from spaces_demo.service import Service

Server = tuple[str, Service]  # address and service


def files_of(clips: Path, name: str = "p000-s000") -> dict:
    return {"video": handle_file(clips / "videos" / f"{name}.mp4"), "gaze": handle_file(clips / "gaze" / f"{name}.csv")}


def left_behind(server: Server) -> list[str]:
    """Every file in the temporary folder, the examples and what torch compiles aside."""
    place = server[1].uploads.folder.parent
    files = [path.relative_to(place) for path in place.rglob("*") if not path.is_dir() and "examples" not in path.parts]
    return [str(path) for path in files if not path.parts[1].startswith("torchinductor")]
