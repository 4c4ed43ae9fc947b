"""`emert train`: one recipe, one data set, one fold."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="name of a shipped recipe (laptop, authors, ...) or a .yaml file")
    parser.add_argument("changes", nargs="*", metavar="key=value", help="changes to the recipe, e.g. epochs=5")
    parser.add_argument("--data", required=True, type=Path, help="data set folder that `emert data build` made")
    parser.add_argument("--out", required=True, type=Path, help="folder of the model, made new")
    parser.add_argument("--fold", type=int, default=1, help="whose participants are held out for the test (default 1)")
    parser.add_argument("--strict", action="store_true", help="hold the stimuli of the test out as well")
    parser.add_argument("--overwrite", action="store_true", help="replace what --out holds")


def run(arguments: argparse.Namespace) -> None:
    from dataset_scripts.building import check_free
    from dataset_scripts.reading import EmertData
    from training.fitting import fit
    from training.recipe import load_recipe

    recipe = load_recipe(arguments.recipe, arguments.changes)
    check_free(arguments.out, arguments.overwrite)
    fit(recipe, EmertData.open(arguments.data), arguments.out, arguments.fold, arguments.strict)
    print(f"{arguments.out}: trained. Score it: emert evaluate --model {arguments.out} --data {arguments.data} --out scores")
