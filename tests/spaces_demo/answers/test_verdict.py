"""What an answer says in words: no more than was seen, and calibrated or not."""

import pytest
from demo_answers import ALL, an_answer, sharp

from modeling_emert.tasks_emert import POLARITIES
from spaces_demo.answers.verdict import (
    MODALITY_WORDS,
    coarse_verdict,
    contribution_words,
    gap_words,
    given_words,
    sureness,
    verdict,
)


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
    assert contribution_words("fear", None, "classification") == "not given"
    assert "93%" in gap_words(0.93)
    assert "Left out: eye movements, fixations." in given_words(an_answer(modalities=["face"]))
