"""Results as Markdown, the same sections for `emert evaluate`, `emert benchmark` and the model cards, and for the terminal."""

from collections.abc import Sequence
from textwrap import fill

from modeling_emert.tasks_emert import TASKS, Task

from ..metrics import LOWER_IS_BETTER, METRIC_TITLES, METRICS
from ..metrics.emotion_classification.class_scores import VOTE_METRICS
from .tables import (
    OWN_TASKS,
    TERMINAL_WIDTH,
    VIEWS,
    aligned_blocks,
    fold_cell,
    markdown_table,
    p_value,
    score_cell,
    signed,
    tasks_of,
    three,
    two,
)

# One block of a table: its title, its column heads, its rows.
_Table = tuple[str, list[str], list[list[str]]]


def summary_table(results: dict) -> str:
    """The primary metric of every method and task as aligned plain text, in blocks of at most 120 columns."""
    parts = [fill(describe(results), TERMINAL_WIDTH)]
    for title, head, rows in primary_tables(results):
        first, *others = aligned_blocks([head, *rows])
        parts += [f"{title}\n{first}", *(f"{title} (continued)\n{block}" for block in others)]
    return "\n\n".join(parts)


def results_markdown(results: dict, pictures: Sequence[str] = ()) -> str:
    """The page: what was measured on what, the primary metric by view, every metric, the sections, the pictures.

    `pictures`: paths of the PNG files, as seen from the page.
    """
    parts = [f"# Results on {results['header']['data']}", describe(results), made_by(results)]
    for title, head, rows in primary_tables(results):
        parts += [f"## {title}", markdown_table(head, rows)]
    parts += ["## Every metric", *sections_markdown(results), *subgroup_markdown(results)]
    if pictures:
        parts += [f"## Pictures of {results['methods'][0]}", *(f"![{_picture_title(path)}]({path})" for path in pictures)]
    return "\n\n".join(parts) + "\n"


def sections_markdown(results: dict, by_task: bool = False) -> list[str]:
    """The tables of every metric, see [`full_tables`], the gap, the calibration, and the scores against the judges' votes."""
    tables = [markdown_table(head, rows) for head, rows in full_tables(results, by_task)]
    more = (gap_markdown(results), calibration_markdown(results), votes_markdown(results))
    return [*tables, *_absent_label_notes(results), *(part for parts in more for part in parts)]


def describe(results: dict) -> str:
    """Data, split, folds, seeds and interval in three sentences: the text that precedes every table."""
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
    """One for each view that has scores, and one of the own tasks: rows are tasks, columns methods."""
    tables = []
    found = tasks_of(results)
    by_title = {title: [task for task in found if task.view == view and not task.is_own] for view, title in VIEWS.items()}
    for title, tasks in (by_title | {OWN_TASKS: [task for task in found if task.is_own]}).items():
        rows = [primary_row(task, [results["scores"][method] for method in results["methods"]]) for task in tasks]
        if rows:
            tables.append((title, ["task", *results["methods"]], rows))
    return tables


def primary_row(task: Task, columns: Sequence[dict]) -> list[str]:
    """The primary metric of one task, by column: a dictionary of scores by task."""
    entries = [column.get(task.name) for column in columns]
    cells = [score_cell(entry["metrics"][task.primary_metric]) if entry else "n/a: not run" for entry in entries]
    return [f"{task.name} {METRIC_TITLES[task.primary_metric]}", *cells]


def full_tables(results: dict, by_task: bool = False) -> list[tuple[list[str], list[list[str]]]]:
    """One for classification, one for regression, or one a task: a row for each task and method, every metric.

    In a benchmark also the difference to the reference, its p values, and the score of each seed.
    """
    tasks = tasks_of(results)
    groups = [[task] for task in tasks] if by_task else [[task for task in tasks if task.kind == kind] for kind in METRICS]
    tables = []
    for group in filter(None, groups):
        names = {task.name for task in group}
        stored = [one["metrics"] for scores in results["scores"].values() for name, one in scores.items() if name in names]
        metrics = [name for name in METRICS[group[0].kind] if all(name in one for one in stored)]  # older results have fewer
        titles = [METRIC_TITLES[name] + (" (lower is better)" if name in LOWER_IS_BETTER else "") for name in metrics]
        head = ["task", "method", "participants", "recordings", *titles, f"{titles[0]} by fold, mean ± std"]
        head += ["Δ", "p", "p folds", "by seed"] if "failed" in results else []
        rows = [
            _full_row(results, task, method, metrics, len(head))
            for task in group
            for method in results["methods"]
            if task.name in results["scores"].get(method, {}) or task.name in results.get("failed", {}).get(method, {})
        ]
        tables.append((head, rows))
    return tables


def _full_row(results: dict, task: Task, method: str, metrics: Sequence[str], width: int) -> list[str]:
    entry = results["scores"].get(method, {}).get(task.name)
    if entry is None:
        failed = [task.name, method, f"failed: {'; '.join(results['failed'][method][task.name])}"]
        return failed + [""] * (width - len(failed))
    cells = [score_cell(entry["metrics"][name]) for name in metrics]
    row = [task.name, method, str(entry["participants"]), str(entry["n"]), *cells, fold_cell(entry["folds"])]
    if "failed" in results:
        against = entry["against"] or {}
        tested = [signed(against.get("difference")), *(p_value(against.get(name)) for name in ("p_holm", "p_folds"))]
        row += [*tested, ", ".join(map(two, entry["by_seed"].values()))]
    return row


