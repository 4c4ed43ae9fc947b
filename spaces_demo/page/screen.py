"""The page: its layout and what a click does. The work itself is in `service.py`."""

import json
from collections.abc import Iterator
from functools import partial

import gradio as gr

from ..examples import EXAMPLES, Example
from ..files.uploads import MAX_UPLOAD_MB, UNUSED_UPLOAD_SECONDS, visible_name
from ..service import NOTHING_GIVEN, Service
from ..workers.pool import WORKERS
from .api import add_endpoints, help_html, refuse_unreadable_arguments
from .batch_tab import add_batch_tab
from .html import CARE, DELETED, answer_html, banner, reasons_html, refusal

_TITLE = "What the face shows, what the person feels"
_HEAD = f"""<header class="emert-head"><h1>{_TITLE}</h1><p>Drop a video of a face and an eye tracker's file of the same
moments. The network EMERT predicts the emotion that the face shows (FER) and the emotion that is felt (ER), for which it also
needs the eyes, and how far the two differ.</p></header>"""
_ADDRESS = "http://127.0.0.1:7860/"  # until the browser has said where the page is
_EMPTY = '<div class="emert-empty">The answer appears here. Drop your files, or click an example.</div>'
_ONE_FACE = "A video and a photograph are given; remove one of them: an answer is about one of the two."
# On a phone the answer is below the button, so the page scrolls to it.
_SHOW = 'if (innerWidth <= 900) document.getElementById("answers").scrollIntoView({behavior: "smooth"});'
_SHOW_ANSWER = f"given => {{ {_SHOW} return given; }}"
# At the click the browser moves the files from their boxes to hidden ones: files that are dropped later belong to the next
# question, whenever the replies come. Files that are still there afterwards return to their boxes, unless these are taken.
_TAKE_FILES = f"""(video, photo, gaze) => {{
    {_SHOW}
    return [video, photo, gaze, null, null, null, {{__type__: "update", interactive: false}}];
}}"""
_RETURN_FILES = """(asked_video, asked_photo, asked_gaze, video, photo, gaze) => [null, null, null,
    video ?? asked_video, photo ?? asked_photo, gaze ?? asked_gaze, {__type__: "update", interactive: true}]"""
# Gradio's player would show an error for a video that the browser can't play, though it can be answered.
_SAY_UNPLAYABLE = """() => {
    const say = words => event => {
        if (!event.target.matches?.("#video video")) return;
        if (words) event.stopPropagation();
        document.querySelector("#unplayable p").textContent = words;
    };
    document.addEventListener("error", say("The browser can't play this video; it can be answered all the same."), true);
    document.addEventListener("loadeddata", say(""), true);
}"""


