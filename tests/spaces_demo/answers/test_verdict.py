"""What an answer says in words: no more than was seen, and calibrated or not."""

import pytest
from demo_answers import ALL, an_answer, sharp

from modeling_emert.tasks_emert import EMOTIONS, POLARITIES, register_tasks
from spaces_demo.answers.messages import Reply
from spaces_demo.answers.verdict import (
    MODALITY_WORDS,
    coarse_verdict,
    contribution_words,
    gap_words,
    given_words,
    said_tasks,
    sureness,
    verdict,
)
from spaces_demo.page.html import answer_html


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


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (["sadness"] * 4 + ["happiness"] * 6, "sadness, then happiness"),
        (["sadness", "happiness", *["sadness"] * 3, "fear", *["happiness"] * 6], "sadness, then happiness"),
        (["neutral"] * 3 + ["happiness"] * 3 + ["neutral"] * 3, "neutral, then happiness, then neutral"),
        (["sadness"] + ["happiness"] * 9, "happiness"),  # too short
        (["neutral", "happiness"] * 6, "happiness"),  # to and fro is no change
        (["sadness", "happiness"], "happiness"),  # one frame each
        (["happiness"] * 9, "happiness"),
    ],
)
def test_a_face_that_changes_is_said_to(frames: list[str], words: str):
    timeline = [{"time_ms": 400.0 * step, "fer7": sharp(EMOTIONS, label)} for step, label in enumerate(frames)]
    answer = an_answer(timeline=timeline)
    assert verdict(answer) == f"The face shows {words}; the eyes suggest sadness."
    for sentence in (coarse_verdict(answer), sureness(answer)):
        assert sentence.startswith("Over the whole clip, ") == ("then" in words)


@pytest.mark.parametrize(
    ("tasks", "modalities", "sentence"),
    [
        (["fer7"], ALL, "The face shows happiness; the model does not say what is felt."),
        (["er7"], ALL, "Face and eyes suggest sadness; the model does not say what the face shows."),
        (["fer7"], ALL[1:], "There is no face, so nothing can be said of what it shows."),
    ],
)
def test_a_model_of_one_view_says_nothing_of_the_other(tasks: list[str], modalities: list[str], sentence: str):
    answer = an_answer(modalities=modalities)
    assert verdict(answer | {"tasks": {name: answer["tasks"][name] for name in tasks}}) == sentence


def test_a_model_of_own_tasks_says_what_they_are():
    register_tasks(
        [
            {"name": "stress", "labels": ["calm", "stressed"]},
            {"name": "pain", "labels": ["pain"], "range": [0, 100]},
            {"name": "smile", "labels": ["no", "yes"], "view": "fer"},
        ]
    )
    tasks = {"stress": {"calm": 0.3, "stressed": 0.7}, "pain": {"pain": 42.0}, "smile": {"no": 0.1, "yes": 0.9}}
    answer = an_answer(tasks=tasks)
    assert verdict(answer) == "The model says stress: stressed; pain: 42.00 (of 0 to 100); smile: yes."
    assert sureness(answer).startswith("stress: stressed with 70%; smile: yes with 90%. Not calibrated")
    assert coarse_verdict(answer) is None
    without_face = answer | {"modalities": ALL[1:]}  # what the face shows is not answered
    assert verdict(without_face) == "The model says stress: stressed; pain: 42.00 (of 0 to 100)."
    assert "smile" not in sureness(without_face)
    assert "numbers only" in verdict(answer | {"tasks": {"er_va": {"valence": 0.1, "arousal": 0.2}}})


@pytest.mark.parametrize(
    ("felt", "er3", "misfit"),
    [("happiness", "negative", "happiness"), ("sadness", "negative", None), ("surprise", "negative", None)],
)
def test_classes_that_do_not_fit_the_emotion_are_said_not_to(felt: str, er3: str, misfit: str | None):
    answer = an_answer(felt=felt)
    answer["tasks"]["er3"] = sharp(POLARITIES, er3)
    words = coarse_verdict(answer)
    assert words.startswith("In three classes: what is felt is negative and what is shown is positive.")
    assert ("Negative does not fit happiness, the likeliest single emotion felt" in words) == (misfit is not None)
    assert words.count("does not fit") == (misfit is not None)


def test_the_modalities_are_the_networks():
    from modeling_emert.constants_emert import MODALITIES

    assert tuple(MODALITY_WORDS) == MODALITIES


def test_of_a_video_alone_what_is_felt_is_a_guess_wherever_it_is_said():
    answer = an_answer(modalities=["face"])
    assert coarse_verdict(answer).startswith(
        "In three classes: what is felt, a guess from the face alone, is negative and what"
    )
    assert sureness(answer).startswith("felt (ER), a guess: sadness with 90%; shown (FER): happiness with 90%.")
    page = answer_html(Reply(answer=answer, pictures={}), "a")
    assert "felt (ER), a guess</th>" in page
    assert "shown (FER)</th>" in page
    assert sureness(an_answer(modalities=["fixations"])).startswith("felt (ER): sadness with 90%. Not")
    assert "a guess" not in answer_html(Reply(answer=an_answer(), pictures={}), "a")


def test_a_view_of_neither_face_nor_eyes_rests_on_anything():
    tasks = an_answer()["tasks"] | {"perceived3": sharp(POLARITIES, "neutral")}
    assert [
        name for name in said_tasks(an_answer(modalities=["fixations"], tasks=tasks)) if name.startswith(("fer", "per"))
    ] == ["perceived3"]


def test_calibration_is_said_as_it_is():
    assert "Not calibrated" in (sureness(an_answer()) or "")
    assert (sureness(an_answer(calibrated=True, trained_on="folder")) or "").endswith(
        "Calibrated on people held out of the training: of 100 answers given with 80%, about 80 are right."
    )
    assert "right for them" in (sureness(an_answer(calibrated=True, trained_on="synthetic")) or "")


@pytest.mark.parametrize(("modalities", "absent"), [(["face"], "the eyes are missing"), (ALL[1:], "the face is missing")])
def test_calibration_is_not_said_of_inputs_for_which_it_was_not_fitted(modalities: list[str], absent: str):
    words = sureness(an_answer(modalities=modalities, calibrated=True, trained_on="synthetic")) or ""
    assert f"generated people held out of the training (drawn faces), with face and eyes given: here {absent}" in words
    assert "about 80" not in words


def test_contributions_in_words():
    assert contribution_words("fear", 0.25, "classification") == "without it fear loses 25 points"
    assert contribution_words("fear", -0.25, "classification") == "without it fear gains 25 points"
    assert "93%" in gap_words(0.93)


def test_what_is_left_out_has_a_reason():
    unused = "Left out, since this model does not answer from them: "
    words = given_words(an_answer(modalities=["face", "fixations"]))
    assert words[-1] == f"{unused}eye movements."
    assert given_words(an_answer(modalities=["face"]))[-1] == f"{unused}eye movements, fixations."
    # What the files do not hold was not left out.
    measured, nothing = an_answer()["measured"], {"samples": 0, "fixations": None, "blinks": None}
    assert given_words(an_answer(modalities=["face"], measured=measured | nothing))[1:] == ["No gaze."]
    without = given_words(an_answer(modalities=["face", "eye_movements"], measured=measured | {"fixations": 0}))
    assert "No fixations." in without
    blind = given_words(an_answer(modalities=["fixations"], measured=measured | {"face_frames": None, "missing_fraction": 1.0}))
    assert blind[:2] == ["No face.", "No eye movements."]
    for told in (without, blind, given_words(an_answer())):
        assert not any("Left out" in one for one in told)
