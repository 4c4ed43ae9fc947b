"""The tab for several recordings: a table that grows, and downloads at the end."""

import base64
from collections.abc import Iterator
from functools import partial
from html import escape

import gradio as gr

from modeling_emert.errors_emert import EmertInputError

from .answer_table import as_csv, as_parquet
from .limits import MAX_BATCH
from .service import Service
from .verdict import VIEW_WORDS
from .views import DELETED, progress_bar, refusal


def add_several(service: Service, model: gr.Dropdown) -> None:
    gr.HTML(
        f'<p class="emert-care">A zip, or several files: a video and a gaze file of one name (p01.mp4, p01.csv) are one '
        "recording, and either may be alone; with a folder for each person the folder names it. "
        f"At most {MAX_BATCH} recordings. {DELETED}</p>"
    )
    files = gr.File(label="Zip, or videos and gaze files", file_count="multiple", height=160, elem_id="files")
    start = gr.Button("Answer all", variant="primary", elem_id="ask-all")
    table = gr.HTML(elem_id="table")
    start.click(
        partial(_answer_batch, service),
        [files, model],
        [table, files],
        concurrency_id="batches",
        concurrency_limit=1,
        api_visibility="private",
        show_progress="minimal",
    )


def _answer_batch(service: Service, files: list[str] | None, model: str | None) -> Iterator[tuple]:
    """The table so far after each recording; at the end with downloads, and the input emptied."""
    rows: list[dict] = []
    note = ""
    try:
        for count, rows, note in service.answer_batch(files or [], model):  # noqa: B007
            yield progress_bar(len(rows) / count, f"{len(rows)} of {count} answered") + _table(rows), gr.skip()
    except EmertInputError as error:
        yield refusal(str(error)), None
        return
    yield _downloads(rows) + _note(note) + _table(rows), None


def _note(sentence: str) -> str:
    return f'<p class="emert-small">{escape(sentence[0].upper() + sentence[1:])}</p>' if sentence else ""


_SHOWN_COLUMNS = {
    "recording": "recording", "er": VIEW_WORDS["er"], "fer": VIEW_WORDS["fer"], "gap": "gap", "quality": "quality",
    "verdict": "verdict",
}  # fmt: skip
_LONGEST_PROBLEM = 220  # letters on the page; the downloads have them all


def _table(rows: list[dict]) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(words)}</th>' for words in _SHOWN_COLUMNS.values())
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="emert-table" tabindex="0" role="region" aria-label="Answers">{table}</div>'


def _cells(row: dict) -> str:
    """A problem takes the place of the answer, where it is seen on a phone as well."""
    if row.get("problem"):
        words = row["problem"]
        words = words if len(words) <= _LONGEST_PROBLEM else words[: _LONGEST_PROBLEM - 1] + "…"
        problem = f'<div class="emert-problem">{escape(words)}</div>'
        return f'{_cell("recording", row["recording"])}<td colspan="{len(_SHOWN_COLUMNS) - 1}">{problem}</td>'
    return "".join(_cell(name, row.get(name)) for name in _SHOWN_COLUMNS)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, float):
        return f"<td>{value:.2f}</td>"
    kind = ' class="emert-words"' if name == "verdict" else ""
    return f"<td{kind}>{escape(str(value))}</td>"


def _downloads(rows: list[dict]) -> str:
    """The whole table within the links themselves, so that the server keeps no file."""
    links = []
    for name, kind, content in (
        ("answers.csv", "text/csv", as_csv(rows)),
        ("answers.parquet", "application/octet-stream", as_parquet(rows)),
    ):
        link = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        links.append(f'<a href="{link}" download="{name}">Download {name} ({len(content) / 1000:.0f} kB)</a>')
    return f'<p class="emert-downloads" role="status">{len(rows)} answered. {"".join(links)}</p>'
