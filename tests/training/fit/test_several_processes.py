"""Two processes under `torchrun` learn what one learns, count every validation recording once, and only the main one writes;
killed together they resume to the same weights; each reads rows of its own."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
import yaml
from killed_training import equal, weights
from several_processes import LAUNCHERS, kill_on_two, run_on_two
from tiny_training import TINY_OVERRIDES

from dataset_scripts.dataset.reader import EmertData
from training.cli import main
from training.fit.record import HISTORY_FILE

# What is drawn or averaged in each process by itself is switched off: dropouts, and BatchNorm in the face backbone.
_STILL = {
    **TINY_OVERRIDES,
    "stream_dropout": 0.0,
    "fusion_dropout": 0.0,
    "position_dropout": 0.0,
    "modality_dropout": 0.0,
    "freeze_backbone": True,
}
_RECIPE = {"network": "small", "overrides": TINY_OVERRIDES, "image_size": 32, "epochs": 2, "batch_size": 4}
# A line of standard output whole: `print` writes word by word, and those of two processes would mix.
_TELL = """
import os
def tell(line):
    os.write(1, f"{line}\\n".encode())
"""
# Counts what reaches the scores; 7 validation recordings are no multiple of two processes.
_COUNT_SCORED = (
    _TELL
    + """
from training.fit import fit as fitting
scores = fitting.validation_scores
def count(prediction, **named):
    tell("RECORDINGS %s" % {len(labels) for labels in prediction.label_ids.values()})
    return scores(prediction, **named)
fitting.validation_scores = count
"""
)
# Every row that is read, with its epoch, rank and process, in a file of the process or worker that reads it.
_NOTE_READ = """
import os
from pathlib import Path
from training.data.dataset import RecordingDataset
read = RecordingDataset.__getitem__
def note(self, index):
    with (Path({folder!r}) / str(os.getpid())).open("a") as file:
        print(int(self._epoch), os.environ["RANK"], os.getpid(), self.rows[index], file=file)
    return read(self, index)
RecordingDataset.__getitem__ = note
"""

# What each process validates with beside its weights: BatchNorm's running statistics.
_TELL_BUFFERS = (
    _TELL
    + """
from transformers import Trainer
loop = Trainer.evaluation_loop
def told(self, *args, **kwargs):
    tell("BUFFERS %d %r" % (self.state.global_step, sum(buffer.double().sum().item() for buffer in self.model.buffers())))
    return loop(self, *args, **kwargs)
Trainer.evaluation_loop = told
"""
)


def _epochs(folder: Path) -> list[dict]:
    return json.loads((folder / HISTORY_FILE).read_text())["epochs"]


def _command(data: EmertData, tmp_path: Path, **changes: object) -> list[str]:
    """Without `--out`."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(_RECIPE | changes))
    return ["train", str(tmp_path / "tiny.yaml"), "--data", str(data.folder)]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_learn_what_one_learns(data: EmertData, tmp_path: Path, launcher: str):
    command = _command(data, tmp_path, overrides=_STILL, learning_rate=1e-3)
    assert main([*command, "--out", str(tmp_path / "one")]) == 0
    output = run_on_two(tmp_path, [*command, "--out", str(tmp_path / "two")], _COUNT_SCORED, launcher)
    validation = len(data.select(1)["validation"])
    assert validation % 2 == 1
    counts = [line for line in output.splitlines() if line.startswith("RECORDINGS")]
    assert set(counts) == {f"RECORDINGS {{{validation}}}"}
    assert output.count("trained. Score it") == 1, "every process spoke"
    assert json.loads((tmp_path / "two" / "training_record.json").read_text())["processes"] == 2
    for one, two in zip(_epochs(tmp_path / "one"), _epochs(tmp_path / "two"), strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert two["validation"] == pytest.approx(one["validation"], abs=1e-3)
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_two_processes_validate_with_the_same_running_statistics(data: EmertData, tmp_path: Path):
    """Though each has met other recordings: a score is that of the network which is saved."""
    output = run_on_two(tmp_path, [*_command(data, tmp_path), "--out", str(tmp_path / "two")], _TELL_BUFFERS)
    told = [line.split()[1:] for line in output.splitlines() if line.startswith("BUFFERS")]
    by_step: dict[str, list[str]] = {}
    for step, value in told:
        by_step.setdefault(step, []).append(value)
    assert len(by_step) >= _RECIPE["epochs"]
    assert all(len(values) >= 2 and len(set(values)) == 1 for values in by_step.values())
    assert len({value for _, value in told}) >= _RECIPE["epochs"], "no statistic ran"


@pytest.mark.slow
def test_two_processes_that_were_killed_end_with_the_same_weights(data: EmertData, tmp_path: Path):
    """With all that each process draws by itself: dropouts, and an augmentation."""
    command = _command(data, tmp_path, epochs=3, augmentation=[{"name": "gaze_jitter", "strength": 0.05}])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_on_two(tmp_path, [*command, "--out", str(whole)])
    steps = _steps_of_an_epoch(whole)
    for name, calls in (
        ("training.fit.trainer:EmertTrainer.training_step", steps + 2),  # in the second epoch
        ("training.fit.checkpoints:mark_complete", 1),  # of the second epoch, written but not marked complete
        ("training.fit.fit:write_model", 1),
    ):
        kill_on_two(tmp_path, [*command, "--out", str(killed)], name, calls)
        assert not killed.exists()
    run_on_two(tmp_path, [*command, "--out", str(killed)])
    assert equal(weights(whole), weights(killed))
    kept = ("loss", "learning_rate", "validation")
    assert [[entry[name] for name in kept] for entry in _epochs(whole)] == [
        [entry[name] for name in kept] for entry in _epochs(killed)
    ]


def _steps_of_an_epoch(folder: Path) -> int:
    record = json.loads((folder / "training_record.json").read_text())
    return round(record["steps"] / record["epochs"])


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [0, 2])
def test_streaming_on_two_processes_reads_every_recording_once_in_an_epoch(data: EmertData, tmp_path: Path, num_workers: int):
    """But for an incomplete last batch: 21 recordings make five batches of 4, each split between the processes."""
    command = _command(data, tmp_path, streaming=True, num_workers=num_workers, epochs=3)
    read = tmp_path / "read"
    read.mkdir()
    run_on_two(tmp_path, [*command, "--out", str(tmp_path / "model")], _NOTE_READ.format(folder=str(read)))
    training = set(data.select(1)["train"].tolist())
    lines = [tuple(map(int, line.split())) for path in read.iterdir() for line in path.read_text().splitlines()]
    seen = [line for line in lines if line[3] in training]
    assert len({process for _, _, process, _ in seen}) == 2 * max(num_workers, 1)
    orders = []
    for epoch in range(3):
        rows = [row for number, _, _, row in seen if number == epoch]
        assert max(Counter(rows).values()) == 1, "a recording was seen twice in one epoch"
        assert len(rows) == len(training) // 4 * 4
        assert Counter(rank for number, rank, _, _ in seen if number == epoch) == {0: len(rows) // 2, 1: len(rows) // 2}
        orders.append(rows)
    assert orders[0] != orders[1]
    assert {row for rows in orders for row in rows} == training, "what an epoch drops is never seen"
    assert json.loads((tmp_path / "model" / "training_record.json").read_text())["steps"] == 3 * len(orders[0]) // 4
