"""`emert push` of a trained model: what may leave follows from its recordings' licence, as `emert data publish` has it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import HfApi
from huggingface_hub.errors import LocalEntryNotFoundError
from places import REAL, ROOT
from tiny_training import TINY_OVERRIDES
from transformers import pipeline

from dataset_scripts.dataset.metadata import Metadata
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources.ceap_360vr import CeapSource
from dataset_scripts.sources.emer import EmerSource
from modeling_emert import EmertForEmotionRecognition
from modeling_emert.licences_emert import MODEL_WORDS
from training.cli import main
from training.evaluation.model_folder import read_record
from training.fit.fit import fit
from training.recipes.recipe import Recipe


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    stub = SimpleNamespace(files={}, private=None, created=0)

    def create_repo(api, repo_id, *, private=None, **options):
        stub.created += 1
        stub.private = bool(private) if stub.private is None else stub.private
        return SimpleNamespace(repo_id=repo_id)

    def create_commit(api, repo_id, operations, **options):
        for operation in operations:
            with operation.as_file() as file:
                stub.files[operation.path_in_repo] = file.read()
        return "https://hub/commit"

    def download(api, repo_id, name, **options):
        raise LocalEntryNotFoundError(name)

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "create_commit", create_commit)
    monkeypatch.setattr(HfApi, "hf_hub_download", download)
    monkeypatch.setattr(HfApi, "repo_info", lambda api, repo_id, **options: SimpleNamespace(private=stub.private))
    return stub


def _copy(data: EmertData, source: type, out: Path) -> EmertData:
    """The data with the name and the terms of another source, where nothing but these decides."""
    shutil.copytree(data.folder, out)
    terms = {key: getattr(source, key) for key in ("licence", "redistributable", "citation")}
    replace(Metadata.read(out), source=source.name, **terms).write(out)
    return EmertData.open(out)


def _train(data: EmertData, out: Path) -> Path:
    return fit(Recipe(network="small", overrides=TINY_OVERRIDES, image_size=32, epochs=1, batch_size=8), data, out, fold=1)


@pytest.fixture(scope="module")
def ceap(data: EmertData, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set under CEAP-360VR's licence, and a model trained on it."""
    folder = tmp_path_factory.mktemp("ceap")
    own = _copy(data, CeapSource, folder / "data")
    return own.folder, _train(own, folder / "model")


def _front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---\n", 2)[1])


def test_the_record_and_the_card_of_a_training_state_the_licence(ceap, model: Path):
    record, card = read_record(ceap[1]), (ceap[1] / "README.md").read_text()
    assert record["sources"] == json.loads((ceap[1] / "config.json").read_text())["sources"]
    [source] = record["sources"]
    assert (source["name"], source["licence"], source["redistributable"]) == ("ceap_360vr", "CC-BY-NC-SA-4.0", False)
    assert _front_matter(card)["license"] == "cc-by-nc-sa-4.0"
    assert _front_matter(card)["datasets"] == ["ceap_360vr"]
    assert "It must not be published" in card
    assert all(name.startswith("sha256:") for name in record["seen_participants"])
    assert _front_matter((model / "README.md").read_text())["license"] == "apache-2.0"


