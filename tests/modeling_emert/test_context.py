"""What is known besides the recording goes through the processor to the model, and only where the config takes it."""

import numpy as np
import pytest
import torch
from tiny_emert import face_track, gaze, tiny_config, tiny_model
from transformers import pipeline

from modeling_emert import EmertInputError, EmertProcessor, EmotionRecognitionPipeline, Recording
from modeling_emert.answers_emert import answer, answers
from modeling_emert.recording_emert import BIG_FIVE as NAMES
from modeling_emert.tasks_emert import EMOTIONS

BIG_FIVE = np.array([0.1, 0.9, 0.5, 0.25, 0.75], np.float32)
BOTH = ["big_five", "stimulus_emotion"]


def processor_of(context: list[str]) -> EmertProcessor:
    return EmertProcessor.for_config(tiny_config(context=context), image_size=32)


def recordings() -> list[Recording]:
    """One of whom everything is known, one with a number missing, one of whom nothing is known."""
    gap = BIG_FIVE.copy()
    gap[2] = np.nan
    return [
        Recording(face_track(), gaze(), big_five=BIG_FIVE, stimulus_emotion="fear"),
        Recording(face_track(), gaze(), big_five=gap),
        Recording(face_track(), None),
    ]


def test_context_is_given_with_what_is_absent_marked():
    inputs = processor_of(BOTH)(recordings())
    assert inputs["big_five"].dtype == torch.float32
    np.testing.assert_array_equal(inputs["big_five"][0], BIG_FIVE)
    assert inputs["big_five"][1:].isnan().all()
    assert inputs["stimulus_emotion"].dtype == torch.int64
    assert inputs["stimulus_emotion"].tolist() == [EMOTIONS.index("fear"), -100, -100]
    tiny_model(context=BOTH)(**inputs)


@pytest.mark.parametrize("context", [[], ["big_five"], ["stimulus_emotion"]])
def test_only_what_the_config_takes_is_given(context):
    inputs = processor_of(context)(recordings())
    assert [name for name in inputs if name in BOTH] == context
    tiny_model(context=context)(**inputs)


def test_context_is_saved_with_the_processor(tmp_path):
    processor_of(BOTH).save_pretrained(tmp_path)
    loaded = EmertProcessor.from_pretrained(tmp_path)
    assert loaded.context == BOTH
    assert {*BOTH} < set(loaded(recordings()))


def test_answers_differ_by_the_context_alone():
    model, processor = tiny_model(context=["stimulus_emotion"]), processor_of(["stimulus_emotion"])
    first, other, unknown = (
        answers(model, processor, [Recording(face_track(), gaze(), stimulus_emotion=emotion)])[0]["tasks"]["er7"]
        for emotion in ("fear", "anger", None)
    )
    assert first != other != unknown != first


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"big_five": np.full(5, 3.5)}, r"recording 1: big_five is \[3.5, .*expected 5 fractions of the scale in 0..1"),
        ({"big_five": np.zeros(4)}, r"recording 1: big_five is \[0.0, 0.0, 0.0, 0.0\], expected 5"),
        ({"stimulus_emotion": "joy"}, "recording 1: stimulus_emotion is 'joy', expected one of happiness, sadness"),
    ],
)
def test_impossible_context_is_refused(known, reason):
    with pytest.raises(EmertInputError, match=reason):
        processor_of(BOTH)([Recording(face_track()), Recording(face_track(), **known)])


def pipe_of(context: list[str]) -> EmotionRecognitionPipeline:
    return pipeline("emotion-recognition", model=tiny_model(context=context), processor=processor_of(context), device="cpu")


def test_the_pipeline_is_told_context_beside_a_clip_or_within():
    pipe = pipe_of(BOTH)
    told = Recording(face_track(), gaze(), big_five=BIG_FIVE, stimulus_emotion="fear")
    expected = answer(pipe.model, pipe.processor, told)
    clip = {"video": face_track(), "gaze": gaze()}
    as_words = dict(zip(NAMES, BIG_FIVE.tolist(), strict=True))
    assert pipe(**clip, big_five=BIG_FIVE.tolist(), stimulus_emotion="fear") == expected
    assert pipe({**clip, "big_five": as_words, "stimulus_emotion": "fear"}) == pipe(told) == expected
    untold = pipe(clip)
    assert untold == pipe({**clip, "big_five": None, "stimulus_emotion": None})
    assert untold["tasks"] != expected["tasks"]
    batch = pipe([clip, {**clip, "big_five": as_words, "stimulus_emotion": "fear"}], batch_size=2)
    for found, alone in zip(batch, (untold, expected), strict=True):
        assert found["tasks"]["er7"] == pytest.approx(alone["tasks"]["er7"], abs=1.01e-4)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"big_five": [3, 4, 5, 1, 2]}, r"^big_five is \[3, 4, 5, 1, 2\], expected 5 fractions of the scale in 0..1"),
        ({"big_five": [0.5] * 4}, "big_five is .*expected 5"),
        ({"big_five": "open"}, "big_five is open, expected 5"),
        ({"big_five": [[0.1], [0.2, 0.3]]}, "big_five is .*expected 5"),
        ({"big_five": {"openness": 0.5}}, "big_five is .*expected 5"),
        ({"big_five": 0.5}, "big_five is 0.5, expected 5"),
        ({"stimulus_emotion": "joy"}, "^stimulus_emotion is 'joy', expected one of happiness, sadness"),
        ({"stimulus_emotion": 2}, "^stimulus_emotion is 2, expected one of happiness, sadness"),
    ],
)
def test_the_pipeline_refuses_impossible_context_at_once(known, reason):
    pipe = pipe_of(BOTH)
    with pytest.raises(EmertInputError, match=reason):
        pipe(video=face_track(), **known)
    with pytest.raises(EmertInputError, match="clip 1: " + reason.removeprefix("^")):
        pipe([{"video": face_track()}, {"video": face_track(), **known}])


def test_a_model_without_context_refuses_what_it_is_told_but_takes_recordings_that_carry_it():
    pipe = pipe_of(["big_five"])
    with pytest.raises(EmertInputError, match=r"^stimulus_emotion: this model .* \(it takes big_five\); leave it out"):
        pipe(video=face_track(), big_five=BIG_FIVE, stimulus_emotion="fear")
    none = pipe_of([])
    with pytest.raises(EmertInputError, match=r"^big_five, stimulus_emotion: this model .* \(it takes none\)"):
        none({"video": face_track(), "big_five": BIG_FIVE, "stimulus_emotion": "fear"})
    assert none(Recording(face_track(), stimulus_emotion="fear")) == none(video=face_track())
