"""`emert evaluate`: scores of a model on participants whom it has never seen, beside the baselines."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="folder of a model, or of several, one a fold")
    parser.add_argument("data", nargs="?", type=Path, metavar="DATA", help="data set folder that `emert data build` made")
    parser.add_argument(
        "--protocol",
        action="append",
        default=[],
        metavar="NAME",
        help="what to test, e.g. er7-fold1 or er7-strict-fold1; again for more (default: its own fold, every task)",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="instead of MODEL and DATA: make all files again from these predictions",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of results.json, results.md, pictures, predictions")
    parser.add_argument("--overwrite", action="store_true", help="replace the scores that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    if arguments.predictions is None and (arguments.model is None or arguments.data is None):
        raise EmertInputError("evaluate: give MODEL and DATA, or --predictions FILE")
    if arguments.predictions is not None and (arguments.model is not None or arguments.protocol):
        raise EmertInputError("evaluate: --predictions needs no MODEL, DATA or --protocol; it knows what was tested")
    results = _score(arguments) if arguments.predictions is None else _remake(arguments)
    from training.reports.page import summary_table

    print(summary_table(results))
    print(f"\nin full: {arguments.out / 'results.md'}")


def _remake(arguments: argparse.Namespace) -> dict:
    from dataset_scripts.common.output import check_out
    from training.outputs import SCORES
    from training.reports.results import remake_results

    check_out(arguments.out, SCORES, arguments.overwrite)  # FILE may be in it: it is read before it is replaced
    return remake_results(arguments.predictions, arguments.out)


def _score(arguments: argparse.Namespace) -> dict:
    from dataset_scripts.common.output import check_out
    from training.evaluation.model_folder import find_models, read_record
    from training.outputs import SCORES

    folders = find_models(arguments.model)  # before torch is loaded
    records = [read_record(folder) for folder in folders]
    check_out(arguments.out, SCORES, arguments.overwrite, read=[*folders, arguments.data])
    import pandas as pd

    from dataset_scripts.dataset.reader import EmertData
    from training.evaluation.evaluate import evaluate_all_baselines, evaluate_models
    from training.evaluation.protocols import parse_protocols
    from training.reports.results import make_header, write_results

    protocols = parse_protocols(arguments.protocol)
    data = EmertData.open(arguments.data)
    tested = evaluate_models(folders, data, protocols)
    baselines = evaluate_all_baselines(data, tested, records, protocols)
    chosen = "".join(f" --protocol {protocol.name}" for protocol in protocols)
    header = make_header(data, records, f"emert evaluate {arguments.model} {arguments.data}{chosen} --out DIR", protocols)
    return write_results(arguments.out, pd.concat([tested, baselines], ignore_index=True), header)
