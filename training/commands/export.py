"""`emert export`: a model as an ONNX file."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, help="folder of a model")
    parser.add_argument("--out", required=True, type=Path, help="file to write, such as emert.onnx")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if arguments.out.exists():
        raise EmertInputError(f"{arguments.out}: already exists; give another --out")
    if not arguments.out.parent.is_dir():
        raise EmertInputError(f"{arguments.out.parent}: no such folder; create it, or give another --out")
    from modeling_emert.export_emert import ONNX_INPUTS, export_onnx
    from training.evaluation.load_model import load_model

    model, processor = load_model(arguments.model)
    size = processor.video_processor.size["height"]
    print(f"{export_onnx(model, arguments.out, size)}: written. Inputs {', '.join(ONNX_INPUTS)}; one output for each task")
