"""A benchmark's cells are done again when the code that decides their predictions changes, and when no other does."""

import pytest
from places import ROOT

from dataset_scripts.common.code_fingerprint import code_files
from training.benchmark.jobs import CODE, NO_EFFECT


@pytest.fixture(scope="module")
def names() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in code_files(CODE, NO_EFFECT)}


def test_it_holds_networks_training_test_and_data(names: set[str]):
    rooms = {
        "augmentation": ("__init__", "flip"),
        "benchmark": ("measuring", "robustness"),
        "data": ("dataset", "sampler"),
        "evaluation": ("evaluate",),
        "fit": ("fit", "trainer"),
        "methods": ("mult", "fusion_network", "fitted", "registry", "summaries"),
        "recipes": ("recipe",),
        "statistics": ("calibration",),
    }
    assert {f"training/{room}/{name}.py" for room, files in rooms.items() for name in files} <= names
    assert {"modeling_emert/layers_emert.py", "modeling_emert/heads_emert.py", "dataset_scripts/dataset/reader.py"} <= names


def test_it_holds_no_command_page_or_test(names: set[str]):
    others = ("training/commands/", "training/reports/", "training/benchmark/page", "training/benchmark/tables", "spaces_demo/")
    assert not [name for name in names if name.startswith((*others, "training/adaptation/", "tests/"))]
    assert not names & {f"training/{name}.py" for name in ("cli", "speed", "quickstart", "methods/card")}
