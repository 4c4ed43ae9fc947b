"""One person throughout a clip: who is followed, who is taken, and what is said of the others."""

import numpy as np
import pytest
from drawn_people import draw_people, draw_person
from places import REAL
from tiny_emert import IMAGE, tiny_model
from transformers import pipeline

from modeling_emert import EmertInputError, EmertProcessor
from modeling_emert.face_detection_emert import track_faces
from modeling_emert.people_emert import CROP_SIZE, FaceBox, crop, follow
from modeling_emert.video_emert import read_frames

CASES = REAL.parent / "cases"


def _boxes(*frames):
    """The faces of `draw_people`'s places: in the middle of the square, half as wide."""
    return [
        [FaceBox(left + side / 4, 120 - side / 4, side / 2, side / 2, 0.9) for _, left, side in places] for places in frames
    ]


def _faces(crops: np.ndarray) -> list[int]:
    """Which person each crop shows, by the colour of the skin."""
    skins = np.stack([crop(draw_person(who, 160), FaceBox(40, 40, 80, 80, 1), CROP_SIZE).mean((0, 1)) for who in range(3)])
    return [int(np.abs(skins - one.mean((0, 1))).sum(axis=1).argmin()) for one in crops]


def _track(*frames, missed=(), **options):
    """Crops of one person; `missed`: (frame, place) of faces that the detector overlooks."""
    boxes = _boxes(*frames)
    for frame, place in missed:
        boxes[frame][place] = None
    found = iter([[box for box in one if box is not None] for one in boxes])
    return track_faces(draw_people(*frames), np.arange(len(frames)) * 1000.0, lambda _: next(found), **options)


LEFT, RIGHT = (0, 20, 160), (1, 260, 160)
CLIPS = {
    "one": ([[LEFT]] * 8, [0], 1),
    "one who jumps": ([[LEFT]] * 4 + [[(0, 300, 100)]] * 4, [0], 1),
    "two, of whom the larger changes": ([[LEFT, (1, 260, 150 + 20 * (n % 2))] for n in range(7)] + [[LEFT]], [0], 2),
    "two who change places": ([[LEFT, (1, 260, 140)]] * 4 + [[(1, 20, 140), (0, 260, 160)]] * 4, [0], 2),
    "the longer stays, the larger passes": ([[(0, 20, 120)]] * 6 + [[(0, 20, 120), (1, 220, 220)]] * 2, [0], 2),
    "one after the other": ([[LEFT]] * 5 + [[RIGHT]] * 3, [0], 2),
    "three": ([[(2, 0, 120), (0, 130, 180), (1, 330, 140)]] * 8, [0], 3),
    "a passer-by in one frame": ([[LEFT]] * 7 + [[LEFT, (1, 300, 100)]], [0], 1),
}


@pytest.mark.parametrize(("frames", "shown", "people"), CLIPS.values(), ids=CLIPS)
def test_one_person_is_taken_and_the_others_are_noted(frames, shown, people):
    track = _track(*frames)
    assert sorted({*_faces(track.frames[track.detected])}) == shown
    assert track.detected.tolist() == [any(who == 0 for who, *_ in places) for places in frames]
    assert [note.split(" are seen")[0] for note in track.notes] == ([f"{people} people"] if people > 1 else [])


def test_faces_that_the_detector_overlooks_do_not_make_the_crops_jump():
    """As in a real clip, where each frame had one of two faces: today's face is the other's, whoever is larger."""
    missed = [(2, 0), (3, 0), (5, 1), (6, 0)]
    track = _track(*[[LEFT, RIGHT]] * 8, missed=missed, face="left")
    assert track.detected.tolist() == [True, True, False, False, True, True, False, True]
    assert {*_faces(track.frames)} == {0}


