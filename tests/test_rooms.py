"""Knowledge flows one way: spaces_demo -> training -> dataset_scripts -> modeling_emert; and files stay readable."""

import ast
import subprocess
from pathlib import Path

import pytest
from places import ROOT

ROOMS = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")  # each may know those before it
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def _imported_rooms(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names} & set(ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_knows_one_that_is_built_on_it(path: Path):
    room = path.relative_to(ROOT).parts[0]
    assert _imported_rooms(path) <= set(ROOMS[: ROOMS.index(room) + 1])


def test_the_model_folder_is_flat_and_imports_its_siblings_relatively():
    """So that it travels with `trust_remote_code`."""
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == "modeling_emert":
            assert path.parent.name == "modeling_emert"
            assert "modeling_emert" not in _imported_rooms(path), path


def test_no_file_is_longer_than_a_sitting():
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert max(long.values()) <= 500, max(long, key=long.get)


def test_the_repository_holds_no_recordings_or_weights():
    kinds = {".mp4", ".webm", ".avi", ".asc", ".idf", ".pth", ".pt", ".bin", ".pkl", ".safetensors", ".parquet"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in listed if Path(name).suffix in kinds]
