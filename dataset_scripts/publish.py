"""Uploads a data set to the Hugging Face Hub: after its checks, in one commit, and only where its licence allows it."""

from pathlib import Path

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import DATASET_WORDS, check_sharing, make_source

from .checks.verify import verify
from .common.hub_repository import Repository, check_name, find_state, log_in, upload
from .dataset.layout import CARD_FILE, CONFIG_FILE, DATA_FOLDER
from .dataset.metadata import METADATA_FILE, Metadata
from .dataset.splits import SPLITS_FILE

SUGGESTED_NAME = "emer-eye"
_DESCRIPTION_FILES = (CARD_FILE, CONFIG_FILE, METADATA_FILE, SPLITS_FILE)


def publish(folder: Path, repo: str, private: bool = False, confirmation: str = "") -> str:
    """Uploads the data set in `folder` to the data set repository `repo` and returns its address.

    The content of the repository is replaced in one commit, so that users get either the old data set or the new one, and
    a failed upload changes nothing; where nothing differs, nothing is uploaded.

    Raises `EmertInputError` where `repo` is no valid name; there is no valid data set in `folder`; its licence does not allow
    publishing, and it is not both `private` and confirmed in the words of `DATASET_WORDS`; the repository is public though
    `private` is asked for; there is no token, or the Hub refuses or can't be reached.
    """
    check_repo(repo)
    metadata = Metadata.read(folder)
    check_sharing(folder, [make_source(metadata.source, metadata)], private, confirmation, DATASET_WORDS)
    files = published_files(folder, metadata)
    check_verified(folder)
    api, name = log_in(repo)
    repository = Repository(name, "dataset", files)
    upload(api, repository, find_state(api, repository, private), private, message_of(metadata), is_data_file)
    return repository.address


def message_of(metadata: Metadata) -> str:
    return f"Data set of source {metadata.source}, build {metadata.fingerprint[:12]}"


def is_data_file(name: str) -> bool:
    """Whether a file in a repository is one that an older build may have put there."""
    return name.startswith(f"{DATA_FOLDER}/")


def check_repo(repo: str) -> None:
    """Raises `EmertInputError` for what is no name of a repository, and for the name of other people's data sets."""
    check_name(f"--repo {repo!r}", repo)
    if repo.rsplit("/")[-1].lower() == "emer":
        raise EmertInputError(f"--repo {repo}: EMER names other data sets too; give another name, such as {SUGGESTED_NAME}")


def check_verified(folder: Path) -> None:
    """Raises `EmertInputError` with what `emert data verify` finds."""
    failed = [result for result in verify(folder) if result.status == "fail"]
    if failed:
        reasons = "; ".join(f"{result.check}: {result.sentence}" for result in failed[:3])
        raise EmertInputError(
            f"{folder}: fails checks ({reasons}); see `emert data verify {folder}`, repair it or build it again"
        )


def published_files(folder: Path, metadata: Metadata) -> dict[str, Path]:
    """Every file of the data set and no other, by its path in the folder.

    Raises `EmertInputError` where one is missing, or a link to a file outside of the data set.
    """
    files = {name: folder / name for name in (*_DESCRIPTION_FILES, *metadata.files)}
    for name, file in files.items():
        if not file.is_file() or file.resolve() != folder.resolve() / name:
            state = "is a link to another file" if file.is_file() else "is missing"
            raise EmertInputError(f"{file} {state}, where a file of the data set is expected; build the data set again")
    return files
