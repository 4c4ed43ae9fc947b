"""Every form of the network, as transformers' shared tests try a model: gradients, determinism, attention, precision."""

import math

import pytest
import torch
from tiny_emert import NO_DROPOUT, checkpoint_activations, tiny_config, tiny_inputs, tiny_labels, tiny_model
from transformers import AutoModelForVideoClassification

from modeling_emert import EmertConfig, EmertForEmotionRecognition

FORMS = {
    "authors": {},
    "self_attention": {"self_attention": True},
    "update_source": {"update_source": True},
    "final_norm": {"final_norm": True},
    "separate_discriminators": {"separate_discriminators": True},
    "attention_pooling": {"task_pooling": "attention"},
    "hierarchical": {"hierarchical": True},
    "participants": {"num_participants": 4},
    "context": {"context": ["big_five", "stimulus_emotion"]},
    "deep": {"num_lstm_layers": 2, "projection_sizes": [16, 8], "head_sizes": [8]},
}
EVERYTHING = {name: value for form in FORMS.values() for name, value in form.items()}
FORMS["everything"] = EVERYTHING
EACH_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
_CORNERS = ("authors", "deep", "everything")  # everything has each part; the others are slow tests
CORNERS = pytest.mark.parametrize(
    "form", [pytest.param(form, marks=[] if name in _CORNERS else pytest.mark.slow, id=name) for name, form in FORMS.items()]
)
IMPLEMENTATIONS = ("eager", "sdpa", pytest.param("flex_attention", marks=pytest.mark.slow))  # flex is compiled first


def batch_for(model: EmertForEmotionRecognition, batch: int = 8) -> dict:
    """Inputs, labels, and whatever else the config asks for."""
    known = {
        "big_five": torch.linspace(0, 1, 5 * batch).reshape(batch, 5),
        "stimulus_emotion": torch.arange(batch) % 7,
    }
    given = tiny_inputs(batch) | {name: known[name] for name in model.config.context}
    given["labels"] = tiny_labels(model, batch)
    if model.config.num_participants:
        given["labels"]["participant"] = torch.arange(batch) % model.config.num_participants
    return given


def gradients(model: EmertForEmotionRecognition) -> dict[str, torch.Tensor | None]:
    model.zero_grad()
    torch.manual_seed(7)
    model(**batch_for(model)).loss.backward()
    return {name: None if value.grad is None else value.grad.clone() for name, value in model.named_parameters()}


@EACH_FORM
def test_every_parameter_gets_a_gradient(form):
    found = gradients(tiny_model(**NO_DROPOUT | form).train())
    assert [name for name, value in found.items() if value is None or not value.any()] == []


def test_a_frozen_backbone_alone_gets_none():
    found = gradients(tiny_model(**NO_DROPOUT, freeze_backbone=True).train())
    without = {name for name, value in found.items() if value is None}
    assert without
    assert without == {name for name in found if ".backbone." in name}


@EACH_FORM
def test_activation_checkpointing_gives_the_same_gradients(form):
    model = tiny_model(**form).train()  # with dropout, which must be the same the second time
    plain = gradients(model)
    assert not model.is_gradient_checkpointing
    checkpoint_activations(model)
    assert model.is_gradient_checkpointing
    layers = [module for module in model.modules() if hasattr(module, "gradient_checkpointing")]
    assert layers
    assert all(module.gradient_checkpointing for module in layers)
    for name, value in gradients(model).items():
        torch.testing.assert_close(value, plain[name], msg=lambda text, name=name: f"{name}: {text}")


@CORNERS
def test_eval_repeats_itself_and_training_does_by_seed(form):
    model = tiny_model(**form)
    given = batch_for(model, 4)

    def losses(seed: int) -> float:
        torch.manual_seed(seed)
        with torch.no_grad():
            return model(**given).loss.item()

    assert losses(0) == losses(1)
    model.train()
    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


