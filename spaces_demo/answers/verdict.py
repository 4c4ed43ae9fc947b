"""The answer in words (what the face shows, what is felt, how sure the model is, what the gap means), and as a table's row."""

import csv
import io
from collections.abc import Sequence

from modeling_emert.answers_emert import shown_in_turn
from modeling_emert.constants_emert import MODALITIES, is_grounded
from modeling_emert.tasks_emert import POLARITY_OF_EMOTION, TASKS, VIEW_WORDS

from ..checkpoints import SYNTHETIC
from ..files.pair import Pair
from ..files.uploads import visible_path
from .messages import Reply

MODALITY_WORDS = {name: name.replace("_", " ") for name in MODALITIES}


def verdict(answer: dict) -> str:
    """One sentence for people, of the finest classes that the model knows; of own tasks where it knows no emotions."""
    tasks = answer["tasks"]
    felt, shown = (best[0] if (best := _finest(tasks, view)) else None for view in ("er", "fer"))
    shown = shown and (", then ".join(shown_in_turn(answer["timeline"])) or shown)
    face, eyes = (is_grounded(view, answer["modalities"]) for view in ("fer", "er"))
    if answer["evidence"] and not (felt and shown):
        told = [*([f"The face shows {shown}"] if shown else []), *([f"What is felt is {felt}"] if felt else [])]
        untold = [*([] if shown else ["what the face shows"]), *([] if felt else ["what is felt"])]
        return f"{told[0]}; {untold[0]} can't be told." if told else "Neither what the face shows nor what is felt can be told."
    if felt and shown and face and eyes:
        if felt == shown:
            return f"Face and eyes agree: {felt}."
        return f"The face shows {shown}; the eyes suggest {felt}."
    if face and eyes and (felt or shown):
        alone = f"Face and eyes suggest {felt}" if felt else f"The face shows {shown}"
        return f"{alone}; the model does not say {'what the face shows' if felt else 'what is felt'}."
    if face and shown:
        return f"The face shows {shown}; without the eyes, what is felt stays a guess{f': {felt}' if felt else ''}."
    if eyes and felt:
        return f"The eyes suggest {felt}; there is no face, so nothing can be said of what it shows."
    if felt:
        return f"The model says {felt}."
    if own := [f"{name}: {_own_words(name, values)}" for name, values in own_answers(answer).items()]:
        return f"The model says {'; '.join(own)}."
    return "There is no face, so nothing can be said of what it shows." if shown else "The model gives numbers only; see below."


def own_answers(answer: dict) -> dict[str, dict[str, float]]:
    """The answers to own tasks."""
    return {name: values for name, values in said_tasks(answer).items() if TASKS[name].is_own}


def _own_words(name: str, values: dict[str, float]) -> str:
    """The most probable class, or the numbers on their scale."""
    task = TASKS[name]
    if task.kind == "classification":
        return top(values)[0]
    numbers = [f"{value:.2f}" if label == name else f"{label} {value:.2f}" for label, value in values.items()]
    return f"{', '.join(numbers)} (of {task.range[0]:g} to {task.range[1]:g})"


def coarse_verdict(answer: dict) -> str | None:
    """The three-class verdict as one sentence; None where the model has no such task.

    Another sentence follows for each view whose most probable emotion is of another class; surprise is of none.
    """
    known, contradictions, tasks = [], [], answer["tasks"]
    for view, kind in (("er", "felt"), ("fer", "shown")):
        emotion, polarity = top(tasks.get(f"{view}7")), top(tasks.get(f"{view}3"))
        if not polarity or not view_is_said(answer, view):
            continue
        guess = "" if answer["evidence"] or is_grounded(view, answer["modalities"]) else ", a guess from the face alone,"
        known.append(f"what is {kind}{guess} is {polarity[0]}")
        if emotion and POLARITY_OF_EMOTION.get(emotion[0], polarity[0]) != polarity[0]:
            contradictions.append(
                f"{polarity[0].capitalize()} does not fit {emotion[0]}, the likeliest single emotion {kind}: "
                f"the model is not sure of what is {kind}."
            )
    opening = "Over the whole clip, in three classes" if shown_in_turn(answer["timeline"]) else "In three classes"
    return " ".join([f"{opening}: {' and '.join(known)}.", *contradictions]) if known else None


def view_is_said(answer: dict, view: str) -> bool:
    """Without a face nothing is said of what it shows. What is felt is said without the eyes too, as a guess."""
    return view == "er" or is_grounded(view, answer["modalities"])


def view_words(answer: dict, view: str) -> str:
    """With a word where it is not read from what the view is about; evidence has its own words."""
    known = answer["evidence"] or is_grounded(view, answer["modalities"])
    return VIEW_WORDS[view] if known else f"{VIEW_WORDS[view]}, a guess"


def said_tasks(answer: dict) -> dict[str, dict[str, float]]:
    """The answers without those of a view of which nothing is said, and those that are not beyond chance."""
    return {task: values for task, values in answer["tasks"].items() if view_is_said(answer, TASKS[task].view)}


