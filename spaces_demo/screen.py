"""The page: what is where, and what happens on a click. Layout only; the work is in `service.py`."""

import base64
import json
from collections.abc import Iterator
from functools import partial
from html import escape

import gradio as gr

from modeling_emert.errors_emert import EmertInputError

from .api import FIELDS, SNIPPET, add_endpoints, refuse_what_cannot_be_read
from .batch import as_csv, as_parquet
from .examples import EXAMPLES, Example
from .limits import MAX_BATCH, MAX_UPLOAD_MB, UNUSED_UPLOAD_SECONDS, WORKERS
from .service import Service
from .training_offer import train_small, trained
from .uploads import visible_name
from .verdict import VIEW_WORDS
from .views import CARE, answer_html, banner, reasons_html, refusal

_TITLE = "What the face shows, what the person feels"
_HEAD = f"""<header class="emert-head"><h1>{_TITLE}</h1><p>Drop a video of a face and an eye tracker's file of the same
moments. The network EMERT tells the emotion that is shown (FER) from the emotion that is felt (ER), with the eyes as
witness, and how far the two lie apart.</p></header>"""
_ADDRESS = "http://127.0.0.1:7860/"  # until the browser has said where the page is
_EMPTY = '<div class="emert-empty">The answer appears here. Drop your files, or click an example.</div>'
# On a phone the answer lies below the examples, where nobody would look for it.
_SHOW_ANSWER = """(...given) => {
    if (innerWidth <= 700) document.getElementById("answer").scrollIntoView({behavior: "smooth"});
    return given.length === 1 ? given[0] : given;
}"""
_DELETED = "Your files are deleted as soon as they are answered; nothing is kept."
_OFFER = """<div class="emert-banner" role="note"><strong>There is no trained model here yet.</strong> The small one can
be trained now on generated recordings; it takes some minutes on two processor cores.</div>"""


