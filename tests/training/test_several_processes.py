"""Two processes under `torchrun` learn what one learns, count every validation recording once, and only the first writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from killed_training import weights
from tiny_training import TINY_OVERRIDES

from dataset_scripts.reading import EmertData
from training.cli import main
from training.history import HISTORY_FILE

# What is drawn or averaged in each process by itself is switched off: dropouts, and BatchNorm in the face backbone.
_STILL = {
    **TINY_OVERRIDES,
    "stream_dropout": 0.0,
    "fusion_dropout": 0.0,
    "position_dropout": 0.0,
    "modality_dropout": 0.0,
    "freeze_backbone": True,
}
# Counts what reaches the scores; 7 validation recordings are no multiple of two processes.
_WORKER = """
import sys
from training import fitting
scores = fitting.validation_scores
def count(prediction):
    print("RECORDINGS", {len(labels) for labels in prediction.label_ids.values()}, flush=True)
    return scores(prediction)
fitting.validation_scores = count
from training.cli import main
sys.exit(main(sys.argv[1:]))
"""


def _epochs(folder: Path) -> list[dict]:
    return json.loads((folder / HISTORY_FILE).read_text())["epochs"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_processes_learn_what_one_learns(data: EmertData, tmp_path: Path, launcher: str):
    recipe = {"network": "small", "overrides": _STILL, "image_size": 32, "epochs": 2, "batch_size": 4, "learning_rate": 1e-3}
    (tmp_path / "still.yaml").write_text(yaml.safe_dump(recipe))
    (tmp_path / "worker.py").write_text(_WORKER)
    command = ["train", str(tmp_path / "still.yaml"), "--data", str(data.folder)]
    assert main([*command, "--out", str(tmp_path / "one")]) == 0
    start = {
        "torchrun": "torch.distributed.run --standalone --nproc_per_node 2",
        "accelerate": "accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no "
        "--dynamo_backend no",
    }[launcher].split()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-m", *start, str(tmp_path / "worker.py"), *command, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    validation = len(data.select(1)["validation"])
    assert validation % 2 == 1
    counts = [line for line in done.stdout.splitlines() if line.startswith("RECORDINGS")]
    assert set(counts) == {f"RECORDINGS {{{validation}}}"}
    assert done.stdout.count("trained. Score it") == 1, "every process spoke"
    assert json.loads((tmp_path / "two" / "training_record.json").read_text())["processes"] == 2
    for one, two in zip(_epochs(tmp_path / "one"), _epochs(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert two["validation"] == pytest.approx(one["validation"], abs=1e-3)
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=1e-3, rtol=0)
