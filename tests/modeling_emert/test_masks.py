"""What a mask hides has no effect at all, and what it shows is all that counts."""

import pytest
import torch
from everyday import others_slow
from tiny_emert import ARGUMENTS, NO_DROPOUT, tiny_inputs, tiny_model

MODES = pytest.mark.parametrize("training", [False, True], ids=["eval", "training"])
EACH_MODALITY = pytest.mark.parametrize("which", range(3), ids=["face", "eye_movements", "fixations"])


def _model(training: bool = False, **overrides):
    return tiny_model(**NO_DROPOUT | overrides).train(training)


def _full_mask(inputs: dict, which: int) -> torch.Tensor:
    return torch.ones(inputs[ARGUMENTS[which][0]].shape[:2], dtype=torch.bool)


def _answers(model, inputs: dict) -> dict[str, torch.Tensor]:
    """Everything that the model says: each task's logits, and the discriminator's of both sides."""
    with torch.no_grad():
        output = model(**inputs)
    return {**output.logits, **output.modality_logits, "pooled": output.pooler_output}


def _assert_same(found: dict, expected: dict, atol: float = 0.0) -> None:
    for name in expected:
        assert torch.isfinite(found[name]).all(), name
        difference = (found[name] - expected[name]).abs().max().item()
        assert difference <= atol, f"{name} differs by {difference:.2g}"


@MODES
@EACH_MODALITY
def test_nan_at_a_masked_step_has_no_effect(which, training):
    values, mask, _ = ARGUMENTS[which]
    model, inputs = _model(training), tiny_inputs()
    whole = _answers(model, inputs)
    for step in range(inputs[values].shape[1]):
        hidden = _full_mask(inputs, which)
        hidden[0, step] = False
        clean = _answers(model, inputs | {mask: hidden})
        spoilt = inputs[values].clone()
        spoilt[0, step] = float("nan")
        _assert_same(_answers(model, inputs | {values: spoilt, mask: hidden}), clean)
        assert not torch.equal(clean["er7"][0], whole["er7"][0])  # or this test could not fail


@MODES
@EACH_MODALITY
def test_nan_in_a_masked_modality_has_no_effect(which, training):
    values, mask, _ = ARGUMENTS[which]
    model, inputs = _model(training), tiny_inputs()
    hidden = _full_mask(inputs, which)
    hidden[1] = False
    clean = _answers(model, inputs | {mask: hidden})
    spoilt = inputs[values].clone()
    spoilt[1] = float("nan")
    _assert_same(_answers(model, inputs | {values: spoilt, mask: hidden}), clean)


@MODES
def test_nan_at_a_masked_step_has_no_effect_on_gradients(training):
    model, inputs = _model(training), tiny_inputs()
    for which, (values, mask, _) in enumerate(ARGUMENTS):
        inputs[mask] = _full_mask(inputs, which)
        inputs[mask][0, 0] = False
        inputs[values][0, 0] = float("nan")
    model(**inputs, labels={"er7": torch.tensor([1, 2])}).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@MODES
@EACH_MODALITY
def test_masked_modality_is_as_if_it_were_not_given(which, training):
    values, mask, _ = ARGUMENTS[which]
    model, inputs = _model(training), tiny_inputs()
    hidden = inputs | {mask: torch.zeros_like(_full_mask(inputs, which))}
    absent = inputs | {values: None}
    _assert_same(_answers(model, hidden), _answers(model, absent), atol=1e-6)
    _assert_same(_answers(model, absent | {mask: _full_mask(inputs, which)}), _answers(model, absent))  # nothing to show


@MODES
@EACH_MODALITY
def test_modality_that_is_not_given_is_as_if_the_network_had_no_place_for_it(which, training):
    """All that stays of an absent modality would be its positions: they must not count."""
    inputs = tiny_inputs() | {ARGUMENTS[which][0]: None}
    model = _model(training)
    expected = _answers(model, inputs)
    with torch.no_grad():
        for positions in (model.emert.fusion.source_positions, model.emert.fusion.target_positions):
            positions[:, _tokens(model.config, which)] = 1e3
    found = _answers(model, inputs)
    _assert_same(found, expected, atol=1e-6)


def _tokens(config, which: int) -> torch.Tensor:
    """Numbers of a modality's tokens in the fused sequence."""
    lengths = list(config.lengths.values())
    return torch.arange(lengths[which]) + sum(lengths[:which])


@MODES
@pytest.mark.parametrize("implementation", others_slow(["eager", "sdpa"], ["sdpa"]))
@EACH_MODALITY
def test_padded_sequence_gives_what_the_shorter_sequence_gives(which, implementation, training):
    """The whole network with padded steps against a network of that many fewer steps: all masks at once."""
    values, mask, length = ARGUMENTS[which]
    inputs, model = tiny_inputs(), _model(training)
    count = inputs[values].shape[1]
    for kept in ([0], [0, 1], [0, count - 1], [1, count - 1]):  # padding at the end, in the middle, at the beginning
        shorter = _model(training, **{length: len(kept)})
        shorter.load_state_dict(_without_tokens(model, which, kept))
        for network in (model, shorter):
            network.config._attn_implementation = implementation  # by the setter: the backbone knows no sdpa
        hidden = torch.zeros_like(_full_mask(inputs, which))
        hidden[:, kept] = True
        padded = inputs[values].clone()
        padded[~hidden] = 1e3
        found = _answers(model, inputs | {values: padded, mask: hidden})
        _assert_same(found, _answers(shorter, inputs | {values: inputs[values][:, kept]}), atol=2e-6)


