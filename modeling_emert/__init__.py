"""EMERT for transformers: importing this package makes the Auto classes know it."""

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForVideoClassification,
    AutoProcessor,
    AutoVideoProcessor,
)

from .configuration_emert import MODALITIES, EmertConfig
from .errors_emert import EmertInputError
from .feature_extraction_emert import EmertFeatureExtractor, GazeStatistics
from .modeling_emert import EmertForEmotionRecognition, EmertModel, EmertOutput
from .processing_emert import EmertProcessor
from .recording_emert import FaceTrack, Gaze, Recording
from .tasks_emert import EMER_TASKS, TASKS
from .video_processing_emert import EmertVideoProcessor

AutoConfig.register("emert", EmertConfig, exist_ok=True)
AutoModel.register(EmertConfig, EmertModel, exist_ok=True)
AutoModelForVideoClassification.register(EmertConfig, EmertForEmotionRecognition, exist_ok=True)
AutoFeatureExtractor.register(EmertConfig, EmertFeatureExtractor, exist_ok=True)
AutoVideoProcessor.register(EmertConfig, EmertVideoProcessor, exist_ok=True)
AutoProcessor.register(EmertConfig, EmertProcessor, exist_ok=True)

# What travels with the model's own code when it is saved, so that `trust_remote_code=True` loads it anywhere.
EmertConfig.register_for_auto_class()
EmertModel.register_for_auto_class("AutoModel")
EmertForEmotionRecognition.register_for_auto_class("AutoModelForVideoClassification")
EmertFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
EmertVideoProcessor.register_for_auto_class("AutoVideoProcessor")
EmertProcessor.register_for_auto_class("AutoProcessor")

__all__ = [
    "EMER_TASKS",
    "MODALITIES",
    "TASKS",
    "EmertConfig",
    "EmertFeatureExtractor",
    "EmertForEmotionRecognition",
    "EmertInputError",
    "EmertModel",
    "EmertOutput",
    "EmertProcessor",
    "EmertVideoProcessor",
    "FaceTrack",
    "Gaze",
    "GazeStatistics",
    "Recording",
]
