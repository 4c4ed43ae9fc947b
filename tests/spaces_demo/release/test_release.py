"""`emert release` against a Hub on this machine that records each call: all of it or nothing, and the same twice."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import ModelCard
from local_hub import LocalHub, local_hub
from pages import commands
from places import ROOT

from dataset_scripts.dataset.reader import EmertData
from modeling_emert.licences_emert import MODEL_WORDS
from spaces_demo.commands import release as command
from spaces_demo.release import checks
from training.cli import COMMANDS, main
from training.evaluation.evaluate import evaluate_models
from training.evaluation.model_folder import read_training
from training.reports.model_card import update_model
from training.reports.results import make_header, make_results, to_json

METRICS = [f"spaces/me/emotion_{name}" for name in ("classification", "regression", "gap")]
ALL = [*METRICS, "datasets/me/emer-eye", "models/me/emert", "spaces/me/emert"]
PASSED = '<testsuites><testsuite tests="9" failures="0" errors="0" skipped="1"/></testsuites>'


@pytest.fixture(scope="module")
def scored(model: Path, data: EmertData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the scores of its test, as `emert evaluate` and `emert card` leave it."""
    folder = tmp_path_factory.mktemp("release") / "model"
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("__pycache__"))
    header = make_header(data, [read_training(folder)], "emert evaluate MODEL DATA --out DIR")
    results = make_results(evaluate_models([folder], data).assign(version="plain"), header, n_resamples=10)
    (folder.parent / "results.json").write_text(to_json(results), encoding="utf-8")
    update_model(folder, folder.parent / "results.json")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, after its tests."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tests.xml").write_text(PASSED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with local_hub(tmp_path / "hub") as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", "of nobody")
        yield hub


DRY, REAL = (line for line in commands("docs/release.md") if line.startswith(".venv/bin/emert release "))


def words(model: Path, data: Path, line: str = REAL) -> list[str]:
    """The page's command, of these folders."""
    stands_for = {"NAME": "me", "MODEL": str(model), "DATA": str(data)}
    return [stands_for.get(word, word) for word in shlex.split(line)[1:]]


def without(*parts: str) -> list[str]:
    return [word for part in parts for word in ("--without", part)]


def front(content: bytes) -> dict:
    return ModelCard(content.decode()).data.to_dict()


def test_dry_run_then_a_release_that_is_refused_in_the_middle_then_the_rest_then_nothing(scored, data, place, hub, capsys):
    assert COMMANDS["release"] == ("spaces_demo.commands.release", command.HELP)
    assert main(words(scored, data.folder, DRY)) == 0
    shown = capsys.readouterr().out
    assert "no names of participants are in the model; those of the data set go up as it names them (p000, p001, " in shown
    assert hub.calls == []

    hub.refused = {"models/me/emert"}
    assert main(words(scored, data.folder)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "emert: me/emert: the Hub refuses (403" in error
    assert error.endswith("the same command goes on from here")
    assert [repository for repository, *_ in hub.commits] == ALL[:4]

    hub.refused = set()
    (hub.folder / METRICS[0] / "old.py").write_text("of an older release")
    (hub.folder / METRICS[1] / "README.md").write_text("of an older release")
    (hub.folder / "datasets/me/emer-eye/LICENSE").write_text("by hand")
    assert main(words(scored, data.folder)) == 0
    mended = [(METRICS[0], [], ["old.py"]), (METRICS[1], ["README.md"], [])]
    assert hub.commits[4:6] == mended
    assert [repository for repository, *_ in hub.commits[6:]] == ALL[4:]
    (hub.folder / "datasets/me/emer-eye/LICENSE").unlink()
    check_content(hub, scored, shown)

    written = len(hub.writes)
    capsys.readouterr()
    assert main(words(scored, data.folder)) == 0
    assert len(hub.writes) == written
    assert capsys.readouterr().out.count("there already, as it is") == len(ALL)


def check_content(hub: LocalHub, scored: Path, shown: str) -> None:
    """Everything is where the dry run has `shown` it, and every card names the other parts."""
    kinds = [(asked.get("type"), asked.get("sdk")) for asked in hub.created]
    assert kinds == [*[("space", "static")] * 3, ("dataset", None), ("model", None), ("space", "gradio")]
    for repository in ALL:
        files = hub.files(repository).keys() - {".gitattributes"}
        address = repository.removeprefix("models/")
        own = re.search(rf"-> https://huggingface.co/{address} \((\d+) files.*\n((?:    .*\n)+)", shown)
        assert int(own[1]) == len(files)
        named = set(re.findall(r"^    (\S+)", own[2], re.MULTILINE))
        assert {re.sub(r"/.*", "/", re.sub(r"^\w+_emert\.py", "*_emert.py", name)) for name in files} == named
    model, space = hub.files("models/me/emert"), hub.files("spaces/me/emert")
    for name in ("model.safetensors", "config.json", "processor_config.json"):
        assert model[name] == space[f"model/{name}"] == (scored / name).read_bytes()
    assert {"pipeline_emert.py", "app.py"} <= model.keys() | space.keys()

    cards = {repository: hub.files(repository)["README.md"] for repository in ALL}
    for card in cards.values():
        together = card.decode().split("## Released together")[1]
        assert len(set(re.findall(r"https://huggingface.co/[\w/-]+", together))) == len(ALL)
        assert not re.search(rb'THIS_MODEL|"MODEL"|"DATASET"|load_dataset\("FOLDER"|"training/metrics', card)
    assert front(cards["models/me/emert"])["datasets"] == ["me/emer-eye"]
    assert front(cards["spaces/me/emert"])["models"] == ["me/emert"]
    assert front(cards["spaces/me/emert"])["datasets"] == ["me/emer-eye"]
    assert b"id: me/emer-eye" in model[".eval_results/emert.yaml"]
    assert b'model="me/emert"' in cards["models/me/emert"]
    assert b'load_dataset("me/emer-eye", "all"' in cards["models/me/emert"]
    assert b'load_dataset("me/emer-eye", "er' in cards["datasets/me/emer-eye"]
    assert b'evaluate.load("me/emotion_gap")' in cards["spaces/me/emotion_gap"]


def test_every_check_that_fails_is_a_sentence_and_nothing_is_uploaded(scored, data, place, hub: LocalHub, capsys, monkeypatch):
    model, dataset = shutil.copytree(scored, place / "model"), shutil.copytree(data.folder, place / "data")
    (place / "runs" / "tests.xml").write_text(PASSED.replace('failures="0"', 'failures="2"'))
    config = json.loads((model / "config.json").read_text())
    config["sources"] = [{"name": "emer", "licence": "EULA", "redistributable": False}]
    (model / "config.json").write_text(json.dumps(config))
    (model / "predictions.parquet").write_bytes(b"x")
    record = json.loads((model / "training_record.json").read_text())
    record["data_sets"] = [{"data": "a", "seen_participants": ["Ann"]}]
    (model / "training_record.json").write_text(json.dumps(record))
    (model / "history.json").write_text(json.dumps({"hidden": next(iter(data.assignment.participants))}))
    with (model / "README.md").open("a") as card:
        card.write(f"hf_{'a' * 34}\n{Path.home()}/secret\n")
    next((dataset / "data").iterdir()).write_bytes(b"cut")
    monkeypatch.setattr(checks, "_MOST_BYTES", 20_000)
    assert main(words(model, dataset)) == 1
    found = capsys.readouterr().out
    statuses = re.findall(r"^(\w[\w ]*?)  +(pass|warn|fail)  ", found, re.MULTILINE)
    assert {check for check, status in statuses if status != "fail"} == set()
    assert len(statuses) == 8
    for sentence in (
        "runs/tests.xml: 2 of 9 tests failed",
        f'add --private --confirm "{MODEL_WORDS}"',
        "is of EMER, which is not to be passed on in any form",
        "license is not what the stored results say; emert card --model",
        "fails checks (",
        "predictions.parquet: is no part of a model; move it away",
        "GB, where the Hub takes",
        "model: history.json names participants (p0",
        "model: training_record.json names participants (Ann), where hashes are expected",
        "model: README.md holds a token of the Hugging Face Hub; remove it, and make it invalid",
        "model: README.md holds a place of this machine; remove it",
        "nothing was uploaded, since a check fails",
    ):
        assert sentence in found, sentence
    assert hub.calls == []


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (None, "no such file here"),
        ("<testsuites", "not a report of the tests"),
        (PASSED.replace("9", "1"), "no test ran"),
        (PASSED.replace('errors="0"', 'errors="1"'), "1 of 9 tests failed"),
        (PASSED, "is older than"),
    ],
)
def test_one_check_is_enough(place, hub: LocalHub, capsys, report, sentence):
    """Here that of the tests; of the parts the smallest."""
    file = place / "runs" / "tests.xml"
    file.unlink() if report is None else file.write_text(report)
    if sentence == "is older than":
        os.utime(file, (0, 0))
    assert main(["release", "--namespace", "me", *without("data", "model", "space")]) == 1
    assert sentence in capsys.readouterr().out
    assert hub.calls == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--namespace", "me"], "give the data set by --data DIR, or leave it out by --without data"),
        (["--namespace", "me", "--data", "x", *without("data")], "give the data set by --data DIR, or leave it out"),
        (["--namespace", "me", *without("data", "model", "space", "metrics")], "every part is left out"),
        (["--namespace", "a/b", *without("data")], "--namespace 'a/b' is no name of a repository"),
        (["--namespace", "me", "--data", "."], "no data set here"),
        (["--namespace", "me", "--model", ".", *without("data")], "no model here"),
    ],
)
def test_what_can_not_be_meant_is_one_sentence(place, capsys, options, sentence):
    assert main(["release", *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_the_model_that_ships_here_goes_into_private_repositories_alone(place, hub: LocalHub, capsys):
    asked = ["release", "--namespace", "me", *without("data", "space")]
    assert main(asked) == 1
    assert f'--private --confirm "{MODEL_WORDS}"' in capsys.readouterr().out
    assert hub.calls == []
    agreed = [*asked, "--private", "--confirm", MODEL_WORDS]
    hub.create({"type": "model", "name": "emert"})
    assert main(agreed) == 2
    assert "me/emert is there already and public" in capsys.readouterr().err
    assert hub.commits == [], "nor the metrics, which come first"
    del hub.private["models/me/emert"]
    assert main(agreed) == 0
    assert hub.private == dict.fromkeys([*METRICS, "models/me/emert"], True)
    card = hub.files("models/me/emert")["README.md"]
    assert front(card)["datasets"] == ["ferplus", "audience_effects", "ceap_360vr"]
    assert "emer-eye" not in card.decode()


_AS_A_USER = """
import json, sys
for room in ("modeling_emert", "dataset_scripts", "training", "spaces_demo", "wrapt"):
    sys.modules[room] = None
import evaluate
from datasets import load_dataset
from transformers import AutoModel, pipeline

try:
    AutoModel.from_pretrained("me/emert")
except ValueError as error:
    assert "trust_remote_code=True" in str(error)
assert not [name for name in sys.modules if name.startswith("transformers_modules.me")], "its code ran without the flag"
row = load_dataset("me/emer-eye", "er7-fold1", split="test")[0]
pipe = pipeline("emotion-recognition", model="me/emert", trust_remote_code=True)
labels = pipeline("video-classification", model="me/emert", trust_remote_code=True)(row, top_k=1)
classes, numbers, gap = (evaluate.load(folder) for folder in sys.argv[1:])
scores = [
    classes.compute(predictions=[0, 1, 1], references=[0, 1, 0]),
    numbers.compute(predictions=[[0.0], [1.0], [0.5]], references=[[0.1], [0.9], [0.5]]),
    gap.compute(predictions=[0.1, 0.4, 0.3, 0.9], references=[0, 0, 1, 1], distances=[0.0, 0.2, 0.5, 1.4]),
]
module = type(pipe.model).__module__
print()  # the question whether to run the code ends without a line's end
print(json.dumps([module, sorted(pipe(row)["tasks"]), labels[0]["label"], len(list(filter(None, scores)))]))
"""
_THE_SPACE = """
import app
from spaces_demo.checkpoints import find_checkpoints
print(find_checkpoints([app.Path("model")])[0].data)
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_every_part_loads_without_this_package(scored, data, place, hub, tmp_path):
    environment = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    options = {"env": environment | {"PYTHONPATH": str(ROOT)}, "cwd": place, "text": True}
    call = [sys.executable, "-m", "training.cli", *words(scored, data.folder)]
    process = subprocess.Popen(call, **options)
    hub.before_commit = lambda repository: process.kill() if repository == "models/me/emert" else None
    assert process.wait(timeout=300) == -9
    hub.before_commit = lambda repository: None
    assert "spaces/me/emert" not in hub.private
    done = subprocess.run(call, capture_output=True, **options)
    assert done.returncode == 0, done.stderr
    assert [*dict.fromkeys(repository for repository, *_ in hub.commits)] == ALL
    written = len(hub.writes)
    again = subprocess.run(call, capture_output=True, **options)
    assert again.stdout.count("there already, as it is") == len(ALL)
    assert len(hub.writes) == written

    options |= {"env": environment, "cwd": tmp_path, "capture_output": True, "stdin": subprocess.DEVNULL}
    done = subprocess.run([sys.executable, "-I", "-c", _AS_A_USER, *(str(hub.folder / name) for name in METRICS)], **options)
    assert done.returncode == 0, done.stderr
    module, tasks, label, computed = json.loads(done.stdout.splitlines()[-1])
    assert module.startswith("transformers_modules.me.emert")
    assert "er7" in tasks
    assert "/" in label
    assert computed == len(METRICS)
    options |= {"cwd": hub.folder / "spaces" / "me" / "emert"}
    done = subprocess.run([sys.executable, "-c", _THE_SPACE], **options)
    assert done.stdout == "synthetic\n", done.stderr


def test_numbers_of_a_models_classes_are_no_participants():
    """Participants may be called 10 as well."""
    assert set(checks._strings({"id2label": {"10": "er3/positive"}, "seen": ["p1"]})) == {"id2label", "seen", "p1"}
