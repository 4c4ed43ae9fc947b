"""The table of many answers: a flat row for each recording, as CSV or Parquet."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from ..files.pair import Pair
from ..files.uploads import visible_path
from .messages import Reply
from .verdict import grounded_tasks, top, verdict

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def answer_pairs(pairs: Sequence[Pair], ask: Callable[[Pair], Reply]) -> Iterator[dict]:
    """One row of the table for each, as soon as it is answered."""
    for pair in pairs:
        yield table_row(pair, ask(pair))


def table_row(pair: Pair, reply: Reply) -> dict:
    """Flat: names, verdict, gap, every task's numbers as `task/label`, quality; or `problem`."""
    row: dict = {"recording": visible_path(pair.name), "video": pair.video_name, "gaze": pair.gaze_name}
    if reply.answer is None:
        return row | {"problem": reply.refusal, "remarks": pair.remark}
    answer, tasks = reply.answer, grounded_tasks(reply.answer)
    row |= {"problem": None, "verdict": verdict(answer)}
    for view in ("er", "fer"):
        best = top(tasks.get(f"{view}7") or tasks.get(f"{view}3"))
        row[view] = best[0] if best else None
    row |= {"gap": answer["gap"], "modalities": " ".join(answer["modalities"])}
    remarks = [*filter(None, [pair.remark]), *answer["measured"]["reasons"], *answer["notes"]]
    row |= {"quality": answer["measured"]["verdict"], "remarks": " ".join(remarks)}
    return row | {f"{task}/{name}": value for task, values in tasks.items() for name, value in values.items()}


def as_csv(rows: Sequence[dict]) -> bytes:
    """UTF-8. A cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _safe_cell(value) for name, value in row.items()})
    return buffer.getvalue().encode()


def _safe_cell(value: object) -> object:
    if isinstance(value, str):
        line = " ".join(value.split("\n"))
        return f"'{line}" if line.startswith(_FORMULA) else line
    return "" if value is None else value


def as_parquet(rows: Sequence[dict]) -> bytes:
    """The same table, typed; absent is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(dict.fromkeys(name for row in rows for name in row))
    arrays = {name: pa.array([row.get(name) for row in rows]) for name in columns}
    arrays = {name: array.cast(pa.string()) if pa.types.is_null(array.type) else array for name, array in arrays.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()
