"""The three losses by hand, what is absent left out of them, and the sign of the gradient reversal."""

import math

import numpy as np
import pytest
import torch
from tiny_emert import ARGUMENTS, NO_DROPOUT, tiny_inputs, tiny_labels, tiny_model

from modeling_emert.heads_emert import modality_loss, task_loss
from modeling_emert.tasks_emert import ABSENT_CLASS, BUILT_IN, TASKS, make_task, register_task

NAN = float("nan")
LOG2, LOG3, LOG4 = math.log(2), math.log(3), math.log(4)
# Softmax of these is 1/2, 1/4, 1/4.
HALF_FIRST = [LOG2, 0.0, 0.0]


def test_task_loss_of_classes_by_hand():
    logits = torch.tensor([HALF_FIRST, HALF_FIRST, [0.0, 0.0, 0.0]])
    labels = torch.tensor([0, 1, 2])
    assert task_loss(TASKS["er3"], logits, labels).item() == pytest.approx((LOG2 + LOG4 + LOG3) / 3)


def test_task_loss_of_numbers_by_hand():
    guesses = torch.tensor([[0.5, 2.0], [0.0, -1.0]])
    labels = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    # Smooth-L1: d * d / 2 up to 1, d - 1/2 from there.
    assert task_loss(TASKS["er_va"], guesses, labels).item() == pytest.approx((0.125 + 1.5 + 0.0 + 0.5) / 4)


def test_labels_of_one_number_may_come_without_its_axis_and_no_other_shape_is_spread():
    task, guesses = TASKS["fer_intensity"], torch.tensor([[0.5], [2.0]])
    assert task_loss(task, guesses, torch.tensor([1.0, 2.5])) == task_loss(task, guesses, torch.tensor([[1.0], [2.5]]))
    with pytest.raises(ValueError, match=r"labels of er_va have shape \(2,\) and type float32, expected \(2, 2\) numbers"):
        task_loss(TASKS["er_va"], torch.zeros(2, 2), torch.zeros(2))


@pytest.mark.slow
def test_an_own_range_is_learned_as_minus_one_to_one_and_answered_as_it_is():
    pain = register_task(make_task({"name": "pain", "labels": ["pain"], "range": [0, 100]}))
    rating = register_task(make_task({"name": "rating", "labels": ["rating"], "range": [-1, 1]}))
    guesses, labels = torch.tensor([[0.5], [-1.0]]), torch.tensor([[0.25], [0.75]])
    assert task_loss(pain, 50 + 50 * guesses, 50 + 50 * labels) == task_loss(rating, guesses, labels)
    assert all(TASKS[name].scale == (0.0, 1.0) for name in BUILT_IN)
    model = tiny_model(tasks=["pain", "rating", "fer_intensity"], **NO_DROPOUT)
    model.heads["pain"].load_state_dict(model.heads["rating"].state_dict())
    with torch.no_grad():
        found = model(**tiny_inputs()).logits
    torch.testing.assert_close(found["pain"], 50 + 50 * found["rating"])
    # Two labels at the end of the range are learned within some steps, in which an answer near 0 would hardly have moved.
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model(**tiny_inputs(), labels={"pain": torch.tensor([[80.0], [95.0]])}).losses["pain"]
        loss.backward()
        optimizer.step()
    assert loss < 0.01
    assert model(**tiny_inputs()).logits["pain"].mean().item() == pytest.approx(87.5, abs=10)


def test_task_loss_is_the_mean_over_the_labels_that_are_there():
    logits = torch.tensor([HALF_FIRST, [9.0, -9.0, 5.0], HALF_FIRST])
    labels = torch.tensor([0, ABSENT_CLASS, 1])
    assert task_loss(TASKS["er3"], logits, labels).item() == pytest.approx((LOG2 + LOG4) / 2)
    guesses = torch.tensor([[0.5, 7.0], [3.0, 2.0]])
    partly = torch.tensor([[0.0, NAN], [NAN, 0.0]])
    assert task_loss(TASKS["er_va"], guesses, partly).item() == pytest.approx((0.125 + 1.5) / 2)


