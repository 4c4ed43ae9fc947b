"""From the table of predictions to results: a dictionary, a page to read, a table for the terminal.

`results` is plain data (JSON, never NaN):

```
header     data, data_kind, split, folds, seeds, command, versions
bootstrap  draws, seed, level, unit ("participants")
methods    names in the order of the predictions table
scores     {method: {task: {
               n, participants, absent_labels,
               metrics: {metric: {value, low, high, draws, note}},      pooled over the folds' test sets
               folds: {metric, mean, std, n, note}}}}                   primary metric by fold; std with n - 1
```

A figure that can't be had is null, and its `note` says why.
"""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import TASKS, Task, View

from .bootstrap import Interval, intervals
from .metrics import LOWER_IS_BETTER, METRICS, score
from .predictions import find_problem, to_arrays, whole_file, write_table

_VIEWS: dict[View, str] = {"er": "Felt emotion (ER)", "fer": "Shown emotion (FER)", "perceived": "Perceived emotion"}
_METRIC_TITLES = {"uar": "UAR", "macro_f1": "macro F1", "war": "WAR", "ccc": "CCC", "mae": "MAE"}
_TERMINAL_WIDTH = 120
LEVEL = 0.95

# One block of a table: its title, its column heads, its rows.
_Table = tuple[str, list[str], list[list[str]]]


