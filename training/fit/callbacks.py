"""Callbacks of the Trainer: progress bar, early stopping, epoch number for the data, and time of each epoch."""

import time
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .record import epochs_of, epochs_without_gain


class ProgressBar(TrainerCallback):
    """One bar over all steps, with loss and monitored validation score of the last epoch."""

    bar: tqdm | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="training", unit="step", mininterval=1)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.bar is not None and metrics:
            losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
            line = {"epoch": round(state.epoch or 0), "validation": f"{metrics[f'eval_{args.metric_for_best_model}']:.3f}"}
            self.bar.set_postfix(line | ({"loss": f"{losses[-1]:.2f}"} if losses else {}), refresh=False)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()


class EarlyStopping(TrainerCallback):
    """Ends the training when the last `patience` epochs brought no better value of `monitor`.

    Unlike transformers' own, it counts in the log, which every checkpoint holds, and so survives a restart.
    """

    def __init__(self, patience: int, monitor: str):
        self.patience, self.monitor = patience, monitor

    def is_over(self, state: TrainerState) -> bool:
        return epochs_without_gain(epochs_of(state.log_history), self.monitor) >= self.patience

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        control.should_training_stop |= self.is_over(state)


class SetEpoch(TrainerCallback):
    """Calls `set_epoch` of data set and sampler, whose augmentation and order are random by seed and epoch."""

    def __init__(self, *listeners: Any):
        self.listeners = listeners

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        for listener in self.listeners:
            listener.set_epoch(round(state.epoch or 0))


class Stopwatch(TrainerCallback):
    """Adds the seconds of training to every epoch's entry of the log."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._seconds = 0.0

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._seconds = time.perf_counter() - self._start

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if "loss" in state.log_history[-1]:
            state.log_history[-1]["seconds"] = round(self._seconds, 3)
