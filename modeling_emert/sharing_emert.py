"""What is saved with a model so that its folder works where this package is not installed: code, Auto classes, a card."""

from pathlib import Path
from typing import Any

from .hub_emert import EmertSharing
from .model_card_emert import write_model_card

# Both are listed, whichever of them is saved: the base model loads the weights of the complete model too.
_AUTO_MODELS = {
    "AutoModel": "modeling_emert.EmertModel",
    "AutoModelForVideoClassification": "modeling_emert.EmertForEmotionRecognition",
}


class EmertModelSharing(EmertSharing):
    """`save_pretrained` of a model with its code and its card."""

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs: Any) -> None:
        """As transformers' own, and `README.md` beside the weights unless there is one."""
        self.config.auto_map = dict(_AUTO_MODELS)
        self.config.custom_pipelines = _pipelines()
        super().save_pretrained(save_directory, is_main_process=is_main_process, **kwargs)
        if is_main_process:
            write_model_card(save_directory, self.config)


def _pipelines() -> dict[str, dict[str, Any]]:
    """How `pipeline(..., trust_remote_code=True)` finds ours. Because of this import, transformers copies its code too."""
    from .pipeline_emert import EmotionRecognitionPipeline as Pipeline

    file = Pipeline.__module__.rpartition(".")[2]
    return {"emotion-recognition": {"impl": f"{file}.{Pipeline.__name__}", "pt": ["AutoModelForVideoClassification"]}}
