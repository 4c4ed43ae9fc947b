"""What EMERT can do beyond the authors' network: each field of the config changes just what it says."""

import math

import numpy as np
import pytest
import torch
from tiny_emert import FRAMES, IMAGE, tiny_config, tiny_inputs, tiny_labels, tiny_model
from torch.nn import functional
from transformers import AutoBackbone

from modeling_emert import EmertForEmotionRecognition
from modeling_emert.tasks_emert import EMOTIONS, POLARITIES


def answers(model: EmertForEmotionRecognition, **inputs) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return model(**{**tiny_inputs(), **inputs}).logits


@pytest.mark.parametrize("field", ["self_attention", "update_source", "final_norm", "separate_discriminators"])
def test_each_deviation_adds_its_parameters_and_changes_the_network(field):
    plain, changed = tiny_model(), tiny_model(**{field: True})
    added = set(changed.state_dict()) - set(plain.state_dict())
    assert added
    assert set(plain.state_dict()) < set(changed.state_dict())
    changed.load_state_dict(plain.state_dict(), strict=False)
    moved = any(not torch.equal(answers(plain)[name], answers(changed)[name]) for name in plain.config.tasks)
    assert moved == (field != "separate_discriminators")  # the discriminator has no part in the answers


def test_discriminators_of_its_own_are_used_on_the_specific_side():
    model = tiny_model(separate_discriminators=True)
    with torch.no_grad():
        before = model(**tiny_inputs()).modality_logits
        model.emert.decoupling.specific_discriminator.bias += 1
        after = model(**tiny_inputs()).modality_logits
    assert torch.equal(before.invariant, after.invariant)
    torch.testing.assert_close(after.specific, before.specific + 1)


def test_attention_pooling_begins_unlike_the_mean_and_never_looks_at_what_is_absent():
    model = tiny_model(task_pooling="attention")
    inputs = tiny_inputs()
    mask = torch.tensor([[True] * FRAMES, [False] * FRAMES])
    inputs["pixel_values"][1] = float("nan")
    with torch.no_grad():
        logits = model(**inputs, face_mask=mask).logits
    assert all(value.isfinite().all() for value in logits.values())
    plain = tiny_model()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("poolings")})
    with torch.no_grad():
        assert not torch.equal(plain(**inputs, face_mask=mask).logits["er7"], logits["er7"])
        for name in model.heads:  # all scores the same: the mean
            model.poolings[name].score.weight.zero_()
        torch.testing.assert_close(plain(**inputs, face_mask=mask).logits["er7"], model(**inputs, face_mask=mask).logits["er7"])


def test_hierarchical_coarse_probabilities_are_sums_of_the_fine_ones():
    model = tiny_model(hierarchical=True)
    assert not {"er3", "fer3"} & set(model.heads)
    with torch.no_grad():
        model.coarse["er3"].surprise.fill_(math.log(3))  # three quarters positive
        model.coarse["fer3"].surprise.fill_(-100.0)  # all negative
    logits = answers(model)
    for view, positive_share in (("er", 0.75), ("fer", 0.0)):
        fine = dict(zip(EMOTIONS, logits[f"{view}7"].softmax(1).T, strict=True))
        coarse = dict(zip(POLARITIES, logits[f"{view}3"].softmax(1).T, strict=True))
        torch.testing.assert_close(coarse["positive"], fine["happiness"] + positive_share * fine["surprise"])
        torch.testing.assert_close(coarse["neutral"], fine["neutral"])
        torch.testing.assert_close(sum(coarse.values()), torch.ones(2))
        torch.testing.assert_close(logits[f"{view}3"].exp(), logits[f"{view}3"].softmax(1))


def test_hierarchical_loss_trains_both_levels():
    model = tiny_model(hierarchical=True)
    labels = {name: value for name, value in tiny_labels(model).items() if name == "er3"}
    model(**tiny_inputs(), labels=labels).loss.backward()
    assert model.coarse["er3"].surprise.grad.abs() > 0
    assert model.heads["er7"].layers[-1].weight.grad.abs().sum() > 0
    assert model.coarse["fer3"].surprise.grad is None


def test_task_weights_scale_their_tasks_alone():
    model, weighted = tiny_model(), tiny_model(task_weights={"er7": 3, "fer_va": 0.0})
    labels = tiny_labels(model)
    plain, output = model(**tiny_inputs(), labels=labels), weighted(**tiny_inputs(), labels=labels)
    expected = plain.loss + 2 * plain.losses["er7"] - plain.losses["fer_va"]
    torch.testing.assert_close(output.loss, expected)


