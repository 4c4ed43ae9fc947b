"""From EMERT's fused tokens to answers: pooling, context, a head for each task, coarse classes from fine ones.

The head and the mean are the authors'; the rest is ours and off by default.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .configuration_emert import EmertConfig
from .layers_emert import masked_mean, multilayer
from .recording_emert import BIG_FIVE
from .tasks_emert import ABSENT_CLASS, EMOTIONS, POLARITIES, POLARITY_OF_EMOTION, Task


class EmertHead(nn.Module):
    """From the fused representation to one task's logits or numbers. `scale`: see [`tasks_emert.Task.scale`]."""

    def __init__(self, config: EmertConfig, size: int, scale: tuple[float, float] = (0.0, 1.0)):
        super().__init__()
        self.middle, self.half = scale
        self.layers = multilayer([config.hidden_size, *config.head_sizes, size], 0.01)

    def forward(self, fused: torch.Tensor) -> torch.Tensor:
        """`(batch, hidden_size)` -> `(batch, task size)`, numbers in the task's own range."""
        values = self.layers(fused)
        if (self.middle, self.half) == (0.0, 1.0):
            return values
        return self.middle + self.half * values.float()  # bf16 has no digits for 1990 to 2025

    @torch.no_grad()
    def add(self, offsets: Sequence[float]) -> None:
        """Adds `offsets` `(task size,)` to all logits of a classification, from now on."""
        bias = self.layers[-1].bias
        bias += torch.as_tensor(offsets, dtype=bias.dtype, device=bias.device)


class EmertHeads(nn.Module):
    """The heads by task. A module that is called, since peft's `modules_to_save` refuses an `nn.ModuleDict`."""

    def __init__(self, heads: Mapping[str, nn.Module]):
        super().__init__()
        for name, head in heads.items():
            self.add_module(name, head)

    def forward(self, fused: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Each task's `(batch, hidden_size)` -> its `(batch, task size)`."""
        return {name: self[name](values) for name, values in fused.items()}

    def __getitem__(self, name: str) -> nn.Module:
        return self._modules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)


