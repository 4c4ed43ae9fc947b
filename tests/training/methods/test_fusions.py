"""What makes each fusion the one that its paper describes."""

import pytest
import torch
from tiny_emert import NO_DROPOUT, tiny_inputs, tiny_labels
from tiny_methods import tiny_network

from modeling_emert.constants_emert import INPUT_NAMES, MODALITIES
from modeling_emert.layers_emert import masked_mean
from training.methods.misa import difference, moment_discrepancy
from training.methods.simple_fusions import mean_answer
from training.methods.tensor_fusion import LowRankFusion, TensorFusion

SIZE = 8  # of the tiny streams


def _streams(network, batch: int = 3) -> tuple[dict, dict]:
    generator = torch.Generator().manual_seed(0)
    lengths = network.config.lengths
    streams = {name: torch.randn(batch, lengths[name], SIZE, generator=generator) for name in MODALITIES}
    return streams, {name: torch.ones(batch, lengths[name], dtype=torch.bool) for name in MODALITIES}


def test_late_fusion_is_the_mean_of_the_answers_of_each_modality_alone():
    network, inputs = tiny_network("late_fusion"), tiny_inputs()
    alone = [network(**{name: inputs[name]}).logits for name in INPUT_NAMES.values()]
    whole = network(**inputs).logits
    expected = torch.stack([answer["er7"].softmax(dim=1) for answer in alone]).mean(dim=0)
    torch.testing.assert_close(whole["er7"].softmax(dim=1), expected)
    torch.testing.assert_close(whole["fer_va"], torch.stack([answer["fer_va"] for answer in alone]).mean(dim=0))


def test_late_fusion_learns_each_modality_from_its_own_answer():
    """The loss is the mean of what the modalities alone have, and not that of their mean answer."""
    network, inputs = tiny_network("late_fusion", tasks=["er7"], **NO_DROPOUT), tiny_inputs()
    labels = tiny_labels(network)
    alone = [3 * network(**{name: inputs[name]}, labels=labels).loss for name in INPUT_NAMES.values()]
    torch.testing.assert_close(network(**inputs, labels=labels).loss, sum(alone) / 3)


def test_mean_answer_leaves_out_what_is_absent():
    answers = torch.tensor([[[0.0, 5.0], [1.0, 0.0], [9.0, 9.0]]])
    present = torch.tensor([[True, True, False]])
    torch.testing.assert_close(mean_answer("fer_va", answers, present), torch.tensor([[0.5, 2.5]]))


def test_tensor_fusion_multiplies_each_with_each():
    network = tiny_network("tfn", tensor_size=2)
    fusion: TensorFusion = network.emert.fusion
    for layer in fusion.project.values():
        torch.nn.init.ones_(layer.bias)  # so that none of the few numbers is cut to 0
    seen = []
    fusion.layers.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    streams, masks = _streams(network)
    masks["fixations"][0] = False
    fusion(streams, masks)
    product = seen[0].unflatten(1, (3, 3, 3))
    vectors = [product[:, :, 2, 2], product[:, 2, :, 2], product[:, 2, 2, :]]  # each beside the ones of the others
    torch.testing.assert_close(product[1, 0, 1, 1], vectors[0][1, 0] * vectors[1][1, 1] * vectors[2][1, 1])
    mean = (streams["face"] * masks["face"][..., None]).sum(1) / masks["face"].sum(1, keepdim=True)
    torch.testing.assert_close(vectors[0][:, :2], fusion.project["face"](mean).relu())
    torch.testing.assert_close(product[..., 2, 2, 2], torch.ones(3))
    assert (product[0, :, :, :2] == 0).all()  # absent: the 1 alone
    assert (product[0, :2, :2, 2] != 0).any()


def test_low_rank_fusion_is_a_tensor_fusion_with_weights_of_that_rank():
    network = tiny_network("lmf", rank=2)
    fusion: LowRankFusion = network.emert.fusion
    fusion.norm = torch.nn.Identity()
    streams, masks = _streams(network)
    found = fusion(streams, masks).last_hidden_state[:, 0]
    one = torch.ones(3, 1)
    vectors = [torch.cat([masked_mean(streams[name], masks[name]), one], dim=1) for name in MODALITIES]
    factors = []  # (rank, hidden, encoder_size + 1)
    for name in MODALITIES:
        layer = fusion.factors[name]
        factors.append(torch.cat([layer.weight, layer.bias[:, None]], dim=1).unflatten(0, (2, -1)))
    weights = torch.einsum("r,rhi,rhj,rhk->hijk", fusion.weigh.weight[0], *factors)
    torch.testing.assert_close(found, torch.einsum("hijk,bi,bj,bk->bh", weights, *vectors), rtol=1e-4, atol=1e-5)


