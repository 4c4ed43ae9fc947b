"""`emert release`: model, data set, Space and metrics to the Hub, checked and linked to each other."""

import argparse
from pathlib import Path

HELP = "model, data set, demo and metrics to the Hub, checked and linked"
_PARTS = ("model", "data", "space", "metrics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", required=True, metavar="NAME", help="user or organisation on the Hub that gets it")
    parser.add_argument("--model", type=Path, metavar="DIR", help="folder of the model (default: the one that ships here)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the data set")
    parser.add_argument("--without", action="append", default=[], choices=_PARTS, help="leave this part out; again for more")
    parser.add_argument("--private", action="store_true", help="into repositories that only you and those you allow can read")
    parser.add_argument(
        "--confirm", action="append", default=[], metavar="WORDS", help="needed where a licence does not plainly allow it"
    )
    parser.add_argument("--dry-run", action="store_true", help="check it and show what would go where; nothing is uploaded")


def run(arguments: argparse.Namespace) -> int:
    """0: released, or a dry run without findings; 1: a check fails."""
    from modeling_emert.errors_emert import EmertInputError

    if (arguments.data is None) == ("data" not in arguments.without):
        raise EmertInputError("release: give the data set by --data DIR, or leave it out by --without data")
    if set(arguments.without) == set(_PARTS):
        raise EmertInputError("release: every part is left out by --without; leave at least one in")

    from training.evaluation.model_folder import shipped_model  # takes seconds

    from ..release.release import release

    model = arguments.model or shipped_model()
    keys = ("data", "without", "private", "confirm", "dry_run")
    passed = release(arguments.namespace, model, **{key: getattr(arguments, key) for key in keys})
    return 0 if passed else 1
