"""`emert speed`: how fast the network and its training are on this machine."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="each figure is the median of this many rounds (default 7)")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if arguments.rounds < 1:
        raise EmertInputError(f"--rounds {arguments.rounds}: give at least 1")
    from training.speed import measure

    for figure in measure(arguments.rounds):
        print(figure, flush=True)