@pytest.mark.parametrize(
    ("task", "labels"),
    [("er7", torch.tensor([3, ABSENT_CLASS, 1])), ("er_va", torch.tensor([[0.1, NAN], [NAN, NAN], [0.3, -0.4]]))],
)
def test_output_without_label_has_no_part_in_loss_and_gradient(task, labels):
    size = TASKS[task].size
    absent = labels.isnan() if labels.is_floating_point() else (labels == ABSENT_CLASS)[:, None].expand(-1, size)
    losses = []
    for seed in (1, 2):  # the outputs without a label differ, the others are the same
        kept = torch.randn(3, size, generator=torch.Generator().manual_seed(0))
        other = 10 * torch.randn(3, size, generator=torch.Generator().manual_seed(seed))
        logits = torch.where(absent, other, kept).requires_grad_()
        loss = task_loss(TASKS[task], logits, labels)
        loss.backward()
        losses.append(loss.item())
        assert (logits.grad[absent] == 0).all()
        assert (logits.grad[~absent] != 0).all()
    assert losses[0] == losses[1]


@pytest.mark.parametrize(("task", "labels"), [("er7", torch.full((2,), ABSENT_CLASS)), ("fer_va", torch.full((2, 2), NAN))])
def test_task_without_any_label_gives_zero_and_no_gradient(task, labels):
    logits = torch.randn(2, TASKS[task].size, requires_grad=True)
    loss = task_loss(TASKS[task], logits, labels)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_modality_loss_by_hand():
    # Sample 0 gives half to "face" whatever it is shown; sample 1 does not know.
    logits = torch.tensor([[HALF_FIRST] * 3, [[0.0] * 3] * 3])
    present = torch.ones(2, 3, dtype=torch.bool)
    face, eyes, fixations = (LOG2 + LOG3) / 2, (LOG4 + LOG3) / 2, (LOG4 + LOG3) / 2
    assert modality_loss(logits, present).item() == pytest.approx(face + eyes + fixations)


def test_absent_modality_is_left_out_of_the_modality_loss():
    logits = torch.tensor([[HALF_FIRST] * 3, [[0.0] * 3] * 3], requires_grad=True)
    present = torch.tensor([[True, False, True], [True, False, False]])
    loss = modality_loss(logits, present)
    assert loss.item() == pytest.approx((LOG2 + LOG3) / 2 + LOG4)
    loss.backward()
    assert (logits.grad[~present] == 0).all()
    assert (logits.grad[present].abs().sum(-1) > 0).all()


def test_loss_is_the_weighted_sum_of_all():
    model = tiny_model()
    labels = tiny_labels(model)
    with torch.no_grad():
        output = model(**tiny_inputs(), labels=labels)
    everything = torch.ones(2, 3, dtype=torch.bool)
    expected = {name: task_loss(TASKS[name], output.logits[name], labels[name]) for name in model.config.tasks}
    expected["adversarial"] = modality_loss(output.modality_logits.invariant, everything)
    expected["specific"] = modality_loss(output.modality_logits.specific, everything)
    assert set(output.losses) == set(expected)
    for name, value in expected.items():
        assert output.losses[name].item() == pytest.approx(value.item()), name
    weights = {"adversarial": 0.1, "specific": 0.1}  # the authors'
    total = sum(weights.get(name, 1.0) * value.item() for name, value in expected.items())
    assert output.loss.item() == pytest.approx(total)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def test_the_whole_loss_of_a_small_batch_by_hand():
    """From the logits on in plain numpy: three recordings, one without fixations, one without its felt class."""
    model = tiny_model(tasks=["er7", "fer_intensity"])  # the authors' third variant
    inputs = tiny_inputs(batch=3) | {"fixations_mask": torch.tensor([[True] * 5, [False] * 5, [True] * 5])}
    labels = {"er7": torch.tensor([3, 0, ABSENT_CLASS]), "fer_intensity": torch.tensor([[0.5], [3.0], [1.0]])}
    with torch.no_grad():
        output = model(**inputs, labels=labels)
    emotion = _log_softmax(output.logits["er7"].double().numpy())
    class_part = -(emotion[0, 3] + emotion[1, 0]) / 2
    distance = np.abs(output.logits["fer_intensity"].double().numpy()[:, 0] - [0.5, 3.0, 1.0])
    assert distance.min() < 1 < distance.max()  # both branches of the smooth-L1
    number_part = np.where(distance < 1, distance**2 / 2, distance - 0.5).mean()
    sides = {}
    for side in ("invariant", "specific"):
        guesses = _log_softmax(output.modality_logits[side].double().numpy())
        face, eyes, fixations = (-guesses[:, index, index] for index in range(3))
        sides[side] = face.mean() + eyes.mean() + (fixations[0] + fixations[2]) / 2
    expected = 0.1 * sides["invariant"] + 0.1 * sides["specific"] + 1.0 * (class_part + number_part)
    assert output.loss.item() == pytest.approx(expected, rel=1e-5)


