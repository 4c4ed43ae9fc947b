"""The answers for programs: endpoints for `gradio_client` with plain JSON in and out, and the page's help for them."""

import logging
from html import escape

import gradio as gr
from gradio import FileData

from modeling_emert.errors_emert import EmertInputError

from ..answers.verdict import gap_words, said_tasks, verdict
from ..files.addresses import fetch, is_address
from ..files.uploads import own_name
from ..service import Service

log = logging.getLogger("emert.demo")

_WRONG_ARGUMENTS = (
    "The arguments can't be read: give files that were uploaded with the question, such as handle_file gives, and texts, "
    "in the order that the page's tab API shows."
)
_SNIPPET = """from gradio_client import Client, handle_file

client = Client("{url}")
answer = client.predict(
    video=handle_file("clip.mp4"),   # or None
    gaze=handle_file("gaze.csv"),    # or None
    participant="",                  # whose gaze, where the file holds several people's
    model="",                        # one of /models; "" is the first
    face="",                         # left, right, largest or a number, where the video shows several people
    stimulus="",                     # of which stimulus, where the gaze file holds several: its name, or "#2"
    api_name="/answer",
)
print(answer["verdict"], answer["gap"], answer["tasks"]["er7"], answer["tasks"]["fer7"])

found = client.predict(files=[handle_file("recordings.zip")], model="", api_name="/batch")
for row in found["rows"]:            # one for each recording; found["left_out"]: what was left out or paired in doubt, or None
    print(row["recording"], row["problem"] or row["verdict"])
"""

_FIELDS = {
    "verdict": "one sentence",
    "tasks": "by task (er3, er7, er_va, fer3, fer7, fer_va, fer_intensity) its numbers; without a face none of fer",
    "evidence": "by task whether it is told, and the test on people it had not seen that says so, in words",
    "gap": "0 to 1: how much of the probability lies on different emotions; null without face, eyes or one of the views",
    "gap_level": "what the gap compares: seven emotions, three classes or valence",
    "timeline": "of a video, what the face shows in each frame with a face, with its time_ms; else null",
    "gap_meaning, gap_reason": "the gap in words; why there is none",
    "modalities": "what took part: face, eye_movements, fixations",
    "contributions": "by task and modality that it was answered from: by how much the label falls without it; null if alone",
    "attention": "by modality: its fraction of the network's attention",
    "calibrated": "whether the probabilities are chances of being right, for people as in the training, with face and eyes",
    "quality, measured": "what was measured on the recording; measured.verdict is good, usable or poor, with reasons",
    "notes": "what was left out and why",
    "model, trained_on": "the checkpoint and the source of its training data",
}


def help_html(url: str) -> str:
    """The tab API: an example for the page at `url`, and the fields of an answer."""
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>' for name, words in _FIELDS.items())
    example = escape(_SNIPPET.format(url=url))
    return (
        '<div class="emert-care emert-answer"><p>The same answers by <code>pip install gradio_client</code>:</p>'
        f'<pre tabindex="0" aria-label="Python example" class="emert-code"><code>{example}</code></pre>'
        "<p><code>/answer</code> gives JSON, <code>/batch</code> flat rows and what was left out or paired in doubt, "
        "<code>/models</code> the checkpoints. Files that can't be used raise <code>AppError</code> with one sentence.</p>"
        '<div class="emert-table" tabindex="0" role="region" aria-label="Fields of an answer">'
        f"<table>{rows}</table></div></div>"
    )


