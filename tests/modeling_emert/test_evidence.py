"""How far an answer can be believed: what evidence in the config tells, hides and keeps apart."""

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from tiny_emert import face_track, gaze, tiny_config, tiny_model

from modeling_emert import EmertConfig, EmertForEmotionRecognition, EmertProcessor, FaceTrack, Recording
from modeling_emert.answers_emert import answer, answers
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.evidence_emert import words_of
from modeling_emert.recording_emert import ActionUnits


def _test(task: str, inputs: list[str], low: float, metric: str = "uar", **more) -> dict:
    scores = {metric: [low + 0.05, low, low + 0.1]} | more
    return {"task": task, "inputs": inputs, "source": "study", "unseen": "40 people", "scores": scores}


TESTS = [
    _test("fer7", ["pixel_values"], 0.6, accuracy=[0.8, 0.79, 0.81]),
    _test("er3", ["action_units"], 0.31),
    _test("er3", ["fixations"], 0.35),
    _test("er3", ["fixations"], 0.30),  # with new clips, too
]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return tiny_model(
        tasks=["fer7", "fer3", "er3"], hierarchical=True, face_input="both", evidence=TESTS, task_pooling="attention"
    ).eval()


@pytest.fixture(scope="module")
def processor(model):
    return EmertProcessor.for_config(model.config, 32)


def _units() -> ActionUnits:
    return ActionUnits(np.full((1, 17), 2.0, np.float32), np.zeros(1, np.float32))


def test_what_was_not_tested_moves_no_answer(model, processor):
    face, eyes = face_track(seed=1), gaze(seed=1)
    alone, both = answers(model, processor, [Recording(face), Recording(face, eyes)])
    assert both["tasks"]["fer7"] == alone["tasks"]["fer7"]
    fixations = answer(model, processor, Recording(face_track(seed=2), eyes))["untold"]["er3"]
    assert both["untold"]["er3"] == fixations
    assert alone["modalities"] == ["face"]
    assert both["modalities"] == ["face", "fixations"]


def test_a_task_without_a_test_from_these_inputs_has_no_answer_but_a_reason(model, processor):
    found = answer(model, processor, Recording(face_track()))
    assert (set(found["tasks"]), found["untold"]) == ({"fer7", "fer3"}, {})
    assert found["evidence"]["er3"] == {
        "told": False,
        "words": "What is felt can't be told from the face: the model was never tested on that.",
    }
    assert found["gap"] is None
    assert found["gap_reason"] == found["evidence"]["er3"]["words"]


def test_told_is_what_every_test_puts_beyond_chance(model, processor):
    found = answer(model, processor, Recording(face_track(), gaze()))
    assert (set(found["tasks"]), set(found["untold"])) == ({"fer7", "fer3"}, {"er3"})
    words = found["evidence"]["fer3"]["words"]
    assert words == found["evidence"]["fer7"]["words"]
    assert "rests on the face: on 40 people of study that it had not seen, accuracy 0.80 [0.79, 0.81] and mean recall" in words
    assert found["evidence"]["er3"]["words"].endswith("[0.30, 0.40] (chance 0.33), which is not beyond chance.")
    assert found["gap_reason"] == found["evidence"]["er3"]["words"]


def test_an_interval_of_everything_is_no_figure():
    few = _test("er_va", ["fixations"], 0.0) | {"unseen": "4 people", "scores": {"ccc": [0.1, -1.0, 1.0]}}
    assert words_of("er_va", ["fixations"], [few]) == (
        "What is felt can't be told from the fixations: on 4 people of study that it had not seen, too few for a score."
    )


def test_the_gap_is_on_the_finest_level_that_both_views_are_told_on(processor):
    evidence = [TESTS[0], _test("er3", ["action_units"], 0.4), _test("er3", ["fixations"], 0.5)]
    model = tiny_model(tasks=["fer7", "fer3", "er3"], hierarchical=True, face_input="both", evidence=evidence).eval()
    found = answer(model, processor, Recording(face_track(), gaze(), action_units=_units()))
    felt, shown = found["tasks"]["er3"], found["tasks"]["fer3"]
    assert found["gap"] == pytest.approx(sum(abs(felt[name] - shown[name]) for name in felt) / 2, abs=1e-4)
    assert found["gap_level"] == "three classes"
    # Of two tested ways to what is felt the better one answers.
    assert felt == answer(model, processor, Recording(gaze=gaze()))["tasks"]["er3"]


