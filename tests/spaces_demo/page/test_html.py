"""What the page shows of an answer: the right words for each case, and nothing from a file as HTML."""

import pytest
from demo_answers import ALL, an_answer

from modeling_emert.tasks_emert import EMOTIONS, register_tasks
from spaces_demo.answers.messages import Reply
from spaces_demo.answers.verdict import coarse_verdict, sureness, verdict
from spaces_demo.page.html import answer_html, reasons_html, refusal


def test_without_a_face_nothing_is_said_of_what_it_shows():
    answer = an_answer(modalities=["eye_movements", "fixations"])
    page = answer_html(Reply(answer, {"plane": None}), "gaze.csv")
    assert "shown (FER)" not in page
    assert "Needs a face" in page
    assert "Intensity" not in page
    assert "shown" not in (coarse_verdict(answer) or "")
    assert "FER" not in (sureness(answer) or "")


def test_without_eyes_the_reason_stands_in_place_of_the_gap():
    """The felt emotion is a guess then, and so is its distance from the shown one."""
    answer = an_answer(modalities=["face"])
    page = answer_html(Reply(answer, {"plane": None}), "a.mp4")
    assert "Needs the eyes" in page
    assert "of the probability" not in page


def test_the_answer_names_its_checkpoint_and_a_refusal_ends_with_a_full_stop():
    page = answer_html(Reply(an_answer(model="a<b> (trained on synthetic)"), {"plane": None}), "a.mp4")
    assert "answered by a&lt;b&gt; (trained on synthetic)" in page
    assert "too long.</div>" in refusal("too long")
    assert "again.</div>" in refusal("Try again.")


UNTOLD = {"told": False, "words": "What is felt can't be told from the face: never tested."}
TOLD = {"told": True, "words": "What the face shows rests on the face: <b>0.80</b>."}
EVIDENCE = {"er7": UNTOLD, "er3": UNTOLD, "er_va": UNTOLD, "fer7": TOLD, "fer3": TOLD, "fer_va": TOLD, "fer_intensity": TOLD}


def test_what_is_not_beyond_chance_is_not_shown_but_named():
    answer = an_answer(modalities=["face"], evidence=EVIDENCE, gap=None, gap_reason=UNTOLD["words"], calibrated=True)
    page = answer_html(Reply(answer, {"plane": None}), "a.mp4")
    assert "The face shows happiness; what is felt can&#x27;t be told." in page
    assert "felt (ER)" not in page
    assert page.count("<b>90%</b>") == 2
    assert page.count("never tested.") == 1
    assert "&lt;b&gt;0.80" in page
    assert "guess" not in page
    assert "sadness with" not in (sureness(answer) or "")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"er7": TOLD}, "The face shows happiness; the eyes suggest sadness."),
        ({"fer7": UNTOLD, "fer3": UNTOLD}, "Neither what the face shows nor what is felt can be told."),
        ({"er7": TOLD, "fer7": UNTOLD, "fer3": UNTOLD}, "What is felt is sadness; what the face shows can't be told."),
        ({"fer7": UNTOLD}, "The face shows positive; what is felt can't be told."),
    ],
)
def test_the_verdict_says_no_more_than_is_told(told: dict, words: str):
    assert verdict(an_answer(evidence=EVIDENCE | told)) == words


@pytest.mark.parametrize(("level", "words"), [("valence", "of the scale apart"), ("three classes", "different classes")])
def test_the_gap_names_its_level(level: str, words: str):
    assert words in answer_html(Reply(an_answer(gap_level=level), {"plane": None}), "a.mp4")


def test_both_views_stand_side_by_side_for_every_emotion():
    page = answer_html(Reply(an_answer(), {"plane": None}), "a.mp4")
    for emotion in EMOTIONS:
        assert f'<th scope="row">{emotion}</th>' in page
    assert page.count("<b>90%</b>") == 4  # the best of each view, in seven and in three classes
    assert "80% of the probability" in page


@pytest.mark.parametrize(
    ("waiting", "words"),
    [((), None), (("video",), "Your video is still here."), (("video", "gaze"), "Your video and gaze file are still here.")],
)
def test_a_refusal_says_which_files_wait_for_another_question(waiting: tuple[str, ...], words: str | None):
    page = answer_html(Reply(refusal="Not so."), "", waiting)
    assert ("still here" in page) == (words is not None)
    assert (words or "") in page


def test_a_model_with_one_task_of_numbers_is_shown_without_classes():
    answer = an_answer(
        tasks={"er_va": {"valence": 0.1, "arousal": 0.2}},
        gap=None,
        gap_reason="The model does not predict er7 and fer7.",
        contributions={"er_va": dict.fromkeys(ALL, 0.1)},
    )
    page = answer_html(Reply(answer, {"plane": "<svg></svg>"}), "a.mp4")
    assert "numbers only" in page
    assert "The model does not predict er7 and fer7." in page
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
        assert "without it sadness loses 20 points" in page


def test_one_modality_alone_is_compared_with_nothing():
    page = reasons_html(Reply(an_answer(modalities=["face"]), {"plane": None}))
    assert "shown (FER), happiness: answered from the face alone" in page
    assert "without it" not in page


def test_a_modality_that_a_task_was_not_answered_from_is_not_spoken_of():
    """Evidence decides from which inputs a task is answered, whatever else was given."""
    attention = {"face": 1.0, "eye_movements": 0.0, "fixations": 0.0}
    answer = an_answer(modalities=["face", "fixations"], evidence=EVIDENCE, contributions={"fer7": {"face": None}})
    page = reasons_html(Reply(answer | {"attention": attention}, {"plane": None}))
    adds = page[page.index("What each modality adds") : page.index("What the network was given")]
    assert "answered from the face alone" in adds
    for absent in ("fixations", "without it", "Attention"):
        assert absent not in adds


def test_whatever_comes_from_a_file_is_escaped():
    nasty = "<script>alert(1)</script>"
    answer = an_answer(notes=[nasty])
    answer["measured"] |= {"reasons": [nasty], "gaze_format": nasty, "fixation_method": nasty}
    reply = Reply(answer, {"plane": None, "crops": [], "map": None, "time-wide": None, "time-narrow": None})
    for page in (answer_html(reply, nasty), reasons_html(reply), refusal(nasty), answer_html(Reply(refusal=nasty), nasty)):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_own_tasks_have_cards_of_their_own_whatever_was_given():
    labels = ["calm", "<b>stressed"]
    register_tasks([{"name": "stress", "labels": labels}, {"name": "engagement", "labels": ["engagement"], "range": [0, 10]}])
    tasks = {"stress": dict(zip(labels, (0.25, 0.75), strict=True)), "engagement": {"engagement": 2.5}}
    answer = an_answer(modalities=ALL[1:], tasks=tasks, contributions={name: dict.fromkeys(ALL, 0.1) for name in tasks})
    why = reasons_html(Reply(answer, {"plane": None}))
    assert "stress: &lt;b&gt;stressed" in why
    assert "without it &lt;b&gt;stressed loses 10 points" in why
    assert "engagement: engagement" in why
    assert "without it the numbers move by 10% of their range" in why
    page = answer_html(Reply(an_answer(modalities=["fixations"], tasks=tasks), {"plane": None}), "gaze.csv")
    assert "<h3>stress</h3>" in page
    assert "&lt;b&gt;stressed" in page
    assert "<b>75%</b>" in page
    assert "engagement: 2.50" in page
    assert "left:25.0%" in page
