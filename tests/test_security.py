"""SECURITY.md: every promise names a test that there is."""

import ast
import pickle
import re
from pathlib import Path

import pytest
from places import ROOT
from tiny_emert import IMAGE, tiny_model
from transformers import pipeline

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.processing_emert import EmertProcessor
from training.evaluation.load_model import load_model

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_promise_names_a_test_that_there_is():
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and not re.match(r"\|( from| promise |-)", line)]
    assert len(rows) == len(NAMED) > 20
    for file, name in NAMED:
        found = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in found, f"{file} has no {name}"


class _Payload:
    def __init__(self, mark: Path):
        self._mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self._mark,)


def test_code_and_pickles_of_a_model_folder_do_not_run(tmp_path: Path):
    model, mark = tiny_model(), tmp_path / "ran"
    model.save_pretrained(tmp_path / "model")
    EmertProcessor.for_config(model.config, IMAGE).save_pretrained(tmp_path / "model")
    for file in (tmp_path / "model").glob("*.py"):
        file.write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")
    load_model(tmp_path / "model")
    pipeline("emotion-recognition", model=str(tmp_path / "model"), device="cpu")
    (tmp_path / "model" / "model.safetensors").unlink()
    with (tmp_path / "model" / "pytorch_model.bin").open("wb") as file:
        pickle.dump(_Payload(mark), file)
    with pytest.raises(EmertInputError, match=r"model\.safetensors"):
        load_model(tmp_path / "model")
    assert not mark.exists()
    pickle.loads((tmp_path / "model" / "pytorch_model.bin").read_bytes())
    assert mark.exists()  # so the payload would have told
