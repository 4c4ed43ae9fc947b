"""How figures are written, the same on every page: cells, rows as Markdown, rows as aligned text."""

from collections.abc import Sequence

from modeling_emert.tasks_emert import TASKS, Task, View

TERMINAL_WIDTH = 120
VIEWS: dict[View, str] = {"er": "Felt emotion (ER)", "fer": "Shown emotion (FER)", "perceived": "Perceived emotion"}
OWN_TASKS = "Own tasks"
NOTHING, MINUS = "n/a", "\N{MINUS SIGN}"
SIGNIFICANT = 0.05


def tasks_of(results: dict) -> list[Task]:
    """Those that any method has scores for, or has failed on, in the order of `TASKS`."""
    found = {name for part in ("scores", "failed") for tasks in results.get(part, {}).values() for name in tasks}
    return [task for name, task in TASKS.items() if name in found]


def score_cell(metric: dict, sign: str = "") -> str:
    """`0.68 [0.62, 0.75]`, or why there is no such figure; `metric` as in `results`. `sign`: before a positive figure."""
    note = metric.get("note")
    if metric["value"] is None:
        return f"{NOTHING}: {note}" if note else NOTHING
    value, low, high = (
        (sign if number is not None and round(number, 2) > 0 else "") + two(number)
        for number in (metric["value"], metric["low"], metric["high"])
    )
    if metric["low"] is None:
        return f"{value} [{NOTHING}: {note}]" if note else value
    return f"{value} [{low}, {high}]"


def span(metric: dict) -> str:
    """`[0.31, 0.42]`; empty where there is no interval."""
    return "" if metric["low"] is None else f"[{two(metric['low'])}, {two(metric['high'])}]"


def fold_cell(folds: dict) -> str:
    """`0.68 ± 0.02`: mean and standard deviation over folds."""
    if folds["mean"] is None:
        return f"{NOTHING}: {folds['note']}"
    spread = f"{NOTHING}: {folds['note']}" if folds["std"] is None else two(folds["std"])
    return f"{two(folds['mean'])} ± {spread}"


def two(value: float | None) -> str:
    return NOTHING if value is None else f"{round(value, 2) + 0.0:.2f}"  # + 0.0 turns -0.0 into 0.0


def three(value: float | None) -> str:
    """For errors of calibration."""
    return NOTHING if value is None else f"{round(value, 3) + 0.0:.3f}"


def signed(value: float | None) -> str:
    """A difference: `+0.02` or `−0.02`."""
    return NOTHING if value is None else f"{round(value, 2) + 0.0:+.2f}".replace("-", MINUS)


def p_value(value: float | None) -> str:
    if value is None:
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def amount(value: float | None) -> str:
    """A count or a measured size: 251k, 1.2M, 36, 0.4."""
    if value is None:
        return NOTHING
    for size, sign in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}{sign}" if value < 10 * size else f"{value / size:.0f}{sign}"
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