def _installed_versions() -> dict[str, str]:
    """Read from the installed packages' metadata, so that nothing heavy is imported."""
    found = {}
    for package in ("torch", "transformers", "emert"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


@dataclass(frozen=True)
class Header:
    """What a reader must know before any figure. `data_kind` is "synthetic" or "real: <source>"; `split` is a sentence.

    Raises `ValueError` for another kind, and where data, split or seeds are empty.
    """

    data: str
    data_kind: str
    split: str
    folds: int
    seeds: tuple[int, ...]
    command: str
    versions: dict[str, str] = field(default_factory=_installed_versions)

    def __post_init__(self) -> None:
        source = self.data_kind.removeprefix("real: ")
        if self.data_kind != "synthetic" and (source == self.data_kind or not source.strip()):
            raise ValueError(f'data_kind must be "synthetic" or "real: <source>", got {self.data_kind!r}')
        if not (self.data and self.split and len(self.seeds) and self.folds > 0):
            raise ValueError(f"results need the data's name, the split, the folds and the seeds, got {self}")


def make_results(predictions: pd.DataFrame, header: Header, draws: int = 1000, seed: int = 0) -> dict:
    """The dictionary of this module's head. Raises `EmertInputError` for a table that is empty or wrong."""
    if problem := find_problem(predictions):
        raise EmertInputError(f"predictions: {problem}")
    if predictions.empty:
        raise EmertInputError("predictions: the table has no rows; no recording of the test folds has a label")
    all_scores: dict[str, dict[str, dict]] = {}
    for method, of_method in predictions.groupby("method", sort=False):
        found = set(of_method["task"])
        all_scores[str(method)] = {
            name: _score_task(task, of_method[of_method["task"] == name], draws, seed)
            for name, task in TASKS.items()
            if name in found
        }
    return {
        "header": {**asdict(header), "seeds": list(header.seeds)},
        "bootstrap": {"draws": draws, "seed": seed, "level": LEVEL, "unit": "participants"},
        "methods": list(all_scores),
        "scores": all_scores,
    }


def write_results(folder: str | Path, predictions: pd.DataFrame, header: Header, draws: int = 1000, seed: int = 0) -> dict:
    """Write results.json, results.md and predictions.parquet into `folder`, and return the results.

    Each file is whole, and none is touched before all three are ready. Raises `EmertInputError` as `make_results`, and
    where the folder can't be written.
    """
    results = make_results(predictions, header, draws, seed)
    folder = Path(folder)
    with ExitStack() as stack:
        table, page, data = (
            stack.enter_context(whole_file(folder / name)) for name in ("predictions.parquet", "results.md", "results.json")
        )
        data.write_text(json.dumps(results, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
        page.write_text(results_markdown(results), encoding="utf-8")
        write_table(table, predictions)
    return results


def summary_table(results: dict) -> str:
    """The primary metric of every method and task as aligned plain text, in blocks of at most 120 columns."""
    parts = [fill(_describe(results), _TERMINAL_WIDTH)]
    for title, head, rows in _primary_tables(results):
        parts += [f"{title}\n{block}" for block in _aligned_blocks([head, *rows])]
    return "\n\n".join(parts)


def results_markdown(results: dict) -> str:
    """The page: what was measured on what, the primary metric by view, then every metric."""
    header = results["header"]
    versions = ", ".join(f"{name} {number}" for name, number in header["versions"].items())
    parts = [
        f"# Results on {header['data']}",
        _describe(results),
        f"Made by `{header['command']}` with {versions}.",
    ]
    for title, head, rows in _primary_tables(results):
        parts += [f"## {title}", _markdown_table(head, rows)]
    parts.append("## Every metric")
    parts += [_markdown_table(head, rows) for head, rows in _full_tables(results)]
    return "\n\n".join([*parts, *_absent_label_notes(results)]) + "\n"


def _score_task(task: Task, rows: pd.DataFrame, draws: int, seed: int) -> dict:
    participants = rows["participant_id"].nunique()
    targets, _ = to_arrays(task, rows)
    absent = []
    if task.kind == "classes":
        absent = [label for index, label in enumerate(task.labels) if not (targets == index).any()]
    return {
        "n": len(rows),
        "participants": participants,
        "absent_labels": absent,
        "metrics": {
            name: _plain(interval, participants) for name, interval in intervals(task, rows, draws, seed, LEVEL).items()
        },
        "folds": _score_folds(task, rows),
    }


def _plain(interval: Interval, participants: int) -> dict:
    note = None
    if np.isnan(interval.value):
        note = "the truth does not vary"  # the only way in which rows leave a metric undefined
    elif participants < 2:
        note = "one participant"
    elif np.isnan(interval.low):
        note = "undefined in every draw"
    numbers = {name: _or_none(getattr(interval, name)) for name in ("value", "low", "high")}
    if numbers["value"] is None:
        numbers = dict.fromkeys(numbers)
    return {**numbers, "draws": interval.draws, "note": note}


def _score_folds(task: Task, rows: pd.DataFrame) -> dict:
    metric = task.primary_metric
    values = np.array([score(task, *to_arrays(task, fold))[metric] for _, fold in rows.groupby("fold")])
    values = values[~np.isnan(values)]
    note = {0: "the truth does not vary in any fold", 1: "one fold has no spread"}.get(len(values))
    mean = float(values.mean()) if len(values) else None
    std = float(values.std(ddof=1)) if len(values) > 1 else None
    return {"metric": metric, "mean": mean, "std": std, "n": len(values), "note": note}


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _describe(results: dict) -> str:
    header, bootstrap = results["header"], results["bootstrap"]
    seeds = ", ".join(map(str, header["seeds"]))
    return (
        f"Measured on {header['data']} ({header['data_kind']}). Split: {header['split']}; folds: {header['folds']}; "
        f"seeds: {seeds}. In brackets: {bootstrap['level']:.0%} interval, {bootstrap['draws']} draws of "
        f"{bootstrap['unit']}."
    )


def _primary_tables(results: dict) -> list[_Table]:
    """One for each view that has scores: rows are tasks, columns methods."""
    tables = []
    for view, title in _VIEWS.items():
        tasks = [task for task in _tasks_of(results) if task.view == view]
        rows = []
        for task in tasks:
            entries = [results["scores"][method].get(task.name) for method in results["methods"]]
            cells = [_cell(entry["metrics"][task.primary_metric]) if entry else "n/a: not run" for entry in entries]
            rows.append([f"{task.name} {_METRIC_TITLES[task.primary_metric]}", *cells])
        if rows:
            tables.append((title, ["task", *results["methods"]], rows))
    return tables


def _full_tables(results: dict) -> list[tuple[list[str], list[list[str]]]]:
    """One for classes, one for numbers: a row for each task and method."""
    tables = []
    for kind, metrics in METRICS.items():
        titles = [_METRIC_TITLES[name] + (" (lower is better)" if name in LOWER_IS_BETTER else "") for name in metrics]
        rows = []
        for task in _tasks_of(results):
            for method in results["methods"] if task.kind == kind else []:
                if entry := results["scores"][method].get(task.name):
                    cells = [_cell(entry["metrics"][name]) for name in metrics]
                    counts = [str(entry["participants"]), str(entry["n"])]
                    rows.append([task.name, method, *counts, *cells, _fold_cell(entry["folds"])])
        if rows:
            by_fold = f"{titles[0]} by fold, mean ± std"
            tables.append((["task", "method", "participants", "recordings", *titles, by_fold], rows))
    return tables


def _tasks_of(results: dict) -> list[Task]:
    return [task for name, task in TASKS.items() if any(name in tasks for tasks in results["scores"].values())]


def _absent_label_notes(results: dict) -> list[str]:
    notes = {
        f"{name}: no recording is labelled {' or '.join(entry['absent_labels'])}, so UAR is over the other classes."
        for tasks in results["scores"].values()
        for name, entry in tasks.items()
        if entry["absent_labels"]
    }
    return sorted(notes)


def _cell(metric: dict) -> str:
    if metric["value"] is None:
        return f"n/a: {metric['note']}"
    if metric["low"] is None:
        return f"{_two(metric['value'])} [n/a: {metric['note']}]"
    return f"{_two(metric['value'])} [{_two(metric['low'])}, {_two(metric['high'])}]"


def _fold_cell(folds: dict) -> str:
    if folds["mean"] is None:
        return f"n/a: {folds['note']}"
    spread = f"n/a: {folds['note']}" if folds["std"] is None else _two(folds["std"])
    return f"{_two(folds['mean'])} ± {spread}"


def _two(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _aligned_blocks(lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines as columns of text; as many columns side by side as fit, the first repeated in every block."""
    columns = [[cell.ljust(max(map(len, column))) for cell in column] for column in zip(*lines, strict=True)]
    blocks = [[columns[0]]]
    for column in columns[1:]:
        used = sum(len(other[0]) + 2 for other in blocks[-1])
        if len(blocks[-1]) > 1 and used + len(column[0]) > _TERMINAL_WIDTH:
            blocks.append([columns[0]])
        blocks[-1].append(column)
    return ["\n".join("  ".join(cells).rstrip() for cells in zip(*block, strict=True)) for block in blocks]