@pytest.mark.parametrize("form", [{}, EVERYTHING], ids=["authors", "everything"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_states_have_the_same_shapes_and_values_by_every_attention(form, implementation):
    model = tiny_model(**form)
    given = batch_for(model, 2) | {"fixations_mask": torch.tensor([[True] * 5, [True, False, True, True, False]])}
    with torch.no_grad():
        expected = model(**given, output_hidden_states=True, output_attentions=True)
        model.set_attn_implementation({"": implementation})
        found = model(**given, output_hidden_states=True)
    tokens, layers = sum(model.config.lengths.values()), model.config.num_fusion_layers
    assert [tuple(states.shape) for states in found.hidden_states] == [(2, tokens, 8)] * (layers + 1)
    assert [tuple(weights.shape) for weights in expected.attentions] == [(2, 2, tokens, tokens)] * layers
    mask = torch.cat([torch.ones(2, tokens - 5, dtype=torch.bool), given["fixations_mask"]], dim=1)
    for states, wanted in zip(found.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(states[mask], wanted[mask], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.loss, expected.loss, atol=1e-5, rtol=1e-4)


@CORNERS
def test_a_tuple_holds_what_the_output_holds(form):
    model = tiny_model(**form)
    given = batch_for(model, 2)
    with torch.no_grad():
        output, parts = model(**given, output_hidden_states=True), model(**given, output_hidden_states=True, return_dict=False)
    assert len(parts) == len(output.to_tuple())
    assert torch.equal(parts[0], output.loss)
    assert all(torch.equal(parts[1][name], logits) for name, logits in output.logits.items())


@CORNERS
def test_saved_and_loaded_in_bf16_it_answers_the_same(form, tmp_path):
    model = tiny_model(**form).to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    loaded = EmertForEmotionRecognition.from_pretrained(tmp_path)
    assert loaded.dtype == torch.bfloat16  # "auto" is transformers' default
    given = {
        name: value.bfloat16() if name != "labels" and value.is_floating_point() else value
        for name, value in batch_for(model, 2).items()
    }
    with torch.no_grad():
        expected, found = model(**given).logits, loaded(**given).logits
    for name, logits in expected.items():
        assert torch.equal(found[name], logits), name
        assert logits.isfinite().all()


@pytest.mark.parametrize("argument", ["dtype", "torch_dtype"])
def test_precision_is_taken_from_the_argument(argument, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    loaded = EmertForEmotionRecognition.from_pretrained(tmp_path, **{argument: torch.bfloat16})
    assert {value.dtype for value in loaded.parameters()} == {torch.bfloat16}
    assert loaded.emert.face_encoder.backbone.embedder.embedder.normalization.running_mean.dtype == torch.bfloat16


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_attention_is_chosen_by_argument_with_the_backbone_inside(implementation, tmp_path):
    tiny_model().save_pretrained(tmp_path)
    loaded = AutoModelForVideoClassification.from_pretrained(tmp_path, attn_implementation=implementation)
    assert loaded.config._attn_implementation == implementation
    assert loaded.emert.fusion.layers[0].attention.config._attn_implementation == implementation
    with torch.no_grad():
        assert loaded(**tiny_inputs()).logits["er7"].isfinite().all()
    saved = EmertConfig.from_pretrained(tmp_path)
    assert "_attn_implementation" not in saved.to_dict()


def test_nothing_but_parameters_and_batch_norm_is_saved():
    model = EmertForEmotionRecognition(tiny_config(**EVERYTHING))
    extra = set(model.state_dict()) - {name for name, _ in model.named_parameters()}
    assert extra
    assert {name.rpartition(".")[2] for name in extra} == {"running_mean", "running_var", "num_batches_tracked"}
    assert {name for name, _ in model.named_buffers()} == extra  # so none is made anew, with other numbers, when loaded


def test_widths_of_the_attention_and_of_the_fusion_are_independent():
    model = tiny_model(num_attention_heads=3, head_dim=5, projection_sizes=[8])
    assert model.emert.fusion.layers[0].attention.q_proj.weight.shape == (15, 8)
    assert model.emert.fusion.layers[0].attention.scaling == pytest.approx(1 / math.sqrt(5))
