"""A checkpoint file of the authors' network becomes a model folder, or is refused by name and nothing is written."""

import json
import zipfile
from pathlib import Path

import authors_network
import pytest
import torch
from authors_network import INPUT_SHAPES, named_input, named_tensor, variant_shapes
from everyday import others_slow
from safetensors.torch import save_file

from modeling_emert import EmertForEmotionRecognition, EmertInputError, EmertProcessor
from modeling_emert.convert_emert_original_to_hf import MAX_BYTES, convert_checkpoint, convert_state_dict, plain_name
from training.cli import main

GOLDEN = json.loads((Path(__file__).parent / "golden_va7.json").read_text())
HEADS = {"cls_head": "er7", "cls_head_e": "er7", "cls_head_in": "fer_intensity"}


def _state(variant: str) -> dict[str, torch.Tensor]:
    shapes = variant_shapes(GOLDEN["state_dict_shapes"], variant)
    return {name: named_tensor(name, shape) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return _state("va")


@pytest.mark.parametrize("variant", others_slow(["va", "er7", "er7_intensity"], ["va"]))
def test_command_writes_a_folder_that_computes_as_the_authors_do(variant, tmp_path, capsys):
    state = _state(variant)
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, tmp_path / "best.pth")
    out = tmp_path / "made" / "model"
    assert main(["convert", str(tmp_path / "best.pth"), "--out", str(out)]) == 0
    assert "normalisation" in capsys.readouterr().out
    assert {"model.safetensors", "config.json", "processor_config.json", "modeling_emert.py"} <= {p.name for p in out.iterdir()}
    assert sorted(path.name for path in out.parent.iterdir()) == ["model"]
    inputs = {name: named_input(name, shape) for name, shape in INPUT_SHAPES.items()}
    expected = authors_network.outputs(state, **inputs)
    model = EmertForEmotionRecognition.from_pretrained(out)
    with torch.no_grad():
        logits = model(pixel_values=inputs["face"], eye_movements=inputs["eye"], fixations=inputs["fix"]).logits
    heads = {head: task for head, task in HEADS.items() if head in expected}
    assert set(heads.values()) == set(logits)
    for head, task in heads.items():
        assert ((logits[task] - expected[head]).abs() / expected[head].abs().clamp(min=1)).max() < 1e-5
    processor = EmertProcessor.from_pretrained(out)
    assert processor.video_processor.num_frames == 8
    assert processor.feature_extractor.num_eye_steps == 32


def _wrapped_everywhere(state: dict) -> dict:
    """DataParallel around a part, around the whole, twice, and not at all."""
    prefixes = ("module.", "", "module.module.", "model.module.")
    renamed = {}
    for index, (name, tensor) in enumerate(state.items()):
        name = name.replace("subnet.", "subnet.module.", 1) if index % 2 else name
        renamed[prefixes[index % 4] + name] = tensor
    return renamed


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}, "epoch": torch.tensor(3)},
        lambda state: {"net": {"state_dict": state}},
        lambda state: {"state_dict": state, "ema": {name: tensor + 1 for name, tensor in state.items()}},
        _wrapped_everywhere,
        lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
        lambda state: {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")},
        lambda state: {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in state.items()},
    ],
    ids=["model", "net.state_dict", "beside another", "mixed prefixes", "compiled", "without counters", "float64"],
)
def test_wrapped_checkpoints_are_understood(state, wrap):
    found = convert_state_dict(wrap(state)).state_dict()
    for name, value in convert_state_dict(state).state_dict().items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name


def test_half_precision_becomes_float32(state):
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    found = convert_state_dict(half).state_dict()
    assert found["heads.er7.layers.6.bias"].dtype == torch.float32
    torch.testing.assert_close(found["heads.er7.layers.6.bias"], state["cls_head.6.bias"], rtol=1e-3, atol=1e-3)


def test_safetensors_are_read(state, tmp_path):
    save_file({f"module.{name}": tensor.contiguous() for name, tensor in state.items()}, tmp_path / "best.safetensors")
    model = convert_checkpoint(tmp_path / "best.safetensors", tmp_path / "model")
    assert torch.equal(model.heads["er7"].layers[0].weight, state["cls_head.0.weight"])


