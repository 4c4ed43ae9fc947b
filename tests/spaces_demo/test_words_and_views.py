"""What the page says: the right words for each case, and nothing from a file as HTML."""

import numpy as np
import pytest

from modeling_emert.tasks_emert import EMOTIONS, POLARITIES
from spaces_demo.request import Reply
from spaces_demo.svg import svg_of
from spaces_demo.verdict import MODALITY_WORDS, coarse_verdict, contribution_words, gap_words, given_words, sureness, verdict
from spaces_demo.views import answer_html, reasons_html, refusal

ALL = ["face", "eye_movements", "fixations"]


def sharp(labels: tuple[str, ...], best: str) -> dict[str, float]:
    rest = 0.1 / (len(labels) - 1)
    return {label: 0.9 if label == best else rest for label in labels}


def an_answer(felt: str = "sadness", shown: str = "happiness", modalities: list[str] = ALL, **changes) -> dict:
    adds = {name: 0.2 if name in modalities else None for name in ALL}
    answer = {
        "tasks": {
            "er3": sharp(POLARITIES, "negative"),
            "er7": sharp(EMOTIONS, felt),
            "er_va": {"valence": -0.5, "arousal": 0.1},
            "fer3": sharp(POLARITIES, "positive"),
            "fer7": sharp(EMOTIONS, shown),
            "fer_va": {"valence": 0.5, "arousal": 0.2},
            "fer_intensity": {"intensity": 1.5},
        },
        "gap": 0.8,
        "modalities": modalities,
        "quality": {"gaze_missing_share": 0.1, "face_detected_share": 1.0},
        "notes": [],
        "calibrated": False,
        "contributions": {task: adds for task in ("er7", "fer7")},
        "attention": {"face": 0.5, "eye_movements": 0.3, "fixations": 0.2},
        "measured": {
            "samples": 100, "rate_hz": 60.0, "missing_share": 0.1, "blinks": 1, "fixations": 5, "fixation_method": "export",
            "face_frames": 8, "face_found_share": 1.0, "verdict": "good", "reasons": [], "gaze_format": "tobii_studio",
        },
    }  # fmt: skip
    return answer | changes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "The face shows happiness; the eyes suggest sadness."),
        ({"felt": "fear", "shown": "fear"}, "Face and eyes agree: fear."),
        ({"modalities": ["face"]}, "The face shows happiness; without the eyes, what is felt stays a guess: sadness."),
        ({"modalities": ["fixations"]}, "The eyes suggest sadness; there is no face, so nothing can be said of what it shows."),
    ],
)
def test_the_verdict_claims_no_more_than_was_seen(changes: dict, sentence: str):
    assert verdict(an_answer(**changes)) == sentence


def test_without_a_face_nothing_is_said_of_what_it_shows():
    answer = an_answer(modalities=["eye_movements", "fixations"])
    page = answer_html(Reply(answer, {"plane": None}), "gaze.csv")
    assert "shown (FER)" not in page
    assert "Needs a face" in page
    assert "Intensity" not in page
    assert "shown" not in (coarse_verdict(answer) or "")
    assert "FER" not in (sureness(answer) or "")


def test_both_views_stand_side_by_side_for_every_emotion():
    page = answer_html(Reply(an_answer(), {"plane": None}), "a.mp4")
    for emotion in EMOTIONS:
        assert f'<th scope="row">{emotion}</th>' in page
    assert page.count("<b>90%</b>") == 4  # the best of each view, in seven and in three classes
    assert "80% of the probability" in page


def test_the_modalities_are_the_networks():
    from modeling_emert.configuration_emert import MODALITIES

    assert tuple(MODALITY_WORDS) == MODALITIES


def test_calibration_is_said_as_it_is():
    assert "Not calibrated" in (sureness(an_answer()) or "")
    assert "about 80 are right" in (sureness(an_answer(calibrated=True)) or "")


def test_a_model_with_one_task_of_numbers_is_shown_without_classes():
    answer = an_answer(
        tasks={"er_va": {"valence": 0.1, "arousal": 0.2}}, gap=None, contributions={"er_va": dict.fromkeys(ALL, 0.1)}
    )
    page = answer_html(Reply(answer, {"plane": "<svg></svg>"}), "a.mp4")
    assert "numbers only" in page
    assert "Gap" not in page
    assert "10% of their range" in reasons_html(
        Reply(answer, {"crops": [], "map": None, "time-wide": None, "time-narrow": None})
    )


def test_the_reasons_come_before_their_pictures():
    early = reasons_html(Reply(an_answer(), {"plane": None}, more=True))
    late = reasons_html(
        Reply(an_answer(), {"plane": None, "crops": [], "map": "<svg>", "time-wide": "<svg>", "time-narrow": ""})
    )
    assert ('aria-busy="true"' in early, 'aria-busy="true"' in late) == (True, False)
    assert "being drawn" in early
    assert "being drawn" not in late
    for page in (early, late):
        assert "without it sadness loses 20%" in page


def test_one_modality_alone_is_compared_with_nothing():
    page = reasons_html(Reply(an_answer(modalities=["face"]), {"plane": None}))
    assert "Only one modality (face) took part" in page
    assert "without it" not in page


def test_whatever_comes_from_a_file_is_escaped():
    nasty = "<script>alert(1)</script>"
    answer = an_answer(notes=[nasty])
    answer["measured"] |= {"reasons": [nasty], "gaze_format": nasty, "fixation_method": nasty}
    reply = Reply(answer, {"plane": None, "crops": [], "map": None, "time-wide": None, "time-narrow": None})
    for page in (answer_html(reply, nasty), reasons_html(reply), refusal(nasty), answer_html(Reply(refusal=nasty), nasty)):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_contributions_in_words():
    assert contribution_words("fear", 0.25, "classes") == "without it fear loses 25%"
    assert contribution_words("fear", -0.25, "classes") == "without it fear gains 25%"
    assert contribution_words("fear", None, "classes") == "not given"
    assert "93%" in gap_words(0.93)
    assert "Left out: eye movements, fixations." in given_words(an_answer(modalities=["face"]))


def test_an_svg_takes_the_pages_colours_and_says_what_it_shows():
    from dataset_scripts.pictures.style import LIGHT, drawing, dress

    with drawing(3, 2, LIGHT) as figure:
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        dress(axes, LIGHT)
        axes.plot(np.arange(5), color=LIGHT.first)
        text = svg_of(figure, "line", 'rising "line"')
    assert text.startswith('<svg class="emert-picture emert-line" role="img" aria-label="rising &quot;line&quot;"')
    assert "var(--emert-first)" in text
    assert LIGHT.first.lower() not in text.lower()
    assert "DejaVu" not in text
    assert "<metadata>" not in text
