"""`emert card`: figures into model cards, from stored results alone."""

import argparse
from pathlib import Path

STORED = Path("docs/results")
CARD = Path("model_card.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, metavar="DIR", help=f"a model's own card (default: {CARD}, from {STORED})")
    parser.add_argument("--results", type=Path, metavar="FILE", help="with --model: its results.json of `emert evaluate`")
    parser.add_argument(
        "--evidence",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="with --model: evidence.json of a model of the same recipe, on what this one has seen; again for more",
    )


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError
    from training.reports.model_card import update_card, update_model

    if (arguments.model is None) != (arguments.results is None):
        raise EmertInputError("card: --model and --results come together; without both, the project's card is filled")
    if arguments.model is not None:
        update_model(arguments.model, arguments.results, arguments.evidence)
        print(f"{arguments.model / 'README.md'}: written with its scores")
        return
    if not CARD.is_file():
        raise EmertInputError(f"{CARD}: no such file here; call `emert card` in the project's folder")
    update_card(CARD, STORED)
    print(f"{CARD}: filled from {STORED}")