def _without_tokens(model, which: int, kept: list[int]) -> dict[str, torch.Tensor]:
    """The network's state with the positions of the kept steps of that modality only."""
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tokens = _tokens(model.config, which)
    dropped = [int(token) for index, token in enumerate(tokens) if index not in kept]
    for name in ("emert.fusion.source_positions", "emert.fusion.target_positions"):
        rest = [token for token in range(state[name].shape[1]) if token not in dropped]
        state[name] = state[name][:, rest]
    return state


def test_sequence_encoder_gives_zeros_at_masked_steps():
    mask = torch.tensor([[True, False, True, False, False, True]])
    stream = _model().emert.eye_encoder(tiny_inputs(batch=1)["eye_movements"], mask)
    assert (stream == 0).all(dim=-1).tolist() == (~mask).tolist()


def test_batch_norm_does_not_see_absent_frames():
    inputs = tiny_inputs()
    mask = torch.tensor([[True, False, True], [True, True, False]])
    spoilt = inputs["pixel_values"].clone()
    spoilt[~mask] = 50.0
    states = []
    for frames in (inputs["pixel_values"], spoilt):
        model = _model(training=True)
        _answers(model, inputs | {"pixel_values": frames, "face_mask": mask})
        states.append({name: buffer for name, buffer in model.named_buffers() if "running" in name})
    assert states[0]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_answer_does_not_depend_on_the_other_samples():
    model, inputs = _model(), tiny_inputs(batch=4)
    inputs |= {
        "face_mask": torch.tensor([[True] * 3, [False] * 3, [True, False, False], [True] * 3]),
        "eye_movements_mask": torch.tensor([[True] * 6, [True] * 6, [False] * 6, [True, True, False, True, False, False]]),
        "fixations_mask": torch.tensor([[True] * 5, [True] * 5, [True, False, True, True, False], [False] * 5]),
    }
    together = _answers(model, inputs)
    for index in range(4):
        alone = _answers(model, {name: value[index : index + 1] for name, value in inputs.items()})
        _assert_same(alone, {name: value[index : index + 1] for name, value in together.items()}, atol=2e-6)


def test_batch_without_any_modality_is_refused():
    with pytest.raises(ValueError, match="needs at least one of face, eye_movements, fixations"):
        _model()()


def test_sample_without_any_step_is_refused():
    inputs = tiny_inputs()
    masks = {mask: _full_mask(inputs, which) for which, (_, mask, _) in enumerate(ARGUMENTS)}
    for mask in masks.values():
        mask[1] = False
    with pytest.raises(ValueError, match="a sample has no step in any modality"):
        _model()(**inputs, **masks)


@EACH_MODALITY
def test_another_length_than_the_configs_is_refused(which):
    values, inputs = ARGUMENTS[which][0], tiny_inputs()
    with pytest.raises(ValueError, match=rf"must have {inputs[values].shape[1]} steps \(config\), got shape"):
        _model()(**inputs | {values: inputs[values][:, :-1]})


def _present(rate: float, training: bool, masks: dict | None = None) -> torch.Tensor:
    """Which modalities took part in 3,000 samples `(batch, 3)`."""
    network = _model(training, modality_dropout=rate, num_frames=1).emert
    inputs = tiny_inputs(batch=3000)
    inputs["pixel_values"] = inputs["pixel_values"][:, :1, :, :8, :8]
    torch.manual_seed(1)
    with torch.no_grad():
        return network(**inputs, **(masks or {})).modality_present


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_modality_dropout_hides_at_its_rate_and_never_everything(rate):
    present = _present(rate, training=True)
    assert present.any(dim=1).all()
    expected = rate - rate**3  # a sample that would lose all three keeps them
    for hidden in (~present).float().mean(dim=0).tolist():
        assert hidden == pytest.approx(expected, abs=0.04)
    both = (~present[:, 0] & ~present[:, 1]).float().mean().item()
    assert both == pytest.approx(rate**2 - rate**3, abs=0.03)  # each by its own chance


def test_modality_dropout_leaves_a_lone_modality():
    masks = {"eye_movements_mask": torch.zeros(3000, 6, dtype=torch.bool), "face_mask": torch.ones(3000, 1, dtype=torch.bool)}
    masks["face_mask"][:1500] = False
    present = _present(0.5, training=True, masks=masks)
    assert present[:1500, 2].all()  # fixations are all that these have
    assert present.any(dim=1).all()
    assert not present[:, 1].any()


def test_modality_dropout_is_for_training_only():
    assert _present(0.7, training=False).all()
    assert _present(0.0, training=True).all()
