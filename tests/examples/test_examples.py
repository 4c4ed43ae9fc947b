"""The example scripts run in a fresh process without the project, and what they save answers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from tiny_emert import tiny_model
from transformers import pipeline

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.writing import generate
from dataset_scripts.sources import open_source
from modeling_emert import EmertForEmotionRecognition, EmertProcessor

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
_HIDDEN = "import sys\nfor room in ('modeling_emert', 'dataset_scripts', 'training', 'wrapt'):\n    sys.modules[room] = None\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and an untrained `model`."""
    from tiny_training import TINY

    folder = tmp_path_factory.mktemp("examples")
    recordings = generate(folder / "recordings", TINY, num_workers=1)
    build(open_source("synthetic", recordings), folder / "data", num_workers=1, faces=2)
    model = tiny_model()
    model.save_pretrained(folder / "model")
    EmertProcessor.for_config(model.config, image_size=32).save_pretrained(folder / "model")
    (folder / "hidden").mkdir()
    (folder / "hidden" / "sitecustomize.py").write_text(_HIDDEN)
    return folder


def _run(place: Path, name: str, *arguments: str, launcher: tuple[str, ...] = (), **environment: str) -> str:
    caches = {"HF_MODULES_CACHE": str(place / "modules"), "HF_DATASETS_CACHE": str(place / "cache")}
    own = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(place / "hidden"), **caches, **environment}
    command = [sys.executable, *launcher, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(command, cwd=place, env=os.environ | own, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_needs_nothing_of_ours(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 50
    imports = [line for line in lines if line.startswith(("import ", "from "))]
    assert not [line for line in imports if line.split()[1].split(".")[0] in ("training", "dataset_scripts", "modeling_emert")]


def _answers(out: Path, data: Path, task: str) -> None:
    row = EmertData.open(data).recording(0)
    assert list(pipeline("emotion-recognition", model=str(out), device="cpu")(row)["tasks"]) == [task]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["er7", "fer_va"])
def test_finetuned_model_answers(place, task):
    out = place / task
    printed = _run(place, "finetune_trainer.py", "model", "data", f"{task}-fold1", str(out), "1")
    assert "test_loss" in printed
    assert ("test_accuracy" in printed) == (task == "er7")
    assert EmertForEmotionRecognition.from_pretrained(out).config.tasks == [task]
    _answers(out, place / "data", task)


@pytest.mark.slow
def test_two_processes_share_the_batches(place):
    launcher = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1")
    launcher += ("--mixed_precision", "no", "--dynamo_backend", "no")
    printed = _run(
        *(place, "finetune_trainer.py", "model", "data", "er7-fold1", str(place / "two"), "1"),
        launcher=launcher,
        ACCELERATE_USE_CPU="true",
    )
    assert printed.count("test_loss") == 2  # each process prints its own
    _answers(place / "two", place / "data", "er7")


@pytest.mark.slow
def test_adapter_of_a_person_answers_the_same_once_loaded(place):
    data = EmertData.open(place / "data")
    person = data.ids["participant_id"][data.select(1)["test"][0]]
    printed = _run(place, "lora_new_person.py", "model", "data", "er7", str(person), str(place / "lora"), "--steps", "3")
    after, again = (line.split(": ")[1] for line in printed.splitlines()[-2:])
    assert after.partition(",")[0] == again
    assert (place / "lora" / "adapter_model.safetensors").is_file()
