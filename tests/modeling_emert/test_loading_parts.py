"""Loading a checkpoint that holds less than the network, or other sizes: what is missing begins as it should."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_emert import FRAMES, IMAGE, tiny_config, tiny_inputs, tiny_labels, tiny_model
from transformers import AutoModelForVideoClassification

from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertInputError

EVERYTHING = {
    "self_attention": True,
    "update_source": True,
    "final_norm": True,
    "separate_discriminators": True,
    "task_pooling": "attention",
    "hierarchical": True,
    "num_participants": 40,
    "context": ["big_five", "stimulus_emotion"],
    "num_lstm_layers": 2,
    "projection_sizes": [16, 8],
    "head_sizes": [16],
}


@pytest.fixture
def uninitialised_memory_is_nan():
    """What nobody has written into a new tensor shows, whatever happened to lie there."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def _keep_only(folder: Path, kept: str) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({kept: weights[kept]}, folder / "model.safetensors", metadata={"format": "pt"})


def _assert_begins_like(found: torch.Tensor, fresh: torch.Tensor, name: str) -> None:
    """The same where a fresh one is all zeros or ones, else as much spread."""
    assert torch.isfinite(found).all(), name
    if fresh.unique().tolist() in ([0.0], [1.0]):
        assert torch.equal(found, fresh), name
    elif fresh.numel() >= 16:
        assert 0.5 < found.std() / fresh.std() < 2, name
        assert found.unique().numel() > found.numel() / 2, name
    else:
        assert found.abs().max() <= 1, name


@pytest.mark.usefixtures("uninitialised_memory_is_nan")
def test_every_kind_of_parameter_that_is_missing_is_initialised(tmp_path):
    model = tiny_model(**EVERYTHING)
    kept = "emert.decoupling.discriminator.weight"
    model.save_pretrained(tmp_path)
    _keep_only(tmp_path, kept)
    loaded, report = EmertForEmotionRecognition.from_pretrained(tmp_path, output_loading_info=True)
    state = loaded.state_dict()
    assert not [name for name, value in state.items() if value.is_meta]
    assert set(report["missing_keys"]) == set(state) - {kept}
    kinds = ("lstm", "positions", "coarse.er3.surprise", "participant_head", "context.big_five", "context.emotion", "poolings")
    kinds += ("source_layers", "self_attention", "fusion.norm", "specific_discriminator", "running_var")
    assert all(any(kind in name for name in report["missing_keys"]) for kind in kinds)
    for name, fresh in model.state_dict().items():
        if name != kept:
            _assert_begins_like(state[name].float(), fresh.float(), name)
    assert torch.equal(state[kept], model.state_dict()[kept])


@pytest.mark.usefixtures("uninitialised_memory_is_nan")
def test_the_authors_network_grows_what_is_ours_and_keeps_what_it_had(tmp_path):
    plain = tiny_model()
    plain.save_pretrained(tmp_path)
    ours = {name: EVERYTHING[name] for name in ("self_attention", "task_pooling", "num_participants", "context")}
    grown, report = EmertForEmotionRecognition.from_pretrained(tmp_path, **ours, output_loading_info=True)
    for name, value in plain.state_dict().items():
        assert torch.equal(grown.state_dict()[name], value), name
    assert set(report["missing_keys"]) == set(grown.state_dict()) - set(plain.state_dict())
    assert all(value.isfinite().all() for value in grown.state_dict().values())
    with torch.no_grad():
        assert grown(**tiny_inputs()).logits["er7"].isfinite().all()


