"""The network outside of eager Python: traced whole, exported, and as ONNX."""

import numpy as np
import pytest
import torch
from tiny_emert import IMAGE, gappy_inputs, logits, tiny_inputs, tiny_model

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.export_emert import ONNX_INPUTS, example_inputs, export_onnx

TRACED = [{}, {"task_pooling": "attention", "hierarchical": True, "self_attention": True, "final_norm": True}]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", TRACED, ids=["authors", "beyond"])
def test_forward_is_traced_without_a_graph_break(overrides):
    model = tiny_model(**overrides)
    inputs = gappy_inputs(model, 2)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for name, expected in logits(model, inputs).items():
        torch.testing.assert_close(logits(compiled, inputs)[name], expected)


@pytest.mark.slow
def test_compiled_code_answers_the_same():
    model = tiny_model()
    inputs = gappy_inputs(model, 2)
    compiled = torch.compile(model, fullgraph=True)
    for name, expected in logits(model, inputs).items():
        torch.testing.assert_close(logits(compiled, inputs)[name], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [TRACED[0], pytest.param(TRACED[1], marks=pytest.mark.slow)], ids=["authors", "beyond"])
def test_exported_program_takes_any_batch(overrides):
    model = tiny_model(**overrides)
    batch = torch.export.Dim("batch", min=1, max=64)
    inputs = gappy_inputs(model, 4)
    program = torch.export.export(model, (), kwargs=inputs, dynamic_shapes={name: {0: batch} for name in inputs})
    for size in (1, 3, 5):
        inputs = gappy_inputs(model, size) if size > 1 else example_inputs(model.config, 1, IMAGE)
        output = program.module()(**inputs)
        for name, expected in logits(model, inputs).items():
            torch.testing.assert_close(output["logits"][name], expected, atol=1e-6, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", TRACED, ids=["authors", "beyond"])
def test_onnx_file_answers_the_same_for_any_batch(tmp_path, overrides):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = tiny_model(**overrides)
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "tiny.onnx", IMAGE))
    assert [item.name for item in session.get_inputs()] == list(ONNX_INPUTS)
    assert [item.name for item in session.get_outputs()] == list(model.config.tasks)
    for size in (2, 5):
        inputs = gappy_inputs(model, size)
        answers = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        for name, answer in zip(model.config.tasks, answers, strict=True):
            np.testing.assert_allclose(answer, logits(model, inputs)[name].numpy(), atol=1e-4)


class _Program:
    """What torch's exporter gives, with a disk that fills up halfway."""

    def __init__(self, error: OSError | None):
        self.error = error

    def save(self, path, external_data):
        with open(path, "w") as file:
            file.write("half")
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("before", [None, "an older export"])
def test_onnx_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch, before):
    pytest.importorskip("onnxscript")
    path = tmp_path / "tiny.onnx"
    if before is not None:
        path.write_text(before)
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **kwargs: _Program(OSError(28, "No space left on device")))
    with pytest.raises(EmertInputError, match=r"tiny\.onnx: can't be written \(No space left on device\)"):
        export_onnx(tiny_model(), path, IMAGE)
    assert (path.read_text() if path.exists() else None) == before
    assert [item for item in tmp_path.iterdir() if item != path] == []
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **kwargs: _Program(None))
    assert export_onnx(tiny_model(), path, IMAGE).read_text() == "half"
    assert list(tmp_path.iterdir()) == [path]


def test_a_model_with_context_is_refused(tmp_path):
    pytest.importorskip("onnxscript")
    with pytest.raises(EmertInputError, match="takes context"):
        export_onnx(tiny_model(context=["big_five"]), tmp_path / "tiny.onnx")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions_answer_much_the_same(dtype):
    model = tiny_model()
    inputs = tiny_inputs()
    expected = logits(model, inputs)
    for name, value in logits(model.to(dtype), {key: value.to(dtype) for key, value in inputs.items()}).items():
        assert value.dtype == dtype
        torch.testing.assert_close(value.float(), expected[name], atol=0.05, rtol=0.05)