def test_face_features_stand_for_the_pixels():
    model = tiny_model()
    inputs = tiny_inputs()
    with torch.no_grad():
        features = model.emert.get_face_features(inputs["pixel_values"])
        from_pixels = model(**inputs).logits
        pixels = inputs.pop("pixel_values")
        from_features = model(**inputs, face_features=features).logits
    assert features.shape == (2, FRAMES, 16)
    for name, logits in from_pixels.items():
        torch.testing.assert_close(from_features[name], logits)
    with pytest.raises(ValueError, match="pixel_values or face_features, not both"):
        model(**inputs, pixel_values=pixels, face_features=features)


def test_a_frozen_backbone_stays_as_it_is_in_training():
    model = tiny_model(freeze_backbone=True).train()
    before = {name: value.clone() for name, value in model.emert.face_encoder.backbone.state_dict().items()}
    model(**tiny_inputs(), labels=tiny_labels(model)).loss.backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0).step()
    for name, value in model.emert.face_encoder.backbone.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert model.emert.face_encoder.projection.weight.grad.abs().sum() > 0


def test_any_backbone_of_transformers_serves():
    convnext = {"model_type": "convnext", "depths": [1, 1], "hidden_sizes": [8, 8], "num_stages": 2, "out_features": ["stage2"]}
    model = tiny_model(backbone_config=convnext)
    assert answers(model)["er7"].shape == (2, 7)


def test_weights_of_a_pretrained_backbone_are_taken_and_a_strange_one_is_refused(tmp_path):
    config = tiny_config()
    torch.manual_seed(5)
    AutoBackbone.from_config(config.backbone_config).save_pretrained(tmp_path / "small")
    model = tiny_model(pretrained_backbone=str(tmp_path / "small"))
    model.emert.load_pretrained_backbone()
    taken = type(model.emert.face_encoder.backbone).from_pretrained(tmp_path / "small").state_dict()
    for name, value in model.emert.face_encoder.backbone.state_dict().items():
        assert torch.equal(value, taken[name])
    other = tiny_config(backbone_config={**config.backbone_config.to_dict(), "hidden_sizes": [8, 24]})
    AutoBackbone.from_config(other.backbone_config).save_pretrained(tmp_path / "other")
    model.config.pretrained_backbone = str(tmp_path / "other")
    with pytest.raises(ValueError, match="does not fit backbone_config"):
        model.emert.load_pretrained_backbone()
    with pytest.raises(ValueError, match="names no model"):
        tiny_model().emert.load_pretrained_backbone()


def test_the_participant_head_is_worked_against():
    model = tiny_model(num_participants=4, participant_weight=0.5)
    labels = {"participant": torch.tensor([1, -100])}
    output = model(**tiny_inputs(), labels=labels)
    assert output.participant_logits.shape == (2, 4)
    expected = functional.cross_entropy(output.participant_logits[:1], labels["participant"][:1])
    torch.testing.assert_close(output.losses["participant"], expected)
    rest = 0.1 * (output.losses["adversarial"] + output.losses["specific"])
    torch.testing.assert_close(output.loss, 0.5 * expected + rest)
    output.losses["participant"].backward()
    turned = model.emert.fusion.target_positions.grad
    # The same loss without the reversal has just the opposite gradient before the head, and the same within it.
    other = tiny_model(num_participants=4)
    pooled = other.emert(**tiny_inputs()).pooler_output
    functional.cross_entropy(other.participant_head(pooled)[:1], labels["participant"][:1]).backward()
    torch.testing.assert_close(turned, -other.emert.fusion.target_positions.grad)
    torch.testing.assert_close(model.participant_head.layers[-1].weight.grad, other.participant_head.layers[-1].weight.grad)