def test_valence_alone_has_a_gap_too(processor):
    model = tiny_model(tasks=["er_va", "fer_va"]).eval()
    found = answer(model, processor, Recording(face_track(), gaze()))
    values = [found["tasks"][name]["valence"] for name in ("er_va", "fer_va")]
    assert found["gap"] == pytest.approx(abs(values[0] - values[1]) / 2, abs=1e-4)
    assert found["gap_level"] == "valence"


def test_evidence_is_saved_and_ends_with_the_next_training(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = EmertForEmotionRecognition.from_pretrained(tmp_path)
    assert again.config.evidence == TESTS
    fewer = EmertForEmotionRecognition.from_pretrained(tmp_path, tasks=["fer7"])
    assert fewer.config.evidence == TESTS[:1]
    again.train()
    assert again.config.evidence is None


def test_a_face_that_is_not_told_has_no_timeline(processor):
    weak = [_test("fer7", ["pixel_values"], 0.1)]
    model = tiny_model(tasks=["fer7", "fer3"], hierarchical=True, face_input="both", evidence=weak).eval()
    found = answer(model, processor, Recording(face_track()))
    assert (found["tasks"], set(found["untold"])) == ({}, {"fer7", "fer3"})
    assert found["timeline"] is None
    assert found["gap_reason"] == "The model does not predict er7."  # it does predict fer7, though not well enough


def test_a_network_of_action_units_takes_no_frames_for_a_face():
    model = tiny_model(tasks=["fer7"], face_input="action_units").eval()
    processor = EmertProcessor.for_config(model.config, 32)
    with pytest.raises(EmertInputError, match=r"recording 1 has nothing .* \(the face's action units, the eye movements"):
        answer(model, processor, Recording(face_track()))
    found = answer(model, processor, Recording(face_track(), action_units=_units()))
    assert found["modalities"] == ["face"]
    assert found["timeline"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "er7"}, "evidence.0. is of task 'er7', but tasks is"),
        ({"inputs": ["pupils"]}, "evidence.0..inputs is .'pupils'., expected some of pixel_values"),
        ({"scores": {"accuracy": [0.8, 0.7, 0.9]}}, "evidence.0..scores needs uar as .value, low, high."),
        ({"unseen": None}, "evidence.0. must have task"),
    ],
)
def test_wrong_evidence_is_named(change, message):
    test = {name: value for name, value in (TESTS[0] | change).items() if value is not None}
    with pytest.raises(StrictDataclassClassValidationError, match=message):
        EmertConfig(**tiny_config(tasks=["fer7", "er3"]).to_diff_dict() | {"evidence": [test]})


def test_a_recording_with_nothing_that_the_model_takes_is_refused(processor):
    model = tiny_model(tasks=["fer7"]).eval()
    frames_only = EmertProcessor.for_config(model.config, 32)
    both = [Recording(face_track()), Recording(action_units=_units())]
    words = r"recording 2 has nothing that this model takes \(the face, the eye movements, the fixations\)"
    with pytest.raises(EmertInputError, match=words):
        answers(model, frames_only, both)
    with pytest.raises(EmertInputError, match="nothing that the model takes: no face, eye movements or fixations"):
        answers(model, frames_only, both[1:])


def test_the_timeline_answers_each_frame_with_a_face_as_a_photograph(model, processor):
    track = face_track(seed=3)
    detected = np.ones(len(track.frames), bool)
    detected[1] = False
    face = FaceTrack(track.frames, track.times_ms, detected)
    found = answer(model, processor, Recording(face))["timeline"]
    assert [one["time_ms"] for one in found] == [round(float(moment), 1) for moment in track.times_ms[detected]]
    for one, frame in zip(found, track.frames[detected], strict=True):
        photograph = FaceTrack(frame[None], np.zeros(1), np.ones(1, bool))
        tasks = answer(model, processor, Recording(photograph))["tasks"]
        for task in ("fer7", "fer3"):
            assert one[task] == pytest.approx(tasks[task], abs=2e-4)
    assert (
        answer(model, processor, Recording(FaceTrack(track.frames[:1], track.times_ms[:1], detected[:1])))["timeline"] is None
    )
    assert answer(model, processor, Recording(gaze=gaze()))["timeline"] is None
