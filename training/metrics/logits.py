"""From the logits of a network to predictions that the metrics take."""

import numpy as np
import torch

from modeling_emert.tasks_emert import TASKS


def to_predictions(task_name: str, logits: np.ndarray) -> np.ndarray:
    """Class logits `(n, classes)` become probabilities; regression outputs are clipped to the task's range."""
    task = TASKS[task_name]
    if task.kind == "regression":
        return np.clip(logits, *task.range)
    return torch.from_numpy(logits).softmax(dim=1).numpy()
