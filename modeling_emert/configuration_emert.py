"""The configuration of EMERT: every choice of the network in one typed, validated place."""

from typing import Any, Literal

from huggingface_hub.dataclasses import strict
from transformers import CONFIG_MAPPING, AutoConfig
from transformers.configuration_utils import PreTrainedConfig, SubConfigSpec

from .columns_emert import NUM_COLUMNS
from .constants_emert import CONTEXT_INPUTS, Modality
from .errors_emert import EmertInputError
from .evidence_emert import problem_of
from .tasks_emert import COARSE_AND_FINE, EMER_TASKS, OWN_EXAMPLE, TASKS, get_task, own_definitions, register_tasks

_SIZES = ("num_frames", "num_eye_steps", "num_fixation_steps", "num_columns", "fixation_size", "encoder_size")
_SIZES += ("num_lstm_layers", "num_fusion_layers", "num_attention_heads", "head_dim")
_WEIGHTS = ("adversarial_weight", "specific_weight", "task_weight", "reversal", "participant_weight")
# Far beyond any network. With more, memory or patience would end before a weight is read.
_MOST_WIDE, _MOST_DEEP, _DEPTHS = 1_000_000, 1_000, ("depths", "layers", "blocks", "heads")
_LABELS = ("num_labels", "id2label", "label2id")
_BY_TASK = ("task_weights", "class_weights", "temperatures")
Fraction = float | int  # JSON gives 0 and 1 back as integers

RESNET18 = {
    "model_type": "resnet",
    "layer_type": "basic",
    "depths": [2, 2, 2, 2],
    "hidden_sizes": [64, 128, 256, 512],
    "embedding_size": 64,
    "out_features": ["stage4"],
}


