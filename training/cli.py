"""The `emert` command: a table of sub-commands, each a short file that is imported only when it is called."""

import argparse
import importlib
import os
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version

# Name -> module, one line of help. A module has `add_arguments(parser)` and `run(arguments)`.
# `--help` must be fast, so nothing heavy is imported before the command is known.
COMMANDS = {
    "quickstart": ("training.commands.quickstart", "recordings -> data set -> trained model -> table, in one go"),
    "data": ("dataset_scripts.commands.data", "recordings to a data set: generate, build, verify, inspect, publish"),
    "train": ("training.commands.train", "train a recipe on one fold of a data set"),
    "evaluate": ("training.commands.evaluate", "score a model on participants whom it has never seen"),
    "benchmark": ("training.commands.benchmark", "methods x protocols x folds x seeds: one table, one page"),
    "adapt": ("training.commands.adapt", "adapt a model to a person with a few recordings, and measure what it brings"),
    "probe": ("training.commands.probe", "how much of the participant's identity a model's features hold"),
    "predict": ("training.commands.predict", "what a person feels and what the face shows, for one clip"),
    "convert": ("training.commands.convert", "a checkpoint of the authors' network as a model folder"),
    "export": ("training.commands.export", "a model as an ONNX file"),
    "speed": ("training.commands.speed", "how fast the network and its training are on this machine"),
    "card": ("training.commands.card", "figures into model cards, from stored results"),
    "push": ("training.commands.push", "a model folder to the Hub, with its code and card"),
}
# Commands of rooms that import this one, such as the demo: a module as an entry point, its line of help as `HELP`.
_ROOMS = ("modeling_emert", "dataset_scripts", "training", "spaces_demo")
_EXTRAS = {"data": "data", "demo": "demo"}  # command -> the extra of pyproject.toml that it needs; "train" for the others
COMMANDS |= {point.name: (point.value, point.load().HELP) for point in entry_points(group="emert.commands")}


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Exit code 0: done; 1: done, with a bad result; 2: an input is refused; 130: stopped."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        print("emert: stopped; the same command resumes it", file=sys.stderr)
        return 130


def parse(argv: list[str]) -> argparse.Namespace:
    """The parsed command line; its `run` is the command's function."""
    if argv and argv[0] in COMMANDS:
        return _parse_command(argv[0], argv[1:])
    parser = argparse.ArgumentParser(prog="emert", description="Felt emotion (ER) beside shown emotion (FER).")
    parser.add_argument("--version", action="version", version=f"emert {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    return parser.parse_args(argv)


def _parse_command(name: str, words: list[str]) -> argparse.Namespace:
    module_name, text = COMMANDS[name]
    module = importlib.import_module(module_name)
    parser = argparse.ArgumentParser(prog=f"emert {name}", description=text)
    module.add_arguments(parser)
    parser.set_defaults(command=name, run=module.run)
    try:
        return parser.parse_intermixed_args(words)  # `key=value` before or after the options
    except TypeError:  # from argparse, for a command with sub-commands such as `emert data`
        return parser.parse_args(words)


def _version() -> str:
    try:
        return version("emert")
    except PackageNotFoundError:  # the packages lie in a folder, as in a Space
        return "that is not installed"


def _run(argv: list[str]) -> int:
    from modeling_emert.errors_emert import EmertInputError

    try:
        arguments = parse(argv)
        return int(arguments.run(arguments) or 0)
    except EmertInputError as error:
        print(f"emert: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in _ROOMS:
            raise
        extra = _EXTRAS.get(argv[0], "train")
        from dataset_scripts.common.extras import how_to_install

        print(f"emert: `emert {argv[0]}` needs {error.name}: {how_to_install(extra)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `emert ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main())
