"""`emert adapt`: how much better a model answers for a person of whom it is given a few recordings with labels."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="folder of a model, or of several, one a fold")
    parser.add_argument("data", nargs="?", type=Path, metavar="DATA", help="data set folder that `emert data build` made")
    parser.add_argument(
        "recipe",
        nargs="*",
        default=[],
        metavar="RECIPE key=value",
        help="lora (default) or a .yaml file, and changes to it, e.g. steps=50",
    )
    parser.add_argument("--out", type=Path, help="folder of adaptation.json, .md, curve.png, predictions.parquet")
    parser.add_argument("--show", action="store_true", help="print the complete recipe with what every key means, and end")
    parser.add_argument("--overwrite", action="store_true", help="replace the results that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError
    from training.adaptation.recipe import ADAPTATION, load_adaptation_recipe

    if arguments.show:  # then neither model nor data are needed, and the recipe may come first
        given = [str(word) for word in (arguments.model, arguments.data) if word and str(word).endswith((".yaml", ".yml"))]
        given += [str(word) for word in (arguments.model, arguments.data) if "=" in str(word)] + arguments.recipe
        print(ADAPTATION.show(*_recipe_and_changes(given)), end="")
        return
    if arguments.model is None or arguments.data is None or arguments.out is None:
        raise EmertInputError("MODEL, DATA or --out is missing; give all three, or --show to print the recipe alone")
    from training.evaluation.model_folder import find_models, read_record

    folders = find_models(arguments.model)  # before torch is loaded
    records = [read_record(folder) for folder in folders]
    recipe = load_adaptation_recipe(*_recipe_and_changes(arguments.recipe))

    from dataset_scripts.common.output import check_out
    from training.outputs import ADAPTATION

    check_out(arguments.out, ADAPTATION, arguments.overwrite, read=[*folders, arguments.data])
    import shlex
    import shutil

    from dataset_scripts.dataset.reader import EmertData
    from training.adaptation.adapt import adapt_all
    from training.adaptation.report import report_markdown, write_report
    from training.reports.results import make_header

    data = EmertData.open(arguments.data)
    kept = arguments.out.parent / f".{arguments.out.name}.partial"
    predictions, done = adapt_all(folders, data, recipe, kept)
    words = ["emert", "adapt", str(arguments.model), str(arguments.data), *arguments.recipe, "--out", "DIR"]
    report = write_report(arguments.out, predictions, done, make_header(data, records, shlex.join(words)))
    shutil.rmtree(kept)
    print(report_markdown(report))
    print(f"in full: {arguments.out / 'adaptation.md'}")


def _recipe_and_changes(words: list[str]) -> tuple[str, list[str]]:
    return (words[0], words[1:]) if words and "=" not in words[0] else ("lora", words)
