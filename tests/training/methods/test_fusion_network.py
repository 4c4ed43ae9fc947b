"""What every compared network must hold to: it learns, masks hide all, it is saved whole, it is the same by its seed."""

import pytest
import torch
from everyday import others_slow
from tiny_emert import ARGUMENTS, NO_DROPOUT, checkpoint_activations, tiny_inputs, tiny_labels, tiny_resnet
from tiny_methods import FUSIONS, TRIMODAL, UNIMODAL, inputs_of, tiny_network
from transformers import AutoConfig, AutoModelForVideoClassification

from modeling_emert.constants_emert import MODALITIES
from training.methods.registry import METHODS, load_class

EACH = pytest.mark.parametrize("key", FUSIONS)
# One of each form every day, for what all networks take from the class that they share.
SHARED = pytest.mark.parametrize("key", others_slow(FUSIONS, ("fixations_only", "early_fusion", "misa", "optional_modalities")))
EACH_TRIMODAL = pytest.mark.parametrize("key", TRIMODAL)
MODES = pytest.mark.parametrize("training", [False, True], ids=["eval", "training"])
MASKS = {values: mask for values, mask, _ in ARGUMENTS}
# Sums of the absolute initial weights of seed 0: heads, fusion, and all but the heads.
INITIAL_WEIGHTS = {
    "face_only": (11.98, 226.678, 1424.689),
    "eye_movements_only": (11.98, 227.46, 506.851),
    "fixations_only": (11.98, 229.077, 294.825),
    "early_fusion": (11.98, 236.519, 1784.426),
    "late_fusion": (11.98, 688.828, 2224.046),
    "tfn": (11.98, 206.105, 1747.996),
    "lmf": (11.98, 161.252, 1696.378),
    "mult": (11.98, 925.087, 2455.178),
    "misa": (11.98, 415.533, 1965.088),
    "optional_modalities": (11.98, 318.675, 1859.37),
}


def _logits(network, inputs: dict) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        return network(**inputs).logits


def _assert_same(found: dict, expected: dict, **tolerance) -> None:
    for name in expected:
        assert torch.isfinite(found[name]).all(), name
        torch.testing.assert_close(found[name], expected[name], **tolerance or {"rtol": 0, "atol": 0})


def _full_mask(inputs: dict, values: str) -> torch.Tensor:
    return torch.ones(inputs[values].shape[:2], dtype=torch.bool)


def _train(network, inputs: dict, labels: dict, steps: int) -> list[float]:
    torch.manual_seed(1)  # of the dropouts
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        output = network(**inputs, labels=labels)
        output.loss.backward()
        optimizer.step()
        losses.append(sum(output.losses[name].item() for name in labels))
    return losses


@SHARED
def test_every_weight_learns(key):
    network = tiny_network(key, **NO_DROPOUT)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    losses = _train(network, inputs_of(key, batch=8), tiny_labels(network, batch=8), steps=12)
    assert losses[-1] < 0.85 * losses[0], losses
    still = [name for name, parameter in network.named_parameters() if torch.equal(parameter, before[name])]
    assert not still


@pytest.mark.slow
@EACH
def test_learns_eight_samples_by_heart(key):
    network = tiny_network(key, **NO_DROPOUT)
    losses = _train(network, inputs_of(key, batch=8), tiny_labels(network, batch=8), steps=150)
    assert losses[-1] < 0.05 * losses[0], losses


@SHARED
def test_same_seed_same_training(key):
    runs = []
    for _ in range(2):
        network = tiny_network(key, seed=3, modality_dropout=0.5)
        losses = _train(network, inputs_of(key, batch=4), tiny_labels(network, batch=4), steps=3)
        runs.append((losses, _logits(network.eval(), inputs_of(key))))
    assert runs[0][0] == runs[1][0]
    _assert_same(runs[0][1], runs[1][1])


@EACH
def test_a_seed_gives_the_initial_weights_of_the_stored_scores(key):
    """A change of the order in which parts are made changes the weights, and no stored score could be repeated."""
    weights = tiny_network(key, seed=0, backbone_config=tiny_resnet(8, 8, 8, 16)).state_dict()
    for part, expected in zip(("heads.", "emert.fusion.", "emert."), INITIAL_WEIGHTS[key], strict=True):
        found = sum(value.double().abs().sum().item() for name, value in weights.items() if name.startswith(part))
        assert found == pytest.approx(expected, rel=1e-4), part


@SHARED
def test_there_is_no_decoupling_and_no_loss_of_it(key):
    network = tiny_network(key)
    output = network(**inputs_of(key), labels=tiny_labels(network))
    assert not hasattr(network.emert, "decoupling")
    assert output.modality_logits is None
    assert set(output.losses) == {*network.config.tasks, *network.config.auxiliary_weights}


@SHARED
@MODES
def test_nan_behind_a_mask_has_no_effect(key, training):
    network, inputs = tiny_network(key, **NO_DROPOUT).train(training), inputs_of(key)
    labels = tiny_labels(network)
    for values in inputs:
        hidden = _full_mask(inputs, values)
        hidden[0, 1] = False  # a step of the first, and of the second sample everything that can be spared
        hidden[1, len(inputs) == 1 :] = False
        clean = inputs | {MASKS[values]: hidden}
        spoilt = clean | {values: inputs[values].clone()}
        spoilt[values][~hidden] = torch.nan
        _assert_same(_logits(network, spoilt), _logits(network, clean))
        difference = _logits(network, clean)["er7"] - _logits(network, inputs)["er7"]
        assert (difference.abs().amax(dim=1) > 0).all()  # or this test could not fail
        network.zero_grad()
        network(**spoilt, labels=labels).loss.backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@EACH_TRIMODAL