def sureness(answer: dict) -> str | None:
    """The probabilities of the predicted classes, finest and own, and whether they are calibrated; None without classes."""
    tasks = said_tasks(answer)
    said = {view_words(answer, view): _finest(tasks, view) for view in VIEW_WORDS}
    own = {name: top(values) for name, values in own_answers(answer).items() if TASKS[name].kind == "classification"}
    parts = [f"{words}: {best[0]} with {best[1]:.0%}" for words, best in (said | own).items() if best]
    opening = "Over the whole clip, " if shown_in_turn(answer["timeline"]) else ""
    return f"{opening}{'; '.join(parts)}. {_calibration(answer)}" if parts else None


def _calibration(answer: dict) -> str:
    """What the percentages mean: for which people and which inputs it was measured."""
    if not answer["calibrated"]:
        return "Not calibrated: this checkpoint's percentages rank the labels, and are no chance of being right."
    generated, given = answer.get("trained_on") == SYNTHETIC, answer["modalities"]
    people = "generated people held out of the training (drawn faces)" if generated else "people held out of the training"
    absent = [words for view, words in (("fer", "the face is"), ("er", "the eyes are")) if not is_grounded(view, given)]
    if absent and not answer["evidence"]:
        here = f"here {absent[0]} missing, and the percentages may be too low or too high."
        return f"Calibrated on {people}, with face and eyes given: {here}"
    return f"Calibrated on {people}: of 100 answers given with 80%, about 80 are right{' for them' if generated else ''}."


def evidence_words(answer: dict) -> list[str]:
    """What each view rests on, or why it can't be told; a sentence each."""
    return list(dict.fromkeys(one["words"] for one in answer["evidence"].values()))


def gap_words(gap: float, level: str | None = None) -> str:
    """What the number means. `level`: see `answers_emert.answers`."""
    if level == "valence":
        return f"Felt and shown valence lie {gap:.0%} of the scale apart (0: the two are the same, 1: opposite ends)."
    kinds = "classes" if level == "three classes" else "emotions"
    return (
        f"{gap:.0%} of the probability lies on different {kinds} for what is felt and what is shown "
        "(0: the two are the same, 1: they have nothing in common)."
    )


def contribution_words(task_label: str, change: float, kind: str) -> str:
    """One modality's contribution to a view's answer: see `EmertExplanation.contributions`."""
    if kind == "regression":
        return f"without it the numbers move by {change:.0%} of their range"
    if abs(change) < 0.005:
        return f"without it {task_label} stays as probable"
    points = round(100 * abs(change))
    return f"without it {task_label} {'loses' if change > 0 else 'gains'} {points} {'point' if points == 1 else 'points'}"


def given_words(answer: dict) -> list[str]:
    """What the recording holds, and what of it the answer does not rest on; a sentence each."""
    measured, words = answer["measured"], []
    seen = bool(measured["samples"]) and measured["missing_fraction"] < 1
    there = {"face": measured["face_frames"], "eye_movements": seen, "fixations": measured["fixations"]}
    if there["face"]:
        frames, fraction = measured["face_frames"], measured["face_found_fraction"]
        words.append(f"{frames} frames spread over the video; a face was found in {fraction:.0%} of them.")
    else:
        words.append("No face.")
    missing = [MODALITY_WORDS[name] for name in ("eye_movements", "fixations") if not there[name]]
    if missing:
        words.append("No gaze." if len(missing) == 2 else f"No {missing[0]}.")
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
    unused = [word for name, word in MODALITY_WORDS.items() if there[name] and name not in answer["modalities"]]
    if unused:
        words.append(f"Left out, since this model does not answer from them: {', '.join(unused)}.")
    return words


def full_sentence(words: str) -> str:
    """With a full stop, which error messages lack."""
    return words if not words or words[-1] in ".!?…" else f"{words}."


def top(probabilities: dict[str, float] | None) -> tuple[str, float] | None:
    """The most probable label and its probability."""
    return max(probabilities.items(), key=lambda item: item[1]) if probabilities else None


def _finest(tasks: dict[str, dict[str, float]], view: str) -> tuple[str, float] | None:
    """The most probable of a view's seven emotions, or of its three classes, and its probability."""
    return top(tasks.get(f"{view}7") or tasks.get(f"{view}3"))


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_row(pair: Pair, reply: Reply) -> dict:
    """Flat: names, verdict, gap, every task's numbers as `task/label`, quality; or `problem`."""
    row: dict = {"recording": visible_path(pair.name), "video": pair.video_name, "gaze": pair.gaze_name}
    if reply.answer is None:
        return row | {"problem": reply.refusal, "remarks": pair.remark}
    answer, tasks = reply.answer, said_tasks(reply.answer)
    row |= {"problem": None, "verdict": verdict(answer)}
    for view in ("er", "fer"):
        row[view] = best[0] if (best := _finest(tasks, view)) else None
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
        lines = {name: " ".join(value.split("\n")) if isinstance(value, str) else value for name, value in row.items()}
        formula = {name for name, line in lines.items() if isinstance(line, str) and line.startswith(_FORMULA)}
        writer.writerow({name: f"'{line}" if name in formula else line for name, line in lines.items()})
    return buffer.getvalue().encode()


def as_parquet(rows: Sequence[dict]) -> bytes:
    """The same table, typed; absent is null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array([row.get(name) for row in rows]) for name in dict.fromkeys(name for row in rows for name in row)}
    arrays = {name: array.cast(pa.string()) if pa.types.is_null(array.type) else array for name, array in arrays.items()}
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()
