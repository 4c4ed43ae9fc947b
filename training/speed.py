"""How fast the network and its training are: against a plain implementation of the same, and from files to an answer.

"Plain" is contiguous, eager and fp32. What is compared alternates in the same process, so that a busy machine slows both.
`emert speed` prints the figures; nothing else should be running.
"""

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.face_drawing import face_frames
from dataset_scripts.generator.gaze_simulation import gaze_at, simulate_gaze
from dataset_scripts.generator.truth import GeneratorSettings, make_truth
from dataset_scripts.generator.writing import generate, tobii_table, write_video
from dataset_scripts.sources import open_source
from dataset_scripts.speed import Figure
from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertProcessor
from modeling_emert.answers_emert import answer
from modeling_emert.export_emert import example_inputs
from modeling_emert.inference_emert import for_inference, has_native_bf16
from modeling_emert.tasks_emert import TASKS

from .data.dataset import collate
from .data.sampler import EqualBatchSampler
from .fit import checkpoints
from .fit.callbacks import ProgressBar
from .fit.fit import make_trainer
from .fit.prepare import Fold, prepare
from .fit.record import epochs_of
from .fit.trainer import training_arguments
from .recipes.recipe import load_recipe

BATCH = 16
_RECORDINGS = GeneratorSettings(participants=10, stimuli=14)
_CLIP = {"seconds": 10, "width": 1280, "height": 720, "frames_per_second": 30, "gaze_rate": 250}

Model = EmertForEmotionRecognition
Batch = dict[str, torch.Tensor]


def measure(rounds: int = 7, image_size: int = 112) -> Iterator[Figure]:
    """All figures, each as soon as it is measured; each is the median of `rounds`."""
    torch.manual_seed(0)
    yield from _measure_forward(rounds, image_size)
    yield from _measure_step(rounds, image_size)
    yield from _measure_epochs(rounds)
    yield from _measure_clip(rounds)


def _compare(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of the first run, and for every other the median of how many times faster than the first it is."""
    for run in runs.values():
        run()  # warm-up
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    first, *others = (np.array(own) for own in seconds.values())
    medians = [float(np.median(first)), *(float(np.median(first / own)) for own in others)]
    return dict(zip(runs, medians, strict=True))


def _plain(model: Model) -> Model:
    """A copy whose convolutions use PyTorch's default memory layout."""
    plain = copy.deepcopy(model)
    for module in plain.modules():
        if isinstance(module, nn.Conv2d):
            module._forward_pre_hooks.clear()  # `layers_emert.choose_layout`
    return plain


def _measure_forward(rounds: int, image_size: int) -> Iterator[Figure]:
    model = Model(EmertConfig()).eval()
    inputs = example_inputs(model.config, BATCH, image_size)
    half = {name: value.to(torch.bfloat16) if value.is_floating_point() else value for name, value in inputs.items()}
    networks = {
        "plain": (_plain(model), inputs),
        "fp32": (for_inference(model), inputs),
        "bf16": (for_inference(model, torch.bfloat16), half),
    }
    logits: dict[str, Batch] = {}

    @torch.no_grad()
    def run(name: str) -> None:
        network, given = networks[name]
        logits[name] = network(**given).logits

    figures = _compare({name: lambda name=name: run(name) for name in networks}, rounds)
    what = f"ResNet-18, batch {BATCH}, {torch.get_num_threads()} threads"
    differ = _difference(logits["plain"], logits["fp32"])
    yield Figure("forward, plain fp32", figures["plain"], "s", what)
    yield Figure("forward, fp32", figures["fp32"], "x faster", f"{what}; logits differ by {differ:.1e}")
    differ = _difference(_probabilities(logits["plain"]), _probabilities(logits["bf16"]))
    yield Figure("forward, bf16", figures["bf16"], "x faster", f"{what}; class probabilities differ by {differ:.4f}")


def _difference(one: Batch, other: Batch) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def _probabilities(logits: Batch) -> Batch:
    return {name: value.float().softmax(dim=1) for name, value in logits.items() if TASKS[name].kind == "classification"}


def _measure_step(rounds: int, image_size: int) -> Iterator[Figure]:
    model = Model(EmertConfig()).train()
    labels = {
        name: torch.zeros(BATCH, dtype=torch.long)
        if TASKS[name].kind == "classification"
        else torch.zeros(BATCH, TASKS[name].size)
        for name in model.config.tasks
    }
    batch = {**example_inputs(model.config, BATCH, image_size), "labels": labels}
    plain, ours = (_Steps(network, [batch]) for network in (_plain(model), model))

    def bfloat16() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            ours()

    runs = {"plain": plain, "fp32": ours}
    if has_native_bf16():  # else oneDNN has no LSTM to train in bf16
        runs["bf16"] = bfloat16
    figures = _compare(runs, rounds)
    what = f"ResNet-18, batch {BATCH}, forward, backward, gradient clipping and AdamW"
    yield Figure("training step, plain fp32", figures["plain"], "s", what)
    yield Figure("training step, fp32", figures["fp32"], "x faster", what)
    if "bf16" in figures:
        yield Figure("training step, bf16", figures["bf16"], "x faster", f"{what}, autocast")


class _Steps:
    """One training step on each of some batches in memory, without a Trainer."""

    def __init__(self, model: nn.Module, batches: list[dict[str, Any]]):
        self.model, self.batches = model, batches
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)  # as in our training

    def __call__(self) -> None:
        for batch in self.batches:
            self.model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


