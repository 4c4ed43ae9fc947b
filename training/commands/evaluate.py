"""`emert evaluate`: scores of a model on participants whom it has never seen, beside the baselines."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from dataset_scripts.dataset.reader import EmertData
    from training.reports.results import Header


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help="folder of a model, or of several, one a fold")
    parser.add_argument("data", nargs="?", type=Path, metavar="DATA", help="data set folder that `emert data build` made")
    parser.add_argument(
        "--data",
        dest="sources",
        action="append",
        default=[],
        type=Path,
        metavar="DATA",
        help="in place of DATA, once for each source that the model was trained on: one table by source and task",
    )
    parser.add_argument(
        "--protocol",
        action="append",
        default=[],
        metavar="NAME",
        help="what to test, e.g. er7-fold1, er7-strict-fold1, er7-authors-fold1; again for more (default: its own fold)",
    )
    parser.add_argument(
        "--predictions",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="instead of MODEL and DATA: make all files again from these predictions; of several models one table",
    )
    parser.add_argument("--authors-way", action="store_true", help="print scores as EMER's authors compute them beside ours")
    parser.add_argument("--out", required=True, type=Path, help="folder of results.json, results.md, pictures, predictions")
    parser.add_argument("--overwrite", action="store_true", help="replace the scores that --out holds")


def run(arguments: argparse.Namespace) -> None:
    from modeling_emert.errors_emert import EmertInputError

    data = [*([] if arguments.data is None else [arguments.data]), *arguments.sources]
    if arguments.predictions is None and (arguments.model is None or not data):
        raise EmertInputError("evaluate: give MODEL and DATA, or --predictions FILE")
    if arguments.predictions is not None and (arguments.model is not None or data or arguments.protocol):
        raise EmertInputError("evaluate: --predictions needs no MODEL, DATA or --protocol; it knows what was tested")
    if len(data) > 1 and (arguments.data is not None or arguments.protocol):
        raise EmertInputError("evaluate: of several data sets give each with --data, and no --protocol, which is of one")
    text = _score(arguments, data) if arguments.predictions is None else _remake(arguments)
    print(f"{text}\n\nin full: {arguments.out / 'results.md'}")


def _remake(arguments: argparse.Namespace) -> str:
    from dataset_scripts.common.output import check_out
    from training.outputs import SCORES
    from training.reports.page import summary_table
    from training.reports.results import remake_results

    check_out(arguments.out, SCORES, arguments.overwrite)  # FILE may be in it: it is read before it is replaced
    if len(arguments.predictions) > 1:
        from training.reports.compare import compare_results

        return summary_table(compare_results(arguments.predictions, arguments.out))
    return summary_table(remake_results(arguments.predictions[0], arguments.out))


def _score(arguments: argparse.Namespace, folders_of_data: list[Path]) -> str:
    """Writes the folder; gives the table to print."""
    from dataset_scripts.common.output import check_out
    from training.evaluation.model_folder import find_models
    from training.outputs import SCORES

    folders = find_models(arguments.model)  # before torch is loaded
    check_out(arguments.out, SCORES, arguments.overwrite, read=[*folders, *folders_of_data])
    from dataset_scripts.dataset.reader import EmertData

    data = [EmertData.open(folder) for folder in folders_of_data]
    if len(data) > 1:
        return _score_by_source(arguments, folders, data)
    from training.evaluation.evaluate import BASELINES
    from training.reports.page import summary_table
    from training.reports.results import write_results

    chosen = "".join(f" --protocol {name}" for name in dict.fromkeys(arguments.protocol))
    command = f"emert evaluate {arguments.model} {folders_of_data[0]}{chosen} --out DIR"
    predictions, header = _tested(folders, data[0], arguments.protocol, BASELINES, command)
    table = summary_table(write_results(arguments.out, predictions, header))
    return f"{table}\n\n{_authors_way(folders, predictions)}" if arguments.authors_way else table


def _authors_way(folders: list[Path], predictions: "pd.DataFrame") -> str:
    import json

    from training.fit.record import HISTORY_FILE
    from training.metrics.authors_way import beside_ours

    histories = [json.loads((one / HISTORY_FILE).read_text()) for one in folders if (one / HISTORY_FILE).is_file()]
    epochs = histories[0]["epochs"] if len(histories) == 1 else []  # the best epoch is of one fold
    first = predictions["method"].iloc[0]
    return beside_ours(predictions[predictions["method"] == first], epochs)


def _score_by_source(arguments: argparse.Namespace, folders: list[Path], data: "list[EmertData]") -> str:
    from training.data.joined import check_one_each
    from training.evaluation.load_model import method_of
    from training.evaluation.model_folder import read_record
    from training.reports.by_source import about_tests, sources_text, write_by_source

    check_one_each(data)
    record = read_record(folders[0])
    command = " ".join(["emert evaluate", str(arguments.model), *(f"--data {one.folder}" for one in data), "--out DIR"])
    face_input = record["recipe"].get("overrides", {}).get("face_input", "frames")
    tested, about = {}, {}
    for one in data:
        source = one.metadata.source
        tested[source] = _tested(folders, one, [], ["majority"], command)
        predictions, header = tested[source]
        about[source] = about_tests(one, method_of(record), face_input, predictions, header.strict)
    results = write_by_source(arguments.out, tested, about)
    return sources_text(results["sources"], results["evidence"])


def _tested(
    folders: list[Path], data: "EmertData", protocols: list[str], baselines: list[str] | tuple[str, ...], command: str
) -> "tuple[pd.DataFrame, Header]":
    """The predictions of the models and the baselines on one data set, and what a reader must know of them."""
    import pandas as pd

    from training.evaluation.evaluate import evaluate_all_baselines, evaluate_models
    from training.evaluation.model_folder import read_record, record_for
    from training.evaluation.protocols import parse_protocols
    from training.reports.results import make_header

    chosen = parse_protocols(protocols)
    records = [record_for(read_record(folder), data.metadata.source) for folder in folders]
    tested = evaluate_models(folders, data, chosen)
    others = evaluate_all_baselines(data, tested, records, chosen, baselines)
    return pd.concat([tested, others], ignore_index=True), make_header(data, records, command, chosen)
