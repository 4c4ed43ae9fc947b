"""What goes to the Hub: weights, processor, code and a card, tested against a stub of the Hub's API."""

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from tiny_emert import tiny_config, tiny_model

from modeling_emert import EMER_TASKS, TASKS, EmertProcessor
from modeling_emert.model_card_emert import PIP_INSTALL, make_model_card, write_model_card
from training.cli import main

RECORD = {
    "data": "synthetic",
    "sources": [{"name": "synthetic", "licence": "Apache-2.0", "redistributable": True, "citation": "ours"}],
    "fold": 2,
    "strict": True,
    "seen_participants": ["p1", "p2", "p3"],
    "validation_score": 0.5,
    "epochs": 4.0,
}


class _Hub:
    """The files of one repository, and the commits that were made."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.commits: list[dict] = []
        self.created: list[dict] = []
        self.private: bool | None = None

    def create_repo(self, api, repo_id: str, **kwargs):
        self.created.append({"repo_id": repo_id, **kwargs})
        self.private = bool(kwargs.get("private")) if self.private is None else self.private
        return SimpleNamespace(repo_id=repo_id)

    def download(self, name: str) -> None:
        if name not in self.files:
            raise LocalEntryNotFoundError(f"no {name}")

    def create_commit(self, api, repo_id: str, operations, **kwargs):
        operations = list(operations)
        for operation in operations:
            with operation.as_file() as file:
                self.files[operation.path_in_repo] = file.read()
        self.commits.append({"repo_id": repo_id, **kwargs})
        return f"https://hub/{repo_id}/commit/1"


@pytest.fixture
def hub(monkeypatch) -> _Hub:
    stub = _Hub()
    monkeypatch.setattr(HfApi, "create_repo", lambda api, repo_id, **kwargs: stub.create_repo(api, repo_id, **kwargs))
    monkeypatch.setattr(
        HfApi,
        "create_commit",
        lambda api, repo_id, operations, **kwargs: stub.create_commit(api, repo_id, operations, **kwargs),
    )
    monkeypatch.setattr(HfApi, "repo_info", lambda api, repo_id, **kwargs: SimpleNamespace(private=stub.private))
    monkeypatch.setattr(HfApi, "hf_hub_download", lambda api, repo_id, filename, **kwargs: stub.download(filename))
    return stub


def _open_model():
    """Of recordings that may be passed on."""
    return tiny_model(sources=[{"name": "synthetic", "licence": "Apache-2.0", "redistributable": True}])


@pytest.fixture
def folder(tmp_path) -> Path:
    model = _open_model()
    model.save_pretrained(tmp_path / "model")
    EmertProcessor.for_config(model.config, image_size=32).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def _card(text: str | bytes) -> ModelCard:
    return ModelCard(text.decode() if isinstance(text, bytes) else text)


@pytest.mark.parametrize("record", [None, RECORD])
def test_card_can_be_read_by_the_hub_and_says_what_is_known(record):
    card = _card(make_model_card(tiny_config(), record))
    front = card.data.to_dict()
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "video-classification"
    assert front["license"] == ("unknown" if record is None else "apache-2.0")
    assert front.get("datasets") == (None if record is None else ["synthetic"])
    assert "https://arxiv.org/abs/2512.16485" in card.text
    assert 0 < card.text.index("pip install ") < card.text.index("pipeline(") < card.text.index("## Licence")
    assert card.text.index("## Licence") < card.text.index("## What it was trained on") < card.text.index("## What it takes")
    assert "emotion-recognition" in front["tags"]
    for name in EMER_TASKS:
        assert f"| `{name}` |" in card.text
        assert ", ".join(TASKS[name].labels) in card.text  # in the order of the logits
    for words in ("pipeline(", "trust_remote_code", "No hiring", "no policing", "no diagnosis"):
        assert words in card.text
    assert ("mean nothing" in card.text) == (record is not None)
    assert ("There is no record of the training" in card.text) == (record is None)


def test_card_tells_the_models_own_tasks_and_sizes():
    text = make_model_card(tiny_config(tasks=["fer_intensity", "er_va"], num_eye_steps=17), {**RECORD, "data": "folder"})
    assert "`er7`" not in text
    assert "| `er_va` | felt (ER) | valence, arousal, each -1 to 1 |" in text
    assert "| `fer_intensity` | shown on the face (FER) | intensity, 0 to 3 |" in text
    assert "17 steps" in text
    assert "3 participants" in text
    assert "stimuli of the test held out" in text
    assert "mean nothing" not in text


def test_card_of_a_folder_follows_its_record_and_keeps_one_that_is_there(tmp_path):
    (tmp_path / "training_record.json").write_text(json.dumps(RECORD))
    write_model_card(tmp_path, tiny_config())
    assert "Source `synthetic`, fold 2" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("by hand")
    write_model_card(tmp_path, tiny_config())
    assert (tmp_path / "README.md").read_text() == "by hand"


def test_saved_model_has_a_card(folder):
    assert "library_name: transformers" in (folder / "README.md").read_text()


def test_model_and_processor_are_pushed_with_code_and_card(hub):
    model = _open_model()
    assert model.push_to_hub("somebody/emert", private=True)
    code = {"configuration_emert.py", "modeling_emert.py", "layers_emert.py", "pipeline_emert.py"}
    assert {"model.safetensors", "config.json", "README.md", *code} <= set(hub.files)
    assert _card(hub.files["README.md"]).data.pipeline_tag == "video-classification"
    assert "Its answers" not in hub.files["README.md"].decode()
    card = hub.files["README.md"]
    EmertProcessor.for_config(model.config, image_size=32).push_to_hub("somebody/emert")
    assert {"processor_config.json", "processing_emert.py", "feature_extraction_emert.py"} <= set(hub.files)
    assert hub.files["README.md"] == card
    assert hub.created[0]["private"] is True
    assert [commit["repo_id"] for commit in hub.commits] == ["somebody/emert"] * 2


def test_processor_alone_brings_no_card_that_would_stand_in_the_models_way(hub):
    EmertProcessor.for_config(tiny_config(), image_size=32).push_to_hub("somebody/emert")
    assert "README.md" not in hub.files
    _open_model().push_to_hub("somebody/emert", commit_message="the model")
    assert "No hiring" in hub.files["README.md"].decode()
    assert hub.commits[-1]["commit_message"] == "the model"


def test_card_that_the_repository_has_is_kept(hub):
    hub.files["README.md"] = b"by hand"
    _open_model().push_to_hub("somebody/emert")
    assert hub.files["README.md"] == b"by hand"
    assert "model.safetensors" in hub.files


def test_command_pushes_a_folder_whole(hub, folder, capsys):
    (folder / "training_record.json").write_text(json.dumps(RECORD))
    assert main(["push", str(folder), "--repo", "somebody/emert"]) == 0
    assert capsys.readouterr().out == "https://hub/somebody/emert/commit/1: pushed\n"
    assert set(hub.files) == {path.name for path in folder.iterdir()}
    assert hub.created[0]["private"] is None


def test_push_is_refused_in_one_line(hub, folder, tmp_path, capsys, monkeypatch):
    assert main(["push", str(tmp_path), "--repo", "somebody/emert"]) == 2
    assert "no model here (config.json is missing)" in capsys.readouterr().err
    assert not hub.created

    def refuse(*args, **kwargs):
        raise HfHubHTTPError(
            "401 Unauthorized\nInvalid token", response=SimpleNamespace(headers={}, status_code=401, request=None)
        )

    monkeypatch.setattr(HfApi, "create_repo", refuse)
    assert main(["push", str(folder), "--repo", "somebody/emert"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "somebody/emert: the Hub refused (401 Unauthorized Invalid token)" in lines[0]


def test_the_pip_install_line_brings_what_the_files_of_the_folder_import(folder):
    """With what transformers and torch bring themselves."""
    brought = {"numpy", "yaml", "huggingface_hub", "safetensors", "PIL", *sys.stdlib_module_names}
    imported = set()
    for file in folder.glob("*_emert.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    optional = {"peft"}
    missing = imported - brought - optional - set(PIP_INSTALL.split())
    assert not missing