def build_screen(service: Service) -> gr.Blocks:
    """The page of a service, not yet launched."""
    with gr.Blocks(
        title="EMERT: felt and shown emotion",
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        gr.HTML(_HEAD)
        synthetic = gr.HTML(_banner_of(service, None))
        model = _picker(service)
        _training_offer(service, model, synthetic)
        with gr.Tabs():
            with gr.Tab("One clip"):
                _one_recording(service, model)
            with gr.Tab("Several"):
                _several_recordings(service, model)
            with gr.Tab("API"):
                program_help = gr.HTML(_program_help(_ADDRESS))
            with gr.Tab("Care"):
                gr.HTML(f'<div class="emert-care emert-answer">{CARE.format(minutes=UNUSED_UPLOAD_SECONDS // 60)}</div>')
        add_endpoints(service, WORKERS)
        refuse_what_cannot_be_read(page)
        # The browser knows best where the page is, behind whatever proxy.
        told = f"{json.dumps(_program_help(_ADDRESS))}.replaceAll({json.dumps(_ADDRESS)}, location.origin + location.pathname)"
        page.load(None, None, program_help, js=f"() => {told}", api_visibility="private")
        model.change(partial(_banner_of, service), model, synthetic, api_visibility="private", show_progress="hidden")
    return page


def _names(service: Service) -> list[str]:
    return [one.name for one in service.checkpoints]


def _picker(service: Service) -> gr.Dropdown:
    names = _names(service)
    first = names[0] if names else None
    return gr.Dropdown(names, value=first, label="Checkpoint", visible=len(names) > 1, elem_id="checkpoint")


def _banner_of(service: Service, model: str | None) -> str:
    return banner(service.checkpoint(model).synthetic) if service.checkpoints else ""


def _one_recording(service: Service, model: gr.Dropdown) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            video = gr.Video(
                label="Video of the face",
                sources=["upload", "webcam"],
                webcam_options=gr.WebcamOptions(mirror=False),
                height=290,
                elem_id="video",
                buttons=[],
            )
            gaze = gr.File(label="Gaze file of any eye tracker", height=150, elem_id="gaze")
            with gr.Accordion("The gaze file holds several people", open=False) as several:
                participant = gr.Textbox(label="Participant", placeholder="as the file names them", max_lines=1, max_length=100)
            ask = gr.Button("Answer", variant="primary", elem_id="ask")
            gr.HTML(f'<p class="emert-small">Either may be missing; at most {MAX_UPLOAD_MB} MB each. {_DELETED}</p>')
            gr.HTML('<h2 class="emert-small" id="examples">Examples (generated)</h2>')
            buttons = [(example, gr.Button(example.title, size="sm", elem_id=f"example-{example.key}")) for example in EXAMPLES]
        with gr.Column(scale=5, min_width=300):
            answer = gr.HTML(_EMPTY, elem_id="answer")
    reasons = gr.HTML(elem_id="reasons")
    shared = {
        "concurrency_id": "answers", "api_visibility": "private", "show_progress_on": answer, "js": _SHOW_ANSWER,
    }  # fmt: skip
    ask.click(
        partial(_answer, service),
        [video, gaze, participant, model],
        [answer, reasons, video, gaze, several],
        concurrency_limit=WORKERS,
        **shared,
    )
    for example, button in buttons:
        button.click(partial(_answer_example, service, example), model, [answer, reasons], **shared)


def _answer(service: Service, video: str | None, gaze: str | None, participant: str, model: str | None) -> Iterator[tuple]:
    """Answer, reasons, and both inputs emptied, since their files are gone; the reasons' pictures come a moment later.

    Where only the participant is to be named the inputs stay, and the field for it opens.
    """
    names = ", ".join(visible_name(path) for path in (video, gaze) if path)
    for reply in service.answers(video, gaze, participant, model, keep=True):
        rest = (gr.skip(), gr.skip(), gr.Accordion(open=True)) if reply.mendable else (None, None, gr.skip())
        yield answer_html(reply, f"{names} (deleted)"), reasons_html(reply), *rest


def _answer_example(service: Service, example: Example, model: str | None) -> Iterator[tuple[str, str]]:
    for reply in service.answers_of_example(example, model):
        yield answer_html(reply, f"Example “{example.title}”: {example.meaning}"), reasons_html(reply)


def _several_recordings(service: Service, model: gr.Dropdown) -> None:
    gr.HTML(
        f'<p class="emert-care">A zip, or several files: a video and a gaze file of one name (p01.mp4, p01.csv) are one '
        "recording, and either may be alone; with a folder for each person the folder names it. "
        f"At most {MAX_BATCH} recordings. {_DELETED}</p>"
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
            yield _progress_bar(len(rows) / count, f"{len(rows)} of {count} answered") + _table(rows), gr.skip()
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


def _progress_bar(share: float, words: str) -> str:
    return f'<p role="status"><progress max="1" value="{share:.3f}" aria-label="Progress"></progress> {escape(words)}</p>'


def _training_offer(service: Service, model: gr.Dropdown, synthetic: gr.HTML) -> None:
    with gr.Group(visible=not service.checkpoints) as offer:
        gr.HTML(_OFFER)
        train = gr.Button("Train the small model", variant="primary", elem_id="train")
        status = gr.HTML()
    train.click(
        partial(_train, service),
        None,
        [status, offer, model, synthetic],
        concurrency_limit=1,
        api_visibility="private",
        show_progress="hidden",
    )


def _train(service: Service) -> Iterator[tuple]:
    try:
        for share, words in train_small():
            yield _progress_bar(share, words), gr.skip(), gr.skip(), gr.skip()
        service.add_checkpoint(trained())
    except EmertInputError as error:
        yield refusal(str(error)), gr.skip(), gr.skip(), gr.skip()
        return
    names = _names(service)
    chosen = gr.Dropdown(names, value=names[0], visible=len(names) > 1)
    yield "", gr.Group(visible=False), chosen, _banner_of(service, None)


def _program_help(url: str) -> str:
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>' for name, words in FIELDS.items())
    return (
        f'<div class="emert-care emert-answer"><p>The same answers by <code>pip install gradio_client</code>:</p>'
        f'<pre tabindex="0" aria-label="Python example" class="emert-code"><code>{escape(SNIPPET.format(url=url))}</code></pre>'
        "<p><code>/answer</code> gives JSON, <code>/batch</code> a list of flat rows, <code>/models</code> the checkpoints. "
        "Files that can't be used raise <code>AppError</code> with one sentence.</p>"
        f'<div class="emert-table" tabindex="0" role="region" aria-label="Fields of an answer">'
        f"<table>{rows}</table></div></div>"
    )
