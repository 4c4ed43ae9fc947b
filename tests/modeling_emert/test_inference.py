"""The network prepared for answering: folded, in bf16 where that is safe, and the model stays as it was."""

import numpy as np
import pytest
import torch
from tiny_emert import IMAGE, face_track, gappy_inputs, gaze, logits, tiny_config, tiny_model
from torch import nn

from modeling_emert import EmertProcessor, Recording
from modeling_emert.answers_emert import answer
from modeling_emert.inference_emert import answering_network, for_inference, has_native_bf16

RECORDING = Recording(face_track(), gaze())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_a_network_for_answering_answers_the_same_and_leaves_the_model_alone(dtype, tolerance):
    model = tiny_model()
    with torch.no_grad():  # BatchNorm that does something
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
    inputs = gappy_inputs(model, 3)
    expected = logits(model, inputs)
    ready = for_inference(model, dtype)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in ready.modules())
    typed = {name: value.to(dtype) if value.is_floating_point() else value for name, value in inputs.items()}
    for name, found in logits(ready, typed).items():
        torch.testing.assert_close(found.float(), expected[name], atol=tolerance, rtol=tolerance)
        assert torch.equal(logits(model, inputs)[name], expected[name])


@pytest.fixture
def processor() -> EmertProcessor:
    return EmertProcessor.for_config(tiny_config(), IMAGE)


@pytest.fixture
def native_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeling_emert.inference_emert.has_native_bf16", lambda: True)


def test_bf16_answers_where_the_cpu_has_it(processor, native_bf16):
    ready = answering_network(tiny_model(), processor)
    assert ready.dtype == torch.bfloat16
    found, expected = (answer(model, processor, RECORDING)["tasks"] for model in (ready, tiny_model()))
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=0.02)


def test_bf16_does_not_answer_where_its_answers_differ_too_much(processor, native_bf16, monkeypatch):
    monkeypatch.setattr("modeling_emert.inference_emert._TOLERANCE", 1e-4)
    assert answering_network(tiny_model(), processor).dtype == torch.float32


def test_other_cpus_and_models_keep_their_precision(processor, monkeypatch):
    assert isinstance(has_native_bf16(), bool)
    monkeypatch.setattr("modeling_emert.inference_emert.has_native_bf16", lambda: False)
    for dtype in (torch.float32, torch.bfloat16):
        assert answering_network(tiny_model().to(dtype), processor).dtype == dtype


class _ActivationFirst(nn.Module):
    """A layer that runs BatchNorm after the activation, though it lists it after the convolution: it must not be folded."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.convolution, self.normalization = layer.convolution, layer.normalization
        self.normalization.running_mean.fill_(3.0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.normalization(self.convolution(images).relu())


def test_a_network_that_folding_would_change_answers_as_it_is(processor):
    model = tiny_model()
    embedder = model.emert.face_encoder.backbone.embedder
    embedder.embedder = _ActivationFirst(embedder.embedder)
    ready = answering_network(model, processor)
    assert ready is not model
    assert any(isinstance(module, nn.BatchNorm2d) for module in ready.modules())
    assert answer(ready, processor, RECORDING) == answer(model, processor, RECORDING)


def test_attention_and_contributions_are_the_models(processor):
    model = tiny_model()
    inputs = gappy_inputs(model, 3)
    expected, found = (network.explain(inputs) for network in (model, answering_network(model, processor)))
    np.testing.assert_allclose(found.attention, expected.attention, atol=1e-5)
    for name, values in expected.contributions.items():
        np.testing.assert_allclose(found.contributions[name], values, atol=1e-5)
