"""The folder of a Hugging Face Space: the page, the packages that it runs, and one model."""

import shutil
from pathlib import Path

from dataset_scripts.common.output import Content, atomic_folder
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.licences_emert import CODE_LICENCE, Terms, sources_of_folder, terms_of

from .checkpoints import open_checkpoint

_DEMO = Path(__file__).parent
_SPACE_FILES = ("app.py", "README.md", "requirements.txt", "packages.txt")
_PACKAGES = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
_MODEL_FILES = ("*.json", "*.safetensors", "*.md")


def terms_of_model(model: Path) -> Terms:
    return terms_of(sources_of_folder(model))


def write_space(out: Path, model: Path) -> Path:
    """Writes a Hugging Face Space to `out`, a new folder: `app.py`, the packages that it runs, and this model and no other.

    The packages are copied and not installed by name: nobody owns the name `emert` on PyPI, so a requirement of that name
    would run whatever a stranger publishes there. Its card states the model's licence.

    Raises:
        EmertInputError: `out` exists already or can't be written, or `model` holds no trained model.
    """
    if out.exists():
        raise EmertInputError(f"{out}: exists already; give a new folder for the Space")
    files = [file for kind in _MODEL_FILES for file in open_checkpoint(model).folder.glob(kind)]
    with atomic_folder(out, Content("a Space", ("app.py",))) as folder:
        for name in _PACKAGES:
            shutil.copytree(_DEMO.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "model"))
        for name in _SPACE_FILES:
            shutil.copy(_DEMO / name, folder)
        card, own = folder / "README.md", f"license: {CODE_LICENCE}\n"
        stated = "".join(f"{name}: {value}\n" for name, value in terms_of_model(model).front_matter.items())
        card.write_text(card.read_text(encoding="utf-8").replace(own, stated, 1), encoding="utf-8")
        (folder / "model").mkdir()
        for file in files:
            shutil.copy(file, folder / "model")
    return out
