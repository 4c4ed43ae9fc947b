"""How much of a training's time is the network: the Trainer of the laptop recipe against the bare steps of the same batches.

Both take turns in one run, an epoch each, so that a busy machine slows both. The bare side is what one would write down:
forward, backward, gradient clipping and AdamW over batches that lie ready in memory.
"""

import copy
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.truth import GeneratorSettings
from dataset_scripts.generator.writing import generate
from dataset_scripts.sources import open_source
from dataset_scripts.speed import Figure

from .data.dataset import collate
from .fit import checkpoints as run_folder
from .fit.arguments import training_arguments
from .fit.callbacks import ProgressBar
from .fit.fit import make_trainer, prepare
from .fit.history import epochs_of
from .recipes.recipe import load_recipe

_RECORDINGS = GeneratorSettings(participants=10, stimuli=14)


def measure_throughput(epochs: int) -> Iterator[Figure]:
    """Recordings a second of the Trainer after its first epoch, its share of the bare steps' rate, and the first epoch's."""
    recipe = load_recipe("laptop", [f"epochs={epochs + 1}", f"patience={epochs + 1}"])
    with tempfile.TemporaryDirectory(prefix="emert-speed-") as folder:
        recordings = generate(Path(folder) / "recordings", _RECORDINGS)
        data = EmertData.open(build(open_source("synthetic", recordings), Path(folder) / "dataset"))
        run = Path(folder) / "run"
        run_folder.open_run(run)
        prepared = prepare(recipe, data, fold=1, strict=False)
        bare = BareEpochs(prepared.model, prepared.training)
        arguments = training_arguments(recipe, run_folder.checkpoints(run), "speed")
        trainer = make_trainer(recipe, prepared, arguments, run, [ProgressBar(), bare])
        bare.batches = trainer.batches
        trainer.train()
        seconds = [entry["seconds"] for entry in epochs_of(trainer.state.log_history)]
    count = len(prepared.training)
    what = f"laptop recipe, {count} recordings an epoch, batch {recipe.batch_size}, {torch.get_num_threads()} threads"
    share = statistics.median(own / trained for own, trained in zip(bare.seconds[1:], seconds[1:], strict=True))
    yield Figure("training, recordings a second", count / statistics.median(seconds[1:]), "1/s", what)
    yield Figure("training, share of the bare network step's rate", share, "x", f"{what}; after the first epoch")
    first = seconds[0] - statistics.median(seconds[1:])
    yield Figure("training, decoding in the first epoch", 1000 * first / count, "ms", "a recording, once")


class BareEpochs(TrainerCallback):
    """After every epoch the same number of steps without a Trainer, on a copy of the network."""

    def __init__(self, model: torch.nn.Module, dataset: Any):
        self.model, self.dataset = copy.deepcopy(model).train(), dataset
        self.batches: Any = None
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True)
        self.seconds: list[float] = []

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        ready = [collate([self.dataset[index] for index in batch]) for batch in self.batches]
        start = time.perf_counter()
        for batch in ready:
            self.model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), args.max_grad_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.seconds.append(time.perf_counter() - start)
