"""Several networks that answer as one: the authors have one network for each task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from modeling_emert.configuration_emert import EmertConfig
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import combine_sources
from modeling_emert.outputs_emert import EmertOutput
from modeling_emert.processing_emert import EmertProcessor
from modeling_emert.tasks_emert import single_number

# A task of two numbers, of which the authors have one network each.
_PAIRS = {f"{view}_va": tuple(single_number(view, label)["name"] for label in ("valence", "arousal")) for view in ("er", "fer")}


class SeveralNetworks(nn.Module):
    """The tasks of all networks. One that two of them predict is answered by the one with fewer tasks; valence and arousal
    alone become the two numbers of `er_va` or `fer_va`.
    """

    def __init__(self, networks: Sequence[PreTrainedModel]):
        super().__init__()
        self.networks = nn.ModuleList(sorted(networks, key=lambda network: len(network.config.tasks)))
        self._source: dict[str, int] = {}
        for number, network in enumerate(self.networks):
            for task in network.config.tasks:
                self._source.setdefault(task, number)
        tasks = list(self._source)
        for pair, parts in _PAIRS.items():
            if set(parts) <= set(tasks) and pair not in tasks:
                tasks = [*(task for task in tasks if task not in parts), pair]
        temperatures = {
            task: network.config.temperatures[task]
            for number, network in enumerate(self.networks)
            for task in network.config.temperatures or {}
            if self._source[task] == number
        }
        sources = combine_sources(*(network.config.sources for network in self.networks))
        self.config = EmertConfig(tasks=tasks, temperatures=temperatures or None, sources=sources)
        self.coarse = nn.ModuleDict()

    @property
    def device(self) -> torch.device:
        return self.networks[0].device

    @property
    def dtype(self) -> torch.dtype:
        return self.networks[0].dtype

    def forward(self, **inputs: Any) -> EmertOutput:
        """As one network's; `attentions` are those of all."""
        outputs = [network(**inputs) for network in self.networks]
        logits = {task: outputs[number].logits[task] for task, number in self._source.items()}
        for pair in set(self.config.tasks) & set(_PAIRS) - set(logits):
            logits[pair] = torch.cat([logits[part] for part in _PAIRS[pair]], dim=1)
        attentions = tuple(layer for output in outputs for layer in output.attentions or ()) or None
        return EmertOutput(logits={task: logits[task] for task in self.config.tasks}, attentions=attentions)


def join_models(
    folder: Path, models: Sequence[tuple[PreTrainedModel, EmertProcessor]]
) -> tuple[SeveralNetworks, EmertProcessor]:
    """The models of a folder as one. Raises `EmertInputError` where they take different inputs, or derive tasks from others."""
    processors = [processor for _, processor in models]
    if any(processor.to_dict() != processors[0].to_dict() for processor in processors[1:]):
        raise EmertInputError(f"{folder}: its models take different inputs, so they can't answer as one; name one of them")
    if any(model.config.derived_tasks for model, _ in models):
        raise EmertInputError(
            f"{folder}: a model in it derives coarse classes, which models that answer as one can't; name it alone"
        )
    return SeveralNetworks([model for model, _ in models]).eval(), processors[0]
