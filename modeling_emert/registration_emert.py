"""Makes transformers' Auto classes and `pipeline` know EMERT, in any order of imports, and without loading either early.

Two rules give this. Loading one of transformers' auto modules loads our file that belongs to it; loading our file registers
it. A file of ours may itself import the auto module (the network needs `AutoBackbone`): then the first rule finds the file
in the middle of being loaded and leaves it, and the second one registers it when it is whole. A part of the network may be
the first of ours to import one; the network then waits until that part is whole.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType

from wrapt import when_imported

PIPELINE_TASK = "emotion-recognition"


def _hide_pipelines(config_class: type) -> None:
    """A saved config names the pipeline for those who have not the package; where it is installed, ours is the pipeline.

    Otherwise `pipeline(...)` would ask everybody for `trust_remote_code`.
    """
    config_class.custom_pipelines = property(lambda self: {}, lambda self, value: vars(self).update(custom_pipelines=value))


def _register_config(ours: ModuleType) -> None:
    from transformers import AutoConfig

    _hide_pipelines(ours.EmertConfig)
    AutoConfig.register("emert", ours.EmertConfig, exist_ok=True)


def _register_models(ours: ModuleType) -> None:
    from transformers import AutoModel, AutoModelForVideoClassification

    AutoModel.register(ours.EmertConfig, ours.EmertModel, exist_ok=True)
    AutoModelForVideoClassification.register(ours.EmertConfig, ours.EmertForEmotionRecognition, exist_ok=True)


def _register_feature_extractor(ours: ModuleType) -> None:
    from transformers import AutoFeatureExtractor

    AutoFeatureExtractor.register(_config_class(), ours.EmertFeatureExtractor, exist_ok=True)


def _register_video_processor(ours: ModuleType) -> None:
    from transformers import AutoVideoProcessor

    AutoVideoProcessor.register(_config_class(), ours.EmertVideoProcessor, exist_ok=True)


def _register_processor(ours: ModuleType) -> None:
    from transformers import AutoProcessor

    AutoProcessor.register(_config_class(), ours.EmertProcessor, exist_ok=True)


def _register_pipeline(ours: ModuleType) -> None:
    from transformers import AutoModelForVideoClassification
    from transformers.pipelines import PIPELINE_REGISTRY

    PIPELINE_REGISTRY.register_pipeline(
        PIPELINE_TASK, pipeline_class=ours.EmotionRecognitionPipeline, pt_model=AutoModelForVideoClassification
    )


def _config_class() -> type:
    from .configuration_emert import EmertConfig

    return EmertConfig


# transformers' module -> our file, and what registers it.
_PAIRS: dict[str, tuple[str, Callable[[ModuleType], None]]] = {
    "transformers.models.auto.configuration_auto": ("configuration_emert", _register_config),
    "transformers.models.auto.modeling_auto": ("modeling_emert", _register_models),
    "transformers.models.auto.feature_extraction_auto": ("feature_extraction_emert", _register_feature_extractor),
    "transformers.models.auto.video_processing_auto": ("video_processing_emert", _register_video_processor),
    "transformers.models.auto.processing_auto": ("processing_emert", _register_processor),
    "transformers.pipelines": ("pipeline_emert", _register_pipeline),
}


_NETWORK = "modeling_emert"
_PARTS = ("layers_emert", "heads_emert")  # of the network that load an auto module when they are imported before it


def register_when_imported() -> None:
    """Sets both rules up; what transformers has loaded already is registered at once."""
    for file, register in _PAIRS.values():
        when_imported(f"{__package__}.{file}")(register)
    for theirs, (file, _) in _PAIRS.items():
        when_imported(theirs)(partial(_load, file))
    for part in _PARTS:
        when_imported(f"{__package__}.{part}")(partial(_load, _NETWORK))


def _load(file: str, loaded: ModuleType) -> None:
    """Loads our file now that another one is loaded; a network of which a part is half loaded comes after that part."""
    parts = [f"{__package__}.{part}" for part in _PARTS]
    if file == _NETWORK and any(_is_half_loaded(part) for part in parts if part != loaded.__name__):
        return
    import_module(f".{file}", __package__)


def _is_half_loaded(name: str) -> bool:
    """Whether a module is being loaded further up in the call; `importlib` notes that in its spec, as for its own errors."""
    return name in sys.modules and getattr(sys.modules[name].__spec__, "_initializing", False)