def _measure_epochs(rounds: int) -> Iterator[Figure]:
    """The Trainer's epochs of the laptop recipe against bare steps on the same batches, which alternate with them."""
    recipe = load_recipe("laptop", [f"epochs={rounds + 1}", f"patience={rounds + 1}"])
    with tempfile.TemporaryDirectory(prefix="emert-speed-") as folder:
        recordings = generate(Path(folder) / "recordings", _RECORDINGS)
        data = EmertData.open(build(open_source("synthetic", recordings), Path(folder) / "dataset"))
        run = Path(folder) / "run"
        checkpoints.open_run(run)
        prepared = prepare(recipe, data, fold=1, strict=False)
        bare = _BareEpochs(prepared, EqualBatchSampler(len(prepared.training), recipe.batch_size, recipe.seed))
        arguments = training_arguments(recipe, checkpoints.checkpoints_folder(run), "speed")
        trainer = make_trainer(recipe, prepared, arguments, run, [ProgressBar(), bare])
        trainer.train()
        first, *seconds = (entry["seconds"] for entry in epochs_of(trainer.state.log_history))
    count, median = len(prepared.training), statistics.median(seconds)
    what = f"laptop recipe, {count} recordings an epoch, batch {recipe.batch_size}, {torch.get_num_threads()} threads"
    ratio = statistics.median(own / trained for own, trained in zip(bare.seconds[1:], seconds, strict=True))
    yield Figure("training, recordings a second", count / median, "1/s", what)
    yield Figure("training, rate relative to bare steps", ratio, "x", f"{what}; after the first epoch")
    yield Figure("training, decoding in the first epoch", 1000 * (first - median) / count, "ms", "a recording, once")


class _BareEpochs(TrainerCallback):
    """After every epoch, the same number of bare steps on a copy of the network."""

    def __init__(self, prepared: Fold, batches: EqualBatchSampler):
        self.steps, self.dataset, self.batches = _Steps(copy.deepcopy(prepared.model).train(), []), prepared.training, batches
        self.seconds: list[float] = []

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.steps.batches = [collate([self.dataset[index] for index in batch]) for batch in self.batches]
        start = time.perf_counter()
        self.steps()
        self.seconds.append(time.perf_counter() - start)


def _measure_clip(rounds: int) -> Iterator[Figure]:
    """From a video and a gaze file on disk to the answer, with the model in memory."""
    model = Model(EmertConfig()).eval()
    processor = EmertProcessor.for_config(model.config)
    with tempfile.TemporaryDirectory() as folder:
        video, gaze = write_clip(Path(folder))
        seconds = _compare({"clip": lambda: answer(model, processor, processor.load(video, gaze))}, rounds)["clip"]
    what = "synthetic, 10 s, 1280 x 720 at 30 frames a second, gaze at 250 Hz, from files"
    yield Figure("one clip to its answer, warm", seconds, "s", what)


def write_clip(folder: Path) -> tuple[Path, Path]:
    """A generated face in the middle of a 720p video, and its gaze as a Tobii Studio export."""
    settings = GeneratorSettings(
        participants=1, stimuli=1, seconds=_CLIP["seconds"], frames_per_second=2, frame_size=480, gaze_rate=_CLIP["gaze_rate"]
    )
    truth = make_truth(settings)[0]
    simulated = simulate_gaze(truth, settings)
    times = np.arange(_CLIP["seconds"] * 2) * 500.0
    faces, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), settings)
    pictures = np.full((len(faces), _CLIP["height"], _CLIP["width"], 3), 90, np.uint8)
    pictures[:, 120:600, 400:880] = faces
    frames = np.repeat(pictures, _CLIP["frames_per_second"] // 2, axis=0)
    write_video(folder / "clip.mp4", frames, _CLIP["frames_per_second"])
    tobii_table(simulated, truth).to_csv(folder / "gaze.csv", index=False)
    return folder / "clip.mp4", folder / "gaze.csv"
