"""What the folders of the training commands hold: by these lists a command knows its own earlier output."""

from dataset_scripts.common.output import Content

_MODEL_FILES = (
    "training_record.json",
    "history.json",
    "config.json",
    "model.safetensors",
    "processor_config.json",
    "README.md",
    "results.json",  # written by `emert card`
    "*_emert.py",
    "__pycache__/*.pyc",
)
MODEL = Content("a model that `emert train` made", ("training_record.json",), _MODEL_FILES)
CONVERTED = Content("a model", ("config.json",), _MODEL_FILES)
SCORES = Content(
    "scores of `emert evaluate`",
    ("results.json",),
    ("results.json", "results.md", "predictions.parquet", "pictures/*.png"),
)
ADAPTATION = Content(
    "results of `emert adapt`",
    ("adaptation.json",),
    ("adaptation.json", "adaptation.md", "predictions.parquet", "curve.png"),
)
STEPS = Content("results of `emert benchmark robustness` or `gap`", ("robustness.json", "gap.json"))
BENCHMARK = Content("a benchmark of ours", ("cells", "recordings", ".recordings.partial"))
