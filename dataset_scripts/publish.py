"""Uploads a data set to the Hugging Face Hub: after its checks, in one commit, and only where its licence allows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import DATASET_WORDS, check_private, check_sharing, make_source

from .checks.verify import verify
from .common.output import first_line
from .dataset.layout import CARD_FILE, CONFIG_FILE, DATA_FOLDER
from .dataset.metadata import METADATA_FILE, Metadata
from .dataset.splits import SPLITS_FILE

SUGGESTED_NAME = "emer-eye"
_DESCRIPTION_FILES = (CARD_FILE, CONFIG_FILE, METADATA_FILE, SPLITS_FILE)


def publish(folder: Path, repo: str, private: bool = False, confirmation: str = "") -> str:
    """Uploads the data set in `folder` to the data set repository `repo` and returns its address.

    The content of the repository is replaced in one commit, so that users get either the old data set or the new one, and
    a failed upload changes nothing.

    Raises `EmertInputError` where `repo` is no valid name; there is no valid data set in `folder`; its licence does not allow
    publishing, and it is not both `private` and confirmed in the words of `DATASET_WORDS`; the repository is public though
    `private` is asked for; there is no token, or the Hub refuses or can't be reached.
    """
    from huggingface_hub import HfApi

    _check_name(repo)
    metadata = Metadata.read(folder)
    check_sharing(folder, [make_source(metadata.source, metadata)], private, confirmation, DATASET_WORDS)
    names = [*_DESCRIPTION_FILES, *metadata.files]
    _check_files(folder, names)
    _check_verified(folder)
    api = HfApi()
    with _hub_errors(repo):
        api.whoami()  # raises without a token, before a repository is made
        name = api.create_repo(repo, repo_type="dataset", private=private or None, exist_ok=True).repo_id
        info = api.repo_info(name, repo_type="dataset")
        check_private(name, private, info.private)
        operations = _operations(folder, names, api.list_repo_files(name, repo_type="dataset"))
        message = f"Data set of source {metadata.source}, build {metadata.fingerprint[:12]}"
        try:
            api.create_commit(name, operations, commit_message=message, repo_type="dataset", parent_commit=info.sha)
        except RuntimeError as error:  # the library's error for a file whose upload failed
            raise ConnectionError(str(error)) from error
    return f"https://huggingface.co/datasets/{name}"


def _check_name(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise EmertInputError(f"--repo {repo!r} is no name of a repository: {_reason(error)}") from error
    if repo.rsplit("/")[-1].lower() == "emer":
        raise EmertInputError(f"--repo {repo}: EMER names other data sets too; give another name, such as {SUGGESTED_NAME}")


def _check_verified(folder: Path) -> None:
    failed = [result for result in verify(folder) if result.status == "fail"]
    if failed:
        reasons = "; ".join(f"{result.check}: {result.sentence}" for result in failed[:3])
        raise EmertInputError(
            f"{folder}: fails checks ({reasons}); see `emert data verify {folder}`, repair it or build it again"
        )


def _check_files(folder: Path, names: list[str]) -> None:
    """Each file exists, and none is a link to a file outside of the data set."""
    for name in names:
        file = folder / name
        if not file.is_file() or file.resolve() != folder.resolve() / name:
            state = "is a link to another file" if file.is_file() else "is missing"
            raise EmertInputError(f"{file} {state}, where a file of the data set is expected; build the data set again")


def _operations(folder: Path, names: list[str], present: list[str]) -> list:
    """Adds every file of the data set and no other; deletes data files of an older one."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    old = [name for name in present if name.startswith(f"{DATA_FOLDER}/") and name not in names]
    return [
        *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names),
        *(CommitOperationDelete(path_in_repo=name) for name in old),
    ]


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
