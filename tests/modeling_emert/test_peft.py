"""LoRA adapters: they learn, are saved, loaded, merged and swapped, and the network under them does not move by a bit."""

import subprocess
import sys

import pytest
import torch
from everyday import others_slow
from peft import AutoPeftModel, LoraConfig, PeftModel, get_peft_model
from tiny_emert import NO_DROPOUT, tiny_inputs, tiny_labels, tiny_model

from modeling_emert import EmertForEmotionRecognition, EmertProcessor

TASKS = ["er7", "fer7", "fer_va"]


def _base(**overrides):
    return tiny_model(tasks=TASKS, **{**NO_DROPOUT, **overrides})


def _trained(base, seed: int = 0, config: LoraConfig | None = None) -> PeftModel:
    """An adapter after three steps in training mode."""
    torch.manual_seed(seed)
    model = get_peft_model(base, config or base.lora_config(rank=2))
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=0.5)
    for step in range(3):
        model.train()
        optimizer.zero_grad()
        model(**tiny_inputs(4, seed + step), labels=tiny_labels(base, 4, seed + step)).loss.backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def _answers(model) -> dict[str, torch.Tensor]:
    return model(**tiny_inputs(seed=9)).logits


def _assert_same(found: dict, expected: dict, tolerance: float = 0.0) -> None:
    for name in TASKS:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=tolerance)


def _differ(found: dict, other: dict) -> bool:
    return all((found[name] - other[name]).abs().max() > 1e-4 for name in TASKS)


@pytest.mark.filterwarnings("error::FutureWarning")
def test_a_new_adapter_changes_nothing_and_a_trained_one_every_task():
    expected = _answers(_base())
    _assert_same(_answers(get_peft_model(_base(), _base().lora_config()).eval()), expected)
    assert _differ(_answers(_trained(_base())), expected)


@pytest.mark.parametrize("overrides", [{}, {"projection_sizes": [8, 4], "num_lstm_layers": 2}], ids=["plain", "deep"])
def test_adapter_is_on_attention_projections_lstms_and_heads(overrides):
    model = get_peft_model(_base(**overrides), _base(**overrides).lora_config(rank=2))
    model(**tiny_inputs(4), labels=tiny_labels(model.base_model.model, 4)).loss.backward()
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert all("lora_" in name or "modules_to_save" in name for name in learning)
    layers = range(len(_base(**overrides).config.projection_sizes))
    parts = ["q_proj", "k_proj", "v_proj", "out_proj", "face_encoder.projection", "eye_encoder.lstm", "fixation_encoder.lstm"]
    parts += [f"decoupling.invariant.{2 * layer}" for layer in layers]
    parts += [f"specific.{name}.{2 * layer}" for name in ("face", "eye_movements", "fixations") for layer in layers]
    for part in [*parts, *(f"heads.{name}" for name in TASKS)]:
        touched = [name for name, parameter in model.named_parameters() if part in name and parameter.grad is not None]
        assert touched, part
    assert not [name for name in learning if "backbone" in name]


def test_what_belongs_to_one_task_is_trained_and_saved_with_it(tmp_path):
    overrides = {**NO_DROPOUT, "tasks": ["er3", "er7"], "hierarchical": True, "task_pooling": "attention"}
    model = _trained(tiny_model(**overrides))
    fresh = tiny_model(**overrides)
    expected, before = _answers(model), dict(fresh.state_dict())
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(fresh, tmp_path).eval()
    found = _answers(loaded)
    assert all(torch.equal(found[name], expected[name]) for name in ("er3", "er7"))
    merged = loaded.merge_and_unload().state_dict()
    for name in ("heads.er7.layers.0.weight", "poolings.er7.score.weight", "coarse.er3.surprise"):
        assert not torch.equal(merged[name], before[name]), name


def test_base_stays_bit_for_bit_batchnorm_included():
    base = _base()
    before = {name: value.clone() for name, value in base.state_dict().items()}
    model = _trained(base)
    after = {_plain(name): value for name, value in base.state_dict().items() if _is_bases(name)}
    assert set(after) == set(before)
    for name, value in before.items():
        assert torch.equal(after[name], value), name
    with model.disable_adapter():
        _assert_same(_answers(model), _answers(_base()))


def _is_bases(name: str) -> bool:
    return "lora_" not in name and "modules_to_save" not in name


def _plain(name: str) -> str:
    """Without what peft wraps around."""
    return name.replace("base_layer.", "").replace("original_module.", "")


def _statistics(model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items() if "running_" in name}


def test_batchnorm_moves_only_where_it_is_trained():
    model = _base().train()
    before = _statistics(model)
    model(**tiny_inputs())
    assert all(not torch.equal(value, before[name]) for name, value in _statistics(model).items())
    before = _statistics(model)
    model.emert.face_encoder.backbone.requires_grad_(False)  # and `train` is not called again
    model(**tiny_inputs(seed=1))
    assert all(torch.equal(value, before[name]) for name, value in _statistics(model).items())
    assert not model.emert.face_encoder.backbone.training
    model.emert.face_encoder.backbone.requires_grad_(True)
    model.train()(**tiny_inputs(seed=1))
    assert all(not torch.equal(value, before[name]) for name, value in _statistics(model).items())


