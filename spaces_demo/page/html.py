"""From an answer to HTML. Everything that comes from a file or a visitor is escaped here."""

from collections.abc import Collection
from html import escape

from modeling_emert.constants_emert import is_grounded
from modeling_emert.tasks_emert import TASKS, VIEW_WORDS, Task

from ..answers.messages import Reply
from ..answers.verdict import (
    MODALITY_WORDS,
    coarse_verdict,
    contribution_words,
    evidence_words,
    full_sentence,
    gap_words,
    given_words,
    own_answers,
    said_tasks,
    sureness,
    top,
    verdict,
    view_is_said,
    view_words,
)

_SHORT = {"er": "felt", "fer": "shown"}
_FILE_WORDS = {"video": "video", "gaze": "gaze file"}
SYNTHETIC_BANNER = (
    "<strong>This checkpoint was trained on generated recordings</strong> (drawn faces, simulated eyes). "
    "What it says of real people means nothing."
)
DELETED = "Your files are deleted as soon as they are answered; nothing is kept."
CARE = """
<p><strong>What this is for.</strong> Research on how felt and shown emotion differ, with people who have agreed to it.</p>
<p><strong>What it must not be used for.</strong> Hiring, policing, border control, schooling, insurance or any other decision
about a person; diagnosis of any kind; watching people who have not agreed. An emotion that a network reads off a face or
an eye is a guess about a label, and not a look into a mind.</p>
<p><strong>What happens to your files.</strong> They go to this server only, are read once, and are deleted as soon as the
answer is there, with everything made of them. Where one of them can't be used, or you have to say first which participant
is meant, the right ones wait for that. Files that wait, or are uploaded and never asked about, are deleted within {minutes}
minutes. No visitor is counted, and the page loads nothing from elsewhere.</p>
"""


def refusal(sentence: str) -> str:
    """One sentence that says what is wrong and what helps."""
    return f'<div class="emert-refusal" role="alert"><strong>No answer.</strong> {escape(full_sentence(sentence))}</div>'


def banner(is_synthetic: bool) -> str:
    """The warning above everything while a checkpoint is chosen that was trained on generated recordings."""
    return f'<div class="emert-banner" role="note">{SYNTHETIC_BANNER}</div>' if is_synthetic else ""


def progress_bar(fraction: float, words: str) -> str:
    return f'<p role="status"><progress max="1" value="{fraction:.3f}" aria-label="Progress"></progress> {escape(words)}</p>'


def answer_html(reply: Reply, title: str, waiting: Collection[str] = ()) -> str:
    """The first part of a screen: verdict, bars, plane, intensity, gap, sureness, warnings.

    `title`: what was answered. `waiting`: which of `video` and `gaze` are kept for another question.
    """
    if reply.answer is None:
        words = " and ".join(_FILE_WORDS[part] for part in waiting)
        still_here = f" Your {words} {'are' if len(waiting) > 1 else 'is'} still here." if waiting else ""
        return refusal(f"{reply.refusal or ''}{still_here}")
    answer, plane = reply.answer, (reply.pictures or {}).get("plane")
    tasks = answer["tasks"]
    has_seven = tasks.get("er7") or tasks.get("fer7")
    grounds = "".join(f"<p>{escape(sentence)}</p>" for sentence in evidence_words(answer))
    cards = (
        _card("Emotions", _bars(answer, 7) or _bars(answer, 3)),
        _card("Gap", _gap(answer)),
        _card("What it rests on", grounds),
        _card("How sure", f"<p>{escape(sure)}</p>" if (sure := sureness(answer)) else ""),
        _card("Valence and arousal", plane + _plane_numbers(answer) if plane else ""),
        _card("Three classes", _bars(answer, 3) if has_seven else ""),
        _card("Intensity of the expression", _intensity(answer)),
        *(_card(name, _own(TASKS[name], values)) for name, values in own_answers(answer).items()),
    )
    answered_by = f" · answered by {escape(answer['model'])}" if answer.get("model") else ""
    return (
        f'<section class="emert-answer" aria-label="Answer"><p class="emert-source">{escape(title)}{answered_by}</p>'
        f'<h2 class="emert-verdict">{escape(verdict(answer))}</h2><p>{escape(coarse_verdict(answer) or "")}</p>'
        f'{_warnings(answer)}<div class="emert-cards">{"".join(cards)}</div></section>'
    )


