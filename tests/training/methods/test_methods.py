"""The table of methods is whole, and each row makes what it says."""

import pytest
import torch
from tiny_methods import inputs_of, tiny_network

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.errors_emert import EmertInputError
from training.methods.registry import METHODS, get_method, load_class

KEYS = (
    "majority",
    "stimulus_majority",
    "logistic_regression",
    "svm",
    "random_forest",
    "face_only",
    "eye_movements_only",
    "fixations_only",
    "early_fusion",
    "late_fusion",
    "tfn",
    "lmf",
    "mult",
    "misa",
    "optional_modalities",
    "emert",
    "emert_no_adversarial",
    "emert_no_decoupling",
    "emert_no_eye_movements",
    "emert_no_fixations",
    "emert_no_face",
    "emert_hierarchical",
    "emert_multitask",
)
NETWORKS = [method for method in METHODS.values() if method.kind == "network"]


def test_the_table_holds_every_method_once():
    assert tuple(METHODS) == KEYS
    assert all(key == method.key for key, method in METHODS.items())
    assert len({method.name for method in METHODS.values()}) == len(KEYS)


@pytest.mark.parametrize("method", METHODS.values(), ids=KEYS)
def test_row_is_complete_and_its_class_is_there(method):
    assert load_class(method).__name__ == method.made_by.partition(":")[2]
    assert method.source
    assert method.modalities
    assert list(method.modalities) == [name for name in MODALITIES if name in method.modalities]


@pytest.mark.parametrize("method", NETWORKS, ids=lambda method: method.key)
def test_overrides_reach_the_network(method):
    tasks = ["er3", "er7"] if method.tasks == "all" else ["er7"]
    network = tiny_network(method.key, tasks=tasks)
    for field, value in method.overrides.items():
        assert getattr(network.config, field) == value
    assert set(network(**inputs_of(method.key)).logits) == set(tasks)


def test_no_two_networks_are_saved_as_the_same_type():
    types = [load_class(method).config_class.model_type for method in NETWORKS if not method.key.startswith("emert")]
    assert len(set(types)) == len(types) - 2  # the three of one modality are of one type
    assert "emert" not in types


def test_unknown_method_is_the_users_mistake():
    with pytest.raises(EmertInputError, match=r"method is 'svn'.*majority, .*svm"):
        get_method("svn")


@pytest.mark.parametrize(
    ("key", "counted"),
    [("emert", ("adversarial", "specific")), ("emert_no_adversarial", ("specific",)), ("emert_no_decoupling", ())],
)
def test_ablations_switch_their_losses_off(key, counted):
    network = tiny_network(key, tasks=["er7"])
    output = network(**inputs_of(key), labels={"er7": torch.tensor([1, 2])})
    expected = output.losses["er7"] + sum(0.1 * output.losses[name] for name in counted)
    torch.testing.assert_close(output.loss, expected)


@pytest.mark.parametrize("modality", MODALITIES)
def test_without_a_modality_is_all_but_that_one(modality):
    assert set(METHODS[f"emert_no_{modality}"].modalities) == set(MODALITIES) - {modality}
    assert METHODS[f"{modality}_only"].modalities == (modality,)