def test_weights_come_from_the_config():
    weights = {"adversarial_weight": 0.0, "specific_weight": 2.0, "task_weight": 3.0}
    model = tiny_model(tasks=["er7"], **weights)
    with torch.no_grad():
        output = model(**tiny_inputs(), labels=tiny_labels(model))
    assert output.loss.item() == pytest.approx(2 * output.losses["specific"].item() + 3 * output.losses["er7"].item())


def test_task_that_is_left_out_of_the_labels_is_not_trained():
    model = tiny_model()
    output = model(**tiny_inputs(), labels={"er7": torch.tensor([1, 2])})
    output.loss.backward()
    assert set(output.losses) == {"er7", "adversarial", "specific"}
    assert all(parameter.grad is None for parameter in model.heads["fer7"].parameters())


def test_absent_label_in_a_batch_leaves_its_sample_out():
    model = tiny_model(**NO_DROPOUT)
    inputs, labels = tiny_inputs(), tiny_labels(model)
    only_first = {name: value[:1] for name, value in labels.items()}
    for name, value in labels.items():
        value[1] = ABSENT_CLASS if TASKS[name].kind == "classification" else NAN
    with torch.no_grad():
        found = model(**inputs, labels=labels).losses
        expected = model(**{name: value[:1] for name, value in inputs.items()}, labels=only_first).losses
    for name in model.config.tasks:
        assert found[name].item() == pytest.approx(expected[name].item(), rel=1e-4), name


@pytest.mark.parametrize("absent", range(3))
def test_absent_modality_is_left_out_of_the_models_modality_losses(absent):
    model = tiny_model()
    inputs = tiny_inputs()
    values, mask, length = ARGUMENTS[absent]
    inputs[mask] = torch.zeros(2, getattr(model.config, length), dtype=torch.bool)
    inputs[mask][0] = True  # the second sample lacks it
    with torch.no_grad():
        output = model(**inputs, labels={})
    present = torch.ones(2, 3, dtype=torch.bool)
    present[1, absent] = False
    for side, name in (("invariant", "adversarial"), ("specific", "specific")):
        expected = modality_loss(output.modality_logits[side], present).item()
        assert output.losses[name].item() == pytest.approx(expected), name
    with torch.no_grad():
        without = model(**{**inputs, values: None, mask: None}, labels={})
    present[:, absent] = False
    expected = modality_loss(without.modality_logits.invariant, present).item()
    assert without.losses["adversarial"].item() == pytest.approx(expected)


