"""The parts of EMERT up to its fused tokens: encoders of the modalities, adversarial decoupling, cross-attention fusion.

The arithmetic is that of the authors' evaluation code (kejun1/EMER, January 2024). The masks are ours; with all True they
change nothing.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from transformers import AutoBackbone
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .columns_emert import ACTION_UNITS
from .configuration_emert import EmertConfig
from .constants_emert import MODALITIES


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the present steps: `(batch, time, size)`, `(batch, time)` bool -> `(batch, size)`, zeros without any step."""
    weights = mask.unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def present_modalities(masks: dict[str, torch.Tensor]) -> torch.Tensor:
    """Masks `(batch, time)` by modality -> `(batch, 3)` bool, which modalities a sample has."""
    return torch.stack([masks[name].any(dim=1) for name in MODALITIES], dim=1)


def multilayer(sizes: list[int], slope: float) -> nn.Sequential:
    """Linear layers of these widths with LeakyReLU(slope) between them, none after the last."""
    layers: list[nn.Module] = []
    for index, (size_in, size_out) in enumerate(pairwise(sizes)):
        if index:
            layers.append(nn.LeakyReLU(slope))
        layers.append(nn.Linear(size_in, size_out))
    return nn.Sequential(*layers)


def make_backbone(config: EmertConfig) -> nn.Module:
    """The backbone, with random weights. One without attention accepts every attention implementation."""
    config.backbone_config._attn_implementation_internal = None  # otherwise it would be EMERT's
    backbone = AutoBackbone.from_config(config.backbone_config)
    backbone.config = config.backbone_config  # from_config copies it, but transformers finds sub-configs by identity
    if not (backbone._supports_sdpa or backbone._supports_flash_attn or backbone._supports_flex_attn):
        backbone._supports_sdpa = backbone._supports_flash_attn = backbone._supports_flex_attn = True
    return backbone


_SMALL_MAP = 49  # pixels; up to this size the contiguous layout is faster than channels last


