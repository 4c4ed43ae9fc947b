"""`emert convert`: a checkpoint of the authors' network as a model folder."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="AUTHORS.pth", help="the authors' checkpoint (.pth or .safetensors)")
    parser.add_argument("--out", required=True, type=Path, help="folder of the model, created new")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if not arguments.checkpoint.is_file():  # before torch is loaded
        raise EmertInputError(f"{arguments.checkpoint}: no such checkpoint file")
    from dataset_scripts.common.output import check_out
    from training.outputs import CONVERTED

    check_out(arguments.out, CONVERTED, arguments.overwrite, read=[arguments.checkpoint])
    from dataset_scripts.sources.emer import EmerSource
    from modeling_emert.convert_emert_original_to_hf import convert_checkpoint
    from modeling_emert.licences_emert import make_source

    sources = [make_source(EmerSource.name, EmerSource)]  # the authors trained on it
    config = convert_checkpoint(arguments.checkpoint, arguments.out, arguments.overwrite, sources).config
    print(
        f"{arguments.out}: converted, every tensor. Tasks: {', '.join(config.tasks)}; width {config.hidden_size}.\n"
        "note: the authors publish neither the columns of their eye data, nor its normalisation, nor the order of their "
        "classes: this processor uses our columns without standardising them, and our order of labels. Before you trust an "
        "answer, give it data in the authors' form, or fit the processor on yours."
    )
