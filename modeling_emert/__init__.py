"""EMERT for transformers. Importing the package is cheap: each name is imported at its first use, and EMERT is registered with
the Auto classes and the pipeline when transformers imports them (see `registration_emert`)."""

# ruff: noqa: F401  (the names below TYPE_CHECKING are for editors and type checkers)
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .registration_emert import register_when_imported

if TYPE_CHECKING:
    from .answers_emert import answer, answers
    from .configuration_emert import EmertConfig
    from .constants_emert import MODALITIES
    from .errors_emert import EmertInputError
    from .export_emert import export_onnx
    from .feature_extraction_emert import EmertFeatureExtractor, GazeStatistics
    from .inference_emert import for_inference
    from .modeling_emert import EmertForEmotionRecognition, EmertModel, EmertOutput
    from .pipeline_emert import EmotionRecognitionPipeline
    from .processing_emert import EmertProcessor
    from .recording_emert import FaceTrack, Gaze, Recording
    from .tasks_emert import EMER_TASKS, TASKS
    from .video_processing_emert import EmertVideoProcessor

_NAMES = {
    "answers_emert": ("answer", "answers"),
    "configuration_emert": ("EmertConfig",),
    "constants_emert": ("MODALITIES",),
    "errors_emert": ("EmertInputError",),
    "export_emert": ("export_onnx",),
    "feature_extraction_emert": ("EmertFeatureExtractor", "GazeStatistics"),
    "inference_emert": ("for_inference",),
    "modeling_emert": ("EmertForEmotionRecognition", "EmertModel", "EmertOutput"),
    "pipeline_emert": ("EmotionRecognitionPipeline",),
    "processing_emert": ("EmertProcessor",),
    "recording_emert": ("FaceTrack", "Gaze", "Recording"),
    "tasks_emert": ("EMER_TASKS", "TASKS"),
    "video_processing_emert": ("EmertVideoProcessor",),
}
_FILES = {name: file for file, names in _NAMES.items() for name in names}

__all__ = list(_FILES)

register_when_imported()


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_FILES[name]}", __name__), name)
    globals()[name] = value  # next time without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_FILES})
