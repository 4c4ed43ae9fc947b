"""A model folder of a stranger: nothing in it is run, and nothing makes the memory grow before it is refused."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
from tiny_emert import IMAGE, tiny_model
from transformers import pipeline

from modeling_emert import EmertForEmotionRecognition, EmertProcessor
from modeling_emert.errors_emert import EmertInputError
from training.evaluation.load_model import load_model


@pytest.fixture(scope="module")
def _saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "saved"
    model = tiny_model()
    model.save_pretrained(folder)
    EmertProcessor.for_config(model.config, IMAGE).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(_saved: Path, tmp_path: Path) -> Path:
    """A model for this test alone."""
    return shutil.copytree(_saved, tmp_path / "model")


class _Code:
    """A pickle that touches a file when it is read."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def edit(file: Path, **changes) -> None:
    content = json.loads(file.read_text())
    for place, value in changes.items():
        *parts, name = place.split("__")
        inner = content
        for part in parts:
            inner = inner[part]
        inner[name] = value
    file.write_text(json.dumps(content))


def test_pickles_are_not_read_and_code_of_the_folder_is_not_run(folder: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    content = pickle.dumps(_Code(ran))
    for name in ("pytorch_model.bin", "optimizer.pt", "adapter_model.bin", "model.pkl"):
        (folder / name).write_bytes(content)
    for file in folder.glob("*.py"):
        file.write_text(f"open({str(ran)!r}, 'w')\n")
    edit(
        folder / "processor_config.json", feature_extractor__auto_map={"AutoFeatureExtractor": "feature_extraction_emert.Evil"}
    )
    edit(folder / "config.json", auto_map={"AutoConfig": "configuration_emert.Evil"})
    load_model(folder)
    pipeline("emotion-recognition", model=str(folder), device="cpu")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(EmertInputError, match="safetensors"):
        load_model(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmertInputError, match=r"model\.safetensors is missing"):
        load_model(folder)
    edit(folder / "config.json", model_type="evil")
    with pytest.raises(EmertInputError, match=r"is missing|of type 'evil'"):
        load_model(folder)
    assert not ran.exists()
    pickle.loads(content)
    assert ran.exists(), "it would have been seen"


_WIDE, _DEEP = "at most 1,000,000, got", "at most 1,000, got"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"encoder_size": 30_000}, r"it asks for 7,\d+,\d+,\d+ weights, and model.safetensors has"),
        ({"head_sizes": [10**6] * 3}, r"it asks for 14,\d+,\d+,\d+,\d+ weights"),
        ({"num_frames": 10**9}, f"num_frames must be {_WIDE} 1000000000"),
        ({"num_eye_steps": 10**400}, f"num_eye_steps must be {_WIDE} 1000"),
        ({"num_fusion_layers": 10**7}, f"num_fusion_layers must be {_DEEP} 10000000"),
        ({"num_lstm_layers": 10**7}, f"num_lstm_layers must be {_DEEP}"),
        ({"num_attention_heads": 10**7}, f"num_attention_heads must be {_DEEP}"),
        ({"projection_sizes": [8] * 2_000}, f"projection_sizes must be {_WIDE}"),
        ({"num_participants": 10**9}, f"num_participants must be {_WIDE}"),
        ({"backbone_config__depths": [10**7]}, f"backbone_config: depths must be {_DEEP}"),
        ({"backbone_config": {"model_type": "dinov2", "num_hidden_layers": 10**9}}, f"num_hidden_layers must be {_DEEP}"),
        ({"backbone_config__hidden_sizes": [10**6] * 4}, r"it asks for \d+,\d+,\d+,\d+,\d+ weights"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_config_that_asks_for_more_than_there_can_be_is_refused_before_a_weight_is_made(folder, monkeypatch, changes, told):
    monkeypatch.setattr(EmertForEmotionRecognition, "from_pretrained", lambda *_, **__: pytest.fail("weights were made"))
    edit(folder / "config.json", **changes)
    with pytest.raises(EmertInputError, match=told) as caught:
        load_model(folder)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"video_processor__size": {"height": 10**6, "width": 10**6}}, "num_frames and size make"),
        ({"video_processor__num_frames": 10**9}, "num_frames and size make"),
        ({"feature_extractor__num_eye_steps": 10**10}, "num_eye_steps make 390,000,000,000 numbers"),
    ],
)
def test_a_processor_that_would_fill_the_memory_with_one_recording_is_refused(folder: Path, changes, told):
    edit(folder / "processor_config.json", **changes)
    with pytest.raises(EmertInputError, match=rf"processor_config\.json: can't be used \({told}"):
        load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "processor_config.json"])
def test_json_without_end_is_refused(folder: Path, name: str):
    (folder / name).write_text("[" * 200_000)
    with pytest.raises(EmertInputError, match=rf"{name}: not JSON"):
        load_model(folder)
    with (folder / name).open("wb") as file:
        file.truncate(1 << 40)  # takes no room
    with pytest.raises(EmertInputError, match=rf"{name}: not JSON \(more than 268,435,456 bytes"):
        load_model(folder)
