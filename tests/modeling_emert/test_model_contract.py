"""What transformers users rely on: saving, Auto classes, remote code, attention, gradients, initialisation, the config."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_emert import FRAMES, NO_DROPOUT, tiny_config, tiny_inputs, tiny_labels, tiny_model
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForVideoClassification,
    AutoProcessor,
    AutoVideoProcessor,
)

from modeling_emert import (
    EmertConfig,
    EmertFeatureExtractor,
    EmertForEmotionRecognition,
    EmertModel,
    EmertProcessor,
    EmertVideoProcessor,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A saved model and processor."""
    path = tmp_path_factory.mktemp("saved")
    model = tiny_model()
    model.save_pretrained(path)
    EmertProcessor.for_config(model.config, image_size=32).save_pretrained(path)
    return path


def _logits(model, **kwargs) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return model(**tiny_inputs(), **kwargs).logits


def test_saved_model_answers_as_before(folder):
    loaded = EmertForEmotionRecognition.from_pretrained(folder)
    assert not loaded.training
    for name, logits in _logits(tiny_model()).items():
        assert torch.equal(_logits(loaded)[name], logits), name


def test_weights_are_saved_as_safetensors_only(folder):
    suffixes = {path.suffix for path in folder.iterdir()}
    assert suffixes == {".safetensors", ".json", ".py", ".md"}


@pytest.mark.parametrize(
    ("auto_class", "expected"),
    [
        (AutoConfig, EmertConfig),
        (AutoModel, EmertModel),
        (AutoModelForVideoClassification, EmertForEmotionRecognition),
        (AutoProcessor, EmertProcessor),
        (AutoFeatureExtractor, EmertFeatureExtractor),
        (AutoVideoProcessor, EmertVideoProcessor),
    ],
)
def test_auto_class_finds_ours(folder, auto_class, expected):
    assert type(auto_class.from_pretrained(folder)) is expected


def test_base_model_loads_from_the_whole_one(folder):
    base = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        assert torch.equal(base(**tiny_inputs()).pooler_output, tiny_model()(**tiny_inputs()).pooler_output)


def test_every_parameter_gets_a_gradient_from_a_multitask_batch():
    model = tiny_model(**NO_DROPOUT).train()
    model(**tiny_inputs(batch=8), labels=tiny_labels(model, batch=8)).loss.backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert still == []


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    first, again, other = (tiny_model(seed).state_dict() for seed in (3, 3, 4))
    for name, value in first.items():
        assert torch.equal(value, again[name]), name
    moved = {name for name, value in first.items() if not torch.equal(value, other[name])}
    assert {"emert.eye_encoder.lstm.weight_hh_l0", "emert.fusion.source_positions", "heads.er7.layers.0.weight"} <= moved


def test_parameters_that_the_checkpoint_lacks_are_initialised(folder, tmp_path):
    kept = "emert.decoupling.discriminator.weight"
    weights = load_file(folder / "model.safetensors")
    save_file({kept: weights[kept]}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    torch.manual_seed(5)
    loaded, report = EmertForEmotionRecognition.from_pretrained(tmp_path, output_loading_info=True)
    state, fresh = loaded.state_dict(), tiny_model(seed=5).state_dict()
    assert set(report["missing_keys"]) == set(state) - {kept}
    assert torch.equal(state[kept], weights[kept])
    size = loaded.config.encoder_size
    bounds = {"lstm": 1 / math.sqrt(size), "heads": 1 / math.sqrt(size), "decoupling.": 1 / math.sqrt(size), "positions": 0.15}
    for name, value in state.items():
        assert torch.isfinite(value).all(), name
        assert value.abs().max() <= next((bound for part, bound in bounds.items() if part in name), 3.0), name
        # As much spread as in a network that was never saved: neither zeros nor memory of someone else's.
        if fresh[name].is_floating_point() and fresh[name].numel() >= 64:
            assert 0.5 < value.std() / fresh[name].std() < 2 or torch.equal(value, fresh[name]), name


def test_weights_start_as_documented():
    model = EmertModel(tiny_config(encoder_size=32, projection_sizes=[16]))
    bound = 1 / math.sqrt(32)
    for name, value in model.eye_encoder.lstm.named_parameters():
        assert 0.9 * bound < value.abs().max() <= bound, name
    linear = model.fusion.layers[0].feed_forward[0].weight  # PyTorch's own: uniform up to 1 / sqrt(inputs)
    assert 0.9 / 4 < linear.abs().max() <= 1 / 4
    assert model.fusion.source_positions.std().item() == pytest.approx(0.02, rel=0.3)


def test_eager_and_sdpa_answer_the_same(folder, monkeypatch):
    calls = []
    original = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or original(*a, **k)
    )
    mask = torch.tensor([[True, True, False, True, True, False], [True] * 6])
    found = {}
    for implementation in ("eager", "sdpa"):
        model = EmertForEmotionRecognition.from_pretrained(folder, attn_implementation={"": implementation})
        found[implementation] = _logits(model, eye_movements_mask=mask)
        assert len(calls) == (0 if implementation == "eager" else model.config.num_fusion_layers)
    for name in found["eager"]:
        torch.testing.assert_close(found["eager"][name], found["sdpa"][name], rtol=0, atol=1e-6)


