"""EMERT as a transformers model: what a person feels (ER) and what the face shows (FER), from face and eyes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import initialization as init
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .configuration_emert import EmertConfig
from .constants_emert import MODALITIES, PARTICIPANT, Modality
from .explain_emert import EmertExplanation, explain
from .heads_emert import (
    EmertCoarse,
    EmertContext,
    EmertHead,
    EmertHeads,
    EmertPooling,
    as_labels,
    class_loss,
    modality_loss,
    task_loss,
)
from .hub_emert import EmertSharing
from .layers_emert import (
    EmertCrossAttention,
    EmertDecoupling,
    EmertFaceEncoder,
    EmertFusion,
    EmertFusionLayer,
    EmertLSTM,
    EmertSequenceEncoder,
    masked_mean,
    present_modalities,
    reverse_gradient,
)
from .licences_emert import EmertLicensed
from .model_card_emert import write_model_card
from .outputs_emert import EmertModalityLogits, EmertModelOutput, EmertOutput
from .peft_emert import lora_config, without_text
from .tasks_emert import get_task, register_tasks

# Both are listed, whichever is saved: the base model loads the weights of the complete model too.
_AUTO_MODELS = {
    "AutoModel": "modeling_emert.EmertModel",
    "AutoModelForVideoClassification": "modeling_emert.EmertForEmotionRecognition",
}


class EmertPreTrainedModel(EmertSharing, EmertLicensed, PreTrainedModel):
    config: EmertConfig
    base_model_prefix = "emert"
    main_input_name = "pixel_values"
    input_modalities = ("video",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _no_split_modules = ("EmertFusionLayer",)
    _can_record_outputs = {  # noqa: RUF012  (the name and form are transformers')
        # By name, since the layers that update the source (`update_source`) are of the same class.
        "hidden_states": OutputRecorder(EmertFusionLayer, layer_name="fusion.layers"),
        "attentions": OutputRecorder(EmertCrossAttention, index=1),
    }
    # The loss is a mean over the known labels; Trainer must not rescale it by the number of items in the batch.
    accepts_loss_kwargs = False

    @property
    def is_gradient_checkpointing(self) -> bool:
        """For peft, which asks by this name; transformers' own warns that it has given it another."""
        return any(getattr(module, "gradient_checkpointing", False) for module in self.modules())

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs: Any) -> None:
        """As transformers' own, with the code, and with a card `README.md` unless there is one."""
        from .pipeline_emert import saved_pipelines  # because of this import, transformers copies its code too

        self.config.auto_map, self.config.custom_pipelines = dict(_AUTO_MODELS), saved_pipelines()
        super().save_pretrained(save_directory, is_main_process=is_main_process, **kwargs)
        if is_main_process:
            write_model_card(save_directory, self.config)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """PyTorch's defaults, with which the authors trained; positions (unpublished) start small."""
        super()._init_weights(module)
        if isinstance(module, nn.Linear):
            init.kaiming_uniform_(module.weight, a=math.sqrt(5))
            if module.bias is not None:
                bound = 1 / math.sqrt(module.in_features)
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, EmertLSTM):
            bound = 1 / math.sqrt(module.hidden_size)
            for parameter in module.parameters():
                init.uniform_(parameter, -bound, bound)
        elif isinstance(module, EmertFusion):
            init.normal_(module.source_positions, std=0.02)
            init.normal_(module.target_positions, std=0.02)
        elif isinstance(module, EmertCoarse):
            init.zeros_(module.surprise)


