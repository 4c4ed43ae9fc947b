"""The package is cheap to import, and transformers knows EMERT whichever of the two is imported first."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_emert import tiny_model

import modeling_emert
from modeling_emert import EmertProcessor

_HEAVY = ("torch", "transformers.modeling_utils", "datasets", "numpy", "av")


def _run(code: str, *arguments: object) -> dict:
    """In a fresh process; the last line that it prints is JSON."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


_COST = f"""
import json, sys
import transformers
before = set(sys.modules)
import modeling_emert
added = set(sys.modules) - before
print(json.dumps({{"heavy": sorted(added & set({_HEAVY!r})), "names": dir(modeling_emert)}}))
"""
_LIGHT = """
import json, sys
import modeling_emert.constants_emert, modeling_emert.errors_emert, modeling_emert.tasks_emert, modeling_emert.columns_emert
print(json.dumps(sorted(set(sys.modules) & {"torch", "transformers", "numpy", "huggingface_hub"})))
"""


def test_import_adds_little_and_nothing_heavy():
    run = _run(_COST)
    assert run["heavy"] == []
    assert set(modeling_emert.__all__) <= set(run["names"])


def test_constants_load_no_library():
    assert _run(_LIGHT) == []


def test_every_public_name_is_there():
    for name in modeling_emert.__all__:
        assert getattr(modeling_emert, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'EmertNonsense'"):
        modeling_emert.EmertNonsense  # noqa: B018


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    model = tiny_model()
    model.save_pretrained(path)
    EmertProcessor.for_config(model.config, image_size=32).save_pretrained(path)
    return path


_CHECK = """
import json, sys
from transformers import (
    AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForVideoClassification, AutoProcessor, AutoVideoProcessor, pipeline,
)
autos = (AutoConfig, AutoModel, AutoModelForVideoClassification, AutoProcessor, AutoFeatureExtractor, AutoVideoProcessor)
found = [type(auto.from_pretrained(sys.argv[1])) for auto in autos]
found.append(type(pipeline("emotion-recognition", model=sys.argv[1])))
print(json.dumps([f"{kind.__module__}.{kind.__name__}" for kind in found]))
"""
_EXPECTED = [
    "modeling_emert.configuration_emert.EmertConfig",
    "modeling_emert.modeling_emert.EmertModel",
    "modeling_emert.modeling_emert.EmertForEmotionRecognition",
    "modeling_emert.processing_emert.EmertProcessor",
    "modeling_emert.feature_extraction_emert.EmertFeatureExtractor",
    "modeling_emert.video_processing_emert.EmertVideoProcessor",
    "modeling_emert.pipeline_emert.EmotionRecognitionPipeline",
]
_ORDERS = {
    "ours, then transformers": "import modeling_emert",
    "all auto classes, then ours": (
        "from transformers import AutoConfig, AutoModel, AutoFeatureExtractor, AutoProcessor, AutoVideoProcessor, pipeline\n"
        "import modeling_emert"
    ),
    "one auto class, then ours": "from transformers import AutoModel\nimport modeling_emert",
    "our model first": "from modeling_emert import EmertForEmotionRecognition",
    "our config first": "from modeling_emert import EmertConfig",
    "our processor first": "from modeling_emert import EmertProcessor",
    "our pipeline first": "from modeling_emert import EmotionRecognitionPipeline",
    "a file of ours first": "import modeling_emert.video_processing_emert",
    "a part of the network first": "import modeling_emert.layers_emert",
    "a part that takes another one": "import modeling_emert.heads_emert",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "order",
    [pytest.param(code, id=name) for name, code in _ORDERS.items()],
)
def test_auto_classes_and_pipeline_know_emert_in_any_order(order, folder):
    assert _run(order + _CHECK, folder) == _EXPECTED
