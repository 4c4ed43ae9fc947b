"""`emert adapt`: how much better a model answers for a person of whom it is given a few recordings with labels."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="folder of a model, or of several, one a fold")
    parser.add_argument("data", type=Path, metavar="DATA", help="data set folder that `emert data build` made")
    parser.add_argument(
        "recipe",
        nargs="*",
        default=[],
        metavar="RECIPE key=value",
        help="lora (default) or a .yaml file, and changes to it, e.g. steps=50",
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder of adaptation.json, .md, curve.png, predictions.parquet"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the results that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from training.evaluation.model_folder import find_models, read_record

    folders = find_models(arguments.model)  # before torch is loaded
    records = [read_record(folder) for folder in folders]
    from training.adaptation.recipe import load_adaptation_recipe

    named = arguments.recipe[:1] if arguments.recipe and "=" not in arguments.recipe[0] else []
    recipe = load_adaptation_recipe(*named or ["lora"], changes=arguments.recipe[len(named) :])

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
