"""The page's answers for programs: endpoints of `gradio_client`, plain JSON in and out."""

import gradio as gr
from gradio import FileData

from modeling_emert.errors_emert import EmertInputError

from .service import Service
from .verdict import gap_words, grounded_tasks, verdict

SNIPPET = """from gradio_client import Client, handle_file

client = Client("{url}")
answer = client.predict(
    video=handle_file("clip.mp4"),   # or None
    gaze=handle_file("gaze.csv"),    # or None
    participant="",                  # whose gaze, where the file holds several people's
    model="",                        # one of client.predict(api_name="/models"); "" is the first
    api_name="/answer",
)
print(answer["verdict"], answer["gap"], answer["tasks"]["er7"], answer["tasks"]["fer7"])

rows = client.predict(files=[handle_file("recordings.zip")], model="", api_name="/batch")
"""

FIELDS = {
    "verdict": "one sentence",
    "tasks": "by task (er3, er7, er_va, fer3, fer7, fer_va, fer_intensity) its numbers; without a face none of fer",
    "gap": "0 to 1: how much of the probability lies on different emotions; null without a face or without both views",
    "gap_meaning": "the gap in words",
    "modalities": "what took part: face, eye_movements, fixations",
    "contributions": "by task and modality: by how much the predicted label falls without it; null where it is absent",
    "attention": "by modality: its share of the network's attention",
    "calibrated": "whether the probabilities are chances of being right",
    "quality, measured": "what was measured on the recording; measured.verdict is good, usable or poor, with reasons",
    "notes": "what was left out and why",
    "model, trained_on": "the checkpoint and the source of its training data",
}


def add_endpoints(service: Service, answers_at_once: int) -> None:
    """Call it within the page's `Blocks`. A refusal is a `gr.Error` whose message is the sentence."""

    def answer(video: FileData | None = None, gaze: FileData | None = None, participant: str = "", model: str = "") -> dict:
        """What the face shows and what is felt, for one recording; video, gaze file or both. The files are deleted."""
        names = (_name(video), _name(gaze))
        (reply,) = service.answers(_path(video), _path(gaze), participant, model, pictures=False, names=names)
        if reply.answer is None:
            raise gr.Error(reply.refusal or "", print_exception=False)
        return as_json(reply.answer)

    def batch(files: list[FileData], model: str = "") -> list[dict]:
        """A zip, or videos and gaze files that are paired by name: one row for each recording. The files are deleted."""
        rows: list[dict] = []
        try:
            for _, rows in service.answer_batch([path for path in map(_path, files) if path], model):  # noqa: B007
                pass
        except EmertInputError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return rows

    def models() -> list[str]:
        """Names of the checkpoints that can be asked."""
        return [one.name for one in service.checkpoints]

    gr.api(answer, api_name="answer", concurrency_id="answers", concurrency_limit=answers_at_once)
    gr.api(batch, api_name="batch", concurrency_id="batches", concurrency_limit=1)
    gr.api(models, api_name="models")


def as_json(answer: dict) -> dict:
    """The worker's answer with the words that the page shows, and nothing that the page would not say.

    Without a face that is: no gap, and nothing of what is shown.
    """
    tasks = grounded_tasks(answer)
    gap = answer["gap"] if "face" in answer["modalities"] else None
    return answer | {
        "verdict": verdict(answer),
        "tasks": tasks,
        "contributions": {task: adds for task, adds in answer["contributions"].items() if task in tasks},
        "gap": gap,
        "gap_meaning": None if gap is None else gap_words(gap),
    }


def _path(file: "FileData | dict | None") -> str | None:
    if file is None:
        return None
    return file["path"] if isinstance(file, dict) else file.path


def _name(file: "FileData | dict | None") -> str:
    if file is None:
        return ""
    return (file.get("orig_name") if isinstance(file, dict) else file.orig_name) or ""
