"""How fast the network is: ratios against a plain run of the same network, and the time from files to an answer.

"Plain" is contiguous, eager, fp32, as one would write it down: what it is compared with takes turns with it in the same run, so
that a busy machine slows both. `emert speed` prints the figures; run it with nothing else running.
"""

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dataset_scripts.speed import Figure
from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertProcessor
from modeling_emert.export_emert import example_inputs
from modeling_emert.inference_emert import for_inference
from modeling_emert.tasks_emert import TASKS

from .throughput import measure_throughput

BATCH = 16
_CLIP = {"seconds": 10, "width": 1280, "height": 720, "frames_per_second": 30, "gaze_rate": 250}


def measure(rounds: int = 7, image_size: int = 112) -> Iterator[Figure]:
    """All figures, one by one as they are had, each the median of `rounds`."""
    torch.manual_seed(0)
    yield from _measure_forward(rounds, image_size)
    yield from _measure_training(rounds, image_size)
    yield from measure_throughput(epochs=rounds)
    yield from _measure_clip(rounds)


def _plain(model: EmertForEmotionRecognition) -> EmertForEmotionRecognition:
    """A copy whose face encoder is as one would write it down: channels where PyTorch puts them by default."""
    plain = copy.deepcopy(model)
    for module in plain.modules():
        if isinstance(module, nn.Conv2d):
            module._forward_pre_hooks.clear()  # `layers_emert.choose_layout`
    return plain


def _compare(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median over the rounds of how many times faster than the first each run is; the first gets its seconds."""
    for run in runs.values():
        run()  # warm
    seconds = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    first = next(iter(runs))
    ratios = {
        name: statistics.median(np.array(seconds[first]) / np.array(own)) for name, own in seconds.items() if name != first
    }
    return {first: statistics.median(seconds[first])} | ratios


def _measure_forward(rounds: int, image_size: int) -> Iterator[Figure]:
    model = EmertForEmotionRecognition(EmertConfig()).eval()
    ready, half = for_inference(model), for_inference(model, torch.bfloat16)
    inputs = example_inputs(model.config, BATCH, image_size)
    half_inputs = {name: value.to(torch.bfloat16) if value.is_floating_point() else value for name, value in inputs.items()}

    contiguous = _plain(model)

    @torch.no_grad()
    def plain():
        return contiguous(**inputs).logits

    @torch.no_grad()
    def ours():
        return ready(**inputs).logits

    @torch.no_grad()
    def bfloat16():
        return half(**half_inputs).logits

    figures = _compare({"plain": plain, "ours": ours, "bfloat16": bfloat16}, rounds)
    what = f"ResNet-18, batch {BATCH}, {torch.get_num_threads()} threads"
    yield Figure("forward, plain fp32", figures["plain"], "s", what)
    yield Figure("forward, fp32", figures["ours"], "x faster", f"{what}; logits differ by {_difference(plain(), ours()):.1e}")
    shares = _difference(_probabilities(plain()), _probabilities(bfloat16()))
    yield Figure("forward, bf16", figures["bfloat16"], "x faster", f"{what}; class probabilities differ by {shares:.4f}")


def _difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def _probabilities(logits: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.float().softmax(dim=1) for name, value in logits.items() if TASKS[name].kind == "classification"}


def _measure_training(rounds: int, image_size: int) -> Iterator[Figure]:
    whole, frozen = (_Step(EmertConfig(freeze_backbone=freeze), image_size) for freeze in (False, True))
    features = frozen.model.emert.get_face_features(frozen.inputs["pixel_values"]).detach()
    stored = {**frozen.inputs, "pixel_values": None, "face_features": features}

    plain = _Step(EmertConfig(), image_size, _plain)

    def bfloat16():
        with torch.autocast("cpu", torch.bfloat16):
            whole()

    runs = {"plain": plain, "ours": whole, "bfloat16": bfloat16, "stored": lambda: frozen(stored)}
    figures = _compare(runs, rounds)
    what = f"ResNet-18, batch {BATCH}, forward, backward and AdamW"
    yield Figure("training step, plain fp32", figures["plain"], "s", what)
    yield Figure("training step, fp32", figures["ours"], "x faster", what)
    yield Figure("training step, bf16", figures["bfloat16"], "x faster", f"{what}, autocast")
    yield Figure("training step, stored face features", figures["stored"], "x faster", f"{what}; backbone frozen")


class _Step:
    """One step of training on one batch, again and again."""

    def __init__(
        self,
        config: EmertConfig,
        image_size: int,
        change: Callable[[EmertForEmotionRecognition], EmertForEmotionRecognition] = lambda model: model,
    ):
        """`change`: what is done to the network first."""
        self.model = change(EmertForEmotionRecognition(config)).train()
        self.inputs = example_inputs(config, BATCH, image_size)
        self.labels = {
            name: torch.zeros(BATCH, dtype=torch.long)
            if TASKS[name].kind == "classification"
            else torch.zeros(BATCH, TASKS[name].size)
            for name in config.tasks
        }
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)  # as in our training

    def __call__(self, inputs: dict[str, torch.Tensor] | None = None) -> None:
        self.model(**(inputs or self.inputs), labels=self.labels).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def _measure_clip(rounds: int) -> Iterator[Figure]:
    """From a video and a gaze file on disk to the answer, with the model loaded."""
    from modeling_emert.answers_emert import answer

    model = EmertForEmotionRecognition(EmertConfig()).eval()
    processor = EmertProcessor.for_config(model.config)
    with tempfile.TemporaryDirectory() as folder:
        video, gaze = write_clip(Path(folder))
        answer(model, processor, processor.load(video, gaze))  # warm
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            answer(model, processor, processor.load(video, gaze))
            seconds.append(time.perf_counter() - start)
    what = "synthetic, 10 s, 1280 x 720 at 30 frames a second, gaze at 250 Hz, from files"
    yield Figure("one clip to its answer, warm", statistics.median(seconds), "s", what)


def write_clip(folder: Path) -> tuple[Path, Path]:
    """A generated face in the middle of a 720p picture, and its gaze as Tobii Studio exports it."""
    from dataset_scripts.generator.face_drawing import face_frames
    from dataset_scripts.generator.gaze_simulation import gaze_at, simulate_gaze
    from dataset_scripts.generator.truth import GeneratorSettings, make_truth
    from dataset_scripts.generator.writing import tobii_table, write_video

    settings = GeneratorSettings(
        participants=1, stimuli=1, seconds=_CLIP["seconds"], frames_per_second=2, frame_size=480, gaze_rate=_CLIP["gaze_rate"]
    )
    truth = make_truth(settings)[0]
    simulated = simulate_gaze(truth, settings)
    times = np.arange(_CLIP["seconds"] * 2) * 500.0
    faces, _ = face_frames(truth, simulated.blinks, gaze_at(simulated, times), settings)
    picture = np.full((len(faces), _CLIP["height"], _CLIP["width"], 3), 90, np.uint8)
    picture[:, 120:600, 400:880] = faces
    every = np.repeat(picture, _CLIP["frames_per_second"] // 2, axis=0)
    write_video(folder / "clip.mp4", every, _CLIP["frames_per_second"])
    tobii_table(simulated, truth).to_csv(folder / "gaze.csv", index=False)
    return folder / "clip.mp4", folder / "gaze.csv"