def test_masked_modality_is_as_if_it_were_not_given(key):
    network, inputs = tiny_network(key), tiny_inputs()
    for values, mask in MASKS.items():
        rest = {name: value for name, value in inputs.items() if name != values}
        hidden = inputs | {mask: torch.zeros_like(_full_mask(inputs, values))}
        _assert_same(_logits(network, hidden), _logits(network, rest), rtol=1e-6, atol=1e-6)


@EACH_TRIMODAL
def test_any_one_modality_is_enough_and_says_something(key):
    network = tiny_network(key)
    for values in MASKS:
        one, other = ({values: tiny_inputs(seed=seed)[values]} for seed in (0, 1))
        first, second = _logits(network, one), _logits(network, other)
        assert all(torch.isfinite(value).all() for value in first.values())
        assert not torch.allclose(first["er7"], second["er7"], rtol=0, atol=1e-7), values


@EACH
def test_samples_of_a_batch_do_not_know_of_each_other(key):
    network, inputs = tiny_network(key), inputs_of(key, batch=3)
    whole = _logits(network, inputs)
    alone = _logits(network, {name: value[1:2] for name, value in inputs.items()})
    _assert_same(alone, {name: value[1:2] for name, value in whole.items()}, rtol=1e-5, atol=1e-5)


@SHARED
def test_absent_labels_do_not_count(key):
    network, inputs = tiny_network(key, **NO_DROPOUT), inputs_of(key)
    labels = tiny_labels(network)
    absent = {"er7": torch.full((2,), -100), "fer_va": torch.full((2, 2), torch.nan)}
    both, one, none = (network(**inputs, labels=given) for given in (labels, labels | {"er7": absent["er7"]}, absent))
    assert one.losses["er7"] == 0
    assert one.losses["fer_va"] == both.losses["fer_va"]
    torch.testing.assert_close(both.loss - one.loss, both.losses["er7"])
    none.loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


@SHARED
def test_label_of_another_task_is_refused(key):
    with pytest.raises(ValueError, match="er3"):
        tiny_network(key)(**inputs_of(key), labels={"er3": torch.tensor([0, 1])})


@SHARED
def test_saved_and_loaded_it_says_the_same(key, tmp_path):
    network = tiny_network(key, seed=5)
    network.save_pretrained(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    loaded, loading = load_class(METHODS[key]).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(loading.values()), loading
    by_auto = AutoModelForVideoClassification.from_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(network.config)
    for again in (loaded, by_auto):
        assert type(again) is type(network)
        _assert_same(_logits(again.eval(), inputs_of(key)), _logits(network, inputs_of(key)))


@SHARED
def test_attention_implementations_agree(key):
    network, inputs = tiny_network(key), inputs_of(key)
    inputs |= {MASKS[values]: _full_mask(inputs, values) for values in inputs}
    for values in inputs.keys() & MASKS.keys():
        inputs[MASKS[values]][0, 0] = False
    sdpa = _logits(network, inputs)
    eager = tiny_network(key, attn_implementation="eager")
    assert eager.config._attn_implementation == "eager"
    _assert_same(_logits(eager, inputs), sdpa, rtol=1e-4, atol=1e-5)


@SHARED
def test_participants_and_context_are_emerts(key):
    network = tiny_network(key, num_participants=3, context=["big_five"])
    labels = tiny_labels(network) | {"participant": torch.tensor([0, 2])}
    output = network(**inputs_of(key), big_five=torch.rand(2, 5), labels=labels)
    assert output.participant_logits.shape == (2, 3)
    assert output.losses["participant"] > 0
    assert not torch.equal(output.logits["er7"], _logits(network, inputs_of(key))["er7"])


@SHARED
def test_coarse_follows_from_fine_where_the_config_says_so(key):
    network = tiny_network(key, tasks=["er3", "er7"], hierarchical=True)
    logits = _logits(network, inputs_of(key))
    coarse, fine = logits["er3"].softmax(dim=1), logits["er7"].softmax(dim=1)
    torch.testing.assert_close(coarse[:, 2], fine[:, 6])  # neutral
    torch.testing.assert_close(coarse[:, 0], fine[:, 0] + fine[:, 3] / 2)  # happiness, half of surprise


@EACH_TRIMODAL
def test_modality_dropout_hides_in_training_alone(key):
    inputs = tiny_inputs()
    network = tiny_network(key, **NO_DROPOUT | {"modality_dropout": 0.9})
    whole = _logits(network, inputs)
    _assert_same(_logits(network, inputs), whole)
    torch.manual_seed(0)
    network.train()
    answers = [_logits(network, inputs)["er7"] for _ in range(4)]
    assert any(not torch.allclose(answers[0], other) for other in answers[1:])


@pytest.mark.parametrize("key", UNIMODAL)
def test_one_modality_alone_does_not_look_at_the_others(key):
    network, own = tiny_network(key), inputs_of(key)
    others = {name: torch.full_like(value, torch.nan) for name, value in tiny_inputs().items() if name not in own}
    _assert_same(_logits(network, own | others), _logits(network, own))
    with pytest.raises(ValueError, match="at least one of"):
        network(**others)
    assert [name for name in MODALITIES if name in METHODS[key].modalities] == [network.config.modality]


def test_activation_checkpointing_changes_nothing():
    key = "optional_modalities"
    losses = []
    for checkpointing in (False, True):
        network = tiny_network(key, **NO_DROPOUT)
        if checkpointing:
            checkpoint_activations(network)
        losses.append(_train(network, inputs_of(key, batch=4), tiny_labels(network, batch=4), steps=2))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
