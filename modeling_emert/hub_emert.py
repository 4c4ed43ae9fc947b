"""`push_to_hub` for models and processors: transformers' own would write its card over ours, and knows one class only."""

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

from .constants_emert import CARD_FILE


class EmertSharing:
    """`push_to_hub` for everything of EMERT that transformers saves; stands before transformers' own base class."""

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, token: str | bool | None = None, **commit: Any) -> str:
        """Saves into a temporary folder and uploads it: see [`push_folder`]. Returns the URL of the commit."""
        with tempfile.TemporaryDirectory(prefix="emert-") as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, private=private, token=token, **commit)


def push_folder(
    folder: str | Path, repo_id: str, *, private: bool | None = None, token: str | bool | None = None, **commit: Any
) -> str:
    """Uploads the files of a saved folder in one commit; creates the repository if needed. Returns the URL of the commit.

    A card that the repository has already is kept, since somebody may have edited it. `commit`: further arguments of
    `HfApi.create_commit`, such as `commit_message`, `revision` and `create_pr`.
    """
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    files = [path for path in sorted(Path(folder).iterdir()) if path.is_file()]
    with contextlib.suppress(EntryNotFoundError, RevisionNotFoundError):
        api.hf_hub_download(repo_id, CARD_FILE, revision=commit.get("revision"))
        files = [path for path in files if path.name != CARD_FILE]
    operations = [CommitOperationAdd(path_in_repo=path.name, path_or_fileobj=path) for path in files]
    commit.setdefault("commit_message", "Upload EMERT")
    return str(api.create_commit(repo_id=repo_id, operations=operations, **commit))
