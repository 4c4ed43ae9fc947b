"""The three losses of EMERT, with absent labels and absent modalities left out."""

import torch
from torch.nn import functional

from .tasks_emert import ABSENT_CLASS, Task


def modality_loss(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of guessing the modality, summed over modalities, averaged over the samples that have it.

    `logits` `(batch, 3 modalities, 3)`, `present` `(batch, 3)` bool. The sign of the adversarial side is turned by the
    gradient reversal inside the network, not here.
    """
    batch, modalities = present.shape
    targets = torch.arange(modalities, device=logits.device).expand(batch, modalities)
    losses = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")  # (batch, 3)
    weights = present.to(losses.dtype)
    return ((losses * weights).sum(dim=0) / weights.sum(dim=0).clamp(min=1)).sum()


def task_loss(task: Task, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy for classes, smooth-L1 for numbers, averaged over the labels that are there (0 if none is).

    `logits` `(batch, task.size)`; `labels` `(batch,)` long with -100 for absent, or `(batch, task.size)` float with NaN.
    """
    if task.kind == "classes":
        return class_loss(logits, labels)
    present = ~labels.isnan()
    losses = functional.smooth_l1_loss(logits, torch.where(present, labels, logits.detach()), reduction="none")
    return (losses * present).sum() / present.sum().clamp(min=1)


def class_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy averaged over the labels that are there: `(batch, classes)`, `(batch,)` long with -100 for absent."""
    present = labels != ABSENT_CLASS
    losses = functional.cross_entropy(logits, labels, ignore_index=ABSENT_CLASS, reduction="none")
    return (losses * present).sum() / present.sum().clamp(min=1)
