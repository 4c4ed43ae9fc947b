"""What goes to the Hub with a model or a processor: its code, how the Auto classes find it, and a card.

transformers' own `push_to_hub` writes a card of its own over ours, and knows only the class that is saved; hence this one.
"""

import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

from .model_card_emert import CARD_FILE, write_model_card

# Both go in, whichever of them is saved: the weights of the whole model serve the base model too.
_AUTO_MODELS = {
    "AutoModel": "modeling_emert.EmertModel",
    "AutoModelForVideoClassification": "modeling_emert.EmertForEmotionRecognition",
}


class EmertSharing:
    """`push_to_hub` for everything of EMERT that transformers saves; stands before transformers' own base class."""

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, token: str | bool | None = None, **commit: Any) -> str:
        """Saves into a folder that is gone afterwards and uploads it: see [`push_folder`]. Gives the commit's address."""
        with tempfile.TemporaryDirectory(prefix="emert-") as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, private=private, token=token, **commit)


class EmertModelSharing(EmertSharing):
    """Saving a model with all that it needs where the package is not installed, and with a card."""

    def save_pretrained(self, save_directory: str | Path, is_main_process: bool = True, **kwargs: Any) -> None:
        """As transformers' own, and `README.md` beside the weights unless there is one."""
        self.config.auto_map = dict(_AUTO_MODELS)
        self.config.custom_pipelines = _pipelines()
        super().save_pretrained(save_directory, is_main_process=is_main_process, **kwargs)
        if is_main_process:
            write_model_card(save_directory, self.config)


def _pipelines() -> dict[str, dict[str, Any]]:
    """How `pipeline(..., trust_remote_code=True)` finds ours. That this file imports it makes its code travel too."""
    from .pipeline_emert import EmotionRecognitionPipeline as Pipeline

    file = Pipeline.__module__.rpartition(".")[2]
    return {"emotion-recognition": {"impl": f"{file}.{Pipeline.__name__}", "pt": ["AutoModelForVideoClassification"]}}


def push_folder(
    folder: str | Path, repo_id: str, *, private: bool | None = None, token: str | bool | None = None, **commit: Any
) -> str:
    """Uploads the files of a saved folder in one commit; makes the repository if there is none. Gives the commit's address.

    A card that the repository has already is kept, since somebody may have written it. `commit`: what
    `HfApi.create_commit` takes besides, such as `commit_message`, `revision` and `create_pr`.
    """
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    files = [path for path in sorted(Path(folder).iterdir()) if path.is_file()]
    if _has_card(api, repo_id, commit.get("revision")):
        files = [path for path in files if path.name != CARD_FILE]
    operations = [CommitOperationAdd(path_in_repo=path.name, path_or_fileobj=path) for path in files]
    commit.setdefault("commit_message", "Upload EMERT")
    return str(api.create_commit(repo_id=repo_id, operations=operations, **commit))


def _has_card(api: HfApi, repo_id: str, revision: str | None) -> bool:
    try:
        api.hf_hub_download(repo_id, CARD_FILE, revision=revision)
    except (EntryNotFoundError, RevisionNotFoundError):
        return False
    return True


__all__ = ["EmertModelSharing", "EmertSharing", "push_folder"]