def reasons_html(reply: Reply) -> str:
    """The second part: why. Empty without an answer; while the pictures are being drawn, a line says so in their place."""
    if reply.answer is None or reply.pictures is None:
        return ""
    answer, pictures = reply.answer, reply.pictures
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in given_words(answer))
    given = f"<ul>{lines}</ul>{_crops(pictures.get('crops') or [])}"
    density = _card("Where the eyes rested", pictures.get("map") or "")
    shown, time = ("".join(pictures.get(f"{name}-{width}") or "" for width in ("wide", "narrow")) for name in ("shown", "time"))
    waiting = '<p class="emert-empty" role="status">The pictures are being drawn …</p>' if reply.more else ""
    return (
        f'<section class="emert-answer" aria-label="Why" aria-busy="{str(reply.more).lower()}"><h2>Why</h2>'
        f'{_card("Shown over time", shown)}<div class="emert-cards">'
        f"{_card('What each modality adds', _contributions(answer))}{density}"
        f"{_card('What the network was given', given)}</div>"
        f"{waiting}{_card('Over time', time)}"
        "<p class='emert-small'>Contributions and attention describe the network; they prove no cause.</p></section>"
    )


def _card(title: str, content: str) -> str:
    return f'<div class="emert-card"><h3>{escape(title)}</h3>{content}</div>' if content else ""


def _bars(answer: dict, size: int) -> str:
    """The felt and the shown probability of each label side by side, as bars and as numbers."""
    views = {view: said_tasks(answer).get(f"{view}{size}") for view in VIEW_WORDS}
    views = {view: labels for view, labels in views.items() if labels}
    if not views:
        return ""
    best = {view: top(labels)[0] for view, labels in views.items()}
    heads = "".join(f'<th scope="col">{escape(view_words(answer, view))}</th>' for view in views)
    rows = []
    for label in next(iter(views.values())):
        cells = "".join(_bar(view, labels[label], best[view] == label) for view, labels in views.items())
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    face = "face" in answer["modalities"]
    note = "" if face or "fer" in views else '<p class="emert-small">No face, so nothing is said of what it shows.</p>'
    if "er" in views and not answer["evidence"] and not is_grounded("er", answer["modalities"]):
        note += '<p class="emert-small">No gaze: what is felt is read off the face alone, which is a guess.</p>'
    return f'<table class="emert-bars"><thead><tr><td></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>{note}'


def _bar(view: str, probability: float, is_best: bool) -> str:
    filled = f'<span class="emert-bar emert-{_SHORT[view]}" style="width:{100 * probability:.1f}%"></span>'
    number = f"<b>{probability:.0%}</b>" if is_best else f"{probability:.0%}"
    return (
        f'<td class="emert-cell" data-view="{_SHORT[view]}"><span class="emert-track">{filled}</span>'
        f'<span class="emert-number">{number}</span></td>'
    )


def _plane_numbers(answer: dict) -> str:
    lines = []
    for view, short in _SHORT.items():
        if values := said_tasks(answer).get(f"{view}_va"):
            numbers = f"valence {values['valence']:+.2f}, arousal {values['arousal']:+.2f}"
            lines.append(f"<p class='emert-small'><span class='emert-key emert-{short}'></span>{short}: {numbers}</p>")
    return "".join(lines)


def _gap(answer: dict) -> str:
    gap = answer["gap"]
    if gap is None:
        # What a view rests on has a card of its own.
        reason = answer["gap_reason"]
        return "" if reason in evidence_words(answer) else f"<p>{escape(reason)}</p>"
    scale = _scale(f"Gap {gap:.2f} on a scale from 0 to 1", gap, "0 the same", "1 nothing in common")
    return f'<p class="emert-big">{gap:.2f}</p>{scale}<p>{escape(gap_words(gap, answer["gap_level"]))}</p>'


def _intensity(answer: dict) -> str:
    values = answer["tasks"].get("fer_intensity")
    if not values or "face" not in answer["modalities"]:
        return ""
    value, (low, high) = values["intensity"], TASKS["fer_intensity"].range
    scale = _scale(f"Intensity {value:.1f} of {high:g}", (value - low) / (high - low), "0 none", "3 strong")
    return f'<p class="emert-big">{value:.1f} <small>of {high:g}</small></p>{scale}'


