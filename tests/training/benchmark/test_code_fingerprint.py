"""A benchmark's cells are done again when the code that decides their numbers changes, and when no other does."""

from pathlib import Path

import pytest

from training.benchmark import code_fingerprint as deciding_code
from training.benchmark.code_fingerprint import code_hash, deciding_files

ROOT = Path(deciding_code.__file__).parents[2]


@pytest.fixture(scope="module")
def names() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in deciding_files()}


def test_it_holds_networks_training_test_and_data(names: set[str]):
    decide = {
        "fitting",
        "trainer",
        "recipe",
        "batches",
        "batch_order",
        "streaming",
        "evaluating",
        "robustness",
        "class_weights",
    }
    assert {f"training/{name}.py" for name in decide} <= names
    assert {f"training/methods/{name}.py" for name in ("mult", "fusion_layers", "fitted", "registry", "summaries")} <= names
    assert {f"training/augmentation/{name}.py" for name in ("__init__", "mirror")} <= names
    assert {"modeling_emert/layers_emert.py", "modeling_emert/losses_emert.py", "dataset_scripts/dataset/reader.py"} <= names
    assert {"training/benchmark/measuring.py", "training/statistics/calibration.py"} <= names


def test_it_holds_no_command_page_or_test(names: set[str]):
    others = ("training/commands/", "training/reports/", "training/benchmark/page", "training/benchmark/tables", "spaces_demo/")
    assert not [name for name in names if name.startswith((*others, "tests/"))]
    assert not names & {f"training/{name}.py" for name in ("cli", "speed", "adaptation", "quickstart", "network_card")}


def test_only_deciding_code_changes_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a small tree of its own, with every form of import."""
    files = {
        "training/__init__.py": "",
        "training/start.py": "from . import near\ndef f():\n    from .inner.deep import thing\nimport modeling_emert.far\n",
        "training/near.py": "x = 1\n",
        "training/inner/__init__.py": "",
        "training/inner/deep.py": "from ..beside import name\n",
        "training/beside.py": "name = 1\n",
        "training/command.py": "from .start import f\n",
        "modeling_emert/far.py": "import json\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(deciding_code, "_ROOT", tmp_path)
    monkeypatch.setattr(deciding_code, "_CELL", "training.start")
    monkeypatch.setattr(deciding_code, "METHODS", {})
    found = {path.relative_to(tmp_path).as_posix() for path in deciding_files()}
    assert found == set(files) - {"training/command.py"}
    first = code_hash.__wrapped__()
    (tmp_path / "training/command.py").write_text("changed = 1\n")
    assert code_hash.__wrapped__() == first
    (tmp_path / "training/beside.py").write_text("name = 2\n")
    assert code_hash.__wrapped__() != first