@strict
class EmertConfig(PreTrainedConfig):
    r"""
    Configuration of [`EmertModel`] and [`EmertForEmotionRecognition`].

    The defaults are the authors' class-and-intensity network (arXiv 2512.16485, evaluation code of January 2024), with
    heads for all seven EMER tasks, which is ours: no public variant of the authors' has more than one view.

    tasks (`list[str | dict]`, or one of them):
        What to predict; the heads and `id2label` follow from it, in this order. A name (see `tasks_emert.TASKS`), or the
        definition of an own task, `{"name": "stress", "labels": ["calm", "stressed"]}` (see [`tasks_emert.make_task`]). The
        attribute holds the names, `config.json` the definitions. `from_pretrained(folder, tasks=[...])` gives other heads.
    num_frames, num_eye_steps, num_fixation_steps (`int`, 8, 32, 32):
        Number of steps of each modality; together the 72 tokens of the fusion.
    num_columns (`int`, 39), fixation_size (`int`, 2):
        Numbers in one step of eye movements and of fixations.
    backbone_config (`dict` or `PreTrainedConfig`):
        Network of one face frame: any that `AutoBackbone` knows, timm's included; ResNet-18 by default.
    face_input (`"frames"`, `"action_units"` or `"both"`):
        What the face is read from: frames through the backbone, 17 action units through a linear layer of their own (there is
        no backbone then), or either; a sample that has both uses its frames. Ours.
    mirror_faces (`bool`, False):
        Outside training, a frame's features are the mean of the frame's and its mirror image's: twice the backbone's time.
        Ours.
    pretrained_backbone (`str`, *optional*):
        Hub id or folder with the backbone's initial weights for training ([`load_pretrained_backbone`]).
    freeze_backbone (`bool`, False):
        The backbone is not trained, and its BatchNorm keeps its statistics also in training mode.
    encoder_size (`int`, 128), num_lstm_layers (`int`, 3):
        Width of every stream, and depth of the two LSTMs.
    projection_sizes (`list[int]`, `[64]`):
        Widths of the specific and invariant projections, LeakyReLU(0.1) between them; the last is that of the fusion.
    separate_discriminators (`bool`, False):
        One modality discriminator for each side; the authors share one.
    head_sizes (`list[int]`, `[]`):
        Hidden widths of each head, LeakyReLU(0.01) between them; empty is one linear layer.
    num_fusion_layers, num_attention_heads, head_dim (`int`, 2, 8, 64):
        The cross-attention. Its inner width, heads x head_dim, is independent of the fusion's.
    self_attention, update_source, final_norm (`bool`, all False):
        Parts of a usual transformer decoder that the authors' network lacks: self-attention of the target before each
        cross-attention; a layer that updates the source after each; a LayerNorm after the last.
    task_pooling (`"mean"` or `"attention"`):
        From the fused tokens to a head: their mean, or each task's own attention over them. The mean is the authors'.
    hierarchical (`bool`, False):
        `er3` beside `er7`, and `fer3` beside `fer7`, get no head: their probabilities are sums of the fine ones; the fraction
        of surprise that is positive is learned for each view. So coarse and fine classes agree. Ours.
    task_weights (`dict`, *optional*):
        Factor of each task's loss on top of `task_weight`; 1 for the others.
    class_weights (`dict`, *optional*):
        By classification task, the weight of each class in its loss, in label order; equal for the others. Ours: computed
        from the class frequencies of the training recordings.
    num_participants (`int`, 0), participant_weight (`float`, 0.1):
        With `num_participants`, a head predicts the participant through a gradient reversal, so that the fused
        representation does not identify the person (labels `participant`). Ours, after work on talking faces.
    context (`list[str]`, `[]`):
        Of `"big_five"` and `"stimulus_emotion"`: inputs besides the recording. Either may reveal the label.
    temperatures (`dict`, *optional*):
        By classification task, the divisor of its logits before the softmax of an answer, fitted on validation
        participants, so that a probability of 0.8 is right in about 80 of 100 cases. 1 for the others.
    evidence (`list[dict]`, *optional*):
        Scores on people and stimuli that the weights had never seen, which say what an answer may tell: `evidence_emert.py`.
    sources (`list[dict]`, *optional*):
        The recordings that the weights learned from, with their licences: see `licences_emert.py`. The card states them, and
        what may not be published is not pushed. None: nobody has said.
    stream_dropout, position_dropout, fusion_dropout (0.5, 0.1, 0.5):
        On each encoded stream; on tokens with positions; inside the fusion.
    modality_dropout (`float`, 0.0):
        Probability that a modality is hidden from a sample in training, never all of them. Ours; 0 is as the authors train.
    adversarial_weight, specific_weight, task_weight (0.1, 0.1, 1.0), reversal (1.0):
        Weights of the three losses, and strength of the gradient reversal. The authors train with 0.01, 0.01, 1.0, and with
        0.3, 0.1, 1.0 where intensity is learned too ([`authors`]); the defaults stand in comments of their code.
    """

    model_type = "emert"
    _auto_class = "AutoConfig"
    sub_configs_defaults = {  # noqa: RUF012  (the name and form are transformers')
        "backbone_config": SubConfigSpec(config_class=AutoConfig, model_type="resnet", init_kwargs=RESNET18)
    }
    keys_to_ignore_at_inference = ["losses", "modality_logits", "participant_logits"]  # noqa: RUF012
    keys_to_ignore_at_inference += ["last_hidden_state", "pooler_output", "hidden_states", "attentions"]

    tasks: str | dict[str, Any] | list[str | dict[str, Any]] | tuple[str | dict[str, Any], ...] = EMER_TASKS
    num_frames: int = 8
    num_eye_steps: int = 32
    num_fixation_steps: int = 32
    num_columns: int = NUM_COLUMNS
    fixation_size: int = 2

    backbone_config: dict | PreTrainedConfig | None = None
    face_input: Literal["frames", "action_units", "both"] = "frames"
    mirror_faces: bool = False
    encoder_size: int = 128
    num_lstm_layers: int = 3
    pretrained_backbone: str | None = None
    freeze_backbone: bool = False
    projection_sizes: list[int] | tuple[int, ...] = (64,)
    separate_discriminators: bool = False
    head_sizes: list[int] | tuple[int, ...] = ()
    num_fusion_layers: int = 2
    num_attention_heads: int = 8
    head_dim: int = 64
    self_attention: bool = False
    update_source: bool = False
    final_norm: bool = False
    task_pooling: Literal["mean", "attention"] = "mean"
    hierarchical: bool = False

    stream_dropout: Fraction = 0.5
    position_dropout: Fraction = 0.1
    fusion_dropout: Fraction = 0.5
    modality_dropout: Fraction = 0.0

    adversarial_weight: Fraction = 0.1
    specific_weight: Fraction = 0.1
    task_weight: Fraction = 1.0
    reversal: Fraction = 1.0
    task_weights: dict[str, Fraction] | None = None
    class_weights: dict[str, list[Fraction]] | None = None
    num_participants: int = 0
    participant_weight: Fraction = 0.1
    context: list[str] | tuple[str, ...] = ()
    temperatures: dict[str, Fraction] | None = None
    evidence: list[dict[str, Any]] | None = None
    sources: list[dict[str, Any]] | None = None

    def __post_init__(self, **kwargs):
        for name in ("tasks", "projection_sizes", "head_sizes", "context"):
            setattr(self, name, _as_list(getattr(self, name)))  # one type before and after JSON
        kind = self.backbone_config.get("model_type") if isinstance(self.backbone_config, dict) else None
        if kind is not None and kind not in CONFIG_MAPPING:  # transformers' own error is only the type's name
            raise ValueError(
                f"backbone_config: model_type {kind!r} is unknown to transformers; give one that AutoBackbone takes, "
                "such as 'resnet', 'convnext', 'dinov2' or 'timm_backbone'"
            )
        if isinstance(self.backbone_config, dict):  # before it is made, since making it goes through its layers
            _check_sizes("backbone_config: ", self.backbone_config)
        self.tasks = _registered(self.tasks)
        if all(name in TASKS for name in self.tasks):
            outputs = [f"{name}/{label}" for name in self.tasks for label in get_task(name).labels]
            given = self.id2label and [self.id2label[key] for key in self.id2label]
            if given not in (None, outputs) or kwargs.get("num_labels") not in (None, len(outputs)):
                raise ValueError(_no_labels(given or kwargs["num_labels"]))
            self.id2label = dict(enumerate(outputs))
            self.label2id = {output: index for index, output in self.id2label.items()}
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict, **kwargs) -> "EmertConfig":
        """Raises `EmertInputError` for another network's checkpoint; transformers only warns, and uses random weights."""
        found = config_dict.get("model_type", cls.model_type)
        if found != cls.model_type:
            maker = ", ".join(config_dict.get("architectures") or ["the class that saved it"])
            raise EmertInputError(
                f"config.json: model_type is {found!r}, expected {cls.model_type!r}; load this checkpoint with {maker}"
            )
        # The labels follow from the tasks; what is stored may be of other tasks.
        given = {key: kwargs.pop(key) for key in _LABELS if kwargs.get(key) is not None}
        config_dict = {key: value for key, value in config_dict.items() if key not in _LABELS}
        if kwargs.get("tasks") is not None:
            config_dict = _with_tasks(config_dict, _as_list(kwargs.pop("tasks")), kept=kwargs)
        made = super().from_dict(config_dict, **kwargs)
        config = made[0] if isinstance(made, tuple) else made
        own = {"num_labels": config.num_labels, "id2label": list(config.id2label.values()), "label2id": config.label2id}
        for key, value in given.items():
            if own[key] != (list(value.values()) if key == "id2label" and isinstance(value, dict) else value):
                raise ValueError(_no_labels(value))
        return made

    def to_dict(self) -> dict[str, Any]:
        """As transformers' own; own tasks with their definitions."""
        return super().to_dict() | {"tasks": _defined(self.tasks)}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"tasks": _defined(self.tasks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state | {"tasks": _registered(state["tasks"])})  # in another process they are not known

    @property
    def own_tasks(self) -> list[dict[str, Any]]:
        """Definitions of the own tasks. As remote code each loaded file has a copy of `tasks_emert`, which needs them too."""
        return own_definitions(self.tasks)

    @property
    def hidden_size(self) -> int:
        """Width of the fused tokens."""
        return self.projection_sizes[-1]

    @property
    def lengths(self) -> dict[Modality, int]:
        """Tokens of each modality, in the order of the fused sequence."""
        return {"face": self.num_frames, "eye_movements": self.num_eye_steps, "fixations": self.num_fixation_steps}

    def validate_tasks(self):
        """Every task is known and listed once."""
        unknown = [name for name in self.tasks if name not in TASKS]
        if unknown:
            raise ValueError(
                f"tasks: unknown {', '.join(map(repr, unknown))}; known tasks: {', '.join(TASKS)}; "
                f"define an own one as {OWN_EXAMPLE}"
            )
        if not self.tasks or len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"tasks: each task once and at least one, got {list(self.tasks)}")

    @property
    def derived_tasks(self) -> dict[str, str]:
        """Coarse tasks whose probabilities are computed from a fine one: coarse name to fine name."""
        return {coarse: fine for coarse, fine in COARSE_AND_FINE if self.hierarchical and {coarse, fine} <= set(self.tasks)}

    def validate_combinations(self):
        """No two fields contradict each other."""
        if self.hierarchical and not self.derived_tasks:
            raise ValueError(
                f"hierarchical=True derives er3 from er7 and fer3 from fer7, but tasks is {list(self.tasks)}: "
                "add er3 and er7, or fer3 and fer7, or set hierarchical=False"
            )
        for field in _BY_TASK:
            strangers = sorted(set(getattr(self, field) or {}) - set(self.tasks))
            if strangers:
                raise ValueError(f"{field} names {', '.join(strangers)}, but tasks is {list(self.tasks)}")
        without = [name for name in self.temperatures or {} if TASKS[name].kind == "regression" or name in self.derived_tasks]
        if without:
            raise ValueError(f"temperatures names {', '.join(without)}, but only classification tasks with a head have one")
        for name, weights in (self.class_weights or {}).items():
            classes = TASKS[name].size if TASKS[name].kind == "classification" else 0
            if len(weights) != classes or not all(0 < weight < float("inf") for weight in weights):
                raise ValueError(f"class_weights[{name!r}] must be a positive finite number for each class, got {weights}")
        unknown = [name for name in self.context if name not in CONTEXT_INPUTS]
        if unknown or len(set(self.context)) != len(self.context):
            raise ValueError(f"context: each of {', '.join(CONTEXT_INPUTS)} at most once, got {list(self.context)}")

    def validate_evidence(self):
        """Every test is of a task of this model and complete."""
        if problem := problem_of(self.evidence or (), self.tasks):
            raise ValueError(problem)

    @property
    def takes_action_units(self) -> bool:
        """Whether the network reads action units."""
        return self.face_input != "frames"

    def validate_face(self):
        """What concerns the backbone is given only where there is one."""
        if self.face_input == "action_units" and (self.pretrained_backbone is not None or self.freeze_backbone):
            raise ValueError(
                "pretrained_backbone and freeze_backbone concern frames, but face_input is 'action_units': leave them out, or "
                "set face_input='both'"
            )

    def validate_sizes(self):
        """Every size is positive, and none is absurd."""
        names = (*_SIZES, "num_participants", "projection_sizes", "head_sizes")
        _check_sizes("", {name: getattr(self, name) for name in names})
        for name in _SIZES:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.num_participants < 0 or self.num_participants == 1:
            raise ValueError(f"num_participants must be 0 (no such head) or at least 2, got {self.num_participants}")
        if not self.projection_sizes or min([*self.projection_sizes, *self.head_sizes]) < 1:
            raise ValueError(
                "projection_sizes needs one or more positive widths and head_sizes none or more, "
                f"got {self.projection_sizes} and {self.head_sizes}"
            )

    def validate_fractions(self):
        """Probabilities are in [0, 1), weights finite and not negative."""
        for name in ("stream_dropout", "position_dropout", "fusion_dropout", "modality_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name, temperature in (self.temperatures or {}).items():
            if not 0 < temperature < float("inf"):
                raise ValueError(f"temperatures[{name!r}] must be positive and finite, got {temperature}")
        weights = {name: getattr(self, name) for name in _WEIGHTS}
        weights |= {f"task_weights[{name!r}]": weight for name, weight in (self.task_weights or {}).items()}
        for name, weight in weights.items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"{name} must be finite and not negative, got {weight}")

    @classmethod
    def authors(cls, variant: Literal["va", "er7", "er7_intensity"], **overrides) -> "EmertConfig":
        """One of the three networks in the authors' code, which differ in widths, heads and the weights of the losses."""
        variants = {
            "va": {"tasks": ["er_va"], "projection_sizes": [64], "head_sizes": [32, 16, 8]},
            "er7": {"tasks": ["er7"], "projection_sizes": [64, 32]},
            "er7_intensity": {"tasks": ["er7", "fer_intensity"], "projection_sizes": [64]},
        }
        losses = (0.3, 0.1) if variant == "er7_intensity" else (0.01, 0.01)
        if variant not in variants:
            raise ValueError(f"unknown variant {variant!r}; the authors have {', '.join(variants)}")
        weights = dict(zip(("adversarial_weight", "specific_weight"), losses, strict=True))
        return cls(**{**variants[variant], **weights, **overrides})

    @classmethod
    def small(cls, **overrides) -> "EmertConfig":
        """The same design with about 0.25 million parameters, which trains on a laptop's CPU in minutes."""
        small = {
            "backbone_config": RESNET18 | {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 24, 32, 64], "embedding_size": 16},
            "encoder_size": 64,
            "num_lstm_layers": 1,
            "projection_sizes": [64],
            "head_dim": 16,
            "stream_dropout": 0.2,
            "fusion_dropout": 0.2,
            "modality_dropout": 0.5,
            # At the authors' 1.0 the discriminator's gradient dominates the face's in a network of this size: on generated
            # recordings the validation UAR of fer7 is 0.37, and 0.61 with 0.1; that of er7 is the same.
            "reversal": 0.1,
        }
        return cls(**{**small, **overrides})


