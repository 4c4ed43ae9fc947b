"""Saving and `push_to_hub` of models and processors: transformers' own push would write its card over ours."""

import contextlib
import json
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, ModelCard
from huggingface_hub.errors import EntryNotFoundError, RevisionNotFoundError

from .constants_emert import CARD_FILE, EVAL_FOLDER, RECORD_FILE
from .licences_emert import check_private, check_sharing, hash_participants, sources_of_folder


class EmertSharing:
    """`push_to_hub` for everything of EMERT that transformers saves; stands before transformers' own base class."""

    def save_pretrained(self, save_directory: str | Path, *args: Any, **kwargs: Any) -> Any:
        """As transformers' own; every file gets the permissions of a new one, while safetensors gives its owner's alone."""
        saved = super().save_pretrained(save_directory, *args, **kwargs)
        usual = _usual_mode(Path(save_directory))
        for path in Path(save_directory).glob("*.safetensors"):
            path.chmod(usual)
        return saved

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        tags: str | Sequence[str] | None = None,
        max_shard_size: int | str | None = None,
        variant: str | None = None,
        **commit: Any,
    ) -> str:
        """Saves into a temporary folder and uploads it: see [`push_folder`]. Returns the URL of the commit.

        `max_shard_size` and `variant` (part of the weights' file names) are those of `save_pretrained`, for models only.
        """
        own = [tags] if isinstance(tags, str) else [*(tags or ())]
        form = {"max_shard_size": max_shard_size, "variant": variant}
        with tempfile.TemporaryDirectory(prefix="emert-") as folder:
            self.save_pretrained(folder, **{name: value for name, value in form.items() if value is not None})
            own = [*(getattr(self, "model_tags", None) or ()), *own]
            return push_folder(folder, repo_id, private=private, token=token, tags=own, **commit)


def _usual_mode(folder: Path) -> int:
    """Of a new file here: all rights to read and write but those that the umask takes."""
    with tempfile.TemporaryDirectory(prefix=".emert-", dir=folder) as beside:
        probe = Path(beside) / "probe"
        probe.touch()
        return stat.S_IMODE(probe.stat().st_mode)


def push_folder(
    folder: str | Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    confirm: str = "",
    tags: Sequence[str] = (),
    **commit: Any,
) -> str:
    """Uploads the files of a saved folder in one commit; creates the repository if needed. Returns the URL of the commit.

    A card that the repository has already is kept, since somebody may have edited it. `tags` are added to
    the card; a processor that comes before its model has none, and leaves them out. `confirm`: see `check_sharing`.
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
    card = Path(folder) / CARD_FILE
    with contextlib.suppress(EntryNotFoundError, RevisionNotFoundError):
        found = api.hf_hub_download(repo_id, CARD_FILE, revision=commit.get("revision"))
        card = Path(found) if tags else card
        files = [path for path in files if path.name != CARD_FILE]
    names = {path: path.relative_to(folder).as_posix() for path in files}
    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=without_names(path)) for path, name in names.items()]
    if tags and card.is_file():
        operations = [operation for operation in operations if operation.path_in_repo != CARD_FILE]
        operations.append(CommitOperationAdd(path_in_repo=CARD_FILE, path_or_fileobj=_tagged(card, tags)))
    commit.setdefault("commit_message", "Upload EMERT")
    return str(api.create_commit(repo_id=repo_id, operations=operations, **commit))


def _tagged(card: Path, tags: Sequence[str]) -> bytes:
    """The card with these tags too."""
    tagged = ModelCard(card.read_text(encoding="utf-8"))
    tagged.data.tags = list(dict.fromkeys([*(tagged.data.tags or ()), *tags]))
    return str(tagged).encode()


def without_names(path: Path) -> Path | bytes:
    """The file; of a training record from before participants were hashed, the content with hashes."""
    if path.name != RECORD_FILE:
        return path
    record = json.loads(path.read_text(encoding="utf-8"))
    if "seen_participants" not in record:
        return path
    hashed = hash_participants(str(record.get("data")), record["seen_participants"])
    return json.dumps(record | {"seen_participants": hashed}, indent=2).encode()