def test_attentions_and_hidden_states_are_given_on_request():
    model, inputs = tiny_model(attn_implementation="eager"), tiny_inputs()
    tokens, layers = sum(model.config.lengths.values()), model.config.num_fusion_layers
    mask = torch.tensor([[True] * 6, [True, False, True, True, True, True]])
    with torch.no_grad():
        output = model(**inputs, eye_movements_mask=mask, output_attentions=True, output_hidden_states=True)
        plain = model(**inputs)
    assert [tuple(weights.shape) for weights in output.attentions] == [(2, 2, tokens, tokens)] * layers
    for weights in output.attentions:
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, tokens))
        assert (weights[1, :, :, FRAMES + 1] == 0).all()  # nobody looks at a masked step
        assert (weights[0] > 0).all()
    assert [tuple(states.shape) for states in output.hidden_states] == [(2, tokens, 8)] * (layers + 1)
    torch.testing.assert_close(output.hidden_states[-1][0].mean(0), output.pooler_output[0])
    assert plain.attentions is None
    assert plain.hidden_states is None


def test_tuple_output_holds_the_same():
    model = tiny_model(tasks=["er7"])
    with torch.no_grad():
        assert torch.equal(model(**tiny_inputs(), return_dict=False)[0]["er7"], model(**tiny_inputs()).logits["er7"])


@pytest.mark.parametrize(
    ("variant", "width", "parameters"), [("va", 64, 12_249_805), ("er7", 32, 12_106_826), ("er7_intensity", 64, 12_247_563)]
)
def test_authors_variants_have_their_sizes(variant, width, parameters):
    model = EmertForEmotionRecognition(EmertConfig.authors(variant))
    assert model.config.hidden_size == width
    assert model.emert.fusion.layers[0].attention.q_proj.weight.shape == (512, width)
    assert model.emert.fusion.source_positions.shape == (1, 72, width)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"tasks": ["er7", "er9"]}, "unknown 'er9'; known tasks: er3"),
        ({"tasks": ["er7", "er7"]}, r"each task once and at least one, got \['er7', 'er7'\]"),
        ({"tasks": []}, "at least one"),
        ({"adversarial_weight": -0.1}, "adversarial_weight must be finite and not negative, got -0.1"),
        ({"task_weight": float("nan")}, "task_weight must be finite and not negative, got nan"),
        ({"stream_dropout": 1.5}, r"stream_dropout must be in \[0, 1\), got 1.5"),
        ({"modality_dropout": 1.0}, "modality_dropout"),
        ({"num_eye_steps": 0}, "num_eye_steps must be at least 1, got 0"),
        ({"projection_sizes": []}, "projection_sizes needs one or more"),
        ({"head_sizes": [8, 0]}, r"head_sizes none or more, got \[64\] and \[8, 0\]"),
        ({"num_frames": "8"}, "'num_frames' expected int, got str"),
        ({"backbone_config": {"model_type": "resent"}}, "backbone_config: model_type 'resent' is unknown to transformers"),
        ({"fusion_dropout": "none"}, "fusion_dropout"),
        ({"tasks": "er9"}, "unknown 'er9'; known tasks: er3"),
        ({"tasks": 7}, "'tasks' with value 7"),
    ],
)
def test_config_names_the_wrong_value(wrong, named):
    with pytest.raises(Exception, match=named):
        EmertConfig(**wrong)


def test_one_task_may_stand_alone_and_labels_that_are_right_may_be_given(tmp_path):
    names = ["er3/positive", "er3/negative", "er3/neutral"]
    given = {"num_labels": 3, "id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}
    assert EmertConfig(tasks="er3", **given).tasks == ["er3"]
    tiny_model().save_pretrained(tmp_path)
    model = EmertForEmotionRecognition.from_pretrained(tmp_path, tasks="er3", **given)
    assert (model.config.tasks, model.config.num_labels) == (["er3"], 3)
    for wrong in ({"num_labels": 4}, {"label2id": {"positive": 0}}):
        with pytest.raises(ValueError, match="labels follow from its tasks"):
            EmertForEmotionRecognition.from_pretrained(tmp_path, tasks="er3", **given | wrong)


def test_unknown_variant_is_refused():
    with pytest.raises(ValueError, match="unknown variant 'er3'; the authors have va, er7, er7_intensity"):
        EmertConfig.authors("er3")


def test_config_survives_json(tmp_path):
    config = tiny_config(tasks=("er7", "fer_va"), stream_dropout=0, task_weight=2, head_sizes=(16, 8))
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["tasks"] == ["er7", "fer_va"]
    loaded = EmertConfig.from_pretrained(tmp_path)
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert loaded.backbone_config.hidden_sizes == [8, 16]
    assert loaded.lengths == {"face": 3, "eye_movements": 6, "fixations": 5}
    assert loaded.id2label[0] == "er7/happiness"
    assert loaded.id2label[8] == "fer_va/arousal"
