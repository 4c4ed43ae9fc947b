"""The table of all methods that are compared: class, source, modalities, tasks; and what each is given of data sets and
recordings with other modalities.

Importing this file is cheap; `load_class` loads what a method needs.
"""

from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from modeling_emert.constants_emert import MODALITIES, Modality
from modeling_emert.errors_emert import EmertInputError

if TYPE_CHECKING:
    from dataset_scripts.dataset.reader import EmertData
    from modeling_emert.recording_emert import Recording

EMERT = "modeling_emert.modeling_emert:EmertForEmotionRecognition"
_EMERT_PAPER = "EMERT, arXiv 2512.16485"


@dataclass(frozen=True)
class Method:
    """One row of the table.

    - `key`: its name in recipes, tables and file names; `name`: its title.
    - `kind`: `"network"` (a `PreTrainedModel`, trained by `training.fit.fit.fit`) or `"classical"` (on summary vectors).
    - `made_by`: `"module:Class"`, see `load_class`. A network's config is of its class's `config_class`.
    - `source`: paper or "ours".
    - `overrides`: fields of the config that define the method; they replace the recipe's.
    - `modalities`: its inputs; the others are removed, in training and test.
    - `tasks`: `"one"` (one network for each task) or `"all"` (one network for all tasks together).
    """

    key: str
    name: str
    kind: Literal["classical", "network"]
    made_by: str
    source: str
    overrides: dict = field(default_factory=dict)
    modalities: tuple[Modality, ...] = MODALITIES
    tasks: Literal["one", "all"] = "one"


def _compared(kind: str, key: str, name: str, made_by: str, source: str = "ours", **changes) -> Method:
    """`made_by`: file in this folder, and class."""
    return Method(key, name, kind, f"training.methods.{made_by}", source, **changes)


def _unimodal(key: str, name: str, modality: Modality) -> Method:
    made_by, source = "simple_fusions:UnimodalForEmotionRecognition", "ours, EMERT's encoder of that modality"
    return _compared("network", key, name, made_by, source, overrides={"modality": modality}, modalities=(modality,))


def _emert(key: str, name: str, source: str = f"ablation of {_EMERT_PAPER}", **changes) -> Method:
    return Method(key, name, "network", EMERT, source, **changes)


def _without(modality: Modality) -> tuple[Modality, ...]:
    return tuple(name for name in MODALITIES if name != modality)


_ALL_METHODS = (
    _compared("classical", "majority", "Majority", "classical:Majority"),
    _compared("classical", "stimulus_majority", "Stimulus majority", "classical:StimulusMajority"),
    _compared("classical", "logistic_regression", "Logistic regression", "fitted:LogisticRegression", "scikit-learn"),
    _compared("classical", "svm", "SVM", "fitted:SupportVectorMachine", "scikit-learn"),
    _compared("classical", "random_forest", "Random forest", "fitted:RandomForest", "scikit-learn"),
    _unimodal("face_only", "Face only", "face"),
    _unimodal("eye_movements_only", "Eye movements only", "eye_movements"),
    _unimodal("fixations_only", "Fixations only", "fixations"),
    _compared("network", "early_fusion", "Early fusion", "simple_fusions:EarlyFusionForEmotionRecognition"),
    _compared("network", "late_fusion", "Late fusion", "simple_fusions:LateFusionForEmotionRecognition"),
    _compared("network", "tfn", "TFN", "tensor_fusion:TensorFusionForEmotionRecognition", "Zadeh et al., EMNLP 2017"),
    _compared("network", "lmf", "LMF", "tensor_fusion:LowRankFusionForEmotionRecognition", "Liu et al., ACL 2018"),
    _compared("network", "mult", "MulT", "mult:MultForEmotionRecognition", "Tsai et al., ACL 2019"),
    _compared("network", "misa", "MISA", "misa:MisaForEmotionRecognition", "Hazarika et al., ACM MM 2020"),
    _compared(
        "network",
        "optional_modalities",
        "Optional modalities (MAET-style)",
        "optional_modalities:OptionalModalitiesForEmotionRecognition",
        "after MAET, Jiang et al., ACM MM 2023",
    ),
    _emert("emert", "EMERT", _EMERT_PAPER),
    # No reversed gradient reaches the invariant streams. The discriminator still learns from the specific ones.
    _emert("emert_no_adversarial", "EMERT without adversarial loss", overrides={"adversarial_weight": 0.0}),
    # No discriminator loss at all. The specific and invariant projections stay, so the network is as large as EMERT, but
    # nothing makes one side specific and the other invariant.
    _emert("emert_no_decoupling", "EMERT without decoupling", overrides={"adversarial_weight": 0.0, "specific_weight": 0.0}),
    # Trained and tested without the modality; the benchmark's robustness hides it from a network trained with it.
    _emert("emert_no_eye_movements", "EMERT trained without eye movements", modalities=_without("eye_movements")),
    _emert("emert_no_fixations", "EMERT trained without fixations", modalities=_without("fixations")),
    _emert("emert_no_face", "EMERT trained without face", modalities=_without("face")),
    # Needs labels of er7 as well as er3, or of fer7 as well as fer3.
    _emert("emert_hierarchical", "EMERT, coarse from fine", "ours", overrides={"hierarchical": True}, tasks="all"),
    _emert("emert_multitask", "EMERT, all tasks together", _EMERT_PAPER, tasks="all"),
)
METHODS: dict[str, Method] = {method.key: method for method in _ALL_METHODS}


