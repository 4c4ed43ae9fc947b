"""The three losses of EMERT; absent labels and absent modalities do not count."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from .tasks_emert import ABSENT_CLASS, Task


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


def task_loss(
    task: Task, logits: torch.Tensor, labels: torch.Tensor, class_weights: Sequence[float] | None = None
) -> torch.Tensor:
    """Cross-entropy for classes, smooth-L1 for numbers, averaged over the known labels (0 without any).

    `logits` `(batch, task.size)`; `labels` `(batch,)` long with -100 for absent, or `(batch, task.size)` float with NaN.
    `class_weights`: one for each class, None for equal weights.
    """
    if task.kind == "classification":
        return class_loss(logits, labels, class_weights)
    present = ~labels.isnan()
    losses = functional.smooth_l1_loss(logits, torch.where(present, labels, logits.detach()), reduction="none")
    return (losses * present).sum() / present.sum().clamp(min=1)


def class_loss(logits: torch.Tensor, labels: torch.Tensor, class_weights: Sequence[float] | None = None) -> torch.Tensor:
    """Cross-entropy averaged over the known labels: `(batch, classes)`, `(batch,)` long with -100 for absent.

    With `class_weights` it is the average weighted by each label's class.
    """
    present = labels != ABSENT_CLASS
    losses = functional.cross_entropy(logits, labels, ignore_index=ABSENT_CLASS, reduction="none")
    if class_weights is None:
        return (losses * present).sum() / present.sum().clamp(min=1)
    weights = losses.new_tensor(class_weights)[labels.clamp(min=0)] * present
    return (losses * weights).sum() / torch.where(present.any(), weights.sum(), 1.0)
