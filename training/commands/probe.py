"""`emert probe`: how much of the participant's identity a model's features hold."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, help="folder of the model")
    parser.add_argument("--data", required=True, type=Path, help="data set folder that `emert data build` made")


def run(arguments: argparse.Namespace) -> None:
    from training.evaluation.model_folder import check_model_folder, read_training

    check_model_folder(arguments.model)  # before torch is loaded
    record = read_training(arguments.model)
    from dataset_scripts.dataset.reader import EmertData
    from training.evaluation.load_model import load_model, saved_method
    from training.evaluation.probes import participant_probe, pooled_features
    from training.evaluation.protocols import unseen_rows

    data = EmertData.open(arguments.data)
    rows = unseen_rows(data, record)
    model, processor = load_model(arguments.model)
    features = pooled_features(model, processor, data, rows, saved_method(arguments.model).modalities)
    probe = participant_probe(features, data.ids["participant_id"][rows])
    print(
        f"Who is it? {probe.recordings} recordings of {probe.participants} participants whom the model has never seen "
        f"({data.metadata.source}); a linear classifier learns from their other recordings."
    )
    if probe.left_out:
        print(f"Left out: {probe.left_out} participants with a single recording.")
    print(f"\n{probe.table()}")