def test_context_counts_where_it_is_known_and_only_there():
    model = tiny_model(context=["big_five", "stimulus_emotion"])
    unknown = {"big_five": torch.full((2, 5), float("nan")), "stimulus_emotion": torch.tensor([-100, -100])}
    known = {"big_five": torch.tensor([[0.1, 0.9, 0.5, 0.5, 0.5]] * 2), "stimulus_emotion": torch.tensor([3, -100])}
    without, with_unknown, with_known = answers(model), answers(model, **unknown), answers(model, **known)
    for name in model.config.tasks:
        assert torch.equal(without[name], with_unknown[name])
        assert not torch.equal(without[name][0], with_known[name][0])
    with pytest.raises(ValueError, match=r"big_five given, but the config's context is \[\]"):
        tiny_model()(**tiny_inputs(), big_five=known["big_five"])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"hierarchical": True, "tasks": ["er3", "fer7"]}, ("hierarchical", "tasks", "add er3 and er7")),
        ({"hierarchical": True, "tasks": ["er7"]}, ("hierarchical", "tasks", "er3 and er7")),
        ({"task_weights": {"er9": 1.0}}, ("task_weights", "er9", "tasks")),
        ({"task_weights": {"er7": -1.0}}, ("task_weights['er7']", "-1.0")),
        ({"context": ["age"]}, ("context", "big_five, stimulus_emotion", "age")),
        ({"num_participants": 1}, ("num_participants", "at least 2")),
        ({"task_pooling": "max"}, ("task_pooling",)),
    ],
)
def test_fields_that_contradict_each_other_are_named_together(wrong, named):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (huggingface_hub wraps ValueError in an error of its own)
        tiny_config(**wrong)
    for part in named:
        assert part in str(caught.value)


def test_everything_at_once_survives_saving(tmp_path):
    everything = {
        "self_attention": True,
        "update_source": True,
        "final_norm": True,
        "separate_discriminators": True,
        "task_pooling": "attention",
        "hierarchical": True,
        "num_participants": 3,
        "context": ["big_five"],
        "task_weights": {"er7": 2.0},
    }
    model = tiny_model(**everything)
    model.save_pretrained(tmp_path)
    loaded = EmertForEmotionRecognition.from_pretrained(tmp_path)
    for name, logits in answers(model).items():
        assert torch.equal(answers(loaded)[name], logits)
    assert all(getattr(loaded.config, name) == value for name, value in everything.items())


def test_explanation_adds_up_and_tells_what_matters():
    model = tiny_model()
    inputs = tiny_inputs()
    inputs["face_mask"] = torch.tensor([[True] * FRAMES, [False] * FRAMES])
    explanation = model.explain(inputs)
    np.testing.assert_allclose(explanation.attention.sum(axis=1), 1, rtol=1e-5)
    assert explanation.attention[1, 0] == 0  # absent
    assert explanation.attention[0, 0] > 0
    assert {name: weights.shape[1] for name, weights in explanation.time_weights.items()} == model.config.lengths
    with torch.no_grad():
        whole = model(**inputs).logits
        hidden = model(**{**inputs, "eye_movements": None}).logits
    best = whole["er7"].argmax(1)
    fall = (whole["er7"].softmax(1) - hidden["er7"].softmax(1))[torch.arange(2), best]
    np.testing.assert_allclose(explanation.contributions["er7"][:, 1], fall, atol=1e-6)
    moved = (whole["er_va"].clamp(-1, 1) - hidden["er_va"].clamp(-1, 1)).abs().mean(1) / 2
    np.testing.assert_allclose(explanation.contributions["er_va"][:, 1], moved, atol=1e-6)
    assert np.isnan(explanation.contributions["er7"][1, 0])
    assert np.isfinite(explanation.contributions["er7"][:, 1:]).all()


def test_explanation_is_of_the_cross_attention_alone():
    model = tiny_model(self_attention=True, update_source=True)
    with torch.no_grad():
        attentions = model(**tiny_inputs(), output_attentions=True).attentions
    assert len(attentions) == model.config.num_fusion_layers
    before = model.explain(tiny_inputs()).attention
    with torch.no_grad():  # the self-attention looks elsewhere; the first cross-attention sees the same source
        model.emert.fusion.layers[1].self_attention.q_proj.weight.mul_(50)
    after = model(**tiny_inputs(), output_attentions=True).attentions
    torch.testing.assert_close(after[0], attentions[0])
    assert before.shape == (2, 3)


def test_explanation_is_that_of_eager_attention_and_leaves_the_model_as_it_was():
    model = tiny_model()
    model.set_attn_implementation("sdpa")
    by_sdpa = model.explain(tiny_inputs())
    assert model.config._attn_implementation == "sdpa"
    model.set_attn_implementation("eager")
    np.testing.assert_allclose(by_sdpa.attention, model.explain(tiny_inputs()).attention, atol=1e-6)
    alone = model.explain({"pixel_values": torch.randn(2, FRAMES, 3, IMAGE, IMAGE)})
    assert np.isnan(alone.contributions["er7"]).all()
    np.testing.assert_allclose(alone.attention, [[1, 0, 0]] * 2, atol=1e-6)
