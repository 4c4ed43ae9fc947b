"""A repository on the Hugging Face Hub: what it shall hold, what differs from that, and one commit that mends it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import check_private

from .output import first_line

_PLACES = {"model": "", "dataset": "datasets/", "space": "spaces/"}


@dataclass(frozen=True)
class Repository:
    """`files`: by path in the repository, a file on disk or the content itself. `sdk`: of a Space, such as gradio."""

    name: str
    kind: Literal["model", "dataset", "space"]
    files: Mapping[str, Path | bytes]
    sdk: str | None = None

    @property
    def address(self) -> str:
        return f"https://huggingface.co/{_PLACES[self.kind]}{self.name}"


@dataclass(frozen=True)
class State:
    """A repository as it is on the Hub. `files`: by path, the SHA-256 of a large file, else git's SHA-1."""

    commit: str
    files: Mapping[str, str]


def log_in(name: str) -> tuple[Any, str]:
    """The Hub's client, and the repository's name with that of the user before it if there is none.

    Raises `EmertInputError` where nobody is logged in or the Hub can't be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _hub_errors(name):
        user = api.whoami()["name"]
    return api, name if "/" in name else f"{user}/{name}"


def find_state(api: Any, repository: Repository, private: bool) -> State | None:
    """None where there is no such repository. Raises `EmertInputError` where it is public and `private` is asked for."""
    from huggingface_hub.errors import RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    with _hub_errors(repository.name):
        try:
            info = api.repo_info(repository.name, repo_type=repository.kind)
        except RepositoryNotFoundError:
            return None
        check_private(repository.name, private, info.private)
        found = api.list_repo_tree(repository.name, recursive=True, repo_type=repository.kind, revision=info.sha)
        files = {one.path: one.lfs.sha256 if one.lfs else one.blob_id for one in found if isinstance(one, RepoFile)}
    return State(info.sha, files)


def upload(
    api: Any, repository: Repository, state: State | None, private: bool, message: str, ours: Callable[[str], bool]
) -> bool:
    """Commits what differs from `state`, in one commit; makes the repository where there is none. False: nothing differed.

    Of the files that are there and not in `repository`, those are deleted whose name is `ours`. Raises `EmertInputError`.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with _hub_errors(repository.name):
        if state is None:
            api.create_repo(
                repository.name, repo_type=repository.kind, private=private or None, exist_ok=True, space_sdk=repository.sdk
            )
            state = find_state(api, repository, private)
        changed = [name for name, content in repository.files.items() if not _is_same(content, state.files.get(name))]
        gone = [name for name in state.files if name not in repository.files and ours(name)]
        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=repository.files[name]) for name in changed]
        operations += [CommitOperationDelete(path_in_repo=name) for name in gone]
        if operations:
            try:
                api.create_commit(
                    repository.name, operations, commit_message=message, repo_type=repository.kind, parent_commit=state.commit
                )
            except RuntimeError as error:  # the library's error for a file whose upload failed
                raise ConnectionError(str(error)) from error
    return bool(operations)


def _is_same(content: Path | bytes, known: str | None) -> bool:
    if known is None:
        return False
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    digest = hashlib.sha256() if len(known) == 64 else hashlib.sha1(b"blob %d\0" % size)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest() == known


def check_name(option: str, name: str) -> None:
    """Raises `EmertInputError`, naming the `option`, where the Hub takes no such name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise EmertInputError(f"{option} is no name of a repository: {_reason(error)}") from error


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Errors of the Hub and the network as one sentence."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, LocalTokenNotFoundError

    unchanged = "; the repository's files are as they were"
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise EmertInputError("the Hub does not know who you are: log in with `hf auth login`, then publish again") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status == 401:
            reason = "the Hub does not accept your token: log in with `hf auth login`, then publish again"
            raise EmertInputError(reason) from error
        remedy = "; check that your token may write there" if status == 403 else ""
        raise EmertInputError(f"{repo}: the Hub refuses ({_reason(error)}){unchanged}{remedy}") from error
    except (HTTPError, OSError) as error:
        raise EmertInputError(f"{repo}: the Hub can't be reached ({_reason(error)}){unchanged}; try again") from error


def _reason(error: Exception) -> str:
    return first_line(error).rstrip(".")[:200]
