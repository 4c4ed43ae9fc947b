"""From an answer to HTML. Whatever comes from a file or a visitor is escaped here, and nowhere is it left out."""

from collections.abc import Collection
from html import escape

from modeling_emert.tasks_emert import TASKS

from ..answers.messages import Reply
from ..answers.verdict import (
    EYES,
    MODALITY_WORDS,
    VIEW_WORDS,
    coarse_verdict,
    contribution_words,
    full_sentence,
    gap_words,
    given_words,
    missing_for_gap,
    sureness,
    top,
    verdict,
    view_is_grounded,
)

_SHORT = {"er": "felt", "fer": "shown"}
_FILE_WORDS = {"video": "video", "gaze": "gaze file"}
_GAP_NEEDS = {
    "face": "Needs a face: without one there is nothing to compare with what is felt.",
    "eyes": "Needs the eyes: without them what is felt is a guess, and nothing to compare with what is shown.",
}
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


def banner(checkpoint_is_synthetic: bool) -> str:
    """Above everything while such a checkpoint is chosen."""
    return f'<div class="emert-banner" role="note">{SYNTHETIC_BANNER}</div>' if checkpoint_is_synthetic else ""


def answer_html(reply: Reply, title: str, waiting: Collection[str] = ()) -> str:
    """The first part of a screen: verdict, bars, plane, intensity, gap, sureness, warnings.

    `title`: what was answered. `waiting`: of `video` and `gaze` the files that are there for another question.
    """
    if reply.answer is None:
        return refusal(f"{reply.refusal or ''}{_still_here(waiting)}")
    answer = reply.answer
    plane = (reply.pictures or {}).get("plane")
    blocks = [
        _card("Emotions", _bars(answer, 7) or _bars(answer, 3)),
        _card("Gap", _gap(answer)),
        _card("How sure", f"<p>{escape(sureness(answer) or '')}</p>") if sureness(answer) else "",
        _card("Valence and arousal", plane + _plane_table(answer)) if plane else "",
        _card("Three classes", _bars(answer, 3)) if answer["tasks"].get("er7") or answer["tasks"].get("fer7") else "",
        _card("Intensity of the expression", _intensity(answer)),
    ]
    head = (
        f'<p class="emert-source">{escape(title)}{_answered_by(answer)}</p>'
        f'<h2 class="emert-verdict">{escape(verdict(answer))}</h2>'
        f"<p>{escape(coarse_verdict(answer) or '')}</p>"
    )
    cards = "".join(filter(None, blocks))
    body = f'{head}{_warnings(answer)}<div class="emert-cards">{cards}</div>'
    return f'<section class="emert-answer" aria-label="Answer">{body}</section>'


def _still_here(parts: Collection[str]) -> str:
    words = " and ".join(_FILE_WORDS[part] for part in parts)
    return f" Your {words} {'are' if len(parts) > 1 else 'is'} still here." if parts else ""


def _answered_by(answer: dict) -> str:
    return f" · answered by {escape(answer['model'])}" if answer.get("model") else ""


def reasons_html(reply: Reply) -> str:
    """The second part: why. Empty where there is no answer; the pictures' places are held while they are drawn."""
    if reply.answer is None or reply.pictures is None:
        return ""
    answer, pictures = reply.answer, reply.pictures
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in given_words(answer))
    given = f"<ul>{lines}</ul>{_crops(pictures.get('crops') or [])}"
    density = _card("Where the eyes rested", pictures.get("map") or "")
    time = (pictures.get("time-wide") or "") + (pictures.get("time-narrow") or "")
    waiting = '<p class="emert-empty" role="status">The pictures are being drawn …</p>' if reply.more else ""
    return (
        f'<section class="emert-answer" aria-label="Why" aria-busy="{str(reply.more).lower()}"><h2>Why</h2>'
        f'<div class="emert-cards emert-why">{_card("What each modality adds", _contributions(answer))}{density}'
        f"{_card('What the network was given', given)}</div>"
        f"{waiting}{_card('Over time', time)}"
        "<p class='emert-small'>Contributions and attention describe the network; they prove no cause.</p></section>"
    )


def _card(title: str, content: str) -> str:
    return f'<div class="emert-card"><h3>{escape(title)}</h3>{content}</div>' if content else ""


def _bars(answer: dict, size: int) -> str:
    """By label the felt and the shown probability on one scale, as bars and as numbers."""
    views = {view: answer["tasks"].get(f"{view}{size}") for view in VIEW_WORDS if view_is_grounded(answer, view)}
    views = {view: labels for view, labels in views.items() if labels}
    if not views:
        return ""
    best = {view: top(labels)[0] for view, labels in views.items()}
    heads = "".join(f'<th scope="col">{escape(VIEW_WORDS[view])}</th>' for view in views)
    rows = []
    for label in next(iter(views.values())):
        cells = "".join(_bar(view, labels[label], best[view] == label) for view, labels in views.items())
        rows.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    note = "" if "fer" in views else '<p class="emert-small">No face, so nothing is said of what it shows.</p>'
    if "er" in views and not any(name in answer["modalities"] for name in EYES):
        note += '<p class="emert-small">No gaze: what is felt is read off the face alone, which is a guess.</p>'
    return f'<table class="emert-bars"><thead><tr><td></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>{note}'


