"""`table.md`: the tables of a benchmark for a repository, a terminal, an issue."""

from modeling_emert.tasks_emert import TASKS
from training.reports.page import describe, made_by, sections_markdown
from training.reports.results import SPLIT_VERSIONS
from training.reports.tables import SIGNIFICANT, amount, duration, markdown_table, p_value


def to_markdown(results: dict) -> str:
    """What was measured on what, then for each version the sections of `training.reports.page`, then the cost."""
    header = results["header"]
    first = next(iter(results["versions"].values()))
    parts = [f"# Benchmark {results['name']}: {header['data']['kind']}", made_by(first), *describe_significance(header)]
    for name, version in results["versions"].items():
        sections = [part.replace("## ", "### ") for part in sections_markdown(version, by_task=True)]
        parts += [f"## {name.capitalize()}: {SPLIT_VERSIONS[name]}"]
        parts += [describe(version)] if version["bootstrap"] else []
        parts += [*describe_power(version), *sections]
    return "\n\n".join([*parts, "## Cost of training", _cost(results)]) + "\n"


def describe_significance(header: dict) -> list[str]:
    """How the columns of the comparisons are to be read; empty without a reference."""
    if header["reference"] is None:
        return []
    seeds = "" if len(header["seeds"]) == 1 else f"The {len(header['seeds'])} seeds are pooled. "
    return [
        f"{seeds}Δ: difference to {header['reference']}; p: two-sided, from {header['n_resamples_of_p']} resamples of "
        "participants that both methods share, after Holm over all methods of the task; p folds: Nadeau and Bengio's corrected "
        "t-test over the folds, where there are three or more."
    ]


def describe_power(version: dict) -> list[str]:
    """A sentence for each task on which not even the clearest difference could be significant."""
    return [
        f"{name}: so few participants and resamples can show no difference among so many methods; the smallest possible p is "
        f"{p_value(smallest)} after Holm."
        for name, smallest in version["smallest_p"].items()
        if name in TASKS and smallest is not None and smallest >= SIGNIFICANT
    ]


def _cost(results: dict) -> str:
    rows = [
        [
            entry["method"],
            str(entry["cells"]),
            duration(entry["training_seconds"]),
            *(amount(entry[name]) for name in ("parameters", "samples_per_second", "peak_memory_mb")),
        ]
        for entry in results["cost"]
    ]
    head = ["method", "cells", "training, mean of a cell", "parameters", "recordings a second", "peak memory, MB"]
    return markdown_table(head, rows)
