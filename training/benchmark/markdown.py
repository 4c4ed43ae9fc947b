"""`table.md`: the tables of a benchmark for a repository, a terminal, an issue."""

from training.metrics import METRICS

from .text import (
    SCALING,
    VERSIONS,
    amount,
    describe_data,
    describe_power,
    describe_significance,
    describe_splits,
    duration,
    metric_title,
    p_value,
    protocol_title,
    signed,
    span,
    two,
)


def to_markdown(results: dict) -> str:
    """What was measured on what, then a table for each protocol and version, then calibration, the gap, and cost."""
    header = results["header"]
    names = {method["key"]: method["name"] for method in results["methods"]}
    software = ", ".join(f"{name} {number}" for name, number in header["software"].items())
    parts = [
        f"# Benchmark {results['name']}: {header['data']['kind']}",
        f"Measured on {describe_data(header)} ({header['data']['kind']}). " + ". ".join(describe_splits(header)) + ". "
        f"{SCALING[header['normalisation']][0].upper()}{SCALING[header['normalisation']][1:]}. "
        f"Seeds: {', '.join(map(str, header['seeds']))}.",
        f"Made by `{header['command']}` with {software}.",
        describe_significance(header),
    ]
    for table in results["tables"]:
        parts += [
            f"## {protocol_title(table['task'], table['view'])}, {table['version']} ({VERSIONS[table['version']]})",
            f"{table['recordings']} recordings of {table['participants']} participants."
            + _absent(table)
            + describe_power(table),
            _scores(table, names, header),
        ]
    if results["calibration"]:
        parts += ["## Calibration", _calibration(results, names)]
    if results["gap"]:
        parts += ["## Where felt and shown emotion agree and differ", _gap(results, names)]
    parts += ["## Cost of training", _cost(results, names)]
    return "\n\n".join(parts) + "\n"


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _absent(table: dict) -> str:
    return f" No recording is labelled {' or '.join(table['absent_labels'])}." if table["absent_labels"] else ""


def _scores(table: dict, names: dict[str, str], header: dict) -> str:
    metrics = METRICS[table["kind"]]
    compared = header["reference"] is not None
    head = ["method", *map(metric_title, metrics), *(["Δ", "p", "p folds"] if compared else []), "by seed"]
    rows = []
    for row in table["rows"]:
        if row["failed"]:
            rows.append([names[row["method"]], f"failed: {'; '.join(row['failed'])}", *[""] * (len(head) - 2)])
            continue
        figures = [row["metrics"][name] for name in metrics]
        cells = [_with_span(figure) for figure in figures]
        against = row["against"] or {}
        tested = [signed(against.get("difference")), *(p_value(against.get(name)) for name in ("p_holm", "p_folds"))]
        seeds = ", ".join(f"{two(value)}" for value in row["seeds"].values())
        rows.append([names[row["method"]], *cells, *(tested if compared else []), seeds])
    return markdown_table(head, rows)


def _calibration(results: dict, names: dict[str, str]) -> str:
    figures = ("ece", "ece_before", "nll", "brier")
    rows = [
        [entry["task"], entry["version"], names[entry["method"]], *(two(entry[name]) for name in figures)]
        for entry in results["calibration"]
    ]
    return markdown_table(["task", "version", "method", "ECE", "ECE before temperature", "NLL", "Brier"], rows)


def _gap(results: dict, names: dict[str, str]) -> str:
    gap = results["gap"]
    subsets = [
        [entry["task"], entry["version"], names[entry["method"]], *(_with_span(entry[part]) for part in ("agree", "disagree"))]
        for entry in gap["subsets"]
    ]
    scores = [
        [
            entry["version"],
            names[entry["method"]],
            str(entry["seed"]),
            _with_span(entry["auroc"]),
            two(entry["mean_agree"]),
            two(entry["mean_disagree"]),
        ]
        for entry in gap["scores"]
    ]
    return "\n\n".join(
        [
            f"The labels agree in {gap['agree']} recordings and differ in {gap['disagree']}.",
            markdown_table(["task", "version", "method", "score where they agree", "where they differ"], subsets),
            "The gap score of a method, the distance of its two answers, as a test for recordings whose labels differ:",
            markdown_table(["version", "method", "seed", "AUROC", "mean gap where they agree", "where they differ"], scores),
        ]
    )


def _with_span(figure: dict) -> str:
    return f"{two(figure['value'])} {span(figure)}".strip()


def _cost(results: dict, names: dict[str, str]) -> str:
    rows = [
        [
            names[entry["method"]],
            str(entry["cells"]),
            duration(entry["training_seconds"]),
            amount(entry["parameters"]),
            amount(entry["samples_per_second"]),
            amount(entry["peak_memory_mb"]),
        ]
        for entry in results["cost"]
    ]
    head = ["method", "cells", "training, mean of a cell", "parameters", "recordings a second", "peak memory, MB"]
    return markdown_table(head, rows)
