"""`emert demo`: the page that shows what a face expresses beside what the person feels."""

import argparse
import shutil
from importlib.util import find_spec
from pathlib import Path

HELP = "a page in the browser: felt beside shown emotion, for everyone"
_DEMO = Path(__file__).parents[1]
_SPACE_FILES = ("app.py", "README.md", "requirements.txt", "packages.txt")
_PACKAGES = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
_MODEL_FILES = ("*.json", "*.safetensors", "*.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", nargs="+", type=Path, default=[], help="folders of models (default: the one that ships with emert)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--space", type=Path, metavar="FOLDER", help="only write a Hugging Face Space with the model there")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError
    from training.evaluation.model_folder import shipped_model

    if arguments.space is not None:
        if len(arguments.model) > 1:
            raise EmertInputError(f"--space takes one --model, got {len(arguments.model)}; give the one that is to answer")
        model = arguments.model[0] if arguments.model else shipped_model()
        folder = write_space(arguments.space, model)
        print(f"{folder}: push it to a Gradio Space, or try it: cd {folder} && python app.py")
        if reason := _terms(model).forbidden:
            print(f"keep that Space private: {reason}")
        return
    if find_spec("gradio") is None:  # without importing it, since it reads its temporary folder then
        raise ModuleNotFoundError("the demo needs gradio", name="gradio")  # `emert` says which extra has it
    from spaces_demo.server import serve

    serve(arguments.model, arguments.host, arguments.port)


def _terms(model: Path):
    from modeling_emert.licences_emert import sources_of_folder, terms_of

    return terms_of(sources_of_folder(model))


def write_space(out: Path, model: Path) -> Path:
    """Writes a Hugging Face Space to `out`, a new folder: `app.py`, the packages that it runs, and this model and no other.

    The packages are copied and not installed by name: nobody owns the name `emert` on PyPI, so a requirement of that name
    would run whatever a stranger publishes there. Its card states the model's licence.

    Raises:
        EmertInputError: `out` exists already or can't be written, or `model` holds no trained model.
    """
    from dataset_scripts.common.output import Content, atomic_folder
    from modeling_emert.errors_emert import EmertInputError
    from modeling_emert.licences_emert import CODE_LICENCE

    from ..checkpoints import open_checkpoint

    if out.exists():
        raise EmertInputError(f"{out}: exists already; give a new folder for the Space")
    files = [file for kind in _MODEL_FILES for file in open_checkpoint(model).folder.glob(kind)]
    with atomic_folder(out, Content("a Space", ("app.py",))) as folder:
        for name in _PACKAGES:
            shutil.copytree(_DEMO.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "model"))
        for name in _SPACE_FILES:
            shutil.copy(_DEMO / name, folder)
        card, own = folder / "README.md", f"license: {CODE_LICENCE}\n"
        stated = "".join(f"{name}: {value}\n" for name, value in _terms(model).front_matter.items())
        card.write_text(card.read_text(encoding="utf-8").replace(own, stated, 1), encoding="utf-8")
        (folder / "model").mkdir()
        for file in files:
            shutil.copy(file, folder / "model")
    return out
