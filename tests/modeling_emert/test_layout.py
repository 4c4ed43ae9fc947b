"""The layout in which the face's convolutions are computed: chosen for speed, and the numbers stay the same."""

import copy

import pytest
import torch
from tiny_emert import IMAGE, NO_DROPOUT, tiny_inputs, tiny_model, tiny_resnet
from torch import nn

from modeling_emert.inference_emert import for_inference
from modeling_emert.layers_emert import choose_layout


def _convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


def _without_choice(model: nn.Module) -> nn.Module:
    plain = copy.deepcopy(model)
    for module in _convolutions(plain):
        module._forward_pre_hooks.clear()
    return plain


def _layout(images: torch.Tensor) -> str:
    return "last" if images.is_contiguous(memory_format=torch.channels_last) else "blocks"


@pytest.mark.parametrize(
    ("size", "dtype", "expected"),
    [
        (28, torch.float32, "last"),
        (8, torch.float32, "last"),
        (7, torch.float32, "blocks"),
        (4, torch.float32, "blocks"),
        (4, torch.bfloat16, "last"),
    ],
)
@pytest.mark.parametrize("before", [torch.contiguous_format, torch.channels_last])
def test_small_maps_in_full_precision_are_computed_in_blocks_of_channels(size, dtype, expected, before):
    images = torch.randn(2, 16, size, size, dtype=dtype).contiguous(memory_format=before)
    (chosen,) = choose_layout(nn.Conv2d(16, 16, 3), (images,))
    assert _layout(chosen) == expected
    assert torch.equal(chosen, images)


@pytest.mark.parametrize("prepare", [lambda model: model, for_inference], ids=["as built", "for inference"])
def test_every_convolution_of_the_face_is_computed_in_the_chosen_layout(prepare):
    """Both layouts occur, and no weight overrules the choice: torch would follow a weight with its channels last."""
    model, found = prepare(tiny_model(backbone_config=tiny_resnet(8, 8, 8, 16))), []
    convolutions = _convolutions(model.emert.face_encoder.backbone)
    for module in convolutions:
        assert module.weight.is_contiguous()
        module.register_forward_hook(lambda module, given, output: found.append((output.shape[-1], _layout(given[0]))))
    # 128 pixels come as maps of 32 x 32 down to 4 x 4.
    inputs = {"pixel_values": torch.randn(1, model.config.num_frames, 3, 4 * IMAGE, 4 * IMAGE)}
    with torch.no_grad():
        model(**inputs)
    assert len(found) == len(convolutions)
    assert {"last", "blocks"} == {layout for _, layout in found}


def test_answers_loss_and_gradients_are_those_of_the_plain_layout():
    model = tiny_model(backbone_config=tiny_resnet(8, 8, 8, 16), **NO_DROPOUT).train()
    plain = _without_choice(model)
    inputs = {**tiny_inputs(), "pixel_values": torch.randn(2, model.config.num_frames, 3, 4 * IMAGE, 4 * IMAGE)}
    labels = {"er7": torch.tensor([0, 3]), "fer_va": torch.tensor([[0.5, -0.5], [0.0, 1.0]])}
    found, expected = model(**inputs, labels=labels), plain(**inputs, labels=labels)
    for name, logits in expected.logits.items():
        torch.testing.assert_close(found.logits[name], logits, atol=1e-5, rtol=1e-5)
    found.loss.backward()
    expected.loss.backward()
    for (name, parameter), other in zip(model.named_parameters(), plain.parameters(), strict=True):
        if other.grad is not None:
            scale = float(other.grad.abs().max())
            torch.testing.assert_close(parameter.grad, other.grad, atol=1e-6 + 1e-3 * scale, rtol=0, msg=name)
