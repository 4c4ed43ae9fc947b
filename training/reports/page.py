"""Results as a page of Markdown, and their first table for the terminal."""

from collections.abc import Sequence
from textwrap import fill

from modeling_emert.tasks_emert import View

from ..metrics import LOWER_IS_BETTER, METRIC_TITLES, METRICS
from .gap_section import gap_markdown
from .tables import TERMINAL_WIDTH, aligned_blocks, fold_cell, markdown_table, score_cell, tasks_of, three

_VIEWS: dict[View, str] = {"er": "Felt emotion (ER)", "fer": "Shown emotion (FER)", "perceived": "Perceived emotion"}

# One block of a table: its title, its column heads, its rows.
_Table = tuple[str, list[str], list[list[str]]]


def summary_table(results: dict) -> str:
    """The primary metric of every method and task as aligned plain text, in blocks of at most 120 columns."""
    parts = [fill(describe(results), TERMINAL_WIDTH)]
    for title, head, rows in primary_tables(results):
        parts += [f"{title}\n{block}" for block in aligned_blocks([head, *rows])]
    return "\n\n".join(parts)


def results_markdown(results: dict, pictures: Sequence[str] = ()) -> str:
    """The page: what was measured on what, the primary metric by view, every metric, the sections, the pictures.

    `pictures`: paths of the PNG files, as seen from the page.
    """
    parts = [f"# Results on {results['header']['data']}", describe(results), made_by(results)]
    for title, head, rows in primary_tables(results):
        parts += [f"## {title}", markdown_table(head, rows)]
    parts.append("## Every metric")
    parts += [markdown_table(head, rows) for head, rows in full_tables(results)]
    parts += _absent_label_notes(results)
    parts += gap_markdown(results)
    parts += calibration_markdown(results)
    parts += subgroup_markdown(results)
    if pictures:
        parts += [f"## Pictures of {results['methods'][0]}", *(f"![{_picture_title(path)}]({path})" for path in pictures)]
    return "\n\n".join(parts) + "\n"


def describe(results: dict) -> str:
    """Data, split, folds, seeds and interval in three sentences: what stands by every table."""
    header, bootstrap = results["header"], results["bootstrap"]
    seeds = ", ".join(map(str, header["seeds"]))
    return (
        f"Measured on {header['data']} ({header['data_kind']}). Split: {header['split']}; folds: {header['folds']}; "
        f"seeds: {seeds}. In brackets: {bootstrap['level']:.0%} interval, {bootstrap['n_resamples']} resamples of "
        f"{bootstrap['unit']}."
    )


def made_by(results: dict) -> str:
    """The command and the versions that it ran with."""
    header = results["header"]
    versions = ", ".join(f"{name} {number}" for name, number in header["versions"].items())
    return f"Made by `{header['command']}` with {versions}."


def primary_tables(results: dict) -> list[_Table]:
    """One for each view that has scores: rows are tasks, columns methods."""
    tables = []
    for view, title in _VIEWS.items():
        tasks = [task for task in tasks_of(results) if task.view == view]
        rows = []
        for task in tasks:
            entries = [results["scores"][method].get(task.name) for method in results["methods"]]
            cells = [score_cell(entry["metrics"][task.primary_metric]) if entry else "n/a: not run" for entry in entries]
            rows.append([f"{task.name} {METRIC_TITLES[task.primary_metric]}", *cells])
        if rows:
            tables.append((title, ["task", *results["methods"]], rows))
    return tables


def calibration_markdown(results: dict) -> list[str]:
    """Errors of the class probabilities of every method, with those before the temperature where there was one."""
    rows = []
    for task in tasks_of(results):
        for method in results["methods"]:
            entry = results["scores"][method].get(task.name)
            if entry and (found := entry["calibration"]):
                rows.append([task.name, method, *(_before_and_after(found, name) for name in ("ece", "nll", "brier"))])
    if not rows:
        return []
    return [
        "## Calibration",
        "How far the probabilities can be taken at their word; lower is better. ECE over 15 bins of equally many recordings. "
        "With an arrow: before and after the temperature that validation participants chose.",
        markdown_table(["task", "method", "ECE", "NLL", "Brier"], rows),
    ]


def _before_and_after(found: dict, name: str) -> str:
    after = three(found["answers"][name])
    return after if found["before"] is None else f"{three(found['before'][name])} → {after}"


def subgroup_markdown(results: dict) -> list[str]:
    """The primary metric of the first method by group, for each column that divides the recordings."""
    method = results["methods"][0]
    rows = []
    for task in tasks_of(results):
        for column, groups in (results["scores"][method].get(task.name) or {"subgroups": {}})["subgroups"].items():
            for name, part in groups.items():
                cell = score_cell(part["metrics"][task.primary_metric])
                metric = METRIC_TITLES[task.primary_metric]
                rows.append([f"`{column}`", name, task.name, str(part["participants"]), str(part["n"]), f"{metric} {cell}"])
    if not rows:
        return []
    head = ["column", "group", "task", "participants", "recordings", "score"]
    return [f"## Subgroups, {method}", markdown_table(head, sorted(rows, key=lambda row: row[:2]))]


def full_tables(results: dict) -> list[tuple[list[str], list[list[str]]]]:
    """One for classes, one for numbers: a row for each task and method."""
    tables = []
    for kind, metrics in METRICS.items():
        titles = [METRIC_TITLES[name] + (" (lower is better)" if name in LOWER_IS_BETTER else "") for name in metrics]
        rows = []
        for task in tasks_of(results):
            for method in results["methods"] if task.kind == kind else []:
                if entry := results["scores"][method].get(task.name):
                    cells = [score_cell(entry["metrics"][name]) for name in metrics]
                    counts = [str(entry["participants"]), str(entry["n"])]
                    rows.append([task.name, method, *counts, *cells, fold_cell(entry["folds"])])
        if rows:
            by_fold = f"{titles[0]} by fold, mean ± std"
            tables.append((["task", "method", "participants", "recordings", *titles, by_fold], rows))
    return tables


def _absent_label_notes(results: dict) -> list[str]:
    notes = {
        f"{name}: no recording is labelled {' or '.join(entry['absent_labels'])}, so UAR is over the other classes."
        for tasks in results["scores"].values()
        for name, entry in tasks.items()
        if entry["absent_labels"]
    }
    return sorted(notes)


def _picture_title(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".png").replace("-", " ")
