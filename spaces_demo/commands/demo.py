"""`emert demo`: the page that shows what a face expresses beside what the person feels."""

import argparse
from importlib.util import find_spec
from pathlib import Path

HELP = "a page in the browser: felt beside shown emotion, for everyone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", nargs="+", type=Path, default=[], help="folders of models (default: the quickstart's)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--space", type=Path, metavar="FOLDER", help="only write a Hugging Face Space with the model there")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if arguments.space is not None:
        from spaces_demo.space_folder import write_space

        if len(arguments.model) > 1:
            raise EmertInputError(f"--space takes one --model, got {len(arguments.model)}; give the one that is to answer")
        folder = write_space(arguments.space, *arguments.model)
        print(f"{folder}: push it to a Gradio Space, or try it: cd {folder} && python app.py")
        return
    if find_spec("gradio") is None:  # without importing it, since it reads its temporary folder then
        raise EmertInputError("the demo needs gradio: in the project's folder, pip install '.[demo]'")
    from spaces_demo.server import serve

    serve(arguments.model, arguments.host, arguments.port)
