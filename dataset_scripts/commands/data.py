"""`emert data`: from recordings to a data set."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build a data set folder from recordings")
    build.add_argument("--source", required=True, help="where the recordings come from: synthetic, uniss_fgd, ceap_360vr")
    build.add_argument("--path", required=True, type=Path, help="folder with the recordings")
    build.add_argument("--out", required=True, type=Path, help="folder of the data set, made new")
    build.add_argument("--faces", type=int, default=32, help="face crops kept of each recording (default 32)")
    build.add_argument("--seed", type=int, default=0, help="of the folds (default 0)")
    build.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    build.add_argument("--overwrite", action="store_true", help="replace what --out holds")
    generate = actions.add_parser("generate", help="generate recordings with known truth (source synthetic)")
    generate.add_argument("--out", required=True, type=Path, help="folder of the recordings, made new")
    for name, text in _GENERATOR_OPTIONS.items():
        generate.add_argument(f"--{name}", type=_GENERATOR_TYPES.get(name, int), help=text)
    generate.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    actions.add_parser("columns", help="what the 39 columns of eye movements are")


_GENERATOR_OPTIONS = {
    "participants": "how many people",
    "stimuli": "how many clips each of them watches",
    "seconds": "length of a recording",
    "disagreement": "share of recordings whose face shows another emotion than is felt, 0..1",
    "noise": "scales every random deviation; 1 is the default",
    "seed": "the same seed gives the same recordings",
}
_GENERATOR_TYPES = {"seconds": float, "disagreement": float, "noise": float}


def run(arguments: argparse.Namespace) -> None:
    {"build": _build, "generate": _generate, "columns": _columns}[arguments.action](arguments)


def _build(arguments: argparse.Namespace) -> None:
    from dataset_scripts.building import build
    from dataset_scripts.sources import open_source

    source = open_source(arguments.source, arguments.path)
    out = build(source, arguments.out, arguments.workers, arguments.faces, arguments.seed, arguments.overwrite)
    example = f"{source.tasks[0]}-fold1"
    print(f'{out}: built. In Python: datasets.load_dataset("{out}", "{example}"); its card is {out / "README.md"}')


def _generate(arguments: argparse.Namespace) -> None:
    from dataset_scripts.generator.truth import GeneratorSettings
    from dataset_scripts.generator.writing import generate
    from modeling_emert.errors_emert import EmertInputError

    chosen = {name: getattr(arguments, name) for name in _GENERATOR_OPTIONS}
    try:
        settings = GeneratorSettings(**{name: value for name, value in chosen.items() if value is not None})
    except ValueError as error:
        raise EmertInputError(str(error)) from error
    print(f"{generate(arguments.out, settings, arguments.workers)}: generated, source synthetic")


def _columns(arguments: argparse.Namespace) -> None:
    from modeling_emert.columns_emert import columns_markdown

    print(columns_markdown())
