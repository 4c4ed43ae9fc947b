"""`emert convert --from-clone` on a repository whose last commit holds 2 bytes of each file, as the authors' does."""

import json
from pathlib import Path

import pytest
import torch
from authors_clone import commit, git, path_of, write_clone
from authors_network import INPUT_SHAPES, named_input, named_tensor, variant_shapes
from places import ROOT

from modeling_emert import EmertForEmotionRecognition, EmertProcessor
from modeling_emert.tasks_emert import EMOTIONS
from training.cli import main
from training.evaluation.load_model import load_model

VARIANTS = {"er7": "er7", "valence": "va", "arousal": "va", "intensity": "er7_intensity"}
VA7 = json.loads((ROOT / "tests" / "modeling_emert" / "golden_va7.json").read_text())["state_dict_shapes"]
INPUTS = {
    name: named_input(authors, INPUT_SHAPES[authors])
    for name, authors in (("pixel_values", "face"), ("eye_movements", "eye"), ("fixations", "fix"))
}


def state_of(task: str, fold: int) -> dict[str, torch.Tensor]:
    """Other tensors in each fold; valence and arousal have one output."""
    state = {name: named_tensor(name, shape) for name, shape in variant_shapes(VA7, VARIANTS[task]).items()}
    if VARIANTS[task] == "va":
        last = max((name for name in state if name.startswith("cls_head.")), key=lambda name: int(name.split(".")[1]))
        layer = last.rpartition(".")[0]
        state |= {f"{layer}.weight": state[f"{layer}.weight"][:1], f"{layer}.bias": state[f"{layer}.bias"][:1]}
    return {
        name: tensor * (1 + 0.01 * (fold + len(task))) if name.startswith("cls_head") else tensor
        for name, tensor in state.items()
    }


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    states = {(task, 1): state_of(task, 1) for task in VARIANTS} | {("intensity", 2): state_of("intensity", 2)}
    return write_clone(tmp_path_factory.mktemp("clone") / "EMER", states)


def logits_of(folder: Path) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return load_model(folder)[0](**INPUTS).logits


@pytest.mark.slow
def test_one_checkpoint_gives_the_logits_of_the_file_and_the_authors_inputs(clone: Path, tmp_path: Path, capsys):
    out, file = tmp_path / "er7", tmp_path / "file.pth"
    assert main(["convert", "--from-clone", str(clone), "--task", "er7", "--fold", "1", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert path_of("er7", 1) in printed
    assert "2024" in printed
    assert "not to be published" in printed
    torch.save(state_of("er7", 1), file)
    assert main(["convert", str(file), "--out", str(tmp_path / "of_file")]) == 0
    assert torch.equal(logits_of(out)["er7"], logits_of(tmp_path / "of_file")["er7"])
    processor = EmertProcessor.from_pretrained(out)
    faces, eyes = processor.video_processor, processor.feature_extractor
    assert (faces.do_normalize, faces.do_flip_channel_order, faces.sampling, faces.frame_order) == (
        False,
        True,
        "middle",
        "time",
    )
    assert (eyes.columns, eyes.sampling) == ("sheet", "middle")
    record = json.loads((out / "training_record.json").read_text())
    assert (record["data"], record["fold"], record["converted"]["path"]) == ("emer", 1, path_of("er7", 1))
    card = (out / "README.md").read_text()
    assert "not to be published" in card
    assert "EMER" in card
    assert main(["push", str(out), "--repo", "me/mine"]) == 2
    assert "does not plainly allow publishing" in capsys.readouterr().err


@pytest.mark.slow
def test_the_order_of_the_classes_decides_which_output_is_which(clone: Path, tmp_path: Path):
    other = ("happiness", "sadness", "disgust", "anger", "fear", "surprise", "neutral")
    base = ["convert", "--from-clone", str(clone), "--fold", "1"]
    for task in ("er7", "intensity"):
        arguments = [*base, "--task", task, "--out"]
        assert main([*arguments, str(tmp_path / task)]) == 0
        assert main([*arguments, str(tmp_path / f"{task}_2023"), "--label-order", ",".join(other), "--view", "fer"]) == 0
        ours, theirs = logits_of(tmp_path / task)["er7"], logits_of(tmp_path / f"{task}_2023")["fer7"]
        torch.testing.assert_close(theirs, ours[:, [other.index(emotion) for emotion in EMOTIONS]])


@pytest.mark.slow
def test_all_become_one_model_a_fold_that_answers_every_task(clone: Path, tmp_path: Path, capsys):
    out = tmp_path / "all"
    assert main(["convert", "--from-clone", str(clone), "--out", str(out)]) == 0
    assert sorted(path.name for path in (out / "fold1").iterdir()) == [
        "arousal",
        "er7",
        "intensity",
        "training_record.json",
        "valence",
    ]
    assert (out / "fold2" / "intensity").is_dir()  # in the file `In_MAQT_set2.pth`
    logits = logits_of(out / "fold1")
    assert list(logits) == ["er7", "fer_intensity", "er_va"]
    alone = {task: logits_of(out / "fold1" / task) for task in VARIANTS}
    assert torch.equal(logits["er7"], alone["er7"]["er7"])
    expected = torch.cat([alone[name][f"felt_{name}"] for name in ("valence", "arousal")], dim=1)
    assert torch.equal(logits["er_va"], expected)
    assert main(["push", str(out / "fold1"), "--repo", "me/mine"]) == 2
    assert "no model here" in capsys.readouterr().err
    network = EmertForEmotionRecognition.from_pretrained(out / "fold1" / "valence")
    assert network.config.tasks == ["felt_valence"]


@pytest.mark.slow
def test_what_no_commit_holds_is_named(clone: Path, tmp_path: Path, capsys):
    def refused(*arguments: object) -> str:
        assert main(["convert", *map(str, arguments), "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert not (tmp_path / "out").exists()
        return error

    assert "no commit holds checkpoints/**/discrete_..._set4.pth" in refused(
        "--from-clone", clone, "--task", "er7", "--fold", 4
    )
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", clone.as_uri(), str(shallow))
    said = refused("--from-clone", shallow, "--task", "er7", "--fold", 1)
    assert "has 2 bytes in commit" in said
    assert "git fetch --unshallow" in said
    assert "no such folder" in refused("--from-clone", tmp_path / "nowhere")
    (tmp_path / "plain").mkdir()
    assert "git can't read it" in refused("--from-clone", tmp_path / "plain")
    assert "give a checkpoint, or --from-clone" in refused()


@pytest.mark.slow
def test_of_two_real_versions_the_newest_is_taken(tmp_path: Path):
    clone = write_clone(tmp_path / "EMER", {("er7", 1): state_of("er7", 1)})
    newer = {name: tensor * 1.1 if name == "cls_head.0.bias" else tensor for name, tensor in state_of("er7", 1).items()}
    torch.save(newer, clone / path_of("er7", 1))
    commit(clone, "trained again")
    assert main(["convert", "--from-clone", str(clone), "--task", "er7", "--fold", "1", "--out", str(tmp_path / "out")]) == 0
    bias = load_model(tmp_path / "out")[0].state_dict()["heads.er7.layers.0.bias"]
    assert torch.equal(bias, newer["cls_head.0.bias"])
