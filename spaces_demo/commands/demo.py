"""`emert demo`: the page that shows what a face expresses beside what the person feels."""

import argparse
from importlib.util import find_spec
from pathlib import Path

HELP = "a page in the browser: felt beside shown emotion, for everyone"


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
        from ..space_folder import terms_of_model, write_space

        if len(arguments.model) > 1:
            raise EmertInputError(f"--space takes one --model, got {len(arguments.model)}; give the one that is to answer")
        model = arguments.model[0] if arguments.model else shipped_model()
        folder = write_space(arguments.space, model)
        print(f"{folder}: push it to a Gradio Space, or try it: cd {folder} && python app.py")
        if reason := terms_of_model(model).forbidden:
            print(f"keep that Space private: {reason}")
        return
    if find_spec("gradio") is None:  # without importing it, since it reads its temporary folder then
        raise ModuleNotFoundError("the demo needs gradio", name="gradio")  # `emert` says which extra has it
    from spaces_demo.server import serve

    serve(arguments.model, arguments.host, arguments.port)