class EmertPooling(nn.Module):
    """From fused tokens to one vector: their mean, or a task's own attention over them."""

    def __init__(self, config: EmertConfig):
        super().__init__()
        self.score = nn.Linear(config.hidden_size, 1) if config.task_pooling == "attention" else None

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens, size)`, `(batch, tokens)` bool -> `(batch, size)`."""
        if self.score is None:
            return masked_mean(tokens, mask)
        scores = self.score(tokens).squeeze(-1).masked_fill(~mask, float("-inf"))
        return (scores.softmax(dim=1).unsqueeze(-1) * tokens).sum(dim=1)


class EmertContext(nn.Module):
    """Context besides the recording, added to the fused representation; 0 where it is absent."""

    def __init__(self, config: EmertConfig):
        super().__init__()
        self.big_five = nn.Linear(len(BIG_FIVE), config.hidden_size) if "big_five" in config.context else None
        self.emotion = nn.Embedding(len(EMOTIONS), config.hidden_size) if "stimulus_emotion" in config.context else None

    def forward(self, big_five: torch.Tensor | None, stimulus_emotion: torch.Tensor | None) -> torch.Tensor | float:
        """`(batch, 5)` in 0..1, NaN for absent, and `(batch,)` class indices, -100 for absent -> `(batch, size)`."""
        added: torch.Tensor | float = 0.0
        if self.big_five is not None and big_five is not None:
            known = ~big_five.isnan().any(dim=1, keepdim=True)
            # 0.5 is the middle of every scale.
            centred = torch.where(known, big_five, 0.5) - 0.5
            added = added + self.big_five(centred.to(self.big_five.weight.dtype)) * known
        if self.emotion is not None and stimulus_emotion is not None:
            known = stimulus_emotion != ABSENT_CLASS
            added = added + self.emotion(torch.where(known, stimulus_emotion, 0)) * known.unsqueeze(1)
        return added


class EmertCoarse(nn.Module):
    """Coarse class probabilities as sums of fine ones: happiness positive, four emotions negative, neutral neutral.

    Surprise has no published coarse class: the fraction of it that is positive is learned, starting at one half.
    """

    def __init__(self):
        super().__init__()
        self.surprise = nn.Parameter(torch.zeros(()))  # log odds that surprise is positive

    def forward(self, fine: torch.Tensor) -> torch.Tensor:
        """Fine logits `(batch, 7)` -> log probabilities `(batch, 3)`, which serve as logits."""
        log_fine = fine.log_softmax(dim=-1)
        surprise = log_fine[:, EMOTIONS.index("surprise")]
        split = {"positive": functional.logsigmoid(self.surprise), "negative": functional.logsigmoid(-self.surprise)}
        coarse = []
        for polarity in POLARITIES:
            parts = [log_fine[:, index] for index, name in enumerate(EMOTIONS) if POLARITY_OF_EMOTION.get(name) == polarity]
            if polarity in split:
                parts.append(surprise + split[polarity])
            coarse.append(torch.logsumexp(torch.stack(parts), dim=0))
        return torch.stack(coarse, dim=-1)


def modality_loss(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the modality classification, summed over modalities, averaged over the samples that have each.

    `logits` `(batch, 3 modalities, 3)`, `present` `(batch, 3)` bool. The sign of the adversarial side is changed by the
    gradient reversal in the network, not here.
    """
    batch, modalities = present.shape
    targets = torch.arange(modalities, device=logits.device).expand(batch, modalities)
    losses = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (batch, 3)
    weights = present.to(losses.dtype)
    return ((losses * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)).sum()


def as_labels(name: str, labels: Any, logits: torch.Tensor, classes: bool) -> torch.Tensor:
    """The labels of a task as its loss takes them (see [`task_loss`]), from a tensor, an array or a list.

    `logits` `(batch, task size)`; `classes`: whether they are classes, or numbers. Raises `ValueError` for another kind or
    shape, or a class that there is not.
    """
    batch, size = logits.shape
    numbers, distribution = f"({batch}, {size}) numbers", f"({batch}, {size}) fractions of votes"
    expected = f"({batch},) class indices 0 to {size - 1}, {ABSENT_CLASS} for absent, or {distribution}" if classes else numbers
    try:
        values = torch.as_tensor(labels, device=logits.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"labels of {name} are {str(labels)[:80]} ({type(labels).__name__}), expected {expected}") from error
    found = f"labels of {name} have shape {tuple(values.shape)} and type {str(values.dtype).removeprefix('torch.')}"
    if not classes:
        if values.numel() != logits.numel() or values.shape[:1] != logits.shape[:1] or values.is_complex():
            raise ValueError(f"{found}, expected {expected}")
        return values.reshape(logits.shape) if values.is_floating_point() else values.reshape(logits.shape).float()
    if values.shape == logits.shape and values.ndim == 2 and not values.is_complex():
        return values if values.is_floating_point() else values.float()
    if values.shape != (batch,) or values.is_floating_point() or values.is_complex():
        raise ValueError(f"{found}, expected {expected}")
    values = values.long()
    wrong = (values != ABSENT_CLASS) & ((values < 0) | (values >= size))
    if not torch.compiler.is_compiling() and wrong.any():
        raise ValueError(f"labels of {name} hold the class {int(values[wrong][0])}, expected {expected}")
    return values


def task_loss(
    task: Task, logits: torch.Tensor, labels: torch.Tensor, class_weights: Sequence[float] | None = None
) -> torch.Tensor:
    """Cross-entropy for classes, smooth-L1 for numbers, averaged over the known labels (0 without any).

    Numbers of an own task are compared on the scale -1..1 (see `Task.scale`), so that no range outweighs the other tasks.

    `logits` `(batch, task.size)`; `labels` `(batch,)` long with -100 for absent, or `(batch, task.size)` float with NaN:
    numbers, or for classes a distribution over them. Of one number, `(batch,)` is taken for `(batch, 1)`.
    `class_weights`: one for each class, None for equal weights.
    """
    labels = as_labels(task.name, labels, logits, task.kind == "classification")
    if task.kind == "classification":
        return class_loss(logits, labels, class_weights)
    present = ~labels.isnan()
    half = task.scale[1]
    known = torch.where(present, labels, logits.detach())
    losses = functional.smooth_l1_loss(logits / half, known / half, reduction="none")
    return (losses * present).sum() / present.sum().clamp(min=1)


def class_loss(logits: torch.Tensor, labels: torch.Tensor, class_weights: Sequence[float] | None = None) -> torch.Tensor:
    """Cross-entropy averaged over the known labels: `(batch, classes)`, `(batch,)` long with -100 for absent, or
    distributions `(batch, classes)` float with NaN for absent.

    With `class_weights` it is the average weighted by each label's class.
    """
    if labels.ndim == 2:
        return _distribution_loss(logits, labels, class_weights)
    present = labels != ABSENT_CLASS
    losses = functional.cross_entropy(logits, labels, ignore_index=ABSENT_CLASS, reduction="none")
    if class_weights is None:
        return (losses * present).sum() / present.sum().clamp(min=1)
    weights = losses.new_tensor(class_weights)[labels.clamp(min=0)] * present
    return (losses * weights).sum() / torch.where(present.any(), weights.sum(), 1.0)


def _distribution_loss(logits: torch.Tensor, labels: torch.Tensor, class_weights: Sequence[float] | None) -> torch.Tensor:
    """As [`class_loss`], which it equals where a distribution is all in one class."""
    present = ~labels.isnan().any(dim=1, keepdim=True)
    weights = torch.where(present, labels, 0.0).to(logits.dtype)
    if class_weights is not None:
        weights = weights * weights.new_tensor(class_weights)
    total = weights.sum()
    return -(weights * logits.log_softmax(dim=1)).sum() / torch.where(total > 0, total, 1.0)