def _bar(view: str, share: float, is_best: bool) -> str:
    filled = f'<span class="emert-bar emert-{_SHORT[view]}" style="width:{100 * share:.1f}%"></span>'
    bar = f'<span class="emert-track">{filled}</span>'
    number = f"<b>{share:.0%}</b>" if is_best else f"{share:.0%}"
    return f'<td class="emert-cell" data-view="{_SHORT[view]}">{bar}<span class="emert-number">{number}</span></td>'


def _plane_table(answer: dict) -> str:
    rows = []
    for view in VIEW_WORDS:
        values = answer["tasks"].get(f"{view}_va")
        if values and view_is_grounded(answer, view):
            numbers = f"valence {values['valence']:+.2f}, arousal {values['arousal']:+.2f}"
            rows.append(
                f"<p class='emert-small'><span class='emert-key emert-{_SHORT[view]}'></span>{_SHORT[view]}: {numbers}</p>"
            )
    return "".join(rows)


def _gap(answer: dict) -> str:
    gap = answer["gap"]
    if gap is None:
        return ""
    if missing := missing_for_gap(answer):
        return f"<p>{_GAP_NEEDS[missing[0]]}</p>"
    scale = (
        f'<div class="emert-scale" role="img" aria-label="Gap {gap:.2f} on a scale from 0 to 1">'
        f'<span style="left:{100 * gap:.1f}%"></span></div>'
        '<div class="emert-ends"><span>0 the same</span><span>1 nothing in common</span></div>'
    )
    return f'<p class="emert-big">{gap:.2f}</p>{scale}<p>{escape(gap_words(gap))}</p>'


def _intensity(answer: dict) -> str:
    values = answer["tasks"].get("fer_intensity")
    if not values or "face" not in answer["modalities"]:
        return ""
    low, high = TASKS["fer_intensity"].range
    share = (values["intensity"] - low) / (high - low)
    label = f"Intensity {values['intensity']:.1f} of {high:g}"
    return (
        f'<p class="emert-big">{values["intensity"]:.1f} <small>of {high:g}</small></p>'
        f'<div class="emert-scale" role="img" aria-label="{label}"><span style="left:{100 * share:.1f}%"></span></div>'
        '<div class="emert-ends"><span>0 none</span><span>3 strong</span></div>'
    )


def _warnings(answer: dict) -> str:
    """What is wrong with the recording and what was left out, in words."""
    sentences = [f"{reason[0].upper()}{reason[1:]}." for reason in answer["measured"]["reasons"]]
    sentences += answer["notes"]
    if not sentences:
        return ""
    opening = {"poor": "Poor recording: expect little.", "usable": "Usable recording, with losses."}
    words = opening.get(answer["measured"]["verdict"], "About the recording.")
    lines = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="emert-warning" role="note"><strong>{words}</strong><ul>{lines}</ul></div>'


def _contributions(answer: dict) -> str:
    """For the finest class task of each view: by how much the predicted label falls without each modality."""
    if len(answer["modalities"]) == 1:
        (only,) = answer["modalities"]
        return f"<p>Only one modality ({escape(MODALITY_WORDS[only])}) took part, so there is nothing to leave out.</p>"
    parts = []
    for view, words in VIEW_WORDS.items():
        task = next((name for name in (f"{view}7", f"{view}3", f"{view}_va") if name in answer["tasks"]), None)
        if task is None or not view_is_grounded(answer, view):
            continue
        kind = TASKS[task].kind
        label = top(answer["tasks"][task])[0] if kind == "classification" else "valence and arousal"
        rows = []
        for name in MODALITY_WORDS:
            change = answer["contributions"][task][name]
            rows.append(
                f'<tr><th scope="row">{escape(MODALITY_WORDS[name])}</th>'
                f'<td class="emert-cell">{_signed_bar(change, view)}</td>'
                f"<td>{escape(contribution_words(label, change, kind))}</td></tr>"
            )
        parts.append(f'<table class="emert-adds"><caption>{escape(words)}: {escape(label)}</caption>{"".join(rows)}</table>')
    shares = [f"{MODALITY_WORDS[name]} {share:.0%}" for name, share in answer["attention"].items() if share]
    return "".join(parts) + f'<p class="emert-small">Attention: {escape(", ".join(shares))}.</p>'


def _signed_bar(change: float | None, view: str) -> str:
    """To the right of the middle what speaks for the label, to the left what speaks against it."""
    if change is None:
        return '<span class="emert-track emert-signed"></span>'
    left = 50 + 50 * min(change, 0)
    bar = f'<span class="emert-bar emert-{_SHORT[view]}" style="left:{left:.1f}%;width:{50 * abs(change):.1f}%"></span>'
    return f'<span class="emert-track emert-signed">{bar}</span>'


def _crops(crops: list[dict]) -> str:
    if not crops:
        return ""
    pictures = []
    for number, crop in enumerate(crops, start=1):
        found = "" if crop["found"] else ", no face found"
        words = f"{crop['seconds']:.1f} s{found}"
        alt = f"Face crop {number} of {len(crops)} at {words}"
        pictures.append(f'<figure><img src="{crop["picture"]}" alt="{alt}"><figcaption>{words}</figcaption></figure>')
    return f'<div class="emert-crops">{"".join(pictures)}</div>'


def progress_bar(share: float, words: str) -> str:
    return f'<p role="status"><progress max="1" value="{share:.3f}" aria-label="Progress"></progress> {escape(words)}</p>'
