"""What the page says: the right words for each case, and nothing from a file as HTML."""

import numpy as np
import pytest

from modeling_emert.columns_emert import NUM_COLUMNS
from modeling_emert.recording_emert import FaceTrack, Gaze, Recording
from modeling_emert.tasks_emert import EMOTIONS, POLARITIES
from spaces_demo.answers.messages import Reply
from spaces_demo.answers.table import table_row
from spaces_demo.answers.verdict import (
    MODALITY_WORDS,
    coarse_verdict,
    contribution_words,
    gap_words,
    given_words,
    sureness,
    verdict,
)
from spaces_demo.files.pair import Pair
from spaces_demo.page.api import as_json
from spaces_demo.page.batch_tab import _table
from spaces_demo.page.html import answer_html, reasons_html, refusal
from spaces_demo.pictures.svg import svg_of
from spaces_demo.workers.process import _lengths_differ

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
        "quality": {"gaze_missing_fraction": 0.1, "face_detected_fraction": 1.0},
        "notes": [],
        "calibrated": False,
        "contributions": {task: adds for task in ("er7", "fer7")},
        "attention": {"face": 0.5, "eye_movements": 0.3, "fixations": 0.2},
        "measured": {
            "samples": 100, "rate_hz": 60.0, "missing_fraction": 0.1, "blinks": 1, "fixations": 5, "fixation_method": "export",
            "face_frames": 8, "face_found_fraction": 1.0, "verdict": "good", "reasons": [], "gaze_format": "tobii_studio",
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


def test_without_eyes_there_is_no_gap():
    """What is felt is a guess then, and so is how far it lies from what is shown."""
    answer = an_answer(modalities=["face"])
    page = answer_html(Reply(answer, {"plane": None}), "a.mp4")
    assert "Needs the eyes" in page
    assert "of the probability" not in page
    assert (as_json(answer)["gap"], as_json(answer)["gap_meaning"]) == (None, None)
    assert table_row(Pair("a"), Reply(answer))["gap"] is None
    assert as_json(an_answer())["gap"] == table_row(Pair("a"), Reply(an_answer()))["gap"] == 0.8


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


def test_the_answer_names_its_checkpoint_and_a_refusal_ends_with_a_full_stop():
    page = answer_html(Reply(an_answer(model="a<b> (trained on synthetic)"), {"plane": None}), "a.mp4")
    assert "answered by a&lt;b&gt; (trained on synthetic)" in page
    assert "too long.</div>" in refusal("too long")
    assert "again.</div>" in refusal("Try again.")


def test_the_table_says_what_its_columns_are_and_shows_problems_where_they_are_seen():
    page = _table([table_row(Pair("p1"), Reply(an_answer())), table_row(Pair("p2"), Reply(refusal="bad " * 100))])
    assert '<th scope="col">felt (ER)</th><th scope="col">shown (FER)</th>' in page
    assert '<td colspan="5"><div class="emert-problem">bad bad' in page
    assert len(page) < 1200  # the downloads hold the whole sentence


def recording_of(video_s: float, gaze_s: tuple[float, float]) -> Recording:
    times = np.linspace(*gaze_s, 20) * 1000
    face = FaceTrack(np.zeros((4, 8, 8, 3), np.uint8), np.linspace(0, video_s * 1000, 4), np.ones(4, bool))
    return Recording(face, Gaze(np.zeros((20, NUM_COLUMNS), np.float32), times))


@pytest.mark.parametrize(
    ("video_s", "gaze_s", "words"),
    [
        (3, (0, 3), None),
        (3, (0, 1.2), "covers 1.2 s of the video's 3.0 s"),
        (10, (7, 10), "covers 3.0 s of the video's 10.0 s"),
        (10, (0, 3), "may not be of the same moments"),
        (3, (0, 3.5), None),
    ],
)
def test_gaze_of_less_than_half_of_the_video_is_told(video_s: float, gaze_s: tuple[float, float], words: str | None):
    notes = _lengths_differ(recording_of(video_s, gaze_s))
    assert len(notes) == (words is not None)
    assert not words or words in notes[0]


@pytest.mark.parametrize(("note", "frame"), [("Glasses know only the scene camera's image.", "scene camera's image"), ("", "")])
def test_the_gazes_panel_names_its_frame(note: str, frame: str):
    from dataset_scripts.pictures.style import LIGHT, drawing
    from spaces_demo.pictures.answer_pictures import _draw_gaze

    gaze = recording_of(3, (0, 3)).gaze
    gaze.notes.append(note)
    with drawing(3, 2, LIGHT) as figure:
        axes = figure.add_axes((0.2, 0.2, 0.7, 0.7))
        _draw_gaze(axes, gaze)
        title = axes.get_title(loc="left")
    assert title.startswith("Gaze in shares of the ")
    assert ("scene camera's image" in title) == bool(frame)


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
    assert (sureness(an_answer(calibrated=True, trained_on="folder")) or "").endswith(
        "Calibrated on people held out of the training: of 100 answers given with 80%, about 80 are right."
    )
    assert "right for them" in (sureness(an_answer(calibrated=True, trained_on="synthetic")) or "")


@pytest.mark.parametrize(("modalities", "absent"), [(["face"], "the eyes are missing"), (ALL[1:], "the face is missing")])
def test_calibration_is_not_said_of_inputs_for_which_it_was_not_fitted(modalities: list[str], absent: str):
    words = sureness(an_answer(modalities=modalities, calibrated=True, trained_on="synthetic")) or ""
    assert f"generated people held out of the training (drawn faces), with face and eyes given: here {absent}" in words
    assert "about 80" not in words


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
        assert "without it sadness loses 20 points" in page


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
    assert contribution_words("fear", 0.25, "classification") == "without it fear loses 25 points"
    assert contribution_words("fear", -0.25, "classification") == "without it fear gains 25 points"
    assert contribution_words("fear", None, "classification") == "not given"
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
