"""Knowledge flows one way: spaces_demo -> training -> dataset_scripts -> modeling_emert, without circles; files stay short."""

import ast
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from import_graph import ROOMS, SOURCES, Graph, circles, folder_graph, import_graph, module_of
from places import ROOT


@pytest.fixture(scope="module")
def imports() -> Graph:
    return import_graph()


def test_no_room_imports_one_that_is_built_on_it(imports: Graph):
    """Nor by `import_module`: names of modules in strings count."""
    upward = [
        (module, name)
        for module, imported in imports.items()
        for name in imported
        if ROOMS.index(name.partition(".")[0]) > ROOMS.index(module.partition(".")[0])
    ]
    assert upward == []


def test_no_files_import_each_other_in_a_circle(imports: Graph):
    assert circles(imports) == []


def test_no_folders_import_each_other_in_a_circle(imports: Graph):
    assert circles(folder_graph(imports)) == []


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(graph: dict, expected: list):
    assert circles(graph) == expected


def test_imports_in_functions_relative_ones_and_names_in_strings_are_seen(imports: Graph):
    assert "spaces_demo.server" in imports["spaces_demo.commands.demo"]  # inside a function
    assert "modeling_emert.tasks_emert" in imports["modeling_emert.heads_emert"]  # relative
    assert "training.commands.train" in imports["training.cli"]  # a name in a table, imported when it is called


def test_commands_of_the_rooms_above_are_found_by_entry_points():
    commands = {name: f"spaces_demo.commands.{name}" for name in ("demo", "release")}
    assert {point.name: point.value for point in entry_points(group="emert.commands")} == commands


def test_the_model_folder_is_flat_and_imports_its_siblings_relatively():
    """So that it travels with `trust_remote_code`."""
    for path in (path for path in SOURCES if module_of(path).startswith("modeling_emert")):
        assert path.parent == ROOT / "modeling_emert"
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [ast.unparse(node) for node in imports if ast.unparse(node).split()[1].startswith("modeling_emert")], path


def test_no_file_is_longer_than_400_lines():
    assert [path for path in SOURCES if len(path.read_text().splitlines()) > 400] == []


def test_test_files_mirror_the_source_folders():
    folders = {path.parent.relative_to(ROOT) for path in SOURCES} | {Path("examples")}
    tests = ROOT / "tests"
    strays = {path.parent for path in tests.rglob("test_*.py")} - {tests / folder for folder in folders} - {tests}
    assert strays == set()


SHIPPED = "spaces_demo/model/model.safetensors"  # ours, trained by `emert train people`


def test_the_repository_holds_no_recordings_and_no_weights_but_the_models():
    kinds = {".mp4", ".webm", ".avi", ".asc", ".idf", ".pth", ".pt", ".bin", ".pkl", ".safetensors", ".parquet"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in listed if Path(name).suffix in kinds] == [SHIPPED]
    assert (ROOT / SHIPPED).stat().st_size <= 8_000_000
