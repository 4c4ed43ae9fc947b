"""docs/emer.md: the whole page, from the generated tree to the table, as it is written."""

import json
from pathlib import Path

import pytest
import torch
from authors_clone import write_clone
from authors_network import named_tensor, variant_shapes
from pages import commands, run_page
from places import ROOT
from tiny_training import TINY_OVERRIDES

PAGE = "docs/emer.md"
VA7 = json.loads((ROOT / "tests" / "modeling_emert" / "golden_va7.json").read_text())["state_dict_shapes"]
ID = "1_film_s000 Happiness"
# The page's recipes on the smallest network, and fewer recordings than the page generates.
SMALL = ["epochs=2", "batch_size=4", "image_size=32", "num_workers=0"]


def tiny() -> list[str]:
    overrides = TINY_OVERRIDES | {"num_frames": 8, "pretrained_backbone": None}
    return [*SMALL, *(f"overrides.{key}={json.dumps(value)}" for key, value in overrides.items())]


def state_of(task: str) -> dict[str, torch.Tensor]:
    variant = {"er7": "er7", "intensity": "er7_intensity"}.get(task, "va")
    state = {name: named_tensor(name, shape) for name, shape in variant_shapes(VA7, variant).items()}
    if variant == "va":
        last = max((name for name in state if name.startswith("cls_head.")), key=lambda name: int(name.split(".")[1]))
        layer = last.rpartition(".")[0]
        state |= {f"{layer}.{part}": state[f"{layer}.{part}"][:1] for part in ("weight", "bias")}
    return state


def shrink(words: list[str]) -> list[str]:
    words = [word.replace("/ID", f"/{ID}").replace("ROOT", "root") for word in words]  # a name in capitals stands for nothing
    if words[1] == "generate":
        words[words.index("--stimuli") + 1] = "2"
    return [*words[:2], *tiny(), *words[2:]] if words[0] == "train" else words


def test_every_command_of_the_page_is_one():
    run_page(PAGE, slow=False)


@pytest.mark.slow
def test_every_command_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    asked = [(task, 1) for task in ("er7", "valence", "arousal", "intensity")] + [("er7", 2), ("valence", 2)]
    write_clone(tmp_path / "REPO", {key: state_of(key[0]) for key in asked})
    run_page(PAGE, slow=True, shrink=shrink)
    scores = json.loads(Path("runs/emer/scores/all/results.json").read_text())["scores"]
    assert {"authors: EMERT", "repeated: EMERT", "ours: EMERT", "majority", "logistic regression"} <= set(scores)
    assert set(scores["authors: EMERT"]) == {"er7", "er_va", "fer_intensity"}
    five = json.loads(Path("runs/emer/scores/authors_five/results.json").read_text())
    assert "authors' sets 1, 2 as tests" in five["header"]["split"]
    model = json.loads(Path("runs/emer/authors/fold1/er7/processor_config.json").read_text())
    assert model["feature_extractor"]["columns"] == "sheet"


def test_the_page_promises_nothing_that_it_does_not_run():
    told = commands(PAGE)
    assert len(told) == 13
    needed = ("--from-clone", "--authors-way", "--participants", "--label-order")
    assert [name for name in needed if name not in " ".join(told)] == []