_SEVEN = r"expected \(2,\) class indices 0 to 6, -100 for absent, or \(2, 7\) fractions of votes"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"er7": torch.tensor([0, 9])}, "labels of er7 hold the class 9, " + _SEVEN),
        ({"er7": [0, -1]}, "labels of er7 hold the class -1, " + _SEVEN),
        ({"er7": [0, None]}, r"labels of er7 are \[0, None\] \(list\), " + _SEVEN),
        ({"er7": ["fear", "anger"]}, r"labels of er7 are .* \(list\), " + _SEVEN),
        ({"er7": torch.tensor([0, 1, 2])}, r"labels of er7 have shape \(3,\) and type int64, " + _SEVEN),
        ({"er7": torch.tensor([[0], [1]])}, r"labels of er7 have shape \(2, 1\) and type int64, " + _SEVEN),
        ({"er7": torch.tensor([0.0, 1.0])}, r"labels of er7 have shape \(2,\) and type float32, " + _SEVEN),
        ({"er7": 3}, r"labels of er7 have shape \(\) and type int64, " + _SEVEN),
        ({"er_va": torch.zeros(2, 3)}, r"labels of er_va have shape \(2, 3\) .*expected \(2, 2\) numbers"),
        ({"er_va": "sad"}, r"labels of er_va are sad \(str\), expected \(2, 2\) numbers"),
        ({"participant": [0, 7]}, "labels of participant hold the class 7, .* 0 to 2"),
        ([0, 1], "labels are list, expected a dictionary by task"),
    ],
)
def test_labels_that_no_task_can_have_are_refused(labels, reason):
    with pytest.raises(ValueError, match=reason):
        tiny_model(num_participants=3)(**tiny_inputs(), labels=labels)


def test_labels_may_be_lists_arrays_and_none():
    model = tiny_model(**NO_DROPOUT)
    given = {"er7": [0, ABSENT_CLASS], "fer7": np.array([1, 2], np.int32), "er_va": [[1, 0], [0, -1]], "fer_va": None}
    expected = {name: torch.tensor(values) for name, values in given.items() if values is not None}
    expected["fer7"] = expected["fer7"].long()
    assert model(**tiny_inputs(), labels=given).loss == model(**tiny_inputs(), labels=expected).loss


def test_labels_of_another_task_are_refused():
    with pytest.raises(ValueError, match=r"labels for \['perceived3'\], but the model takes labels for"):
        tiny_model()(**tiny_inputs(), labels={"perceived3": torch.tensor([0, 1])})


def _slope(model: torch.nn.Module, inputs: dict, weight: torch.nn.Parameter, direction: torch.Tensor) -> float:
    """Of the loss along a direction of a weight, by finite differences."""
    step, losses = 1e-5, []
    with torch.no_grad():
        for sign in (1, -1):
            weight += sign * step * direction
            losses.append(model(**inputs, labels={}).loss.item())
            weight -= sign * step * direction
    return (losses[0] - losses[1]) / (2 * step)


@pytest.mark.parametrize("reversal", [1.0, 0.5])
@pytest.mark.parametrize(
    ("part", "turned"),
    [
        ("decoupling.invariant.0", True),
        ("eye_encoder.lstm.weight_hh_l0", True),
        ("face_encoder.projection", True),
        ("decoupling.discriminator", False),
    ],
)
def test_adversarial_gradient_is_turned_before_the_discriminator_only(part, turned, reversal):
    weights = {"adversarial_weight": 1.0, "specific_weight": 0.0}
    model = tiny_model(**weights, reversal=reversal).double()
    inputs = {name: value.double() for name, value in tiny_inputs().items()}
    weight = dict(model.emert.named_parameters())[part if "lstm" in part else f"{part}.weight"]
    model(**inputs, labels={}).loss.backward()
    direction = weight.grad / weight.grad.norm()
    expected = _slope(model, inputs, weight, direction) * (-reversal if turned else 1)
    assert (weight.grad * direction).sum().item() == pytest.approx(expected, rel=1e-4)
    assert abs(expected) > 1e-4


def test_specific_gradient_is_not_turned():
    model = tiny_model(adversarial_weight=0.0, specific_weight=1.0).double()
    inputs = {name: value.double() for name, value in tiny_inputs().items()}
    for name in ("face", "eye_movements", "fixations"):
        weight = model.emert.decoupling.specific[name][0].weight
        model.zero_grad()
        model(**inputs, labels={}).loss.backward()
        direction = weight.grad / weight.grad.norm()
        assert weight.grad.norm().item() == pytest.approx(_slope(model, inputs, weight, direction), rel=1e-4)
