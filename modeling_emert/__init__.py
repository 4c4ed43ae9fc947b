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

# Public name -> the file that holds it.
_FILES = {
    "EMER_TASKS": "tasks_emert",
    "MODALITIES": "constants_emert",
    "TASKS": "tasks_emert",
    "EmertConfig": "configuration_emert",
    "EmertFeatureExtractor": "feature_extraction_emert",
    "EmertForEmotionRecognition": "modeling_emert",
    "EmertInputError": "errors_emert",
    "EmertModel": "modeling_emert",
    "EmertOutput": "modeling_emert",
    "EmertProcessor": "processing_emert",
    "EmertVideoProcessor": "video_processing_emert",
    "EmotionRecognitionPipeline": "pipeline_emert",
    "FaceTrack": "recording_emert",
    "Gaze": "recording_emert",
    "GazeStatistics": "feature_extraction_emert",
    "Recording": "recording_emert",
    "answer": "answers_emert",
    "answers": "answers_emert",
    "export_onnx": "export_emert",
    "for_inference": "inference_emert",
}

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
