"""The table of every method that is compared: what makes it, where it comes from, what it is given and what it learns.

Importing this file is cheap; `load_class` loads what a method needs.
"""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal

from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError

EMERT = "modeling_emert.modeling_emert:EmertForEmotionRecognition"
_EMERT_PAPER = "EMERT, arXiv 2512.16485"


@dataclass(frozen=True)
class Method:
    """One row of the table.

    - `key`: its name in recipes, tables and file names; `name`: its name for people.
    - `kind`: `"network"` (a `PreTrainedModel`, trained by `training.fit.fit.fit`) or `"classical"` (on summary vectors).
    - `made_by`: `"module:Class"`, see `load_class`. The config of a network is of its class's `config_class`.
    - `source`: paper or "ours".
    - `overrides`: fields of the config that make the method what it is, on top of the recipe's.
    - `modalities`: what it is given; the others are taken out of the inputs, in training and test alike.
    - `tasks`: `"one"` (one network for each task) or `"all"` (one network learns all of them together).
    """

    key: str
    name: str
    kind: Literal["classical", "network"]
    made_by: str
    source: str
    overrides: dict = field(default_factory=dict)
    modalities: tuple[Modality, ...] = MODALITIES
    tasks: Literal["one", "all"] = "one"


def _classical(key: str, name: str, made_by: str, source: str) -> Method:
    return Method(key, name, "classical", f"training.methods.{made_by}", source)


def _unimodal(key: str, name: str, modality: Modality) -> Method:
    return Method(
        key,
        name,
        "network",
        "training.methods.unimodal:UnimodalForEmotionRecognition",
        "ours, EMERT's encoder of that modality",
        overrides={"modality": modality},
        modalities=(modality,),
    )


def _fusion(key: str, name: str, made_by: str, source: str) -> Method:
    return Method(key, name, "network", f"training.methods.{made_by}", source)


def _emert(key: str, name: str, source: str = f"ablation of {_EMERT_PAPER}", **changes) -> Method:
    return Method(key, name, "network", EMERT, source, **changes)


def _without(modality: Modality) -> tuple[Modality, ...]:
    return tuple(name for name in MODALITIES if name != modality)


_ALL_METHODS = (
    _classical("majority", "Majority", "frequencies:Majority", "ours"),
    _classical("stimulus_majority", "Stimulus majority", "frequencies:StimulusMajority", "ours"),
    _classical("logistic_regression", "Logistic regression", "fitted:LogisticRegression", "scikit-learn"),
    _classical("svm", "SVM", "fitted:SupportVectorMachine", "scikit-learn"),
    _classical("random_forest", "Random forest", "fitted:RandomForest", "scikit-learn"),
    _unimodal("face_only", "Face only", "face"),
    _unimodal("eye_movements_only", "Eye movements only", "eye_movements"),
    _unimodal("fixations_only", "Fixations only", "fixations"),
    _fusion("early_fusion", "Early fusion", "early_fusion:EarlyFusionForEmotionRecognition", "ours"),
    _fusion("late_fusion", "Late fusion", "late_fusion:LateFusionForEmotionRecognition", "ours"),
    _fusion("tfn", "TFN", "tensor_fusion:TensorFusionForEmotionRecognition", "Zadeh et al., EMNLP 2017"),
    _fusion("lmf", "LMF", "low_rank_fusion:LowRankFusionForEmotionRecognition", "Liu et al., ACL 2018"),
    _fusion("mult", "MulT", "mult:MultForEmotionRecognition", "Tsai et al., ACL 2019"),
    _fusion("misa", "MISA", "misa:MisaForEmotionRecognition", "Hazarika et al., ACM MM 2020"),
    _fusion(
        "optional_modalities",
        "Optional modalities (MAET-style)",
        "optional_modalities:OptionalModalitiesForEmotionRecognition",
        "after MAET, Jiang et al., ACM MM 2023",
    ),
    _emert("emert", "EMERT", _EMERT_PAPER),
    # The reversed gradient no longer reaches the invariant streams. The discriminator still learns from the specific ones.
    _emert("emert_no_adversarial", "EMERT without adversarial loss", overrides={"adversarial_weight": 0.0}),
    # Neither side is told apart by a discriminator. The specific and invariant projections stay, with all their weights:
    # the network is as large as before, but nothing makes one side specific and the other invariant.
    _emert("emert_no_decoupling", "EMERT without decoupling", overrides={"adversarial_weight": 0.0, "specific_weight": 0.0}),
    # Trained and tested without it, unlike hiding it from a network that has learned with it.
    _emert("emert_no_eye_movements", "EMERT trained without eye movements", modalities=_without("eye_movements")),
    _emert("emert_no_fixations", "EMERT trained without fixations", modalities=_without("fixations")),
    _emert("emert_no_face", "EMERT trained without face", modalities=_without("face")),
    # Needs labels of er7 beside er3, or of fer7 beside fer3.
    _emert("emert_hierarchical", "EMERT, coarse from fine", "ours", overrides={"hierarchical": True}, tasks="all"),
    _emert("emert_multitask", "EMERT, all tasks together", _EMERT_PAPER, tasks="all"),
)
METHODS: dict[str, Method] = {method.key: method for method in _ALL_METHODS}


def get_method(key: str) -> Method:
    """The method of that key. Raises `EmertInputError` that lists the known ones."""
    if key not in METHODS:
        raise EmertInputError(f"method is {key!r}; expected one of {', '.join(METHODS)}")
    return METHODS[key]


def load_class(method: Method) -> type:
    """The class that makes the method; loads its module."""
    module, _, name = method.made_by.partition(":")
    return getattr(import_module(module), name)