def get_method(key: str) -> Method:
    """The method with that key. Raises `EmertInputError` that lists the known keys."""
    if key not in METHODS:
        raise EmertInputError(f"method is {key!r}; expected one of {', '.join(METHODS)}")
    return METHODS[key]


def load_class(method: Method) -> type:
    """The method's class; imports its module."""
    module, _, name = method.made_by.partition(":")
    return getattr(import_module(module), name)


_ONLY_UNITS = "action units (overrides.face_input=action_units takes them)"


def check_modalities(data: "EmertData", method: Method, face_input: str = "frames") -> None:
    """Raises `EmertInputError` if no recording of the data has any of the method's modalities; `face_input`: the config's.

    The method would learn, or predict, from the zeros that replace absent modalities.
    """
    counts = data.metadata.counts.modalities
    there = [name for name in MODALITIES if counts[name]]
    if face_input != "frames" and counts["action_units"]:
        there = ["face", *(name for name in there if name != "face")]
    if not set(there) & set(method.modalities):
        raise EmertInputError(
            f"{data.folder}: method {method.key} is given {' and '.join(method.modalities)}, which no recording here has; they "
            f"have {' and '.join(there) or _ONLY_UNITS}: choose a method that is given one of these"
        )


def only_given(recording: "Recording", method: Method) -> "Recording":
    """The recording with the method's modalities only, and a note of what was left out.

    Raises `EmertInputError` if nothing is left.
    """
    face, gaze = recording.face, recording.gaze
    there = {
        "face": face,
        "eye_movements": None if gaze is None else gaze.eye_movements,
        "fixations": None if gaze is None else gaze.fixations,
    }
    left_out = [name for name in MODALITIES if there[name] is not None and name not in method.modalities]
    if not left_out:
        return recording
    if all(there[name] is None for name in method.modalities):
        raise EmertInputError(
            f"the model is of method {method.key}, which is given {' and '.join(method.modalities)}; this recording has only "
            f"{' and '.join(left_out)}"
        )
    if "eye_movements" in left_out:
        gaze = replace(gaze, eye_movements=None, times_ms=None)
    if "fixations" in left_out:
        gaze = replace(gaze, fixations=None, fixation_method=None)
    if gaze is not None and gaze.eye_movements is None and gaze.fixations is None:
        gaze = None
    note = f"The model is of method {method.key}, which is not given {' or '.join(left_out)}: left out."
    return replace(recording, face=None if "face" in left_out else face, gaze=gaze, notes=[*recording.notes, note])
