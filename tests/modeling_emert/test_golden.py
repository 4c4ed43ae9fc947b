"""Our network computes what the authors' does: against stored numbers, and against their arithmetic written anew."""

import json
from pathlib import Path

import authors_network
import pytest
import torch
from authors_network import INPUT_SHAPES, MODALITIES, named_input, named_tensor, variant_shapes

from modeling_emert.convert_emert_original_to_hf import convert_state_dict, rename

GOLDEN = json.loads((Path(__file__).parent / "golden_va7.json").read_text())
VARIANTS = ("va", "er7", "er7_intensity")
HEADS = {
    "va": {"cls_head": "er7"},
    "er7": {"cls_head": "er7"},
    "er7_intensity": {"cls_head_e": "er7", "cls_head_in": "fer_intensity"},
}


@pytest.fixture(scope="module")
def states() -> dict[str, dict[str, torch.Tensor]]:
    """The authors' state dict of each variant, made from the names of its tensors."""
    shapes = {variant: variant_shapes(GOLDEN["state_dict_shapes"], variant) for variant in VARIANTS}
    return {variant: {name: named_tensor(name, shape) for name, shape in shapes[variant].items()} for variant in VARIANTS}


@pytest.fixture(scope="module")
def inputs() -> dict[str, torch.Tensor]:
    return {name: named_input(name, shape) for name, shape in INPUT_SHAPES.items()}


def _our_outputs(state: dict, inputs: dict, heads: dict[str, str], implementation: str = "eager") -> dict[str, torch.Tensor]:
    model = convert_state_dict(state)
    model.config._attn_implementation = implementation  # by the setter: the backbone knows no sdpa
    assert not model.training
    with torch.no_grad():
        output = model(pixel_values=inputs["face"], eye_movements=inputs["eye"], fixations=inputs["fix"])
    found = {}
    for index, modality in enumerate(MODALITIES):
        found[f"inv_{modality}"] = output.modality_logits.invariant[:, index]
        found[f"spec_{modality}"] = output.modality_logits.specific[:, index]
    return found | {head: output.logits[task] for head, task in heads.items()}


def _assert_close(found: torch.Tensor, expected: torch.Tensor, name: str) -> None:
    """Within 1e-5, relative where the value is over 1."""
    assert found.shape == expected.shape, name
    difference = ((found - expected).abs() / expected.abs().clamp(min=1)).max().item()
    assert difference < 1e-5, f"{name} differs by {difference:.2g}"


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_first_variant_gives_the_stored_numbers(states, inputs, implementation):
    found = _our_outputs(states["va"], inputs, HEADS["va"], implementation)
    found["task"] = found.pop("cls_head")
    assert set(found) == set(GOLDEN["expected"])
    for name, expected in GOLDEN["expected"].items():
        _assert_close(found[name], torch.tensor(expected), name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_numbers_of_the_authors_arithmetic(states, inputs, variant):
    expected = authors_network.outputs(states[variant], **inputs)
    found = _our_outputs(states[variant], inputs, HEADS[variant])
    assert set(found) == set(expected)
    for name in expected:
        _assert_close(found[name], expected[name], name)


def test_arithmetic_written_anew_gives_the_stored_numbers(states, inputs):
    found = authors_network.outputs(states["va"], **inputs)
    found["task"] = found.pop("cls_head")
    for name, expected in GOLDEN["expected"].items():
        _assert_close(found[name], torch.tensor(expected), name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_used_tensor_arrives_once(states, variant):
    model = convert_state_dict(states[variant])
    unused = ("subnet.classifier", "subnet.f_extractor.fc")
    used = [tensor for name, tensor in states[variant].items() if not name.startswith(unused)]
    assert len(model.state_dict()) == len(used)
    assert sum(tensor.numel() for tensor in model.state_dict().values()) == sum(tensor.numel() for tensor in used)


@pytest.mark.parametrize(
    ("variant", "sizes", "projections", "heads", "tasks"),
    [
        ("va", [64], 64, [32, 16, 8], ["er7"]),
        ("er7", [64, 32], 32, [], ["er7"]),
        ("er7_intensity", [64], 64, [], ["er7", "fer_intensity"]),
    ],
)
def test_variant_is_told_by_its_tensors(states, variant, sizes, projections, heads, tasks):
    config = convert_state_dict(states[variant]).config
    assert config.projection_sizes == sizes
    assert config.hidden_size == projections
    assert config.head_sizes == heads
    assert config.tasks == tasks


@pytest.mark.parametrize(("width", "task"), [(1, "fer_intensity"), (2, "er_va"), (3, "er3"), (7, "er7")])
def test_task_is_told_by_the_heads_width(states, width, task):
    state = states["va"] | {"cls_head.6.weight": torch.zeros(width, 8), "cls_head.6.bias": torch.zeros(width)}
    assert convert_state_dict(state).config.tasks == [task]


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("subnet.f_extractor.layer2.0.downsample.1.running_mean", "stages.1.layers.0.shortcut.normalization.running_mean"),
        ("subnet.e_lstm.weight_hh_l2", "eye_encoder.lstm.weight_hh_l2"),
        ("specific_projection_l.0.bias", "specific.fixations.0.bias"),
        ("transformer.pos_embedding_t", "target_positions"),
        ("cls_head.2.weight", "heads.er7.layers.2.weight"),
    ],
)
def test_missing_tensor_is_refused_by_name(states, missing, named):
    state = {name: tensor for name, tensor in states["va"].items() if name != missing}
    with pytest.raises(ValueError, match=rf"{named}: found None, expected \("):
        convert_state_dict(state)


def test_misshapen_tensor_is_refused_by_name(states):
    state = states["va"] | {"proj_v1.weight": torch.zeros(128, 500)}
    with pytest.raises(ValueError, match=r"face_encoder.projection.weight: found \(128, 500\), expected \(128, 512\)"):
        convert_state_dict(state)


@pytest.mark.parametrize(
    ("unexpected", "named"),
    [
        ("proj_v2.weight", "'proj_v2.weight' is no tensor of the authors' network"),
        (
            "subnet.f_extractor.layer5.0.conv1.weight",
            r"'subnet\.f_extractor\.layer5\.0\.conv1\.weight' is no tensor of the authors' network",
        ),
        ("cls_head.7.weight", r"heads\.er7\.layers\.7\.weight: found \(7, 8\), expected None"),
    ],
)
def test_unexpected_tensor_is_refused_by_name(states, unexpected, named):
    with pytest.raises(ValueError, match=named):
        convert_state_dict(states["va"] | {unexpected: torch.zeros(7, 8)})


def test_state_dict_without_a_known_head_is_refused(states):
    headless = {name: tensor for name, tensor in states["va"].items() if not name.startswith("cls_head")}
    with pytest.raises(ValueError, match="no head found"):
        convert_state_dict(headless)
    with pytest.raises(ValueError, match="cls_head gives 5 numbers"):
        convert_state_dict(states["va"] | {"cls_head.6.weight": torch.zeros(5, 8)})


def test_unused_tensors_have_no_name_of_ours():
    assert rename("subnet.classifier.weight") is None
    assert rename("subnet.f_extractor.fc.bias") is None
