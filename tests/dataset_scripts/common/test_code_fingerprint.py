"""A fingerprint covers just the code that decides: what the given modules import, without comments and docstrings."""

import re
from pathlib import Path

import pytest
from places import ROOT

from dataset_scripts.build.fingerprint import NO_EFFECT, build_entries
from dataset_scripts.common.code_fingerprint import code_files, code_fingerprint
from dataset_scripts.generator.writing import FINGERPRINT_ENTRIES
from dataset_scripts.sources import SOURCES, find_source

TREE = {
    "training/__init__.py": "",
    "training/start.py": "from . import near\ndef f():\n    from .inner.deep import thing\nimport modeling_emert.far\n",
    "training/near.py": "x = 1\nfrom modeling_emert import Lazy\n",
    "training/inner/__init__.py": "",
    "training/inner/deep.py": '"""Doc."""\nfrom ..beside import name\n',
    "training/beside.py": "name = 1\n",
    "training/command.py": "from .start import f\n",
    "training/page.py": "",
    "training/by_name.py": "import json\n",
    "modeling_emert/__init__.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .lazy import Lazy\n    from .unused import Unused\n"
    ),
    "modeling_emert/far.py": "import json\nimport training.page\n",
    "modeling_emert/lazy.py": "class Lazy: ...\n",
    "modeling_emert/unused.py": "class Unused: ...\n",
}
ENTRIES = ("training.start", "training.by_name")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def fingerprint(root: Path, entries=ENTRIES, exclude=()) -> str:
    code_fingerprint.cache_clear()
    return code_fingerprint(entries, exclude, root)


def test_every_form_of_import_is_followed(root: Path):
    found = {path.relative_to(root).as_posix() for path in code_files(ENTRIES, root=root)}
    assert found == set(TREE) - {"training/command.py", "modeling_emert/unused.py"}
    assert set(code_files(ENTRIES, ("training.page",), root)) == {root / name for name in found} - {root / "training/page.py"}


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("training/beside.py", "name = 2\n", True),
        ("training/by_name.py", "import json\nx = 1\n", True),
        ("modeling_emert/lazy.py", "class Lazy:\n    x = 1\n", True),
        ("training/beside.py", "# Why.\n\nname = (\n    1\n)  # one\n", False),
        ("training/beside.py", '"""What."""\nname = 1\n', False),
        ("training/inner/deep.py", "from ..beside import name\n", False),
        ("training/command.py", "from .start import g\n", False),
        ("modeling_emert/unused.py", "x = 1\n", False),
    ],
)
def test_code_that_decides_changes_it_and_nothing_else(root: Path, name: str, text: str, changes: bool):
    before = fingerprint(root)
    (root / name).write_text(text)
    assert (fingerprint(root) != before) == changes


def build_files(source: str) -> list[Path]:
    return code_files(build_entries(find_source(source)), NO_EFFECT)


@pytest.fixture(scope="module")
def all_build_files() -> list[Path]:
    return sorted({path for source in SOURCES for path in build_files(source)})


@pytest.fixture(scope="module")
def copy(all_build_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a build of any source runs through, with other comments."""
    root = tmp_path_factory.mktemp("copy")
    for path in all_build_files:
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"# A comment.\n{path.read_text()}\n# Another.\n")
    return root


@pytest.mark.slow
def test_a_constant_of_any_file_that_a_build_runs_through_changes_it_and_no_comment_does(
    copy: Path, all_build_files: list[Path]
):
    entries = tuple(dict.fromkeys(entry for source in SOURCES for entry in build_entries(find_source(source))))
    before = fingerprint(copy, entries, NO_EFFECT)
    assert before == fingerprint(ROOT, entries, NO_EFFECT)
    with_constants = 0
    for path in all_build_files:
        changed, constants = re.subn(r"^(_?[A-Z][A-Z_]+ = )", r"\1None or ", path.read_text(), count=1, flags=re.MULTILINE)
        with_constants += constants
        (copy / path.relative_to(ROOT)).write_text(changed if constants else f"{changed}\nNEW_CONSTANT = 1\n")
        after = fingerprint(copy, entries, NO_EFFECT)
        assert after != before, path
        before = after
    assert with_constants > 30


def test_the_face_detectors_confidence_decides(copy: Path):
    entries = build_entries(find_source("synthetic"))
    before = fingerprint(copy, entries, NO_EFFECT)
    file = copy / "modeling_emert" / "face_detection_emert.py"
    text = file.read_text()
    assert "MIN_CONFIDENCE = " in text
    file.write_text(text.replace("MIN_CONFIDENCE = ", "MIN_CONFIDENCE = 0.1 + "))
    assert fingerprint(copy, entries, NO_EFFECT) != before


def test_a_build_runs_through_readers_its_source_and_the_layout_and_no_page():
    files = {path.relative_to(ROOT).as_posix() for path in build_files("affec")}
    needed = ("build/cells", "dataset/splits", "dataset/layout", "readers/smi/smi_samples", "sources/affec")
    assert {f"dataset_scripts/{name}.py" for name in needed} <= files
    assert {f"modeling_emert/{name}_emert.py" for name in ("face_detection", "video", "tasks")} <= files
    assert "dataset_scripts/dataset/card.py" in files
    assert not [name for name in files if name.startswith(("dataset_scripts/checks", "dataset_scripts/pictures", "training/"))]
    assert not files & {"dataset_scripts/sources/emer.py", "modeling_emert/modeling_emert.py", "modeling_emert/layers_emert.py"}


def test_the_generator_has_its_own():
    files = {path.relative_to(ROOT).as_posix() for path in code_files(FINGERPRINT_ENTRIES)}
    assert {f"dataset_scripts/generator/{name}.py" for name in ("writing", "truth", "face_drawing", "gaze_simulation")} <= files
    assert "modeling_emert/tasks_emert.py" in files
    assert not [name for name in files if name.startswith(("dataset_scripts/build", "dataset_scripts/readers"))]
