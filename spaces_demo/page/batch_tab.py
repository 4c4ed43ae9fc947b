"""The tab for several recordings: a table that grows with each answer, and downloads at the end."""

import base64
from collections.abc import Iterator
from functools import partial
from html import escape

import gradio as gr

from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import VIEW_WORDS

from ..answers.verdict import as_csv, as_parquet
from ..files.pair import MAX_BATCH
from ..files.uploads import cut_middle
from ..service import Service
from .html import DELETED, progress_bar, refusal

_HELP = f"""<p>A zip, or several files, at most {MAX_BATCH} recordings; a video or a gaze file may be alone. A video and a gaze
file are one recording where they lie in one folder under one name (<code>p01.mp4</code>, <code>p01.csv</code>; or
<code>face_p01.mp4</code>, <code>gaze_p01.csv</code>), or are the only two in a folder, which then names them. Folders called
by their kind, such as <code>videos</code> and <code>gaze</code>, count as one. Tables of one export of Pupil Core, Neon or
Invisible stay in one folder. Pairs in doubt and files without a partner are reported above the table. {DELETED}</p>"""
_SHOWN_COLUMNS = {"recording": "recording", **VIEW_WORDS, "gap": "gap", "quality": "quality", "verdict": "verdict"}
_LONGEST_PROBLEM, _LONGEST_NAME = 220, 60  # characters on the page; the downloads have them all


def add_batch_tab(service: Service, model: gr.Dropdown) -> None:
    gr.HTML(f'<div class="emert-care">{_HELP}</div>')
    files = gr.File(label="Zip, or videos and gaze files", file_count="multiple", height=160, elem_id="files")
    start = gr.Button("Answer all", variant="primary", elem_id="ask-all")
    status = gr.HTML(elem_id="batch-status")
    table = gr.HTML(elem_id="table")
    asked = gr.File(file_count="multiple", visible=False)  # the files of the batch that is being answered
    # The box is emptied by the browser at the click, and not again: files that are dropped later belong to the next batch.
    emptied = start.click(None, files, [asked, files], js="files => [files, null]", api_visibility="private")
    alone = {"concurrency_id": "batches", "concurrency_limit": 1, "api_visibility": "private", "show_progress": "minimal"}
    emptied.then(partial(answer_batch, service), [asked, model], [status, table], **alone)


def answer_batch(service: Service, files: list[str] | None, model: str | None) -> Iterator[tuple]:
    """Status and table, after each recording; at the end with downloads. A refused batch keeps the last one's table."""
    if not files:
        yield refusal("There is no file in this batch; drop videos and gaze files, or a zip with them."), gr.skip()
        return
    yield progress_bar(0, "reading the files"), gr.skip()
    rows: list[dict] = []
    note = ""
    try:
        for count, rows, note in service.answer_batch(files, model):  # noqa: B007
            yield progress_bar(len(rows) / count, f"{len(rows)} of {count} done"), table_html(rows)
    except EmertInputError as error:
        yield refusal(str(error)), gr.skip()
        return
    refused = sum(bool(row.get("problem")) for row in rows)
    words = f"{len(rows) - refused} answered, {refused} refused." if refused else f"{len(rows)} answered."
    remark = f'<p class="emert-small">{escape(note[0].upper() + note[1:])}</p>' if note else ""
    yield f'<p role="status">{words}</p>', _downloads(rows) + remark + table_html(rows)


def table_html(rows: list[dict]) -> str:
    """The answers so far, without the columns that only the downloads have; empty without rows."""
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(words)}</th>' for words in _SHOWN_COLUMNS.values())
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="emert-table emert-answers" tabindex="0" role="region" aria-label="Answers">{table}</div>'


def _cells(row: dict) -> str:
    """A row's cells. A problem stands where the answer would, so that it is seen on a phone as well."""
    if row.get("problem"):
        words = row["problem"]
        words = words if len(words) <= _LONGEST_PROBLEM else words[: _LONGEST_PROBLEM - 1] + "…"
        problem = f'<div class="emert-problem">{escape(words)}</div>'
        return f'{_cell("recording", row["recording"])}<td colspan="{len(_SHOWN_COLUMNS) - 1}">{problem}</td>'
    return "".join(_cell(name, row.get(name)) for name in _SHOWN_COLUMNS)


def _cell(name: str, value: object) -> str:
    """With the name of its column, which a narrow window shows beside it since a row is a block there."""
    if value is None:
        return "<td></td>"
    words = f"{value:.2f}" if isinstance(value, float) else str(value)
    words = cut_middle(words, _LONGEST_NAME) if name == "recording" else words
    return f'<td class="emert-{name}" data-column="{_SHOWN_COLUMNS[name]}">{escape(words)}</td>'


def _downloads(rows: list[dict]) -> str:
    """Links that hold the complete table themselves, so that the server keeps no file."""
    links = []
    for name, kind, content in (
        ("answers.csv", "text/csv", as_csv(rows)),
        ("answers.parquet", "application/octet-stream", as_parquet(rows)),
    ):
        link = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        links.append(f'<a href="{link}" download="{name}">Download {name} ({len(content) / 1000:.0f} kB)</a>')
    return f'<p class="emert-downloads">{"".join(links)}</p>'
