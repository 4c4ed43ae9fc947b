"""A saved folder is enough: its code loads, answers and is saved again where the package is not installed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_emert import face_track, gaze, tiny_model

from modeling_emert import EmertProcessor, Recording, answer
from modeling_emert.inference_emert import answering_network

_RELATIVE = re.compile(r"^\s*from\s+\.(\w*)\s+import", re.MULTILINE)  # as transformers looks for them


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    model = tiny_model()
    model.save_pretrained(path)
    EmertProcessor.for_config(model.config, image_size=32).save_pretrained(path)
    return path


def test_every_file_that_a_saved_file_imports_lies_beside_it(folder):
    files = {path.stem: path.read_text() for path in folder.glob("*.py")}
    assert {"configuration_emert", "modeling_emert", "processing_emert", "pipeline_emert"} <= set(files)
    for name, text in files.items():
        missing = set(_RELATIVE.findall(text)) - set(files)
        assert not missing, f"{name} imports {missing}"
        assert "import_module" not in text, f"{name} imports by name, which transformers does not follow"


def test_config_names_every_class_of_the_folder(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["auto_map"] == {
        "AutoConfig": "configuration_emert.EmertConfig",
        "AutoModel": "modeling_emert.EmertModel",
        "AutoModelForVideoClassification": "modeling_emert.EmertForEmotionRecognition",
    }
    assert config["custom_pipelines"]["emotion-recognition"]["impl"] == "pipeline_emert.EmotionRecognitionPipeline"
    named = [*config["auto_map"].values(), config["custom_pipelines"]["emotion-recognition"]["impl"]]
    for file, _, name in (value.partition(".") for value in named):
        assert f"class {name}(" in (folder / f"{file}.py").read_text()


# Runs in a fresh process in which no room of the project can be imported: what travels is all that there is.
_REMOTE = """
import json, sys
for room in ("modeling_emert", "dataset_scripts", "training", "wrapt"):
    sys.modules[room] = None
import torch
from transformers import (
    AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForVideoClassification, AutoProcessor, AutoVideoProcessor, pipeline,
)
folder, inputs, out = sys.argv[1:]
given = torch.load(inputs, weights_only=True)

def answer_of(folder):
    pipe = pipeline("emotion-recognition", model=folder, trust_remote_code=True)
    code = sys.modules[type(pipe).__module__.rpartition(".")[0] + ".recording_emert"]
    face = code.FaceTrack(**{name: tensor.numpy() for name, tensor in given["face"].items()})
    eyes = code.Gaze(**{name: tensor.numpy() for name, tensor in given["gaze"].items()})
    return pipe, pipe(video=face, gaze=eyes)

autos = (AutoConfig, AutoModel, AutoModelForVideoClassification, AutoProcessor, AutoFeatureExtractor, AutoVideoProcessor)
loaded = [auto.from_pretrained(folder, trust_remote_code=True) for auto in autos]
pipe, first = answer_of(folder)
for thing in (*loaded, pipe, pipe.model, pipe.processor):
    assert type(thing).__module__.startswith("transformers_modules."), type(thing)
pipe.save_pretrained(out)
_, again = answer_of(out)
AutoModel.from_pretrained(out, trust_remote_code=True)
print(json.dumps({"classes": [type(thing).__name__ for thing in loaded], "first": first, "again": again}))
"""


@pytest.mark.slow
def test_folder_loads_answers_and_is_saved_again_without_the_package(folder, tmp_path, monkeypatch):
    face, eyes = face_track(), gaze()
    parts = {
        "face": {name: torch.as_tensor(getattr(face, name)) for name in ("frames", "times_ms", "detected")},
        "gaze": {name: torch.as_tensor(getattr(eyes, name)) for name in ("eye_movements", "times_ms", "fixations")},
    }
    torch.save(parts, tmp_path / "inputs.pt")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = [str(folder), str(tmp_path / "inputs.pt"), str(tmp_path / "again")]
    done = subprocess.run([sys.executable, "-I", "-c", _REMOTE, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["classes"] == [
        "EmertConfig",
        "EmertModel",
        "EmertForEmotionRecognition",
        "EmertProcessor",
        "EmertFeatureExtractor",
        "EmertVideoProcessor",
    ]
    model, processor = tiny_model(), EmertProcessor.from_pretrained(folder)
    expected = answer(answering_network(model, processor), processor, Recording(face, eyes))
    assert found["first"] == found["again"] == expected
    assert {path.name for path in (tmp_path / "again").iterdir()} == {path.name for path in folder.iterdir()}


_OWN_TASK = """
import json, sys
import numpy as np
from transformers import AutoModelForVideoClassification, AutoProcessor, pipeline

folder, out = sys.argv[1:]
stress = {"name": "stress", "labels": ["calm", "stressed"]}
model = AutoModelForVideoClassification.from_pretrained(folder, tasks=["er7", stress], trust_remote_code=True)
model.save_pretrained(out)
AutoProcessor.from_pretrained(folder, trust_remote_code=True).save_pretrained(out)
gaze = np.random.default_rng(0).random((100, 39)).astype(np.float32)
answer = pipeline("emotion-recognition", model=out, trust_remote_code=True)(gaze=gaze)
labels = pipeline("video-classification", model=out, trust_remote_code=True)(gaze=gaze, head="stress")
print(json.dumps([sorted(answer["tasks"]), sorted(answer["tasks"]["stress"]), sorted(one["label"] for one in labels)]))
"""


@pytest.mark.slow
def test_own_tasks_are_known_without_the_package(folder, tmp_path, monkeypatch):
    """Each file that transformers loads as remote code has its own copy of the tasks."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = [sys.executable, "-I", "-c", _OWN_TASK, str(folder), str(tmp_path / "own")]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == [["er7", "stress"], ["calm", "stressed"], ["stress/calm", "stress/stressed"]]
