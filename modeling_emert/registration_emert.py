"""Registers EMERT with transformers' Auto classes and `pipeline`, in any order of imports, without importing either early.

Two import hooks do this. Importing one of transformers' auto modules imports our file that belongs to it; importing our file
registers it. If our file itself imports the auto module (the network needs `AutoBackbone`), the first hook finds it partly
imported and does nothing, and the second registers it when the import ends. If a part of the network is the first of our files
to import an auto module, the network is imported after that part.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

from wrapt import when_imported

PIPELINE_TASK = "emotion-recognition"


def _register_config(ours: ModuleType) -> None:
    """Hides the pipeline that a saved config names for users without this package, else `pipeline` asks to trust it."""
    from transformers import AutoConfig

    hidden = property(lambda self: {}, lambda self, value: vars(self).update(custom_pipelines=value))
    ours.EmertConfig.custom_pipelines = hidden
    AutoConfig.register("emert", ours.EmertConfig, exist_ok=True)


def _register_models(ours: ModuleType) -> None:
    from transformers import AutoModel, AutoModelForVideoClassification

    AutoModel.register(ours.EmertConfig, ours.EmertModel, exist_ok=True)
    AutoModelForVideoClassification.register(ours.EmertConfig, ours.EmertForEmotionRecognition, exist_ok=True)


def _register_processor(auto_class: str, our_class: str, ours: ModuleType) -> None:
    """For all kinds of processors; `auto_class` is transformers' and `our_class` is in our file."""
    import transformers

    from .configuration_emert import EmertConfig

    getattr(transformers, auto_class).register(EmertConfig, getattr(ours, our_class), exist_ok=True)


def _register_pipeline(ours: ModuleType) -> None:
    from transformers import AutoModelForVideoClassification
    from transformers.pipelines import PIPELINE_REGISTRY, VideoClassificationPipeline

    class _VideoClassificationPipeline(VideoClassificationPipeline):
        """transformers' own for the models of others, ours for EMERT: that name has one class for all models."""

        def __new__(cls, model: Any, *args: Any, **kwargs: Any) -> Any:
            if model.config.model_type != "emert":
                return super().__new__(cls)
            if kwargs.get("processor") is None:
                kwargs["processor"] = _processor_beside(model.name_or_path)
            own = {name: value for name, value in kwargs.items() if name not in ("video_processor", "image_processor")}
            return ours.EmertVideoClassificationPipeline(model, *args, **own)

    PIPELINE_REGISTRY.supported_tasks["video-classification"]["impl"] = _VideoClassificationPipeline
    PIPELINE_REGISTRY.register_pipeline(
        PIPELINE_TASK, pipeline_class=ours.EmotionRecognitionPipeline, pt_model=AutoModelForVideoClassification
    )


def _processor_beside(folder: str) -> Any:
    """The processor saved with a model. Raises `ValueError` for a model that comes from no folder."""
    from .processing_emert import EmertProcessor

    if not folder:
        raise ValueError("a model that was loaded from no folder needs pipeline(..., processor=EmertProcessor)")
    return EmertProcessor.from_pretrained(folder)


_PROCESSORS = {
    "feature_extraction": ("AutoFeatureExtractor", "EmertFeatureExtractor"),
    "video_processing": ("AutoVideoProcessor", "EmertVideoProcessor"),
    "processing": ("AutoProcessor", "EmertProcessor"),
}
# transformers' module -> our file, and the function that registers it.
_PAIRS: dict[str, tuple[str, Callable[[ModuleType], None]]] = {
    "transformers.models.auto.configuration_auto": ("configuration_emert", _register_config),
    "transformers.models.auto.modeling_auto": ("modeling_emert", _register_models),
    **{
        f"transformers.models.auto.{kind}_auto": (f"{kind}_emert", partial(_register_processor, *classes))
        for kind, classes in _PROCESSORS.items()
    },
    "transformers.pipelines": ("pipeline_emert", _register_pipeline),
}


_NETWORK = "modeling_emert"
_PARTS = ("layers_emert", "heads_emert")  # of the network; they import an auto module, perhaps before the network does


def register_when_imported() -> None:
    """Sets up both hooks; auto modules that are already imported are handled at once."""
    for file, register in _PAIRS.values():
        when_imported(f"{__package__}.{file}")(register)
    for auto_module, (file, _) in _PAIRS.items():
        when_imported(auto_module)(partial(_load, file))
    for part in _PARTS:
        when_imported(f"{__package__}.{part}")(partial(_load, _NETWORK))


def _load(file: str, loaded: ModuleType) -> None:
    """Imports our file after `loaded`; the network not while one of its parts is being imported."""
    parts = [f"{__package__}.{part}" for part in _PARTS]
    if file == _NETWORK and any(_is_half_loaded(part) for part in parts if part != loaded.__name__):
        return
    import_module(f".{file}", __package__)


def _is_half_loaded(name: str) -> bool:
    """Whether a module is being imported by a caller; `importlib` marks that in its spec."""
    return name in sys.modules and getattr(sys.modules[name].__spec__, "_initializing", False)
