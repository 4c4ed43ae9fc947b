"""`push_to_hub` takes what transformers' own takes, against a stub of the Hub; saved files have the umask's permissions."""

import os
import stat
from inspect import signature
from pathlib import Path

import pytest
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import EntryNotFoundError
from tiny_emert import tiny_config, tiny_model
from transformers.utils.hub import PushToHubMixin

from modeling_emert import EmertForEmotionRecognition, EmertProcessor

_OPEN = [{"name": "my_study", "licence": "CC-BY-4.0", "redistributable": True}]


class _Hub:
    def __init__(self, place: Path):
        self.place, self.commits = place, []

    def create_repo(self, api, repo_id, **kwargs):
        return type("Repository", (), {"repo_id": repo_id})

    def create_commit(self, api, repo_id, operations, **kwargs):
        for operation in operations:
            with operation.as_file() as file:
                (self.place / operation.path_in_repo).write_bytes(file.read())
        self.commits.append(kwargs)
        return f"https://hub/{repo_id}/commit/{len(self.commits)}"

    def hf_hub_download(self, api, repo_id, filename, **kwargs):
        if not (self.place / filename).is_file():
            raise EntryNotFoundError(filename)
        return str(self.place / filename)

    @property
    def tags(self) -> list[str]:
        return ModelCard((self.place / "README.md").read_text()).data.tags


@pytest.fixture
def hub(monkeypatch, tmp_path) -> _Hub:
    (tmp_path / "hub").mkdir()
    stub = _Hub(tmp_path / "hub")
    for name in ("create_repo", "create_commit", "hf_hub_download"):
        monkeypatch.setattr(HfApi, name, lambda api, *args, _name=name, **kwargs: getattr(stub, _name)(api, *args, **kwargs))
    return stub


def test_a_model_takes_all_that_transformers_takes(hub):
    model = tiny_model(sources=_OPEN)
    model.add_model_tags("added-before")
    values = {"commit_message": "new", "commit_description": "why", "private": None, "token": "t", "revision": "main"}
    values |= {"create_pr": False, "max_shard_size": "20KB", "tags": ["my-tag"], "variant": "fp32"}
    assert {*signature(PushToHubMixin.push_to_hub).parameters} - {"self", "repo_id"} <= values.keys()
    assert model.push_to_hub("me/emert", **values) == "https://hub/me/emert/commit/1"
    given = {name: values[name] for name in ("commit_message", "commit_description", "revision", "create_pr")}
    assert hub.commits[0] == given
    assert {"added-before", "my-tag", "emotion-recognition"} <= set(hub.tags)
    shards = sorted(path.name for path in hub.place.glob("*.safetensors"))
    assert len(shards) > 1
    assert all("fp32" in name for name in shards)
    loaded = EmertForEmotionRecognition.from_pretrained(hub.place, variant="fp32")
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in model.parameters())


def test_tags_are_added_to_a_card_that_the_repository_has_and_the_rest_of_it_is_kept(hub):
    (hub.place / "README.md").write_text("---\ntags:\n- old\n---\nby hand\n")
    tiny_model(sources=_OPEN).push_to_hub("me/emert", tags="new")
    assert hub.tags == ["old", "new"]
    assert "by hand" in (hub.place / "README.md").read_text()
    processor = EmertProcessor.for_config(tiny_config(), image_size=32)
    processor.push_to_hub("me/emert", tags=["processor"], max_shard_size="5GB", create_pr=True)
    assert hub.tags == ["old", "new", "processor"]
    assert hub.commits[-1]["create_pr"] is True


@pytest.mark.parametrize("umask", [0o022, 0o027])
def test_saved_files_have_the_permissions_of_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        tiny_model().save_pretrained(tmp_path)
        EmertProcessor.for_config(tiny_config(), image_size=32).save_pretrained(tmp_path)
    finally:
        os.umask(before)
    assert (tmp_path / "model.safetensors").is_file()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o666 & ~umask}
