"""Publishing, against a folder that stands in for the Hub: what gets there, and what is refused before anything leaves."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from datasets import load_dataset
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import LocalTokenNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from dataset_scripts.build.build import build
from dataset_scripts.dataset.card import make_card
from dataset_scripts.dataset.metadata import Metadata
from dataset_scripts.dataset.splits import SPLITS_FILE, Assignment
from dataset_scripts.publish import publish
from dataset_scripts.sources import open_source
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import DATASET_WORDS as CONFIRMATION
from training.cli import main


class FolderHub:
    """The part of `HfApi` that publishing calls, over a local folder."""

    def __init__(self, folder: Path):
        self.folder, self.calls = folder, []
        self.is_private: bool | None = None
        self.fails: dict[str, Exception] = {}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    def whoami(self):
        self._call("whoami")
        return {"name": "me"}

    def create_repo(self, repo_id, *, repo_type, private, exist_ok, space_sdk):
        self._call("create_repo")
        assert repo_type == "dataset"
        assert exist_ok
        assert space_sdk is None
        self.folder.mkdir(exist_ok=True)
        if self.is_private is None:
            self.is_private = bool(private)
        return SimpleNamespace(repo_id=repo_id if "/" in repo_id else f"me/{repo_id}")

    def repo_info(self, repo_id, *, repo_type):
        self._call("repo_info")
        if not self.folder.is_dir():
            raise RepositoryNotFoundError("none", response=SimpleNamespace(headers={}, status_code=404, request=None))
        return SimpleNamespace(private=self.is_private, sha="0" * 40)

    def list_repo_tree(self, repo_id, *, recursive, repo_type, revision):
        self._call("list_repo_tree")
        return [RepoFile(path=name, size=0, oid=git_hash(content)) for name, content in files_of(self.folder).items()]

    def create_commit(self, repo_id, operations, *, commit_message, repo_type, parent_commit):
        self._call("create_commit")
        assert parent_commit == "0" * 40
        for operation in operations:
            target = self.folder / operation.path_in_repo
            if isinstance(operation, CommitOperationAdd):
                target.parent.mkdir(parents=True, exist_ok=True)
                with operation.as_file() as file:
                    target.write_bytes(file.read())
            else:
                target.unlink()


@pytest.fixture
def hub(tmp_path, monkeypatch) -> FolderHub:
    hub = FolderHub(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    return hub


@pytest.fixture(scope="module")
def _built(_few, tmp_path_factory) -> Path:
    return build(open_source("synthetic", _few), tmp_path_factory.mktemp("publish") / "built", num_workers=1, faces=1)


@pytest.fixture
def built(_built, tmp_path) -> Path:
    """A data set for this test alone."""
    return shutil.copytree(_built, tmp_path / "built")


@pytest.fixture
def forbidden(built) -> Path:
    """The same with a licence that does not allow to pass it on."""
    metadata = replace(Metadata.read(built), redistributable=False, licence="by agreement only")
    metadata.write(built)
    (built / "README.md").write_text(make_card(metadata, Assignment.read(built / SPLITS_FILE)))
    return built


def rows(folder, config, cache) -> list[dict]:
    heavy = ["face", "eye_movements", "action_units"]  # pictures, and arrays whose NaN equals nothing
    return [row for split in load_dataset(str(folder), config, cache_dir=cache).values() for row in split.remove_columns(heavy)]


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_what_was_published_loads_as_what_was_built(built, hub, tmp_path, cache, capsys):
    assert main(["data", "publish", str(built), "--repo", "emer-eye"]) == 0
    assert "https://huggingface.co/datasets/me/emer-eye: published" in capsys.readouterr().out
    assert hub.calls.count("create_commit") == 1
    assert not hub.is_private
    assert main(["data", "publish", str(built), "--repo", "emer-eye"]) == 0
    assert hub.calls.count("create_commit") == 1, "nothing differs"
    original = files_of(built)
    del original[".freshness"]
    assert files_of(hub.folder) == original
    for config in ("er7-fold1", "fer_va-strict-fold2", "all"):
        assert rows(hub.folder, config, cache) == rows(built, config, cache)


def test_nothing_of_this_machine_is_in_what_was_published(built, hub, tmp_path):
    publish(built, "me/emer-eye")
    for name, content in files_of(hub.folder).items():
        for path in (str(tmp_path.parent), str(Path.home()) + "/"):
            assert path.encode() not in content, name


def test_publishing_again_removes_the_data_files_of_before_and_nothing_else(built, hub):
    hub.folder.mkdir()
    (hub.folder / "data").mkdir()
    for name in ("data/p9-s9.parquet", "LICENSE"):
        (hub.folder / name).write_text("old")
    publish(built, "me/emer-eye")
    assert "LICENSE" in files_of(hub.folder)
    assert "data/p9-s9.parquet" not in files_of(hub.folder)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--private"],
        ["--confirm", CONFIRMATION],
        ["--private", "--confirm", "yes"],
        ["--private", "--confirm", CONFIRMATION + "."],
    ],
)
def test_a_forbidden_data_set_stays_here_unless_private_and_confirmed(forbidden, hub, capsys, options):
    assert main(["data", "publish", str(forbidden), "--repo", "me/emer-eye", *options]) == 2
    sentence = capsys.readouterr().err
    assert f'--private --confirm "{CONFIRMATION}"' in sentence
    assert "by agreement only" in sentence
    assert hub.calls == []


def test_a_forbidden_data_set_goes_into_a_private_repository_when_confirmed(forbidden, hub, cache):
    publish(forbidden, "me/emer-eye", private=True, confirmation=CONFIRMATION)
    assert hub.is_private
    assert rows(hub.folder, "all", cache) == rows(forbidden, "all", cache)


def test_private_data_never_goes_into_a_public_repository_that_is_there_already(forbidden, hub):
    hub.is_private = False
    with pytest.raises(EmertInputError, match="public"):
        publish(forbidden, "me/emer-eye", private=True, confirmation=CONFIRMATION)
    assert files_of(hub.folder) == {}


@pytest.mark.parametrize("name", ["", "a/b/c", "me/ name", "me/emer..eye", "../emer-eye", "me/EMER", "emer"])
def test_a_wrong_name_is_refused(built, hub, name):
    with pytest.raises(EmertInputError, match="--repo"):
        publish(built, name)
    assert hub.calls == []


def test_a_data_set_that_is_not_whole_is_refused(built, hub, tmp_path):
    with (built / "data/p1-s1.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EmertInputError, match="emert data verify"):
        publish(built, "me/emer-eye")
    with pytest.raises(EmertInputError, match="no data set here"):
        publish(tmp_path, "me/emer-eye")
    assert hub.calls == []


@pytest.mark.parametrize("name", ["README.md", "data/p1-s1.parquet"])
def test_a_link_out_of_the_folder_is_not_followed_and_a_missing_file_is_told(built, hub, tmp_path, name):
    content = (built / name).read_bytes()
    (tmp_path / "secret").write_bytes(content)
    (built / name).unlink()
    with pytest.raises(EmertInputError, match="is missing"):
        publish(built, "me/emer-eye")
    (built / name).symlink_to(tmp_path / "secret")
    with pytest.raises(EmertInputError, match="is a link"):
        publish(built, "me/emer-eye")
    assert hub.calls == []


@pytest.mark.parametrize(
    ("step", "error", "part"),
    [
        ("whoami", LocalTokenNotFoundError("no token"), "hf auth login"),
        ("create_repo", OfflineModeIsEnabled("offline mode\nis on"), "offline mode"),
        ("create_commit", ConnectionError("reset by peer"), "files are as they were"),
        ("create_commit", RuntimeError("Error while uploading 'data/p1-s1.parquet' to the Hub."), "data/p1-s1.parquet"),
    ],
)
def test_an_upload_that_fails_is_one_sentence_and_changes_nothing(built, hub, step, error, part, capsys):
    hub.fails[step] = error
    assert main(["data", "publish", str(built), "--repo", "me/emer-eye"]) == 2
    printed = capsys.readouterr().err
    assert part in printed
    assert printed.count("emert: ") == 1
    assert "Traceback" not in printed
    assert not hub.folder.exists() or files_of(hub.folder) == {}


def test_a_mistake_of_the_programmer_is_not_taken_for_the_network(built, hub):
    hub.fails["repo_info"] = TypeError("a mistake")
    with pytest.raises(TypeError):
        publish(built, "me/emer-eye")


def test_the_list_of_files_is_that_of_the_description(built, hub):
    publish(built, "me/emer-eye")
    listed = json.loads((hub.folder / "dataset.json").read_text())["files"]
    assert {name for name in files_of(hub.folder) if name.startswith("data/")} == set(listed)
