"""`push_to_hub` for models and processors: transformers' own would write its card over ours, and knows one class only."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

from .constants_emert import CARD_FILE, EVAL_FOLDER, RECORD_FILE
from .licences_emert import check_private, check_sharing, hash_participants, sources_of_folder


class EmertSharing:
    """`push_to_hub` for everything of EMERT that transformers saves; stands before transformers' own base class."""

    def push_to_hub(self, repo_id: str, *, private: bool | None = None, token: str | bool | None = None, **commit: Any) -> str:
        """Saves into a temporary folder and uploads it: see [`push_folder`]. Returns the URL of the commit."""
        with tempfile.TemporaryDirectory(prefix="emert-") as folder:
            self.save_pretrained(folder)
            return push_folder(folder, repo_id, private=private, token=token, **commit)


def push_folder(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    confirm: str = "",
    **commit: Any,
) -> str:
    """Uploads the files of a saved folder in one commit; creates the repository if needed. Returns the URL of the commit.

    A card that the repository has already is kept, since somebody may have edited it. `confirm`: see `check_sharing`.
    `commit`: further arguments of `HfApi.create_commit`, such as `commit_message`, `revision` and `create_pr`.

    Raises `EmertInputError` where the licences of what the model has learned from do not allow it: see `check_sharing`.
    """
    check_sharing(repo_id, sources_of_folder(folder), private, confirm)
    api = HfApi(token=token)
    repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
    if private:
        check_private(repo_id, private, api.repo_info(repo_id).private)
    files = [path for path in sorted(Path(folder).iterdir()) if path.is_file()]
    files += sorted((Path(folder) / EVAL_FOLDER).glob("*.yaml"))
    with contextlib.suppress(EntryNotFoundError, RevisionNotFoundError):
        api.hf_hub_download(repo_id, CARD_FILE, revision=commit.get("revision"))
        files = [path for path in files if path.name != CARD_FILE]
    names = {path: path.relative_to(folder).as_posix() for path in files}
    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=_published(path)) for path, name in names.items()]
    commit.setdefault("commit_message", "Upload EMERT")
    return str(api.create_commit(repo_id=repo_id, operations=operations, **commit))


def _published(path: Path) -> Path | bytes:
    """The file; of a training record from before participants were hashed, the content with hashes."""
    if path.name != RECORD_FILE:
        return path
    record = json.loads(path.read_text(encoding="utf-8"))
    if "seen_participants" not in record:
        return path
    hashed = hash_participants(str(record.get("data")), record["seen_participants"])
    return json.dumps(record | {"seen_participants": hashed}, indent=2).encode()
