"""A Hugging Face Space as a folder that can be pushed as it is: `app.py`, the packages that it runs, and a model.

The packages travel along and are not installed: nobody owns the name `emert` on PyPI, so that a requirement of that name
would run whatever a stranger puts there. `requirements.txt` names only what others publish.
"""

import shutil
import tempfile
from pathlib import Path

from modeling_emert.errors_emert import EmertInputError

from .checkpoints import open_checkpoint

_HERE = Path(__file__).parent
_OWN_FILES = ("app.py", "README.md", "requirements.txt", "packages.txt")
_PACKAGES = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
_MODEL_FILES = ("*.json", "*.safetensors", "*.md")


def write_space(out: Path, model: Path | None = None) -> Path:
    """The Space under `out`, a new folder; with the model folder as `model` where one is given.

    Raises:
        EmertInputError: `out` exists already, or `model` holds no trained model.
    """
    if out.exists():
        raise EmertInputError(f"{out}: exists already; give a new folder for the Space")
    if model is not None:
        model = open_checkpoint(model).folder
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        folder = Path(place) / "space"
        for name in _PACKAGES:
            shutil.copytree(_HERE.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _OWN_FILES:
            shutil.copy(_HERE / name, folder)
        for pattern in _MODEL_FILES if model is not None else ():
            for file in model.glob(pattern):
                (folder / "model").mkdir(exist_ok=True)
                shutil.copy(file, folder / "model")
        folder.rename(out)
    return out