@pytest.mark.parametrize("options", [[], ["--private"], ["--confirm", MODEL_WORDS], ["--private", "--confirm", "yes"]])
def test_the_push_is_refused_as_publishing_its_data_is(ceap, hub, capsys: pytest.CaptureFixture, options: list[str]):
    for command in (["data", "publish", str(ceap[0])], ["push", str(ceap[1])]):
        assert main([*command, "--repo", "me/mine", *options]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "licence of source ceap_360vr (CC-BY-NC-SA-4.0) does not plainly allow publishing" in line
        assert "--private --confirm" in line
    assert not hub.created


def test_with_the_words_it_goes_into_a_private_repository_and_into_no_public_one(ceap, hub, capsys: pytest.CaptureFixture):
    confirmed = ["push", str(ceap[1]), "--repo", "me/mine", "--private", "--confirm", MODEL_WORDS]
    assert main(confirmed) == 0
    assert hub.private
    assert "license: cc-by-nc-sa-4.0" in hub.files["README.md"].decode()
    hub.files.clear()
    hub.private = False
    assert main(confirmed) == 2
    assert "there already and public" in capsys.readouterr().err
    assert not hub.files


def test_a_model_that_was_loaded_from_it_is_refused_too(ceap, hub, tmp_path: Path):
    loaded = EmertForEmotionRecognition.from_pretrained(ceap[1])
    with pytest.raises(ValueError, match="ceap_360vr"):
        loaded.push_to_hub("me/mine")
    loaded.push_to_hub("me/mine", private=True, confirm=MODEL_WORDS)
    assert "license: cc-by-nc-sa-4.0" in hub.files["README.md"].decode()


def test_emer_is_never_public(data: EmertData, hub, tmp_path: Path, capsys: pytest.CaptureFixture):
    folder = _train(_copy(data, EmerSource, tmp_path / "data"), tmp_path / "model")
    assert main(["push", str(folder), "--repo", "me/mine", "--confirm", MODEL_WORDS]) == 2
    assert "source emer (EULA" in capsys.readouterr().err
    front = _front_matter((folder / "README.md").read_text())
    assert (front["license"], front["license_name"]) == ("other", "emer-terms")
    assert not hub.created


def test_a_model_from_before_says_unknown_and_its_participants_are_hashed_when_it_leaves(
    model: Path, hub, tmp_path: Path, capsys: pytest.CaptureFixture
):
    old = Path(shutil.copytree(model, tmp_path / "old"))
    for name in ("config.json", "training_record.json"):
        content = json.loads((old / name).read_text())
        del content["sources"]
        content |= {"seen_participants": ["p000", "p001"]} if "seen_participants" in content else {}
        (old / name).write_text(json.dumps(content))
    assert main(["push", str(old), "--repo", "me/mine"]) == 2
    assert "ask who trained it" in capsys.readouterr().err
    assert main(["push", str(old), "--repo", "me/mine", "--private", "--confirm", MODEL_WORDS]) == 0
    assert b"p000" not in hub.files["training_record.json"]
    assert len(json.loads(hub.files["training_record.json"])["seen_participants"]) == 2


@pytest.mark.slow
@pytest.mark.real
def test_the_real_recordings_licence_goes_the_whole_way(hub: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture):
    """`data build`, `train`, the card, `push`, and the example script on that model, as the README has them."""
    place = REAL / "ceap_360vr"
    if not place.is_dir():
        pytest.skip(f"{place} is not there")
    data, model, tuned = (str(tmp_path / name) for name in ("data", "model", "tuned"))
    assert main(["data", "build", "--source", "ceap_360vr", "--path", str(place), "--out", data]) == 0
    assert main(["train", "ceap_360vr", "epochs=1", "--data", data, "--out", model]) == 0
    script = [sys.executable, str(ROOT / "examples" / "finetune_trainer.py"), model, data, "er3-fold1", tuned, "1"]
    assert "test_accuracy" in subprocess.run(script, check=True, capture_output=True, text=True).stdout
    row = EmertData.open(Path(data)).recording(0)
    assert set(pipeline("emotion-recognition", model=tuned)(row)["tasks"]) == {"er3"}
    card = (Path(model) / "README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["license"] == "cc-by-nc-sa-4.0"
    for folder in (model, tuned):
        assert main(["push", folder, "--repo", "somebody/ceap"]) == 2
    refusals = capsys.readouterr().err
    assert "somebody/ceap: the licence of source ceap_360vr (CC-BY-NC-SA-4.0) does not plainly allow publishing" in refusals
    assert "so it can't be told who may have it" in refusals  # the script has not said what it trained on
    assert not hub.created
