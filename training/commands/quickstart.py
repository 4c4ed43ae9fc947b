"""`emert quickstart`: from recordings to a table of scores, restartable at every step."""

import argparse
from pathlib import Path

from dataset_scripts.commands.data import SCHEDULER_HELP

FACES = 8  # as many crops as the network takes; a data set to keep is built with more


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", default="synthetic", help="where the recordings come from (default: synthetic)")
    parser.add_argument("--path", type=Path, help="folder with the recordings; synthetic ones are generated")
    parser.add_argument("--out", type=Path, default=Path("runs/quickstart"), help="folder of everything that is made")
    parser.add_argument("--recipe", default="laptop", help="name of a shipped recipe or a .yaml file (default: laptop)")
    parser.add_argument("--folds", type=int, default=1, help="train and test so many folds and pool them (default 1)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER_HELP)
    parser.add_argument("--strict", action="store_true", help="hold the stimuli of the test out as well")
    parser.add_argument("--overwrite", action="store_true", help="replace the scores that --out holds")
    parser.add_argument("changes", nargs="*", default=[], metavar="key=value", help="changes to the recipe, e.g. epochs=5")


def run(arguments: argparse.Namespace) -> None:
    from training.quickstart import quickstart

    quickstart(
        source=arguments.source,
        path=arguments.path,
        out=arguments.out,
        recipe_name=arguments.recipe,
        changes=arguments.changes,
        folds=arguments.folds,
        strict=arguments.strict,
        overwrite=arguments.overwrite,
        faces=FACES,
        scheduler=arguments.scheduler,
    )
