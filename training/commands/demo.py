"""`emert demo`: the page on which anyone sees what the face shows and what the person feels."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", nargs="+", type=Path, default=[], help="folders of models (default: the quickstart's)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise EmertInputError("the demo needs gradio: pip install 'emert[demo]'") from error
    from importlib import import_module

    # By name, since knowledge flows the other way: the demo knows the training.
    import_module("spaces_demo.serving").serve(arguments.model, arguments.host, arguments.port)