@pytest.mark.parametrize(
    ("face", "shown"), [("left", 2), ("right", 1), ("largest", 0), (1, 2), ("2", 0), (3, 1), (None, 0)], ids=str
)
def test_the_user_chooses_the_person(face, shown):
    track = _track(*[[(2, 0, 120), (0, 130, 180), (1, 330, 140)]] * 4, face=face)
    assert {*_faces(track.frames)} == {shown}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"face": 3}, "face 3: 2 people are seen, .* give 1 to 2"),
        ({"face": "middle"}, "face is 'middle', expected left, right, largest, or a number from 1"),
        ({"face": 0}, "face is 0, expected"),
        ({"face": True}, "face is True, expected"),
        ({"video": None, "face": "left"}, "face left: .* got no video"),
    ],
)
def test_a_choice_that_nobody_is_says_who_there_is(given, reason):
    frames = draw_people(*[[LEFT, RIGHT]] * 2)
    with pytest.raises(EmertInputError, match=reason):
        EmertProcessor().load(**{"video": frames} | given)


def test_the_real_detector_finds_both_and_the_notes_reach_the_recording():
    """Its second face was lost while a face was taken for 142 numbers of its result, which are 16."""
    frames = draw_people(*[[(0, 20 + n, 150), (1, 270, 150)] for n in range(4)])
    recording = EmertProcessor().load(frames, face="left")
    assert {*_faces(recording.face.frames)} == {0}
    assert recording.notes == recording.face.notes
    assert recording.notes[0].startswith("2 people are seen; number 1 from the left was taken, as asked (in 4 of 4 frames)")


def test_the_pipeline_takes_the_choice():
    model = tiny_model()
    processor = EmertProcessor.for_config(model.config, IMAGE)
    pipe = pipeline("emotion-recognition", model=model, processor=processor, device="cpu")
    frames = draw_people(*[[LEFT, (1, 260, 150)]] * 2)
    left, right, both = pipe(video=frames, face="left"), pipe(video=frames, face=2), pipe([{"video": frames, "face": "right"}])
    assert left["tasks"] != right["tasks"]
    assert both == [right | {"notes": both[0]["notes"]}]


@pytest.mark.parametrize(("turns", "words"), [(1, "with their top to the left"), (2, "upside down"), (3, "top to the right")])
def test_a_clip_on_its_side_is_turned_and_says_so(turns, words):
    frames, times = draw_people(*[[(0, 60, 220)]] * 4, width=340), np.arange(4) * 100.0
    upright = track_faces(frames, times)
    turned = track_faces(np.ascontiguousarray(np.rot90(frames, turns, axes=(1, 2))), times)
    np.testing.assert_array_equal(turned.frames, upright.frames)
    assert upright.notes == []
    assert words in turned.notes[0]


def test_nobody_is_nobody():
    assert follow(draw_people([], []), [[], []]) == []


@pytest.mark.real
@pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}; set EMERT_REAL_DATA")
@pytest.mark.parametrize(
    ("name", "size", "people"),
    [
        ("two_faces.mp4", (360, 1280), 2),
        ("anamorphic.mp4", (360, 640), 1),
        ("cover_first.mkv", (360, 640), 1),
        ("edit_list.mp4", (360, 640), 1),
    ],
)
def test_the_reviewers_clips(name, size, people):
    frames, times = read_frames(CASES / name, 8)
    assert frames.shape == (8, *size, 3)
    track = track_faces(frames, times)
    assert track.detected.all()
    assert len(track.notes) == people - 1
    means = track.frames.mean((1, 2))
    assert np.abs(means - means.mean(0)).max() < 10  # one person's colours in all of them


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real recordings at {REAL}; set EMERT_REAL_DATA")
def test_a_cut_from_one_person_to_another_at_the_same_place():
    woman, man = (read_frames(REAL / "faces" / f"{name}.mp4", 6)[0] for name in ("WolfgangLanger_Pexels", "single_face"))
    track = track_faces(np.concatenate([woman, man[:4], woman[:2]]), np.arange(12) * 100.0)
    assert track.detected.tolist() == [True] * 6 + [False] * 4 + [True] * 2
    assert track.notes[0].startswith("2 people are seen")
