"""What EMERT's forward passes return."""

from dataclasses import dataclass

import torch
from transformers.utils import ModelOutput


@dataclass
class EmertModalityLogits(ModelOutput):
    """The discriminator's logits of the modality, `(batch, 3 modalities, 3)`, from the streams of each side."""

    invariant: torch.FloatTensor | None = None
    specific: torch.FloatTensor | None = None


@dataclass
class EmertModelOutput(ModelOutput):
    """Output of the network without heads.

    - `last_hidden_state`: `(batch, tokens, hidden_size)`, fused tokens: frames, eye-movement steps, fixation steps.
    - `pooler_output`: `(batch, hidden_size)`, mean over the present tokens.
    - `modality_logits`: see [`EmertModalityLogits`]; None in a network with another fusion.
    - `modality_present`: `(batch, 3)` bool, which modalities took part (after modality dropout in training).
    - `token_mask`: `(batch, tokens)` bool, which of the fused tokens are present.
    - `auxiliary`: scalar losses by name that another fusion adds to the tasks'; None in EMERT.
    - `hidden_states`: target tokens before the first and after each fusion layer.
    - `attentions`: `(batch, heads, tokens, tokens)` of each cross-attention, in the order of the layers.
    """

    last_hidden_state: torch.FloatTensor | None = None
    pooler_output: torch.FloatTensor | None = None
    modality_logits: EmertModalityLogits | None = None
    modality_present: torch.BoolTensor | None = None
    token_mask: torch.BoolTensor | None = None
    auxiliary: dict[str, torch.FloatTensor] | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None


@dataclass
class EmertOutput(ModelOutput):
    """Output of the network with heads.

    - `loss`: scalar, if labels are given: the weighted sum of `losses`.
    - `logits`: by task: class logits `(batch, classes)`, or numbers `(batch, numbers)` in the task's range.
    - `losses`: by name, not weighted: each task, `adversarial`, `specific`, and `participant` if configured.
    - `participant_logits`: `(batch, num_participants)`, if configured.
    - the rest as in [`EmertModelOutput`].
    """

    loss: torch.FloatTensor | None = None
    logits: dict[str, torch.FloatTensor] | None = None
    losses: dict[str, torch.FloatTensor] | None = None
    participant_logits: torch.FloatTensor | None = None
    modality_logits: EmertModalityLogits | None = None
    pooler_output: torch.FloatTensor | None = None
    hidden_states: tuple[torch.FloatTensor, ...] | None = None
    attentions: tuple[torch.FloatTensor, ...] | None = None