def test_everything_that_does_not_fit_is_named_at_once(state):
    wrong = dict(state)
    del wrong["proj_v1.bias"], wrong["transformer.CrossTransformerEncoder.layers.1.0.fn.to_q.weight"]
    wrong["subnet.e_lstm.bias_hh_l1"] = torch.zeros(5)
    wrong["subnet.f_extractor.layer3.1.bn2.weight"] = 3
    wrong["proj_v1.weight"] = torch.zeros(128, 512).to_sparse()
    wrong["somewhere.else"] = torch.zeros(2)
    with pytest.raises(EmertInputError) as refusal:
        convert_state_dict(wrong)
    for words in (
        "proj_v1.bias -> emert.face_encoder.projection.bias: found None, expected (128,)",
        "layers.1.0.fn.to_q.weight -> emert.fusion.layers.1.attention.q_proj.weight: found None, expected (512, 64)",
        "subnet.e_lstm.bias_hh_l1 -> emert.eye_encoder.lstm.bias_hh_l1: found (5,), expected (512,)",
        "subnet.f_extractor.layer3.1.bn2.weight -> ",
        "found int, no tensor, expected (256,)",
        "found a tensor of torch.float32, torch.sparse_coo, expected (128, 512)",
        "'somewhere.else' is no tensor of the authors' network",
    ):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "no tensor of the authors' network is in it, but nothing"),
        ({"encoder.weight": torch.zeros(2)}, "is in it, but 'encoder.weight'"),
        ({"proj_v1.bias": torch.zeros(2), "module.proj_v1.bias": torch.zeros(2)}, "proj_v1.bias is in it twice"),
        ({key: {"proj_v1.bias": torch.zeros(2)} for key in ("teacher", "student")}, r"several networks .*teacher, student"),
    ],
)
def test_what_holds_no_network_or_several_is_refused(content, reason):
    with pytest.raises(EmertInputError, match=reason):
        convert_state_dict(content)


class _Code:
    def __reduce__(self):
        return print, ("code of the checkpoint runs",)


def _compressed(path: Path) -> None:
    """A small archive that unpacks to more than is read."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data/0", "w", force_zip64=True) as member:
        for _ in range(MAX_BYTES // (1 << 26) + 1):
            member.write(bytes(1 << 26))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: torch.save({"state_dict": _Code()}, path), r"holds code or objects \(\S*print\)"),
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), r"holds code or objects \(torch.nn.modules.linear.Linear\)"),
        (lambda path: torch.save([torch.zeros(2)], path), "holds a list, expected a dictionary"),
        (lambda path: path.write_text("no checkpoint"), "checkpoint"),
        (lambda path: path.write_bytes(b""), "checkpoint"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(100)), "checkpoint"),
        (lambda path: path.mkdir(), "no such checkpoint file"),
        (lambda path: path.open("wb").truncate(MAX_BYTES + 1), "expected a checkpoint of at most 1,073,741,824"),
    ],
    ids=["code", "whole model", "list", "text", "empty", "cut", "folder", "huge"],
)
def test_hostile_or_broken_file_is_refused_and_nothing_written(tmp_path, capsys, make, reason):
    path = tmp_path / "best.pth"
    make(path)
    with pytest.raises(EmertInputError, match=rf"best\.pth: .*{reason}"):
        convert_checkpoint(path, tmp_path / "model")
    assert main(["convert", str(path), "--out", str(tmp_path / "model")]) == 2
    printed = capsys.readouterr()
    assert "code of the checkpoint runs" not in printed.out
    assert printed.err.startswith("emert: ")
    assert len(printed.err.splitlines()) == 1
    assert [found.name for found in tmp_path.iterdir()] == ["best.pth"]


@pytest.mark.slow
def test_archive_that_unpacks_to_more_is_refused(tmp_path):
    _compressed(tmp_path / "best.pth")
    with pytest.raises(EmertInputError, match="expected a checkpoint of at most"):
        convert_checkpoint(tmp_path / "best.pth", tmp_path / "model")


def test_folder_in_use_is_replaced_only_if_it_is_a_model_and_that_is_asked(state, tmp_path):
    torch.save(state, tmp_path / "best.pth")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "diary.txt").write_text("keep me")
    for overwrite, reason in ((False, "already holds something"), (True, "something else than an EMERT model")):
        with pytest.raises(EmertInputError, match=reason):
            convert_checkpoint(tmp_path / "best.pth", notes, overwrite)
    assert (notes / "diary.txt").read_text() == "keep me"
    convert_checkpoint(tmp_path / "best.pth", tmp_path / "model")
    (tmp_path / "model" / "old.txt").touch()
    with pytest.raises(EmertInputError, match="already holds something"):
        convert_checkpoint(tmp_path / "best.pth", tmp_path / "model")
    convert_checkpoint(tmp_path / "best.pth", tmp_path / "model", overwrite=True)
    assert not (tmp_path / "model" / "old.txt").exists()
    broken = tmp_path / "broken.pth"
    torch.save({**state, "proj_v1.bias": torch.zeros(2)}, broken)
    with pytest.raises(EmertInputError, match=r"broken\.pth: the checkpoint does not fit"):
        convert_checkpoint(broken, tmp_path / "model", overwrite=True)
    assert (tmp_path / "model" / "model.safetensors").is_file()


def test_plain_names():
    assert plain_name("module.subnet.module.e_lstm.bias") == "subnet.e_lstm.bias"
    assert plain_name("transformer.CrossTransformerEncoder.layers.0.1.fn.net.0.bias").endswith("fn.net.0.bias")
