"""Every network of the table leaves a folder that opens again, with a card, and that the commands answer from or refuse."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from dataset_scripts.dataset.reader import EmertData
from training.cli import main
from training.fit.fit import fit
from training.methods.registry import EMERT, METHODS, get_method
from training.recipes.recipe import Recipe

_NETWORKS = [key for key, method in METHODS.items() if method.kind == "network"]
_QUICK = ("emert_no_face",)
_OPEN = """
import sys
from {module} import {name}
model, loading = {name}.from_pretrained(sys.argv[1], output_loading_info=True)
assert not any(loading.values()), loading
print(type(model).__name__)
"""


def _networks() -> list:
    return [pytest.param(key, marks=[] if key in _QUICK else pytest.mark.slow) for key in _NETWORKS]


@pytest.mark.parametrize("key", _networks())
def test_a_folder_opens_has_a_card_and_answers(
    recipe: Recipe, data: EmertData, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture, key: str
):
    method = get_method(key)
    tasks = ("er3", "er7", "fer7") if method.tasks == "all" else ("er7",)
    model = fit(replace(recipe, method=key, epochs=1, tasks=tasks), data, tmp_path / "model", fold=1)
    _check_card(model, key)
    video, gaze = recordings / "videos" / "p000-s000.mp4", recordings / "gaze" / "p000-s000.csv"
    capsys.readouterr()
    assert main(["predict", "--model", str(model), "--video", str(video), "--gaze", str(gaze), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["modalities"] == list(method.modalities), "it was given what it was not trained on"
    for option, path, needed in (("--video", video, {"face"}), ("--gaze", gaze, {"eye_movements", "fixations"})):
        code = main(["predict", "--model", str(model), option, str(path)])
        told = capsys.readouterr().err.strip().splitlines()
        assert code == (0 if needed & set(method.modalities) else 2)
        assert code == 0 or told[-1].startswith(f"emert: the model is of method {key}, which is given ")
    assert main(["evaluate", str(model), str(data.folder), "--out", str(tmp_path / "scores")]) == 0
    assert method.name in json.loads((tmp_path / "scores" / "results.json").read_text())["scores"]
    _check_adapting(model, data, tmp_path, key, capsys)


def _check_card(model: Path, key: str) -> None:
    card, text = ModelCard.load(model / "README.md"), (model / "README.md").read_text()
    assert {entry.dataset_split for entry in card.data.eval_results} == {"validation"}
    if key != "emert":
        assert f"Method `{key}`" in text
        assert "trust_remote_code" not in text
        assert text.count("## What it was trained on") == text.count("```python") == 1


def _check_adapting(model: Path, data: EmertData, tmp_path: Path, key: str, capsys: pytest.CaptureFixture) -> None:
    """Adapters are made for EMERT's own layers."""
    if get_method(key).made_by == EMERT:
        return
    capsys.readouterr()
    assert main(["adapt", str(model), str(data.folder), "recordings=[0,1]", "--out", str(tmp_path / "adapted")]) == 2
    assert "adapters are made for EMERT and its ablations" in capsys.readouterr().err
    assert not (tmp_path / "adapted").exists()


@pytest.mark.slow
@pytest.mark.parametrize("key", _NETWORKS)
def test_from_pretrained_works_in_a_process_of_its_own(recipe: Recipe, data: EmertData, tmp_path: Path, key: str):
    tasks = ("er3", "er7") if get_method(key).tasks == "all" else ("er7",)
    model = fit(replace(recipe, method=key, epochs=1, tasks=tasks), data, tmp_path / "model", fold=1)
    module, _, name = get_method(key).made_by.partition(":")
    assert f"from {module} import {name}" in (model / "README.md").read_text() or key == "emert"
    code = _OPEN.format(module=module, name=name)
    done = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout.split()[-1] == name