def _absent_label_notes(results: dict) -> list[str]:
    notes = {
        f"{name}: no recording is labelled {' or '.join(entry['absent_labels'])}, so UAR is over the other classes."
        for tasks in results["scores"].values()
        for name, entry in tasks.items()
        if entry["absent_labels"]
    }
    return sorted(notes)


def gap_markdown(results: dict) -> list[str]:
    """The section `gap`; empty where there is none."""
    gap = results["gap"]
    if gap is None:
        return []
    labels = gap["labels"]
    total = sum(map(sum, labels["counts"]))
    same = sum(row[index] for index, row in enumerate(labels["counts"]))
    head = [f"`{labels['er']}` felt, by row; `{labels['fer']}` shown, by column", *labels["names"]]
    rows = [[name, *map(str, row)] for name, row in zip(labels["names"], labels["counts"], strict=True)]
    return [
        "## Felt against shown",
        f"Labels of {total} recordings: felt and shown are the same emotion in {same}, and differ in {total - same}.",
        markdown_table(head, rows),
        "Scores where the two labels agree, and where they differ. A method that only copies the face scores low on felt "
        "emotion where they differ.",
        markdown_table(["task", "method", "agree, n", "score", "differ, n", "score"], _subset_rows(gap)),
        *_gap_score_markdown(gap),
    ]


def _subset_rows(gap: dict) -> list[list[str]]:
    rows = []
    for name, task in TASKS.items():
        for method, found in gap["methods"].items():
            if name in found["subsets"]:
                cells = [f"{name} {METRIC_TITLES[task.primary_metric]}", method]
                for part in found["subsets"][name].values():
                    cells += [str(part["n"]), score_cell(part["metrics"][task.primary_metric])]
                rows.append(cells)
    return rows


def _gap_score_markdown(gap: dict) -> list[str]:
    rows = []
    for method, found in gap["methods"].items():
        for seed, score in found["scores"].items():
            name = method if len(found["scores"]) == 1 else f"{method}, seed {seed}"
            means = [two(score["mean_agree"]), two(score["mean_disagree"])]
            rows.append([name, *means, score_cell(score["auroc"]), score_cell(score["spearman"])])
    if not rows:
        return []
    return [
        "The gap score of a method is the distance between its felt and its shown distribution, 0..1. Beside its mean on both "
        "kinds of recordings: how well it tells them apart (AUROC, 0.5 is chance), and its rank correlation with the distance "
        "of felt from shown valence and arousal.",
        markdown_table(["method", "gap where they agree", "where they differ", "AUROC", "Spearman"], rows),
    ]


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


def votes_markdown(results: dict) -> list[str]:
    """Scores against how the judges' votes were divided; empty where nobody voted."""
    rows, least = [], {}
    for task in tasks_of(results):
        for method in results["methods"]:
            entry = results["scores"][method].get(task.name)
            if entry and (found := entry.get("votes")):
                least[task.name] = found["least_nll"]
                rows.append([task.name, method, str(found["n"]), *(score_cell(one) for one in found["metrics"].values())])
    if not rows:
        return []
    limits = ", ".join(f"{name} {three(value)}" for name, value in least.items())
    return [
        "## Against the judges' votes",
        "How near the probabilities come to the fractions of the judges who chose each class, on the recordings whose majority "
        f"is a class; lower is better. NLL in nats, at least the judges' own disagreement ({limits}); Jensen-Shannon 0 to 1.",
        markdown_table(["task", "method", "recordings", *(METRIC_TITLES[name] for name in VOTE_METRICS)], rows),
    ]


def _before_and_after(found: dict, name: str) -> str:
    after, before = three(found["answers"][name]), found["before"] or {}
    return f"{three(before[name])} → {after}" if name in before else after


def subgroup_markdown(results: dict, method: str | None = None) -> list[str]:
    """The table of [`subgroup_rows`]; empty where the recordings are not divided."""
    rows = subgroup_rows(results, method)
    if not rows:
        return []
    head = ["column", "group", "task", "participants", "recordings", "score"]
    return [f"## Subgroups, {method or results['methods'][0]}", markdown_table(head, rows)]


def subgroup_rows(results: dict, method: str | None = None) -> list[list[str]]:
    """The primary metric of one method, by default the first, by group, for each column that divides the recordings."""
    method = method or results["methods"][0]
    rows = []
    for task in tasks_of(results):
        for column, groups in (results["scores"][method].get(task.name) or {"subgroups": {}})["subgroups"].items():
            for name, part in groups.items():
                cell = score_cell(part["metrics"][task.primary_metric])
                metric = METRIC_TITLES[task.primary_metric]
                rows.append([f"`{column}`", name, task.name, str(part["participants"]), str(part["n"]), f"{metric} {cell}"])
    return sorted(rows, key=lambda row: row[:2])


def _picture_title(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".png").replace("-", " ")
