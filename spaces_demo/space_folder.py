"""Writes a Hugging Face Space as a folder that can be pushed as it is: `app.py`, the packages that it runs, and a model.

The packages are copied into it and not installed by name: nobody owns the name `emert` on PyPI, so a requirement of that
name would run whatever a stranger publishes there. `requirements.txt` names only packages of others.
"""

import shutil
from pathlib import Path

from dataset_scripts.common.output import Content, atomic_folder
from modeling_emert.errors_emert import EmertInputError

from .checkpoints import open_checkpoint

_HERE = Path(__file__).parent
_OWN_FILES = ("app.py", "README.md", "requirements.txt", "packages.txt")
_PACKAGES = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
_MODEL_FILES = ("*.json", "*.safetensors", "*.md")


def write_space(out: Path, model: Path | None = None) -> Path:
    """Writes the Space to `out`, a new folder, with the model folder `model` where one is given.

    Raises:
        EmertInputError: `out` exists already or can't be written, or `model` holds no trained model.
    """
    if out.exists():
        raise EmertInputError(f"{out}: exists already; give a new folder for the Space")
    files = [] if model is None else [file for kind in _MODEL_FILES for file in open_checkpoint(model).folder.glob(kind)]
    with atomic_folder(out, Content("a Space", ("app.py",))) as folder:
        for name in _PACKAGES:
            shutil.copytree(_HERE.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _OWN_FILES:
            shutil.copy(_HERE / name, folder)
        for file in files:
            (folder / "model").mkdir(exist_ok=True)
            shutil.copy(file, folder / "model")
    return out