def build_screen(service: Service) -> gr.Blocks:
    """The page of a service, not yet launched."""
    names = [one.name for one in service.checkpoints]
    with gr.Blocks(title="EMERT: felt and shown emotion", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(_HEAD)
        synthetic = gr.HTML(_banner(service, None))
        model = gr.Dropdown(names, value=names[0], label="Checkpoint", visible=len(names) > 1, elem_id="checkpoint")
        with gr.Tabs():
            with gr.Tab("One clip"):
                _add_clip_tab(service, model)
            with gr.Tab("Several"):
                add_batch_tab(service, model)
            with gr.Tab("API"):
                program_help = gr.HTML(help_html(_ADDRESS))
            with gr.Tab("Care"):
                gr.HTML(f'<div class="emert-care emert-answer">{CARE.format(minutes=UNUSED_UPLOAD_SECONDS // 60)}</div>')
        add_endpoints(service, WORKERS)
        refuse_unreadable_arguments(page)
        # Behind a proxy only the browser knows the page's address.
        replaced = f"{json.dumps(help_html(_ADDRESS))}.replaceAll({json.dumps(_ADDRESS)}, location.origin + location.pathname)"
        page.load(None, None, None, js=_SAY_UNPLAYABLE, api_visibility="private")
        page.load(None, None, program_help, js=f"() => {replaced}", api_visibility="private")
        model.change(partial(_banner, service), model, synthetic, api_visibility="private", show_progress="hidden")
    return page


def _banner(service: Service, model: str | None) -> str:
    return banner(service.checkpoint(model).synthetic)


def _add_clip_tab(service: Service, model: gr.Dropdown) -> None:
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            video = gr.Video(
                label="Video of the face",
                sources=["upload", "webcam"],
                webcam_options=gr.WebcamOptions(mirror=False),
                height=200,
                elem_id="video",
                buttons=[],
            )
            gr.HTML('<p class="emert-small" role="status"></p>', elem_id="unplayable")
            photo = gr.File(label="or a photograph (PNG, JPEG, WebP)", height=92, elem_id="photo")
            gaze = gr.File(label="Gaze file of any eye tracker", height=92, elem_id="gaze")
            with gr.Accordion("The gaze file holds several recordings", open=False) as several:
                participant = gr.Textbox(label="Participant", placeholder="as the file names them", max_lines=1, max_length=100)
                stimulus = gr.Textbox(label="Stimulus", placeholder="its name, or #2", max_lines=1, max_length=100)
            with gr.Accordion("The video shows several people", open=False):
                face = gr.Textbox(
                    label="Face", placeholder="left, right, largest, or a number from the left", max_lines=1, max_length=20
                )
            ask = gr.Button("Answer", variant="primary", elem_id="ask")
            gr.HTML(f'<p class="emert-small">Any may be missing; at most {MAX_UPLOAD_MB} MB each. {DELETED}</p>')
        with gr.Column(scale=5, min_width=300, elem_id="answers"):
            with gr.Row(elem_id="examples"):
                gr.HTML('<h2 class="emert-small">Examples (generated)</h2>')
                buttons = [
                    (one, gr.Button(one.title, size="sm", elem_id=f"example-{one.key}", min_width=0)) for one in EXAMPLES
                ]
            notice = gr.HTML(elem_id="notice", visible=False)
            answer = gr.HTML(_EMPTY, elem_id="answer")
    reasons = gr.HTML(elem_id="reasons")
    given = [video, photo, gaze]
    # The files of the question that is being answered.
    asked = [gr.Video(visible=False), gr.File(visible=False), gr.File(visible=False)]
    shared = {"concurrency_id": "answers", "api_visibility": "private", "show_progress_on": answer}
    private = {"api_visibility": "private", "show_progress": "hidden"}
    answered = ask.click(None, given, [*asked, *given, ask], js=_TAKE_FILES, **private).then(
        partial(answer_clip, service),
        [*asked, participant, model, face, stimulus],
        [notice, answer, reasons, *asked, several],
        concurrency_limit=WORKERS,
        **shared,
    )
    for afterwards in (answered.then, answered.failure):  # gradio 6.31 does not call `then` where the queue is full
        afterwards(None, [*asked, *given], [*asked, *given, ask], js=_RETURN_FILES, **private)
    for example, button in buttons:
        button.click(partial(answer_example, service, example), model, [notice, answer, reasons], js=_SHOW_ANSWER, **shared)


def answer_clip(
    service: Service,
    video: str | None,
    photo: str | None,
    gaze: str | None,
    participant: str,
    model: str | None,
    face: str = "",
    stimulus: str = "",
) -> Iterator[tuple]:
    """Notice, answer, reasons, the question's three files (None where deleted), the accordion with participant and stimulus.

    Where nothing was given, or a video and a photograph, the last answer stays; where one of them has to be named, the
    accordion opens. The pictures of the reasons come with a second reply.
    """
    if (video or photo or gaze) is None or (video and photo):
        yield gr.HTML(refusal(_ONE_FACE if video and photo else NOTHING_GIVEN), visible=True), *[gr.skip()] * 6
        return
    files = {"video": video or photo, "gaze": gaze}
    names = ", ".join(visible_name(path) for path in files.values() if path)
    for reply in service.answers(files["video"], gaze, participant, model, keep=True, face=face, stimulus=stimulus):
        here = [part for part, path in files.items() if path and reply.keeps(part)]
        page = answer_html(reply, f"{names} (deleted)", here)
        left = [gr.skip() if part in here else None for part in ("video", "video", "gaze")]
        field = gr.Accordion(open=True) if reply.wrong == "recording" else gr.skip()
        yield gr.HTML(visible=False), page, reasons_html(reply), *left, field


def answer_example(service: Service, example: Example, model: str | None) -> Iterator[tuple]:
    for reply in service.answers_of_example(example, model):
        yield gr.HTML(visible=False), answer_html(reply, f"Example “{example.title}”: {example.meaning}"), reasons_html(reply)
