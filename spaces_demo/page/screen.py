"""The page: what is where, and what happens on a click. Layout only; the work is in `service.py`."""

import json
from collections.abc import Iterator
from functools import partial
from html import escape

import gradio as gr

from modeling_emert.errors_emert import EmertInputError

from ..examples import EXAMPLES, Example
from ..files.uploads import visible_name
from ..limits import MAX_UPLOAD_MB, UNUSED_UPLOAD_SECONDS, WORKERS
from ..service import NOTHING_GIVEN, Service
from .api import FIELDS, SNIPPET, add_endpoints, refuse_what_cannot_be_read
from .batch_tab import add_several
from .html import CARE, DELETED, answer_html, banner, progress_bar, reasons_html, refusal
from .training_offer import train_small, trained

_TITLE = "What the face shows, what the person feels"
_HEAD = f"""<header class="emert-head"><h1>{_TITLE}</h1><p>Drop a video of a face and an eye tracker's file of the same
moments. The network EMERT tells the emotion that is shown (FER) from the emotion that is felt (ER), with the eyes as
witness, and how far the two lie apart.</p></header>"""
_ADDRESS = "http://127.0.0.1:7860/"  # until the browser has said where the page is
_EMPTY = '<div class="emert-empty">The answer appears here. Drop your files, or click an example.</div>'
# On a phone the answer lies below the examples, where nobody would look for it.
_SHOW = 'if (innerWidth <= 900) document.getElementById("answers").scrollIntoView({behavior: "smooth"});'
_SHOW_ANSWER = f"given => {{ {_SHOW} return given; }}"
# The files change hands in the browser, at once: what is dropped from then on belongs to the next question, whenever the
# replies come. Afterwards what is still there goes back to its box, unless something else lies in it by then.
_TAKE_FILES = f"""(video, gaze) => {{
    {_SHOW}
    return [video, gaze, null, null, {{__type__: "update", interactive: false}}];
}}"""
_RETURN_FILES = """(asked_video, asked_gaze, video, gaze) =>
    [null, null, video ?? asked_video, gaze ?? asked_gaze, {__type__: "update", interactive: true}]"""
# Gradio's player would call out an error, while the answer needs no browser that can play the video.
_SAY_UNPLAYABLE = """() => {
    const say = words => event => {
        if (!event.target.matches?.("#video video")) return;
        if (words) event.stopPropagation();
        document.querySelector("#unplayable p").textContent = words;
    };
    document.addEventListener("error", say("The browser can't play this video; it can be answered all the same."), true);
    document.addEventListener("loadeddata", say(""), true);
}"""
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
                add_several(service, model)
            with gr.Tab("API"):
                program_help = gr.HTML(_program_help(_ADDRESS))
            with gr.Tab("Care"):
                gr.HTML(f'<div class="emert-care emert-answer">{CARE.format(minutes=UNUSED_UPLOAD_SECONDS // 60)}</div>')
        add_endpoints(service, WORKERS)
        refuse_what_cannot_be_read(page)
        # The browser knows best where the page is, behind whatever proxy.
        told = f"{json.dumps(_program_help(_ADDRESS))}.replaceAll({json.dumps(_ADDRESS)}, location.origin + location.pathname)"
        page.load(None, None, None, js=_SAY_UNPLAYABLE, api_visibility="private")
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
            gr.HTML('<p class="emert-small" role="status"></p>', elem_id="unplayable")
            gaze = gr.File(label="Gaze file of any eye tracker", height=150, elem_id="gaze")
            with gr.Accordion("The gaze file holds several people", open=False) as several:
                participant = gr.Textbox(label="Participant", placeholder="as the file names them", max_lines=1, max_length=100)
            ask = gr.Button("Answer", variant="primary", elem_id="ask")
            gr.HTML(f'<p class="emert-small">Either may be missing; at most {MAX_UPLOAD_MB} MB each. {DELETED}</p>')
            gr.HTML('<h2 class="emert-small" id="examples">Examples (generated)</h2>')
            buttons = [(example, gr.Button(example.title, size="sm", elem_id=f"example-{example.key}")) for example in EXAMPLES]
        with gr.Column(scale=5, min_width=300, elem_id="answers"):
            notice = gr.HTML(elem_id="notice", visible=False)
            answer = gr.HTML(_EMPTY, elem_id="answer")
    reasons = gr.HTML(elem_id="reasons")
    asked = [gr.Video(visible=False), gr.File(visible=False)]  # the files of the question that is being answered
    shared = {"concurrency_id": "answers", "api_visibility": "private", "show_progress_on": answer}
    private = {"api_visibility": "private", "show_progress": "hidden"}
    answered = ask.click(None, [video, gaze], [*asked, video, gaze, ask], js=_TAKE_FILES, **private).then(
        partial(_answer, service),
        [*asked, participant, model],
        [notice, answer, reasons, *asked, several],
        concurrency_limit=WORKERS,
        **shared,
    )
    for afterwards in (answered.then, answered.failure):  # gradio 6.31 does not call `then` where the queue is full
        afterwards(None, [*asked, video, gaze], [*asked, video, gaze, ask], js=_RETURN_FILES, **private)
    for example, button in buttons:
        button.click(partial(_answer_example, service, example), model, [notice, answer, reasons], js=_SHOW_ANSWER, **shared)


def _answer(service: Service, video: str | None, gaze: str | None, participant: str, model: str | None) -> Iterator[tuple]:
    """Notice, answer, reasons, and the question's two files, of which those that are gone are taken away.

    Where nothing was given, the last answer stays; where the participant is to be named, the field for it opens. The
    pictures of the reasons come a moment after the rest.
    """
    if video is None and gaze is None:
        yield gr.HTML(refusal(NOTHING_GIVEN), visible=True), *[gr.skip()] * 5
        return
    files = {"video": video, "gaze": gaze}
    names = ", ".join(visible_name(path) for path in files.values() if path)
    for reply in service.answers(video, gaze, participant, model, keep=True):
        here = [part for part, path in files.items() if path and reply.keeps(part)]
        page = answer_html(reply, f"{names} (deleted)", here)
        left = [gr.skip() if part in here else None for part in files]
        field = gr.Accordion(open=True) if reply.wrong == "participant" else gr.skip()
        yield gr.HTML(visible=False), page, reasons_html(reply), *left, field


def _answer_example(service: Service, example: Example, model: str | None) -> Iterator[tuple]:
    for reply in service.answers_of_example(example, model):
        yield gr.HTML(visible=False), answer_html(reply, f"Example “{example.title}”: {example.meaning}"), reasons_html(reply)


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
            yield progress_bar(share, words), gr.skip(), gr.skip(), gr.skip()
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
        "<p><code>/answer</code> gives JSON, <code>/batch</code> flat rows and what was left out or paired in doubt, "
        "<code>/models</code> the checkpoints. "
        "Files that can't be used raise <code>AppError</code> with one sentence.</p>"
        f'<div class="emert-table" tabindex="0" role="region" aria-label="Fields of an answer">'
        f"<table>{rows}</table></div></div>"
    )