def _as_list(given: Any) -> list[Any]:
    """One task alone, a name or a definition, as a list of one."""
    return [given] if isinstance(given, str | dict) else list(given)


def _check_sizes(where: str, fields: dict[str, Any]) -> None:
    """Raises `ValueError` for a whole number that no network has, such as a stranger's file may hold."""
    for name, value in fields.items():
        if isinstance(value, dict):
            _check_sizes(f"{where}{name}: ", value)
        numbers = [one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, int)]
        deep = str(name).endswith(_DEPTHS)
        most = _MOST_DEEP if deep else _MOST_WIDE
        if (sum(numbers) if deep else max(numbers, default=0)) > most or len(numbers) > _MOST_DEEP:
            raise ValueError(f"{where}{name} must be at most {most:,}, got {str(value)[:40]}")


def _no_labels(found: Any) -> str:
    return (
        f"num_labels, id2label: got {str(found)[:80]}, but EMERT's labels follow from its tasks; name them, tasks=['er7'], or "
        f"define your own, tasks=[{OWN_EXAMPLE}]"
    )


def _registered(tasks: list[str | dict[str, Any]]) -> list[str]:
    """The names, of which those that come with a definition are known from here on."""
    register_tasks(item for item in tasks if isinstance(item, dict))
    return [item["name"] if isinstance(item, dict) else item for item in tasks]


def _defined(names: list[str]) -> list[str | dict[str, Any]]:
    """Own tasks by their definition."""
    own = {definition["name"]: definition for definition in own_definitions(names)}
    return [own.get(name, name) for name in names]


def _with_tasks(stored: dict[str, Any], tasks: Any, kept: dict[str, Any]) -> dict[str, Any]:
    """The stored config with other tasks; fields by task keep what still has one. `kept`: fields that are given anew."""
    defined = {item["name"]: item for item in stored.get("tasks", ()) if isinstance(item, dict)}
    tasks = [defined.get(item, item) if isinstance(item, str) else item for item in tasks]
    names = [item.get("name") if isinstance(item, dict) else item for item in tasks]
    content = stored | {"tasks": tasks}
    for field in _BY_TASK:
        if content.get(field) and field not in kept:
            content[field] = {name: value for name, value in content[field].items() if name in names} or None
    if content.get("evidence") and "evidence" not in kept:
        content["evidence"] = [test for test in content["evidence"] if test["task"] in names] or None
    if content.get("hierarchical") and "hierarchical" not in kept:
        content["hierarchical"] = any({*pair} <= set(names) for pair in COARSE_AND_FINE)
    return content
