"""The answer in words: what the face shows, what is felt, how sure the model is, and what the gap means."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from modeling_emert.constants_emert import MODALITIES
from modeling_emert.tasks_emert import POLARITY_OF_EMOTION, TASKS

from ..checkpoints import SYNTHETIC
from ..files.pair import Pair
from ..files.uploads import visible_path
from .messages import Reply

EYES = ("eye_movements", "fixations")
MODALITY_WORDS = {name: name.replace("_", " ") for name in MODALITIES}
VIEW_WORDS = {"er": "felt (ER)", "fer": "shown (FER)"}


def verdict(answer: dict) -> str:
    """One sentence for people, of the finest classes that the model knows."""
    felt, shown = _fine(answer, "er"), _fine(answer, "fer")
    face, eyes = "face" in answer["modalities"], any(name in answer["modalities"] for name in EYES)
    if felt and shown and face and eyes:
        if felt == shown:
            return f"Face and eyes agree: {felt}."
        return f"The face shows {shown}; the eyes suggest {felt}."
    if face and shown:
        return f"The face shows {shown}; without the eyes, what is felt stays a guess" + (f": {felt}." if felt else ".")
    if eyes and felt:
        return f"The eyes suggest {felt}; there is no face, so nothing can be said of what it shows."
    return f"The model says {felt or shown}." if felt or shown else "The model gives numbers only; see below."


def coarse_verdict(answer: dict) -> str | None:
    """The three-class verdict as one sentence; None where the model has no such task."""
    views = {"er": top(answer["tasks"].get("er3")), "fer": top(answer["tasks"].get("fer3"))}
    words = {"er": "what is felt is {}", "fer": "what is shown is {}"}
    known = [words[view].format(label[0]) for view, label in views.items() if label and view_is_grounded(answer, view)]
    if not known:
        return None
    return " ".join([f"In three classes: {' and '.join(known)}.", *_misfits(answer)])


def _misfits(answer: dict) -> list[str]:
    """A sentence for each view whose likeliest emotion is of another class than its likeliest class; surprise is of none."""
    sentences = []
    for view, kind in (("er", "felt"), ("fer", "shown")):
        emotion, polarity = top(answer["tasks"].get(f"{view}7")), top(answer["tasks"].get(f"{view}3"))
        if not emotion or not polarity or not view_is_grounded(answer, view):
            continue
        if POLARITY_OF_EMOTION.get(emotion[0], polarity[0]) != polarity[0]:
            sentences.append(
                f"{polarity[0].capitalize()} does not fit {emotion[0]}, the likeliest single emotion {kind}: "
                f"the model is not sure of what is {kind}."
            )
    return sentences


def view_is_grounded(answer: dict, view: str) -> bool:
    """Whether the answer rests on what this view needs: a face for what is shown, anything for what is felt."""
    return view == "er" or "face" in answer["modalities"]


def grounded_tasks(answer: dict) -> dict[str, dict[str, float]]:
    """The answers that rest on something: without a face there are none of what it shows."""
    return {task: values for task, values in answer["tasks"].items() if view_is_grounded(answer, TASKS[task].view)}


def sureness(answer: dict) -> str | None:
    """How sure the model is of its finest classes, and whether that is calibrated; None without classes."""
    parts = []
    for view, words in VIEW_WORDS.items():
        best = top(answer["tasks"].get(f"{view}7") or answer["tasks"].get(f"{view}3"))
        if best and view_is_grounded(answer, view):
            parts.append(f"{words}: {best[0]} with {best[1]:.0%}")
    if not parts:
        return None
    return f"{'; '.join(parts)}. {_calibration(answer)}"


def _calibration(answer: dict) -> str:
    """What the percentages mean, no more widely than was measured: for whom, and for which inputs."""
    if not answer["calibrated"]:
        return "Not calibrated: this checkpoint's percentages rank the emotions, and are no chance of being right."
    generated = answer.get("trained_on") == SYNTHETIC
    people = "generated people held out of the training (drawn faces)" if generated else "people held out of the training"
    if missing := missing_for_gap(answer):
        absent = "the face is missing" if missing == ["face"] else "the eyes are missing"
        return (
            f"Calibrated on {people}, with face and eyes given: here {absent}, and the percentages may be too low or too high."
        )
    return f"Calibrated on {people}: of 100 answers given with 80%, about 80 are right{' for them' if generated else ''}."


def missing_for_gap(answer: dict) -> list[str]:
    """Of `face` and `eyes` what the recording lacks."""
    given = {"face": "face" in answer["modalities"], "eyes": any(name in answer["modalities"] for name in EYES)}
    return [name for name, is_given in given.items() if not is_given]


def gap_words(gap: float) -> str:
    """What the number means."""
    return (
        f"{gap:.0%} of the probability lies on different emotions for what is felt and what is shown "
        "(0: the two are the same, 1: they have nothing in common)."
    )


def contribution_words(task_label: str, change: float | None, kind: str) -> str:
    """One modality's contribution to a view's answer: see `EmertExplanation.contributions`."""
    if change is None:
        return "not given"
    if kind == "regression":
        return f"without it the numbers move by {change:.0%} of their range"
    if abs(change) < 0.005:
        return f"without it {task_label} stays as probable"
    points = round(100 * abs(change))
    return f"without it {task_label} {'loses' if change > 0 else 'gains'} {points} {'point' if points == 1 else 'points'}"


def given_words(answer: dict) -> list[str]:
    """What the network was given, a sentence each."""
    measured, words = answer["measured"], []
    if "face" in answer["modalities"]:
        frames, share = measured["face_frames"], measured["face_found_fraction"]
        words.append(f"{frames} frames spread over the video; a face was found in {share:.0%} of them.")
    else:
        words.append("No face.")
    if not any(name in answer["modalities"] for name in EYES):
        words.append("No gaze.")
    if measured["samples"]:
        rate = f" at {measured['rate_hz']:.0f} Hz" if measured["rate_hz"] else ""
        words.append(
            f"{measured['samples']:,} gaze samples{rate}, read as {measured['gaze_format']}; "
            f"{measured['missing_fraction']:.0%} without a gaze point."
        )
    if measured["fixations"]:
        how = "listed by the tracker" if measured["fixation_method"] == "export" else measured["fixation_method"]
        words.append(f"{measured['fixations']} fixations, {how}.")
    if measured["blinks"] is not None:
        words.append(f"{measured['blinks']} {'blink' if measured['blinks'] == 1 else 'blinks'}.")
    absent = [MODALITY_WORDS[name] for name in MODALITY_WORDS if name not in answer["modalities"]]
    if absent:
        words.append(f"Left out: {', '.join(absent)}.")
    return words


def full_sentence(words: str) -> str:
    """With its full stop: the errors of the other packages have none."""
    return words if not words or words[-1] in ".!?…" else f"{words}."


def top(probabilities: dict[str, float] | None) -> tuple[str, float] | None:
    """The most probable label and its probability."""
    return max(probabilities.items(), key=lambda item: item[1]) if probabilities else None


def _fine(answer: dict, view: str) -> str | None:
    best = top(answer["tasks"].get(f"{view}7") or answer["tasks"].get(f"{view}3"))
    return best[0] if best else None


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