@pytest.mark.usefixtures("uninitialised_memory_is_nan")
@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        ({"num_participants": 3}, {"num_participants": 5}, "participant_head"),
        ({"head_sizes": [8]}, {"head_sizes": [12]}, "heads"),
        ({}, {"num_eye_steps": 9}, "positions"),
    ],
    ids=["participants", "heads", "steps"],
)
def test_another_size_is_refused_unless_asked_for(before, after, part, tmp_path):
    old = tiny_model(**before)
    old.save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match="ignore_mismatched_sizes"):
        EmertForEmotionRecognition.from_pretrained(tmp_path, **after)
    model, report = EmertForEmotionRecognition.from_pretrained(
        tmp_path, **after, ignore_mismatched_sizes=True, output_loading_info=True
    )
    renewed = {name for name, *_ in report["mismatched_keys"]}
    assert renewed
    assert all(part in name for name in renewed)
    fresh = tiny_model(**{**before, **after}).state_dict()
    for name, value in model.state_dict().items():
        assert value.shape == fresh[name].shape
        assert torch.isfinite(value).all(), name
        assert name in renewed or torch.equal(value, old.state_dict()[name]), name
    inputs = tiny_inputs()
    if "num_eye_steps" in after:
        inputs["eye_movements"] = torch.randn(2, 9, 39)
    model(**inputs, labels=tiny_labels(model)).loss.backward()
    assert model.participant_head is None or model.participant_head.layers[-1].out_features == 5


def test_heads_of_further_tasks_are_added_and_of_fewer_left_out(tmp_path):
    tiny_model(tasks=["er7"]).save_pretrained(tmp_path / "one")
    model, report = EmertForEmotionRecognition.from_pretrained(
        tmp_path / "one", tasks=["er7", "fer_va"], output_loading_info=True
    )
    assert {name.rpartition(".layers")[0] for name in report["missing_keys"]} == {"heads.fer_va"}
    model.save_pretrained(tmp_path / "two")
    fewer, report = EmertForEmotionRecognition.from_pretrained(tmp_path / "two", tasks=["fer_va"], output_loading_info=True)
    assert not report["missing_keys"]
    assert {name.rpartition(".layers")[0] for name in report["unexpected_keys"]} == {"heads.er7"}
    assert torch.equal(fewer.heads["fer_va"].layers[0].weight, model.heads["fer_va"].layers[0].weight)


def test_a_network_made_on_the_meta_device_has_the_shapes_of_a_real_one():
    with torch.device("meta"):
        empty = EmertForEmotionRecognition(tiny_config(**EVERYTHING))
    real = tiny_model(**EVERYTHING).state_dict()
    assert {name: value.shape for name, value in empty.state_dict().items()} == {k: v.shape for k, v in real.items()}
    assert all(value.is_meta for value in empty.state_dict().values())


def test_a_timm_backbone_learns_is_saved_and_loaded(tmp_path):
    pytest.importorskip("timm")
    backbone = {"model_type": "timm_backbone", "backbone": "resnet10t", "use_pretrained_backbone": False, "out_indices": [-1]}
    model = EmertForEmotionRecognition(EmertConfig(**{**tiny_config().to_diff_dict(), "backbone_config": backbone}))
    assert model.emert.face_encoder.projection.in_features == 512
    model.train()(**tiny_inputs(), labels=tiny_labels(model)).loss.backward()
    assert any(value.grad is not None and value.grad.any() for value in model.emert.face_encoder.backbone.parameters())
    model.eval().save_pretrained(tmp_path)
    loaded = AutoModelForVideoClassification.from_pretrained(tmp_path, local_files_only=True)
    faces = {"pixel_values": torch.randn(2, FRAMES, 3, IMAGE, IMAGE)}
    with torch.no_grad():
        assert torch.allclose(loaded(**faces).logits["fer7"], model(**faces).logits["fer7"])


def test_another_networks_checkpoint_is_refused(tmp_path: Path):
    """transformers would warn, and answer from random weights."""
    tiny_model().save_pretrained(tmp_path)
    config = (tmp_path / "config.json").read_text().replace('"model_type": "emert"', '"model_type": "emert_other"')
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(EmertInputError, match="model_type is 'emert_other', expected 'emert'"):
        EmertForEmotionRecognition.from_pretrained(tmp_path)