def test_mult_target_that_asks_nobody_stays_as_it_was():
    network = tiny_network("mult")
    fusion = network.emert.fusion
    streams, masks = _streams(network)
    masks["face"][1] = False
    seen = []
    fusion.widen["fixations"].register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    fusion(streams, masks)
    tokens = fusion.project["fixations"](streams["fixations"]) + fusion.positions["fixations"].weight
    from_face = seen[0][..., : tokens.shape[-1]]  # beside what it asked the eye movements
    assert torch.equal(from_face[1], tokens[1])
    assert not torch.allclose(from_face[0], tokens[0])
    assert len(fusion.crossings) == 6


def test_early_fusion_joins_what_is_shown_at_the_same_time():
    """A face's frame stands beside the eye steps of its own third of the time, and beside no other."""
    network = tiny_network("early_fusion")
    fusion, seen = network.emert.fusion, []
    fusion.join.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    streams, masks = _streams(network)
    fusion(streams, masks)
    fusion(streams | {"face": streams["face"].index_fill(1, torch.tensor(1), 0.0)}, masks)
    changed = (seen[0] != seen[1]).any(dim=-1)  # (batch, 6 steps); 3 frames
    assert changed.tolist() == [[False, False, True, True, False, False]] * 3


def test_moment_discrepancy_is_zero_for_equal_sets_alone():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(200, 4, generator=generator)
    assert moment_discrepancy(values, values.flip(0)) < 1e-5
    shifted = moment_discrepancy(values * 0.5, values * 0.5 + 0.5)
    assert shifted == pytest.approx(1.0, abs=1e-4)  # 0.5 in each of 4 numbers; all central moments agree
    assert moment_discrepancy(values, (values > 0.5).float()) > 0.05  # about the same mean, another shape


def test_difference_is_zero_for_orthogonal_sets_alone():
    values = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    other = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0], [0.0, -1.0]])
    assert difference(values, other) < 1e-10
    assert difference(values, values) == pytest.approx(4.0)  # one of four correlations is 4, its square 16


def test_misa_losses_are_weighed_and_can_be_switched_off():
    inputs = tiny_inputs(batch=4)
    network = tiny_network("misa", tasks=["er7"], similarity_weight=0.5, difference_weight=0.25, reconstruction_weight=0)
    output = network(**inputs, labels=tiny_labels(network, batch=4))
    losses = output.losses
    assert set(losses) == {"er7", "similarity", "difference", "reconstruction"}
    assert all(loss > 0 for loss in losses.values())
    torch.testing.assert_close(output.loss, losses["er7"] + 0.5 * losses["similarity"] + 0.25 * losses["difference"])


def test_misa_has_no_loss_for_modalities_that_nobody_has():
    network = tiny_network("misa", tasks=["er7"])
    losses = network(eye_movements=tiny_inputs(4)["eye_movements"], labels=tiny_labels(network, 4)).losses
    assert losses["similarity"] == 0
    assert losses["reconstruction"] > 0


def test_misa_counts_no_sample_without_the_modality():
    network, inputs = tiny_network("misa", tasks=["er7"]), tiny_inputs(4)
    labels = tiny_labels(network, 4)
    first = {name: value[:3] for name, value in inputs.items()}
    expected = network(**first, labels={"er7": labels["er7"][:3]}).losses["similarity"]
    mask = torch.ones(4, 3, dtype=torch.bool)
    mask[3] = False  # the last one's face
    masked = network(**inputs, face_mask=mask, labels=labels).losses
    pairs = network(eye_movements=inputs["eye_movements"], fixations=inputs["fixations"], labels=labels).losses
    three = network(
        eye_movements=first["eye_movements"], fixations=first["fixations"], labels={"er7": labels["er7"][:3]}
    ).losses
    # The pairs with the face are those of the first three, the pair of the eyes is that of all four.
    torch.testing.assert_close(masked["similarity"], expected - three["similarity"] + pairs["similarity"], rtol=1e-4, atol=1e-5)
