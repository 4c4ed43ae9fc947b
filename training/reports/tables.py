"""Cells and tables of pages: a score with its interval, rows as Markdown, rows as aligned text."""

from collections.abc import Sequence

from modeling_emert.tasks_emert import TASKS, Task

TERMINAL_WIDTH = 120


def tasks_of(results: dict) -> list[Task]:
    """Those that any method has scores for, in the order of `TASKS`."""
    return [task for name, task in TASKS.items() if any(name in tasks for tasks in results["scores"].values())]


def score_cell(metric: dict) -> str:
    """`0.68 [0.62, 0.75]`, or why there is no such figure; `metric` as in `results`."""
    if metric["value"] is None:
        return f"n/a: {metric['note']}"
    if metric["low"] is None:
        return f"{two(metric['value'])} [n/a: {metric['note']}]"
    return f"{two(metric['value'])} [{two(metric['low'])}, {two(metric['high'])}]"


def fold_cell(folds: dict) -> str:
    """`0.68 ± 0.02`: mean and standard deviation over folds."""
    if folds["mean"] is None:
        return f"n/a: {folds['note']}"
    spread = f"n/a: {folds['note']}" if folds["std"] is None else two(folds["std"])
    return f"{two(folds['mean'])} ± {spread}"


def two(value: float | None) -> str:
    """Two digits after the point; a word where there is no figure."""
    return "n/a" if value is None else f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0


def three(value: float | None) -> str:
    """Three digits, for errors of calibration."""
    return "n/a" if value is None else f"{round(value, 3) + 0.0:.3f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def aligned_blocks(lines: Sequence[Sequence[str]]) -> list[str]:
    """The lines as columns of text; as many columns side by side as fit, the first repeated in every block."""
    columns = [[cell.ljust(max(map(len, column))) for cell in column] for column in zip(*lines, strict=True)]
    blocks = [[columns[0]]]
    for column in columns[1:]:
        used = sum(len(other[0]) + 2 for other in blocks[-1])
        if len(blocks[-1]) > 1 and used + len(column[0]) > TERMINAL_WIDTH:
            blocks.append([columns[0]])
        blocks[-1].append(column)
    return ["\n".join("  ".join(cells).rstrip() for cells in zip(*block, strict=True)) for block in blocks]