def _own(task: Task, values: dict[str, float]) -> str:
    """An own task: the probability of each class as a bar, or each number on its scale."""
    if task.kind == "classification":
        best = top(values)[0]
        rows = "".join(
            f'<tr><th scope="row">{escape(label)}</th>{_bar("er", value, label == best)}</tr>'
            for label, value in values.items()
        )
        return f'<table class="emert-bars"><tbody>{rows}</tbody></table>'
    low, high = task.range
    return "".join(
        f"<p>{escape(label)}: {value:.2f}</p>"
        + _scale(f"{label} {value:.2f}", (value - low) / (high - low), f"{low:g}", f"{high:g}")
        for label, value in values.items()
    )


def _scale(label: str, fraction: float, low: str, high: str) -> str:
    """A line with a mark at `fraction`, and words at its two ends."""
    return (
        f'<div class="emert-scale" role="img" aria-label="{label}"><span style="left:{100 * fraction:.1f}%"></span></div>'
        f'<div class="emert-ends"><span>{low}</span><span>{high}</span></div>'
    )


def _warnings(answer: dict) -> str:
    """What is wrong with the recording and what was left out, in words."""
    sentences = [f"{reason[0].upper()}{reason[1:]}." for reason in answer["measured"]["reasons"]] + answer["notes"]
    if not sentences:
        return ""
    opening = {"poor": "Poor recording: expect little.", "usable": "Usable recording, with losses."}
    words = opening.get(answer["measured"]["verdict"], "About the recording.")
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="emert-warning" role="note"><strong>{words}</strong><ul>{lines}</ul></div>'


def _contributions(answer: dict) -> str:
    """For the finest task of each view and for own tasks: by how much the predicted label falls without each modality."""
    parts = []
    shown = [(v, view_words(answer, v), _finest_task(answer, v)) for v in VIEW_WORDS if view_is_said(answer, v)]
    for view, words, task in [*shown, *(("er", name, name) for name in own_answers(answer))]:
        if task is None:
            continue
        kind = TASKS[task].kind
        label = top(answer["tasks"][task])[0] if kind == "classification" else " and ".join(TASKS[task].labels)
        changes = answer["contributions"][task]
        if len(changes) == 1:
            only = MODALITY_WORDS[next(iter(changes))]
            parts.append(
                f"<p>{escape(words)}, {escape(label)}: answered from the {only} alone, so there is nothing to leave out.</p>"
            )
            continue
        rows = [
            f'<tr><th scope="row">{escape(MODALITY_WORDS[name])}</th><td class="emert-cell">{_signed_bar(change, view)}</td>'
            f"<td>{escape(contribution_words(label, change, kind))}</td></tr>"
            for name, change in changes.items()
        ]
        parts.append(f'<table class="emert-adds"><caption>{escape(words)}: {escape(label)}</caption>{"".join(rows)}</table>')
    attention = [f"{MODALITY_WORDS[name]} {fraction:.0%}" for name, fraction in answer["attention"].items() if fraction]
    if len(attention) > 1:
        parts.append(f'<p class="emert-small">Attention: {escape(", ".join(attention))}.</p>')
    return "".join(parts)


def _finest_task(answer: dict, view: str) -> str | None:
    return next((name for name in (f"{view}7", f"{view}3", f"{view}_va") if name in answer["tasks"]), None)


def _signed_bar(change: float, view: str) -> str:
    """To the right of the middle what supports the label, to the left what contradicts it."""
    left = 50 + 50 * min(change, 0)
    bar = f'<span class="emert-bar emert-{_SHORT[view]}" style="left:{left:.1f}%;width:{50 * abs(change):.1f}%"></span>'
    return f'<span class="emert-track emert-signed">{bar}</span>'


def _crops(crops: list[dict]) -> str:
    figures = []
    for number, crop in enumerate(crops, start=1):
        words = f"{crop['seconds']:.1f} s{'' if crop['found'] else ', no face found'}"
        alt = f"Face crop {number} of {len(crops)} at {words}"
        figures.append(f'<figure><img src="{crop["picture"]}" alt="{alt}"><figcaption>{words}</figcaption></figure>')
    return f'<div class="emert-crops">{"".join(figures)}</div>' if crops else ""