_PLAIN = {
    "heads": {"target_modules": ["q_proj", "v_proj"], "modules_to_save": ["heads"]},
    "all-linear": {"target_modules": "all-linear"},
    "backbone": {"target_modules": ["q_proj", "convolution"]},
}


@pytest.mark.parametrize("name", others_slow(_PLAIN, ["heads"]))
def test_a_plain_lora_config_answers_the_same_once_it_is_loaded(name, tmp_path):
    _base().save_pretrained(tmp_path / "base")
    base = EmertForEmotionRecognition.from_pretrained(tmp_path / "base")
    before = _answers(base.eval())
    model = _trained(base, config=LoraConfig(r=2, **_PLAIN[name]))
    expected = _answers(model)
    assert any(not torch.equal(expected[task], before[task]) for task in TASKS)
    model.save_pretrained(tmp_path / "adapter")
    _assert_same(_answers(PeftModel.from_pretrained(_base(), tmp_path / "adapter").eval()), expected)
    with pytest.raises(ValueError, match="import_allowlist="):
        AutoPeftModel.from_pretrained(tmp_path / "adapter")
    loaded = AutoPeftModel.from_pretrained(tmp_path / "adapter", import_allowlist=["modeling_emert"])
    _assert_same(_answers(loaded.eval()), expected)
    _assert_same(_answers(EmertForEmotionRecognition.from_pretrained(tmp_path / "adapter").eval()), expected)


@pytest.mark.parametrize("task_type", ["FEATURE_EXTRACTION", "SEQ_CLS"])
def test_what_a_task_type_passes_for_text_models_is_left_out(task_type):
    config = {"r": 2, "target_modules": ["q_proj", "v_proj"]}
    expected = _answers(_trained(_base(), config=LoraConfig(**config)))
    model = _trained(_base(), config=LoraConfig(**config, task_type=task_type))
    _assert_same(_answers(model), expected)
    with pytest.raises(ValueError, match="input_ids: EMERT takes no text"):
        model(input_ids=torch.zeros(2, 3), **tiny_inputs())


# Runs where no room of the project can be imported: what the card says of adapters.
_FRESH = """
import sys
for room in ("modeling_emert", "dataset_scripts", "training", "wrapt"):
    sys.modules[room] = None
import torch
from peft import AutoPeftModel, get_peft_model
from transformers import AutoModelForVideoClassification, pipeline
folder, adapter = sys.argv[1:]
trusted = {"trust_remote_code": True}
model = AutoModelForVideoClassification.from_pretrained(folder, **trusted)
adapted = get_peft_model(model, model.lora_config()).eval()
torch.manual_seed(0)
for name, weight in adapted.named_parameters():
    if "lora_" in name:
        torch.nn.init.normal_(weight, std=0.3)
adapted.save_pretrained(adapter)
pipe = pipeline("emotion-recognition", model=folder, **trusted)
recording = pipe.processor.load(gaze=torch.rand(60, 39, generator=torch.Generator().manual_seed(0)).numpy())
before = pipe(recording)["tasks"]
pipe.model = adapted
expected = pipe(recording)["tasks"]
assert expected != before
assert pipeline("emotion-recognition", model=adapter, **trusted)(recording)["tasks"] == expected
pipe.model = AutoPeftModel.from_pretrained(adapter, import_allowlist=["transformers_modules"])
assert pipe(recording)["tasks"] == expected
print("all the same")
"""


@pytest.mark.slow
def test_an_adapter_answers_in_the_ways_that_the_card_names(tmp_path):
    base = _base()
    base.save_pretrained(tmp_path / "base")
    EmertProcessor.for_config(base.config, 32).save_pretrained(tmp_path / "base")
    arguments = [sys.executable, "-c", _FRESH, str(tmp_path / "base"), str(tmp_path / "adapter")]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.strip() == "all the same", ran.stderr


def test_saved_adapter_answers_the_same_on_a_fresh_base(tmp_path):
    model = _trained(_base())
    model.save_pretrained(tmp_path)
    size = (tmp_path / "adapter_model.safetensors").stat().st_size
    assert size > 0
    loaded = PeftModel.from_pretrained(_base(), tmp_path).eval()
    _assert_same(_answers(loaded), _answers(model))


def test_merged_adapter_answers_the_same_and_is_saved_as_a_plain_model(tmp_path):
    model = _trained(_base())
    expected = _answers(model)
    merged = model.merge_and_unload()
    assert type(merged) is type(_base())
    _assert_same(_answers(merged), expected, 1e-5)
    merged.save_pretrained(tmp_path)
    loaded = type(merged).from_pretrained(tmp_path)
    assert set(loaded.state_dict()) == set(_base().state_dict())
    _assert_same(_answers(loaded), expected, 1e-5)


def test_two_adapters_are_swapped_on_one_base(tmp_path):
    expected = {}
    for name, seed in (("first", 1), ("second", 2)):
        model = _trained(_base(), seed)
        expected[name] = _answers(model)
        model.save_pretrained(tmp_path / name)
    assert _differ(expected["first"], expected["second"])
    both = PeftModel.from_pretrained(_base(), tmp_path / "first", adapter_name="first").eval()
    both.load_adapter(tmp_path / "second", adapter_name="second")
    for name in ("second", "first", "second"):
        both.set_adapter(name)
        _assert_same(_answers(both), expected[name])
    with both.disable_adapter():
        _assert_same(_answers(both), _answers(_base()))
