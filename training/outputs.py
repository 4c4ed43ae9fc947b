"""What the folders of the training commands hold: by these lists a command knows its own earlier output."""

from dataset_scripts.common.output import Content
from modeling_emert.constants_emert import CARD_FILE, CONFIG_FILE, EVAL_FOLDER, MODEL_FILES, RECORD_FILE, RESULTS_FILE

_DESCRIPTION = (RECORD_FILE, CARD_FILE, RESULTS_FILE, "history.json", f"{EVAL_FOLDER}/*.yaml")
_MODEL_FILES = (*MODEL_FILES, *_DESCRIPTION, "*_emert.py", "__pycache__/*.pyc")
MODEL = Content("a model that `emert train` made", (RECORD_FILE,), _MODEL_FILES)
CONVERTED = Content("a model", (CONFIG_FILE,), _MODEL_FILES)
_PARTS = tuple(f"fold*/*/{name}" for name in _MODEL_FILES)
CONVERTED_SEVERAL = Content(
    "models of `emert convert --from-clone`", tuple(f"fold{fold}" for fold in range(1, 6)), (f"fold*/{RECORD_FILE}", *_PARTS)
)
_SCORE_FILES = (RESULTS_FILE, "results.md", "predictions.parquet", "pictures/*.png")
SCORES = Content(
    "scores of `emert evaluate`", (RESULTS_FILE,), (*_SCORE_FILES, "evidence.json", *(f"*/{name}" for name in _SCORE_FILES))
)
ADAPTATION = Content(
    "results of `emert adapt`",
    ("adaptation.json",),
    ("adaptation.json", "adaptation.md", "predictions.parquet", "curve.png"),
)
STEPS = Content("results of `emert benchmark robustness` or `gap`", ("robustness.json", "gap.json"))
BENCHMARK = Content("a benchmark of ours", ("cells", "recordings", ".recordings.partial"))
