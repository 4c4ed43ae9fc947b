"""`emert probe`: how much of the participant's identity, or of the recording's source, a model's features hold."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, help="folder of the model")
    parser.add_argument(
        "--data",
        required=True,
        action="append",
        type=Path,
        help="data set folder that `emert data build` made: who is it? Given again for each source: which source is it?",
    )


def run(arguments: argparse.Namespace) -> None:
    from training.evaluation.model_folder import check_model_folder, read_training

    check_model_folder(arguments.model)  # before torch is loaded
    record = read_training(arguments.model)
    from dataset_scripts.dataset.reader import EmertData
    from training.evaluation.load_model import load_model, saved_method

    data = [EmertData.open(folder) for folder in arguments.data]
    model, processor = load_model(arguments.model)
    method = saved_method(arguments.model)
    if len(data) > 1:
        from training.data.joined import check_one_each
        from training.evaluation.source_probe import source_probe

        check_one_each(data)
        print(source_probe(model, processor, data, record, method).text())
        return
    from training.evaluation.model_folder import record_for
    from training.evaluation.probes import participant_probe, pooled_features
    from training.evaluation.protocols import unseen_rows

    (one,) = data
    rows = unseen_rows(one, record_for(record, one.metadata.source))
    features = pooled_features(model, processor, one, rows, method.modalities)
    probe = participant_probe(features, one.ids["participant_id"][rows])
    print(
        f"Who is it? {probe.recordings} recordings of {probe.participants} participants whom the model has never seen "
        f"({one.metadata.source}); a linear classifier learns from their other recordings."
    )
    if probe.left_out:
        print(f"Left out: {probe.left_out} participants with a single recording.")
    print(f"\n{probe.table()}")