def choose_layout(convolution: nn.Conv2d, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """A convolution's input `(images, channels, height, width)` in the fastest memory layout; the values stay the same.

    That is channels last on CPUs and tensor cores, except in fp32 on a CPU for maps as small as those of the last stages
    (4 x 4): there it takes twice as long as contiguous, which oneDNN blocks by channels (measured on AVX-512).
    """
    images = inputs[0]
    plain = images.device.type == "cpu" and images.dtype == torch.float32
    small = plain and images.shape[-2] * images.shape[-1] <= _SMALL_MAP
    return (images.contiguous(memory_format=torch.contiguous_format if small else torch.channels_last), *inputs[1:])


class EmertFaceEncoder(nn.Module):
    """Face frames to a stream: backbone for each frame, global average pool, linear; or action units, by a linear layer."""

    def __init__(self, config: EmertConfig):
        super().__init__()
        self.backbone: nn.Module | None = None
        self.mirror_faces = config.mirror_faces
        if config.face_input != "action_units":
            self.backbone = make_backbone(config)
            self.backbone.requires_grad_(not config.freeze_backbone)
            self._keep_frozen_still()
            for module in self.backbone.modules():
                if isinstance(module, nn.Conv2d):
                    module.register_forward_pre_hook(choose_layout)
            self.projection = nn.Linear(self.backbone.channels[-1], config.encoder_size)
        if config.takes_action_units:
            self.unit_projection = nn.Linear(len(ACTION_UNITS), config.encoder_size)

    def train(self, mode: bool = True) -> "EmertFaceEncoder":
        super().train(mode)
        self._keep_frozen_still()
        return self

    def _keep_frozen_still(self) -> None:
        """Eval mode for a backbone without a trainable parameter, whoever froze it (the config, peft, the user), and in any
        other for each BatchNorm that is not trained: the running statistics, which are no parameters and which an adapter
        does not store, would follow the new data.
        """
        if self.backbone is None:
            return
        if not any(parameter.requires_grad for parameter in self.backbone.parameters()):
            self.backbone.eval()
        for layer in self.backbone.modules():
            own = list(layer.parameters(recurse=False)) if isinstance(layer, _BatchNorm) else []
            if own and not any(parameter.requires_grad for parameter in own):
                layer.eval()

    def forward(
        self,
        face: torch.Tensor | None,
        mask: torch.Tensor,
        units: torch.Tensor | None = None,
        units_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """`(batch, frames, 3, height, width)` or features `(batch, frames, channels)`, mask `(batch, frames)` bool ->
        `(batch, frames, size)`. One frame, `(batch, 1, ...)`, stands for all.

        `units` `(batch, frames, 17)`, `units_mask`: the samples where this mask is True, which have no frame.
        """
        by_units = None
        if units is not None:
            by_units = self.unit_projection(torch.where(units_mask.unsqueeze(-1), units, 0))
        if face is None:
            return by_units
        if face.ndim == 5:
            face = self.features(face, mask)
        face = face.expand(-1, mask.shape[1], -1)
        frames = self._projected(face, mask)
        return frames if by_units is None else torch.where(units_mask.unsqueeze(-1), by_units, frames)

    def _projected(self, face: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.projection(torch.where(mask.unsqueeze(-1), face, 0).to(self.projection.weight.dtype))

    def features(self, pixel_values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, frames, 3, height, width)`, `(batch, frames)` bool -> `(batch, frames, channels)`, zeros where absent;
        `(batch, 1, channels)` of one frame for each sample.
        """
        if pixel_values.shape[1] == 1:
            mask = mask.any(dim=1, keepdim=True)
        if self.backbone.training and not torch.compiler.is_compiling():
            self._keep_frozen_still()  # it may have been frozen since `train`
        batch, frames = pixel_values.shape[:2]
        images = pixel_values.flatten(0, 1)
        present = mask.flatten()
        if not self.backbone.training:
            features = self._pooled(torch.where(present[:, None, None, None], images, 0))
        else:
            # BatchNorm must not see absent frames: its statistics would depend on their number.
            features = images.new_zeros(batch * frames, self.projection.in_features)
            if present.any():
                computed = self._pooled(images[present])
                features = features.to(computed.dtype).index_put((present.nonzero().squeeze(1),), computed)
        return features.unflatten(0, (batch, frames))

    def load_backbone(self, name: str) -> None:
        """The backbone's weights from a Hub id or folder. Raises `ValueError` if they do not fit."""
        pretrained, report = type(self.backbone).from_pretrained(name, output_loading_info=True, ignore_mismatched_sizes=True)
        wrong = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
        expected, found = self.backbone.state_dict(), pretrained.state_dict()
        wrong |= expected.keys() ^ found.keys()
        wrong |= {key for key in expected.keys() & found.keys() if expected[key].shape != found[key].shape}
        if wrong:
            raise ValueError(f"pretrained_backbone {name} does not fit backbone_config: {', '.join(sorted(wrong)[:5])} differ")
        self.backbone.load_state_dict(found)

    def _pooled(self, images: torch.Tensor) -> torch.Tensor:
        """`(images, 3, height, width)` -> `(images, channels)`; of image and mirror image, outside training."""
        if self.mirror_faces and not self.backbone.training:
            both = self.backbone(torch.cat([images, images.flip(-1)])).feature_maps[-1].mean(dim=(2, 3))
            return both.unflatten(0, (2, len(images))).mean(dim=0)
        return self.backbone(images).feature_maps[-1].mean(dim=(2, 3))


class EmertLSTM(nn.Module):
    """`nn.LSTM` with `batch_first`, with the same parameter names and results: `torch.compile` can't trace `nn.LSTM`."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self._names = []
        for layer in range(num_layers):
            width = hidden_size if layer else input_size
            shapes = {"weight_ih": (width,), "weight_hh": (hidden_size,), "bias_ih": (), "bias_hh": ()}
            for name, rest in shapes.items():
                self._names.append(f"{name}_l{layer}")
                self.register_parameter(self._names[-1], nn.Parameter(torch.empty(4 * hidden_size, *rest)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As PyTorch: uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, time, input_size)` -> states of the last layer `(batch, time, hidden_size)`."""
        start = values.new_zeros(self.num_layers, values.shape[0], self.hidden_size)
        weights = [getattr(self, name) for name in self._names]
        return torch.lstm(values, (start, start), weights, True, self.num_layers, 0.0, self.training, False, True)[0]


class EmertSequenceEncoder(nn.Module):
    """Eye movements or fixations to a stream: an LSTM that skips missing steps."""

    def __init__(self, config: EmertConfig, input_size: int):
        super().__init__()
        self.lstm = EmertLSTM(input_size, config.encoder_size, config.num_lstm_layers)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`(batch, time, input_size)`, `(batch, time)` bool -> `(batch, time, size)`, zeros where the mask is False."""
        values = torch.where(mask.unsqueeze(-1), values, 0)
        # Present steps move to the front, in order. The LSTM runs forward in time, so the steps after them have no effect.
        present = mask.long()
        place = torch.where(mask, present.cumsum(dim=1), present.sum(dim=1, keepdim=True) + (1 - present).cumsum(dim=1)) - 1
        packed = torch.zeros_like(values).scatter(1, place.unsqueeze(-1).expand_as(values), values)
        states = self.lstm(packed)
        states = states.gather(1, place.unsqueeze(-1).expand_as(states))
        return torch.where(mask.unsqueeze(-1), states, 0)


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: torch.Tensor, coefficient: float) -> torch.Tensor:
        ctx.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return -ctx.coefficient * gradient, None


def reverse_gradient(values: torch.Tensor, coefficient: float) -> torch.Tensor:
    """The identity, whose gradient is multiplied by `-coefficient`: what comes before learns against the loss after it."""
    return _ReverseGradient.apply(values, coefficient)


class EmertDecoupling(nn.Module):
    """Modality-adversarial feature decoupling.

    Each modality has its own *specific* projection; one *invariant* projection is shared by all three. A linear
    discriminator classifies the modality from each stream's mean over time: of the specific streams directly, of the
    invariant ones through a gradient reversal. Both sides share one discriminator, as in the authors' code, unless
    `separate_discriminators`.
    """

    def __init__(self, config: EmertConfig):
        super().__init__()
        sizes = [config.encoder_size, *config.projection_sizes]
        self.reversal = config.reversal
        self.specific = nn.ModuleDict({name: multilayer(sizes, 0.1) for name in MODALITIES})
        self.invariant = multilayer(sizes, 0.1)
        self.discriminator = nn.Linear(config.hidden_size, len(MODALITIES))
        own = config.separate_discriminators
        self.specific_discriminator = nn.Linear(config.hidden_size, len(MODALITIES)) if own else None

    def forward(self, streams: dict[str, torch.Tensor], masks: dict[str, torch.Tensor]):
        """Streams `(batch, time, encoder_size)` by modality -> specific and invariant tokens, both `(batch, tokens, size)` with
        the modalities one after another, and the discriminator's logits of each, `(batch, 3 modalities, 3)`.
        """
        specific = {name: self.specific[name](streams[name]) for name in MODALITIES}
        invariant = {name: self.invariant(streams[name]) for name in MODALITIES}
        specific_means = torch.stack([masked_mean(specific[name], masks[name]) for name in MODALITIES], dim=1)
        invariant_means = torch.stack([masked_mean(invariant[name], masks[name]) for name in MODALITIES], dim=1)
        return (
            torch.cat(list(specific.values()), dim=1),
            torch.cat(list(invariant.values()), dim=1),
            (self.specific_discriminator or self.discriminator)(specific_means),
            self.discriminator(reverse_gradient(invariant_means, self.reversal)),
        )


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention in plain torch, with the signature of transformers' attention interface.

    Query, key, value `(batch, heads, tokens, head_dim)` -> output `(batch, tokens, heads, head_dim)` and weights
    `(batch, heads, target tokens, source tokens)`.
    """
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None and attention_mask.dtype == torch.bool:  # as it is made for sdpa
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    elif attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class EmertAttention(nn.Module):
    """Target tokens attend to source tokens. Query, key and value each have a LayerNorm and no bias."""

    def __init__(self, config: EmertConfig):
        super().__init__()
        size, inner = config.hidden_size, config.num_attention_heads * config.head_dim
        self.config = config
        self.head_dim = config.head_dim
        self.scaling = config.head_dim**-0.5
        self.is_causal = False
        self.norm_q, self.norm_k, self.norm_v = nn.LayerNorm(size), nn.LayerNorm(size), nn.LayerNorm(size)
        self.q_proj = nn.Linear(size, inner, bias=False)
        self.k_proj = nn.Linear(size, inner, bias=False)
        self.v_proj = nn.Linear(size, inner, bias=False)
        self.out_proj = nn.Linear(inner, size)
        self.dropout = nn.Dropout(config.fusion_dropout)

    def forward(
        self, target: torch.Tensor, source: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`(batch, target tokens, size)`, `(batch, source tokens, size)` -> output and, if eager, the weights."""
        query = self._split_heads(self.q_proj(self.norm_q(target)))
        key = self._split_heads(self.k_proj(self.norm_k(source)))
        value = self._split_heads(self.v_proj(self.norm_v(source)))
        implementation = self.config._attn_implementation
        if implementation == "sdpa" and kwargs.get("output_attentions"):
            implementation = "eager"  # sdpa returns no weights
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager_attention_forward)
        output, weights = attend(self, query, key, value, attention_mask, scaling=self.scaling, dropout=0.0, **kwargs)
        return self.dropout(self.out_proj(output.flatten(2))), weights

    def _split_heads(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens, heads * head_dim)` -> `(batch, heads, tokens, head_dim)`."""
        return values.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


class EmertCrossAttention(EmertAttention):
    """The authors' attention, of the target to the source; the only one that `output_attentions` returns."""


class EmertFusionLayer(GradientCheckpointingLayer):
    """Cross-attention and a feed-forward part, each with a residual onto the target; self-attention first, if configured."""

    def __init__(self, config: EmertConfig, attention: type[EmertAttention] = EmertCrossAttention):
        super().__init__()
        size = config.hidden_size
        self.self_attention = EmertAttention(config) if config.self_attention else None
        self.attention = attention(config)
        self.norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, size),
            nn.GELU(),
            nn.Dropout(config.fusion_dropout),
            nn.Linear(size, size),
            nn.Dropout(config.fusion_dropout),
        )

    def forward(self, target: torch.Tensor, source: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs):
        """Both `(batch, tokens, size)` -> the new target."""
        if self.self_attention is not None:
            target = self.self_attention(target, target, attention_mask, **kwargs)[0] + target
        target = self.attention(target, source, attention_mask, **kwargs)[0] + target
        return self.feed_forward(self.norm(target)) + target


class EmertFusion(nn.Module):
    """The emotion-sensitive fusion: invariant tokens (target) attend to the specific ones (source).

    As in the authors' code there is no self-attention, the source is the same in every layer, and no norm follows the last
    layer; `self_attention`, `update_source` and `final_norm` change that.
    """

    def __init__(self, config: EmertConfig):
        super().__init__()
        tokens = sum(config.lengths.values())
        self.config = config
        self.source_positions = nn.Parameter(torch.zeros(1, tokens, config.hidden_size))
        self.target_positions = nn.Parameter(torch.zeros(1, tokens, config.hidden_size))
        self.dropout = nn.Dropout(config.position_dropout)
        self.layers = nn.ModuleList([EmertFusionLayer(config) for _ in range(config.num_fusion_layers)])
        # The source is updated between layers, so there is one less of these.
        updates = config.num_fusion_layers - 1 if config.update_source else 0
        self.source_layers = nn.ModuleList([EmertFusionLayer(config, EmertAttention) for _ in range(updates)])
        self.norm = nn.LayerNorm(config.hidden_size) if config.final_norm else nn.Identity()

    def forward(self, specific: torch.Tensor, invariant: torch.Tensor, mask: torch.Tensor, **kwargs) -> torch.Tensor:
        """Specific and invariant `(batch, tokens, size)`, mask `(batch, tokens)` bool -> `(batch, tokens, size)`."""
        source = self.dropout(specific + self.source_positions)
        target = self.dropout(invariant + self.target_positions)
        attention_mask = create_bidirectional_mask(
            config=self.config, inputs_embeds=target, attention_mask=mask, encoder_hidden_states=source
        )
        for index, layer in enumerate(self.layers):
            target = layer(target, source, attention_mask, **kwargs)
            if index < len(self.source_layers):
                source = self.source_layers[index](source, source, attention_mask, **kwargs)
        return self.norm(target)
