"""`emert benchmark`: methods x tasks x folds x versions x seeds of one recipe, and its further steps."""

import argparse
from pathlib import Path

from dataset_scripts.commands.data import SCHEDULER_HELP

_DESCRIPTION = """\
emert benchmark RECIPE [key=value ...] --out DIR [--data DIR]
    every method of the recipe, on every task, fold, version and seed; called again it resumes where it stopped.
    RECIPE: small, uniss_fgd, ceap_360vr, ferplus, audience_effects, or a .yaml file.
emert benchmark table DIR
    table.md, table.json and report.html again, from the predictions that DIR holds.
emert benchmark robustness MODEL DATA --out DIR
    one model on damaged inputs: modalities absent, gaze lost, noise, frames lost.
emert benchmark gap MODEL DATA --out DIR
    one model where felt and shown emotion agree and where they differ.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.add_argument("what", metavar="RECIPE", help="a benchmark recipe; or table, robustness, gap")
    parser.add_argument(
        "rest", nargs="*", default=[], metavar="key=value", help="changes to the recipe, or what the step takes"
    )
    parser.add_argument("--data", type=Path, help="data set folder; a recipe for synthetic recordings makes its own")
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--show", action="store_true", help="print the complete recipe with what every key means, and end")
    parser.add_argument("--processes", type=int, default=2, help="cells at a time, each with one thread (default 2)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help=SCHEDULER_HELP)


def run(arguments: argparse.Namespace) -> int | None:
    step = {"table": _table, "robustness": _of_model, "gap": _of_model}.get(arguments.what, _benchmark)
    return step(arguments)


def _benchmark(arguments: argparse.Namespace) -> int:
    """The exit code: 1 where a cell has failed, though the table is there."""
    import shlex
    import sys

    from dataset_scripts.common.output import check_out
    from modeling_emert.errors_emert import EmertInputError
    from training.benchmark.benchmarking import failed_cells, run_benchmark
    from training.benchmark.recipe import BENCHMARKS, load_benchmark_recipe
    from training.outputs import BENCHMARK

    recipe = load_benchmark_recipe(arguments.what, arguments.rest)
    if arguments.show:
        print(BENCHMARKS.show(arguments.what, arguments.rest), end="")
        return 0
    if arguments.out is None:
        raise EmertInputError("emert benchmark needs --out, the folder of the results")
    if arguments.processes < 1:
        raise EmertInputError(f"--processes is {arguments.processes}; expected 1 or more")
    check_out(arguments.out, BENCHMARK, overwrite=True, read=[] if arguments.data is None else [arguments.data])
    # Whoever repeats it has folders of their own; --processes and --scheduler decide no figure.
    words = ["emert", "benchmark", arguments.what, *arguments.rest]
    words += [*([] if arguments.data is None else ["--data", arguments.data.name]), "--out", "DIR"]
    places = (arguments.processes, shlex.join(words), arguments.scheduler)
    results = run_benchmark(recipe, arguments.data, arguments.out, *places)
    _say(arguments.out)
    failed = failed_cells(arguments.out)
    if failed:
        count = f"{len(failed)} of {results['header']['cells']} cells failed; the same command tries them again:"
        print("\n".join([count, *failed]), file=sys.stderr)
    return 1 if failed else 0


def _table(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError
    from training.benchmark.benchmarking import write_report

    if len(arguments.rest) != 1:
        raise EmertInputError(f"emert benchmark table takes one folder, got {len(arguments.rest)}")
    write_report(Path(arguments.rest[0]))
    _say(Path(arguments.rest[0]))


def _of_model(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if len(arguments.rest) != 2 or arguments.out is None:
        raise EmertInputError(f"emert benchmark {arguments.what} takes MODEL DATA --out DIR, two folders and where to write")
    from dataset_scripts.common.output import check_out
    from training.evaluation.model_folder import find_models
    from training.outputs import STEPS

    model, data = map(Path, arguments.rest)
    folders = find_models(model)  # before torch is loaded
    check_out(arguments.out, STEPS, overwrite=True, read=[*folders, data])
    from dataset_scripts.dataset.reader import EmertData
    from training.benchmark.gap import gap
    from training.benchmark.robustness import robustness

    step = {"robustness": robustness, "gap": gap}[arguments.what]
    step(model, EmertData.open(data), arguments.out)
    print(f"in full: {arguments.out / f'{arguments.what}.md'}")


def _say(out: Path) -> None:
    print((out / "table.md").read_text(encoding="utf-8"))
    print(f"the page: {out / 'report.html'}")
