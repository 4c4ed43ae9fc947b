"""`emert evaluate`: scores of one model on participants whom it has never seen, beside the baselines."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, help="folder of the model")
    parser.add_argument("--data", required=True, type=Path, help="data set folder that `emert data build` made")
    parser.add_argument("--out", required=True, type=Path, help="folder of results.json, results.md, predictions.parquet")
    parser.add_argument("--overwrite", action="store_true", help="replace what --out holds")


def run(arguments: argparse.Namespace) -> None:
    from training.model_folder import check_model_folder

    check_model_folder(arguments.model)  # before anything heavy is loaded
    import pandas as pd

    from dataset_scripts.building import check_free
    from dataset_scripts.reading import EmertData
    from training.evaluating import evaluate_baselines, evaluate_model, read_record
    from training.results import summary_table, write_results
    from training.scoring import make_header

    check_free(arguments.out, arguments.overwrite)
    record = read_record(arguments.model)
    data = EmertData.open(arguments.data)
    tables = [evaluate_model(arguments.model, data)]
    if record["splits_sha256"] == data.assignment.sha256:
        by_participant = record["recipe"]["normalisation"] == "participant"
        tasks = list(dict.fromkeys(tables[0]["task"]))
        tables.append(evaluate_baselines(data, tasks, record["fold"], record["strict"], by_participant))
    header = make_header(data, [record], f"emert evaluate --model {arguments.model} --data {arguments.data}")
    results = write_results(arguments.out, pd.concat(tables, ignore_index=True), header)
    print(summary_table(results))
    print(f"\nin full: {arguments.out / 'results.md'}")