def add_endpoints(service: Service, answers_at_once: int) -> None:
    """Call it within the page's `Blocks`. A refusal is a `gr.Error` whose message is the sentence."""

    def answer(
        video: FileData | None = None,
        gaze: FileData | None = None,
        participant: str = "",
        model: str = "",
        face: str = "",
        stimulus: str = "",
    ) -> dict:
        """What the face shows (FER) and what is felt (ER), for one recording: video, gaze file or both. They are deleted.

        Args:
            video: a video of the face, or a photograph: the address of a file (http or https), or an upload
            gaze: an eye tracker's file of the same moments: its address or an upload
            participant: whose gaze to take, where the file holds several people's
            model: one of the models; the first where it is left out
            face: whose, where the video shows several people: left, right, largest, or a number from the left
            stimulus: of which stimulus the gaze is, where the file holds several: its name, or #2

        Returns:
            probabilities by task, how far felt and shown differ, and how good the recording is
        """
        (video_path, video_name), (gaze_path, gaze_name) = take(video, "video"), take(gaze, "gaze")
        words = _text(participant, "participant"), _text(model, "model")
        chosen = {"face": _text(face, "face"), "stimulus": _text(stimulus, "stimulus")}
        names = video_name, gaze_name
        (reply,) = service.answers(video_path, gaze_path, *words, pictures=False, names=names, **chosen)
        if reply.answer is None:
            raise gr.Error(reply.refusal or "", print_exception=False)
        return as_json(reply.answer)

    def batch(files: list[FileData], model: str = "") -> dict:
        """A zip, or videos and gaze files that are paired by name: `rows`, one for each recording, and in `left_out`
        what was left out or paired in doubt, in words or None. The files are deleted.

        Args:
            files: their addresses (http or https) or uploads
            model: one of the models; the first where it is left out
        """
        if not isinstance(files, list):
            raise _refusal(f"files: found {type(files).__name__}, expected a list of files.")
        rows, note = [], ""
        paths = [path for file in files if (path := take(file, "files")[0])]
        try:
            for _, rows, note in service.answer_batch(paths, _text(model, "model")):  # noqa: B007
                pass
        except EmertInputError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return {"rows": rows, "left_out": note or None}

    def models() -> list[str]:
        """Names of the checkpoints that can be asked."""
        return [one.name for one in service.checkpoints]

    def take(given: object, field: str) -> tuple[str | None, str]:
        if not is_address(given := _address(given)):
            return _file(given, field)
        try:
            path = fetch(given, service.uploads.folder)
        except EmertInputError as error:
            raise _refusal(str(error)) from error
        return str(path), own_name(path)

    gr.api(answer, api_name="answer", concurrency_id="answers", concurrency_limit=answers_at_once)
    gr.api(batch, api_name="batch", concurrency_id="batches", concurrency_limit=1)
    gr.api(models, api_name="models")


def as_json(answer: dict) -> dict:
    """The worker's answer with the words that the page shows; without a face nothing of what is shown, as on the page."""
    tasks, gap = said_tasks(answer), answer["gap"]
    return answer | {
        "verdict": verdict(answer),
        "tasks": tasks,
        "contributions": {task: changes for task, changes in answer["contributions"].items() if task in tasks},
        "gap_meaning": None if gap is None else gap_words(gap, answer["gap_level"]),
    }


def refuse_unreadable_arguments(page: gr.Blocks) -> None:
    """Arguments that gradio can't convert are refused with one sentence and one line in the log, not with a traceback."""
    preprocess = page.preprocess_data

    async def checked(*given, **named):
        try:
            return await preprocess(*given, **named)
        except gr.Error:
            raise
        except Exception as error:
            log.warning("refused arguments: %.300r", str(error))
            raise gr.Error(_WRONG_ARGUMENTS, print_exception=False) from error

    page.preprocess_data = checked


def _refusal(sentence: str) -> gr.Error:
    log.warning("refused: %r", sentence)
    return gr.Error(sentence, print_exception=False)


def _text(value: object, field: str) -> str:
    if value is not None and not isinstance(value, str):
        raise _refusal(f"{field}: found {type(value).__name__}, expected text.")
    return value or ""


def _address(given: object) -> object:
    """The address where it is given as one, or as the file that `handle_file` makes of it; else what is given."""
    file = given.model_dump() if isinstance(given, FileData) else given
    return (
        next((word for word in (file.get("path"), file.get("url")) if is_address(word)), given)
        if isinstance(file, dict)
        else given
    )


def _file(given: object, field: str) -> tuple[str | None, str]:
    """Path of an uploaded file and its name at the visitor's; `(None, "")` where none is given."""
    if given is None:
        return None, ""
    file = given.model_dump() if isinstance(given, FileData) else given
    if not isinstance(file, dict) or not isinstance(file.get("path"), str):
        raise _refusal(f"{field}: found {type(given).__name__}, expected a file that was uploaded, such as handle_file gives.")
    return file["path"], str(file.get("orig_name") or "")