class EmertModel(EmertPreTrainedModel):
    """Encoders, decoupling and fusion, without heads.

    A network with another fusion is a subclass that overrides [`_fuse`]; its module `fusion` replaces EMERT's decoupling and
    cross-attention. `modalities`: those that get an encoder; the others are ignored.
    """

    _auto_class = "AutoModel"

    def __init__(self, config: EmertConfig, fusion: nn.Module | None = None, modalities: Sequence[Modality] = MODALITIES):
        super().__init__(config)
        self.modalities = modalities
        self.face_encoder = EmertFaceEncoder(config) if "face" in modalities else None
        self.eye_encoder = EmertSequenceEncoder(config, config.num_columns) if "eye_movements" in modalities else None
        self.fixation_encoder = EmertSequenceEncoder(config, config.fixation_size) if "fixations" in modalities else None
        self.stream_dropout = nn.Dropout(config.stream_dropout)
        if fusion is None:
            self.decoupling = EmertDecoupling(config)
        self.fusion = EmertFusion(config) if fusion is None else fusion
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs(tie_last_hidden_states=False)
    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        eye_movements: torch.Tensor | None = None,
        fixations: torch.Tensor | None = None,
        face_mask: torch.Tensor | None = None,
        eye_movements_mask: torch.Tensor | None = None,
        fixations_mask: torch.Tensor | None = None,
        face_features: torch.Tensor | None = None,
        action_units: torch.Tensor | None = None,
        action_units_mask: torch.Tensor | None = None,
        **kwargs,
    ) -> EmertModelOutput:
        """
        Args:
            pixel_values: `(batch, frames, 3, height, width)` float, normalised face crops; None: no sample has a face. With
                one frame for each sample, a photo, it stands for all `num_frames`, at the cost of one.
            face_features: `(batch, frames, channels)` float of [`get_face_features`], instead of `pixel_values`.
            action_units, action_units_mask: `(batch, frames, 17)` float, standardised, and `(batch, frames)` bool: the face
                of the samples that have no frame. No effect where the config's `face_input` is "frames", as frames have none
                where it is "action_units".
            eye_movements: `(batch, eye steps, 39)` float, normalised; or None.
            fixations: `(batch, fixation steps, 2)` float, normalised; or None.
            face_mask, eye_movements_mask, fixations_mask: `(batch, time)` bool, True where the step is present; None: all
                are. The values at a False step, NaN included, have no effect.

        Raises:
            ValueError: no modality is given, both pixels and features are, a length differs from the config's, or a sample
                has no step at all.
        """
        if pixel_values is not None and face_features is not None:
            raise ValueError("give pixel_values or face_features, not both: the features are computed from the pixels")
        face = pixel_values if face_features is None else face_features
        encoders = dict(zip(MODALITIES, (self.face_encoder, self.eye_encoder, self.fixation_encoder), strict=True))
        values = dict(zip(MODALITIES, (face, eye_movements, fixations), strict=True))
        values = {name: None if encoders[name] is None else value for name, value in values.items()}
        masks = dict(zip(MODALITIES, (face_mask, eye_movements_mask, fixations_mask), strict=True))
        if self.config.face_input == "action_units":
            values["face"] = None
        if self.face_encoder is not None and self.config.takes_action_units and action_units is not None:
            values["action_units"], masks["action_units"] = action_units, action_units_mask
        masks = self._complete_masks(values, masks)
        with_frames = masks["face"].any(dim=1, keepdim=True)
        if "action_units" in masks:
            masks["face"] = torch.where(with_frames, masks["face"], masks.pop("action_units"))
        if self.training and self.config.modality_dropout > 0:
            masks = self._drop_modalities(masks)
        streams = {}
        for name in self.modalities:
            value, mask = values[name], masks[name]
            if name == "face" and values.get("action_units") is not None:
                units = values["action_units"], mask & ~with_frames
                streams[name] = self.stream_dropout(self.face_encoder(value, mask & with_frames, *units))
            elif value is None:
                streams[name] = torch.zeros(*mask.shape, self.config.encoder_size, dtype=self.dtype, device=mask.device)
            else:
                streams[name] = self.stream_dropout(encoders[name](value, mask))
        fused = self._fuse(streams, masks, **without_text(kwargs))
        return replace(
            fused,
            pooler_output=masked_mean(fused.last_hidden_state, fused.token_mask),
            modality_present=present_modalities(masks),
        )

    def _fuse(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor], **kwargs) -> EmertModelOutput:
        """Streams `(batch, time, encoder_size)` and masks `(batch, time)` bool by modality -> `last_hidden_state`, `token_mask`
        and what the losses need. The values at a masked step of a stream do not depend on the input.
        """
        specific, invariant, specific_logits, invariant_logits = self.decoupling(streams, masks)
        mask = torch.cat([masks[name] for name in MODALITIES], dim=1)
        return EmertModelOutput(
            last_hidden_state=self.fusion(specific, invariant, mask, **kwargs),
            modality_logits=EmertModalityLogits(invariant=invariant_logits, specific=specific_logits),
            token_mask=mask,
        )

    def get_face_features(self, pixel_values: torch.Tensor, face_mask: torch.Tensor | None = None) -> torch.Tensor:
        """The backbone's features of each frame, to be stored and given as `face_features`.

        `pixel_values` `(batch, frames, 3, height, width)`, `face_mask` `(batch, frames)` bool -> `(batch, frames, channels)`.
        Stored features stay valid in training only if the backbone is frozen.
        """
        if face_mask is None:
            face_mask = torch.ones(pixel_values.shape[:2], dtype=torch.bool, device=pixel_values.device)
        return self.face_encoder.features(pixel_values, face_mask)

    def load_pretrained_backbone(self) -> None:
        """Loads the weights of the config's `pretrained_backbone`, before training; nothing to do without a face encoder.

        Raises `ValueError` if the config names none, or one that does not fit `backbone_config`.
        """
        name = self.config.pretrained_backbone
        if name is None:
            raise ValueError("the config's pretrained_backbone names no model to load weights from")
        if self.face_encoder is not None:
            self.face_encoder.load_backbone(name)

    def _complete_masks(
        self, values: dict[str, torch.Tensor | None], masks: dict[str, torch.Tensor | None]
    ) -> dict[str, torch.Tensor]:
        """A bool mask `(batch, length)` for every modality, all False where the modality is not given."""
        given = next((value for value in values.values() if value is not None), None)
        if given is None:
            raise ValueError(f"EMERT needs at least one of {', '.join(MODALITIES)}; all are None")
        batch = given.shape[0]  # not len(): that is a plain int, and an export would fix the batch size to it
        complete = {}
        lengths = self.config.lengths | ({"action_units": self.config.num_frames} if "action_units" in values else {})
        for name, length in lengths.items():
            value, mask = values[name], masks[name]
            if value is not None and value.shape[1] != length and not (name == "face" and value.shape[1] == 1):
                raise ValueError(f"{name} must have {length} steps (config), got shape {tuple(value.shape)}")
            if value is None or mask is None:
                mask = torch.full((batch, length), value is not None, device=given.device)
            if mask.shape != (batch, length):
                raise ValueError(f"the mask of {name} must be {(batch, length)}, got {tuple(mask.shape)}")
            complete[name] = mask.bool()
        if not torch.compiler.is_compiling() and not torch.cat(list(complete.values()), dim=1).any(dim=1).all():
            raise ValueError("a sample has no step in any modality: leave it out, there is nothing to predict from")
        return complete

    def _drop_modalities(self, masks: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Hides each modality of each sample at random; a sample that would lose all of them keeps all."""
        present = present_modalities(masks)
        keep = torch.rand(present.shape, device=present.device) >= self.config.modality_dropout
        keep = keep | ~(keep & present).any(dim=1, keepdim=True)
        return {name: masks[name] & keep[:, index : index + 1] for index, name in enumerate(MODALITIES)}


class EmertForEmotionRecognition(EmertPreTrainedModel):
    """EMERT with a head for each task of its config."""

    _auto_class = "AutoModelForVideoClassification"

    def __init__(self, config: EmertConfig):
        super().__init__(config)
        register_tasks(config.own_tasks)
        self.emert = EmertModel(config)
        fine = [name for name in config.tasks if name not in config.derived_tasks]
        self.heads = EmertHeads({name: EmertHead(config, get_task(name).size, get_task(name).scale) for name in fine})
        self.poolings = nn.ModuleDict({name: EmertPooling(config) for name in fine})
        self.coarse = nn.ModuleDict({name: EmertCoarse() for name in config.derived_tasks})
        self.context = EmertContext(config) if config.context else None
        self.participant_head = EmertHead(config, config.num_participants) if config.num_participants else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        eye_movements: torch.Tensor | None = None,
        fixations: torch.Tensor | None = None,
        face_mask: torch.Tensor | None = None,
        eye_movements_mask: torch.Tensor | None = None,
        fixations_mask: torch.Tensor | None = None,
        face_features: torch.Tensor | None = None,
        action_units: torch.Tensor | None = None,
        action_units_mask: torch.Tensor | None = None,
        big_five: torch.Tensor | None = None,
        stimulus_emotion: torch.Tensor | None = None,
        labels: dict[str, torch.Tensor] | torch.Tensor | None = None,
        **kwargs,
    ) -> EmertOutput:
        """
        Args:
            big_five: `(batch, 5)` float in 0..1 in the order of `recording_emert.BIG_FIVE`, NaN for absent.
            stimulus_emotion: `(batch,)` long, index into `tasks_emert.EMOTIONS`, -100 for absent.
            labels: by task: `(batch,)` int, -100 for absent; `(batch, classes)` float, a distribution such as the fractions
                of votes, NaN for absent; or `(batch, numbers)` float, NaN for absent. A task without any is not trained.
                `participant` `(batch,)` long if the config has `num_participants`. A model of one task takes the tensor alone.
            the rest as in [`EmertModel.forward`].

        Raises:
            ValueError: as [`EmertModel.forward`]; a label's task, or given context, is not in the config; labels have another
                shape, kind or range than the task's.
        """
        masks, units = (face_mask, eye_movements_mask, fixations_mask), (action_units, action_units_mask)
        outputs: EmertModelOutput = self.emert(pixel_values, eye_movements, fixations, *masks, face_features, *units, **kwargs)
        logits = self._logits(outputs, {"big_five": big_five, "stimulus_emotion": stimulus_emotion})
        participant_logits = None
        if self.participant_head is not None:
            participant_logits = self.participant_head(reverse_gradient(outputs.pooler_output, self.config.reversal))
        losses = None if labels is None else self._losses(logits, participant_logits, labels, outputs)
        return EmertOutput(
            loss=None if losses is None else self._weighted(losses),
            logits=logits,
            losses=losses,
            participant_logits=participant_logits,
            modality_logits=outputs.modality_logits,
            pooler_output=outputs.pooler_output,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def lora_config(self, rank: int = 8) -> Any:
        """A `peft.LoraConfig` for `get_peft_model`: see [`peft_emert.lora_config`]."""
        return lora_config(self.config, rank)

    def explain(self, inputs: Mapping[str, torch.Tensor]) -> EmertExplanation:
        """Which inputs each answer depends on, for a batch of the processor; see [`EmertExplanation`]. In eval mode."""
        return explain(self, self.config, inputs)

    def _logits(self, outputs: EmertModelOutput, context: dict[str, torch.Tensor | None]) -> dict[str, torch.Tensor]:
        """By task, in the config's order."""
        given = [name for name, value in context.items() if value is not None and name not in self.config.context]
        if given:
            raise ValueError(f"{', '.join(given)} given, but the config's context is {self.config.context}")
        added = 0.0 if self.context is None else self.context(**context)
        pooled = {name: pool(outputs.last_hidden_state, outputs.token_mask) for name, pool in self.poolings.items()}
        fine = self.heads({name: values + added for name, values in pooled.items()})
        derived = self.config.derived_tasks
        return {name: self.coarse[name](fine[derived[name]]) if name in derived else fine[name] for name in self.config.tasks}

    def _losses(
        self,
        logits: dict[str, torch.Tensor],
        participant_logits: torch.Tensor | None,
        labels: dict[str, torch.Tensor],
        outputs: EmertModelOutput,
    ) -> dict[str, torch.Tensor]:
        if not isinstance(labels, Mapping):
            if len(self.config.tasks) > 1:
                found = "one tensor" if isinstance(labels, torch.Tensor) else type(labels).__name__
                raise ValueError(f"labels are {found}, expected a dictionary by task: {', '.join(self.config.tasks)}")
            labels = {self.config.tasks[0]: labels}
        labels = {name: values for name, values in labels.items() if values is not None}
        known = [*logits, *([] if participant_logits is None else [PARTICIPANT])]
        unknown = sorted(set(labels) - set(known))
        if unknown:
            raise ValueError(f"labels for {unknown}, but the model takes labels for {known}")
        class_weights = self.config.class_weights or {}
        losses = {
            name: task_loss(get_task(name), logits[name], labels[name], class_weights.get(name))
            for name in logits
            if name in labels
        }
        if outputs.modality_logits is not None:
            losses["adversarial"] = modality_loss(outputs.modality_logits.invariant, outputs.modality_present)
            losses["specific"] = modality_loss(outputs.modality_logits.specific, outputs.modality_present)
        if PARTICIPANT in labels:
            people = as_labels(PARTICIPANT, labels[PARTICIPANT], participant_logits, classes=True)
            losses[PARTICIPANT] = class_loss(participant_logits, people)
        return losses | (outputs.auxiliary or {})

    def _weighted(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        config = self.config
        own = {"adversarial": config.adversarial_weight, "specific": config.specific_weight}
        own |= {PARTICIPANT: config.participant_weight}
        by_task = config.task_weights or {}
        return sum(own.get(name, config.task_weight * by_task.get(name, 1)) * loss for name, loss in losses.items())
