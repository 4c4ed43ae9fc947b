"""`pipeline("emotion-recognition")`: clips in any form, alone and in batches, and JSON comes out."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tiny_emert import face_track, gaze, tiny_config, tiny_model
from torch.utils.data import Dataset
from transformers import pipeline

from modeling_emert import EMER_TASKS, EmertInputError, EmertProcessor, EmotionRecognitionPipeline, Recording, answer
from modeling_emert.columns_emert import COLUMN_NAMES, COLUMNS
from modeling_emert.processing_emert import EmertProcessor as Processor

TASK = "emotion-recognition"


@pytest.fixture(scope="module")
def pipe() -> EmotionRecognitionPipeline:
    return pipeline(TASK, model=tiny_model(), processor=EmertProcessor.for_config(tiny_config(), image_size=32), device="cpu")


@pytest.fixture
def faces_everywhere(monkeypatch) -> None:
    """The detector takes any frame for a face: what is tested here is the way of the bytes."""
    everywhere = lambda frames, times, detector, face: face_track(len(frames))  # noqa: E731
    monkeypatch.setattr("modeling_emert.processing_emert.track_faces", everywhere)


def _clips() -> list[dict]:
    return [
        {"video": face_track(seed=1), "gaze": gaze(seed=1)},
        {"video": face_track(seed=2)},
        {"gaze": gaze(seed=3)},
        {"video": None, "gaze": gaze(seed=4, eye_movements=None, times_ms=None)},
        {"video": face_track(seed=5), "gaze": gaze(seed=5).eye_movements},
    ]


def _assert_same(found: list[dict], expected: list[dict]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert {**one, "tasks": 0, "gap": 0} == {**other, "tasks": 0, "gap": 0}
        assert one["gap"] == pytest.approx(other["gap"], abs=2e-4)
        assert list(one["tasks"]) == list(other["tasks"])
        for name, values in other["tasks"].items():
            assert one["tasks"][name] == pytest.approx(values, abs=1.01e-4)  # the answer is rounded to four places


def test_one_clip_gives_the_answer_as_plain_json(pipe):
    found = pipe({"video": face_track(), "gaze": gaze()})
    assert found == answer(pipe.network, pipe.processor, Recording(face_track(), gaze()))
    _assert_same([found], [answer(pipe.model, pipe.processor, Recording(face_track(), gaze()))])
    assert json.loads(json.dumps(found)) == found
    parts = ["tasks", "untold", "evidence", "gap", "gap_level", "gap_reason", "timeline", "modalities", "quality", "notes"]
    assert list(found) == parts
    assert list(found["tasks"]) == list(EMER_TASKS)
    assert found == pipe(video=face_track(), gaze=gaze()) == pipe(Recording(face_track(), gaze()))


def test_the_answering_network_is_a_copy_and_follows_the_model():
    model = tiny_model(seed=3)
    pipe = pipeline(TASK, model=model, processor=EmertProcessor.for_config(tiny_config(), image_size=32), device="cpu")
    before, clip = {name: value.clone() for name, value in model.state_dict().items()}, {"video": face_track(), "gaze": gaze()}
    first, network = pipe(clip), pipe.network
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert any(parameter.requires_grad for parameter in model.parameters())
    assert pipe.model is model
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert pipe(clip) == first
    assert pipe.network is network  # prepared once
    model.load_state_dict(tiny_model(seed=4).state_dict())
    assert pipe(clip) != first
    _assert_same([pipe(clip)], [answer(model, pipe.processor, Recording(face_track(), gaze()))])
    pipe.model.config.temperatures = {"er7": 0.01}
    assert max(pipe(clip)["tasks"]["er7"].values()) > max(first["tasks"]["er7"].values()) + 0.05


def test_any_modality_may_be_missing(pipe):
    assert pipe(video=face_track())["modalities"] == ["face"]
    assert pipe(gaze=gaze())["modalities"] == ["eye_movements", "fixations"]
    assert [found["modalities"] for found in pipe(_clips(), batch_size=5)] == [
        ["face", "eye_movements", "fixations"],
        ["face"],
        ["eye_movements", "fixations"],
        ["fixations"],
        ["face", "eye_movements"],
    ]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 8])
def test_batches_give_what_one_by_one_gives(pipe, batch_size):
    alone = [pipe(clip) for clip in _clips()]
    assert alone[0]["tasks"] != alone[1]["tasks"]
    found = pipe(_clips(), batch_size=batch_size)
    assert isinstance(found, list)
    _assert_same(found, alone)


class _Clips(Dataset):
    def __len__(self) -> int:
        return len(_clips())

    def __getitem__(self, index: int) -> dict:
        return _clips()[index]


def test_generators_and_datasets_are_read_as_they_come(pipe):
    alone, taken = [pipe(clip) for clip in _clips()], []

    def stream():
        for index, clip in enumerate(_clips()):
            taken.append(index)
            yield clip

    found = pipe(stream(), batch_size=2)
    assert len(taken) <= 1
    first = next(found)
    assert len(taken) == 2
    _assert_same([first, *found], alone)
    _assert_same(list(pipe(_Clips(), batch_size=2)), alone)
    assert pipe([]) == []


def _video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for shade in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 96, 3), 40 * shade, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    return path


def _gaze_file(path: Path) -> Path:
    recorded = gaze()
    usual = np.array([column.range for column in COLUMNS]).T
    table = np.column_stack([recorded.times_ms, np.clip(recorded.eye_movements, *usual)])
    header = ",".join(["time_ms", *COLUMN_NAMES])
    np.savetxt(path, table, delimiter=",", header=header, comments="", fmt="%.4f")
    return path


def test_paths_bytes_and_arrays_of_one_clip_give_one_answer(pipe, tmp_path, faces_everywhere, monkeypatch):
    video, file = _video(tmp_path / "clip.mp4"), _gaze_file(tmp_path / "gaze.csv")
    expected = pipe(video=str(video), gaze=file)
    assert expected["modalities"][:2] == ["face", "eye_movements"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert pipe(video=video.read_bytes(), gaze=file.read_bytes()) == expected
    assert not any(temporary.iterdir())
    assert pipe(video=np.zeros((3, 64, 96, 3), np.uint8))["modalities"] == ["face"]


def test_bytes_that_are_no_recording_are_refused(pipe, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(EmertInputError, match="video of 7 bytes: not a video"):
        pipe(video=b"nothing")
    with pytest.raises(EmertInputError, match=r"video of 0 bytes: .*empty"):
        pipe(video=b"")
    with pytest.raises(EmertInputError, match="gaze of 7 bytes is in no known format"):
        pipe(gaze=b"nothing")
    assert not any(tmp_path.iterdir())


def test_playlist_in_bytes_opens_no_other_file(pipe, tmp_path):
    other = _video(tmp_path / "other.mp4")
    for playlist in (f"ffconcat version 1.0\nfile {other}\n", f"#EXTM3U\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"):
        with pytest.raises(EmertInputError, match="not a video"):
            pipe(video=playlist.encode())


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        ({"video": "nowhere/absent.mp4"}, r"clip 1 \(absent\.mp4\): nowhere/absent\.mp4: no such video file"),
        ({"gaze": Path("absent.csv")}, r"clip 1 \(absent\.csv\): .*absent\.csv"),
        ({}, "clip 1: Nothing is left to answer from"),
        (
            {"film": 3},
            r"clip 1: a clip is a dictionary with some of 'video' or 'image', 'gaze' and .* or a Recording, got \['film'\]",
        ),
        ("clip.mp4", r"clip 1 \(clip\.mp4\): clip\.mp4: no such video file"),
        (3, r"clip 1: a clip is a dictionary .* got int"),
        (
            {"gaze": np.zeros((4, 3))},
            r"clip 1: the gaze samples must be an array \(samples, 39\) of numbers, got \(4, 3\) float64",
        ),
        ({"video": 3}, "clip 1: the video is given as int, expected a file's path"),
        ({"gaze": [[0.5] * 39]}, "clip 1: the gaze is given as list, expected a file's path"),
        ({"gaze": np.full((4, 39), np.inf)}, "clip 1: In the gaze samples there is neither a valid gaze point"),
        (Recording(notes=["The tape tore."]), "clip 1: The tape tore. The recording has neither a face nor gaze"),
        ({"video": np.zeros((4, 8, 8, 3))}, r"clip 1: the video's frames must be .* uint8, got \(4, 8, 8, 3\) float64"),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 2])
def test_bad_clip_among_several_is_named(pipe, clip, reason, batch_size):
    clips = [_clips()[0], clip, _clips()[1]]
    with pytest.raises(EmertInputError, match=reason):
        pipe(clips, batch_size=batch_size)
    with pytest.raises(EmertInputError, match=reason):
        list(pipe((one for one in clips), batch_size=batch_size))


def test_workers_give_the_same_answers_and_refusals(pipe):
    _assert_same(pipe(_clips()[:2], num_workers=1), [pipe(clip) for clip in _clips()[:2]])
    with pytest.raises(EmertInputError) as refusal:
        pipe([_clips()[0], {"video": "absent.mp4"}], num_workers=1)
    assert str(refusal.value) == "clip 1 (absent.mp4): absent.mp4: no such video file; correct its path"


def test_misuse_is_told(pipe):
    with pytest.raises(EmertInputError, match="not both"):
        pipe({"video": face_track()}, gaze=gaze())
    with pytest.raises(EmertInputError, match="Nothing is left"):
        pipe()
    with pytest.raises(TypeError, match="takes no 'top_k'"):
        pipe(_clips(), top_k=3)


def test_saved_pipeline_is_found_by_its_folder(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"model.safetensors", "processor_config.json", "pipeline_emert.py"} <= names
    assert "preprocessor_config.json" not in names  # the processor holds it
    loaded = pipeline(TASK, model=str(tmp_path), device="cpu")  # without trust_remote_code: the package is installed
    assert type(loaded) is EmotionRecognitionPipeline
    assert type(loaded.processor) is Processor
    assert loaded(video=face_track(), gaze=gaze()) == pipe(video=face_track(), gaze=gaze())


def test_video_bytes_are_read_as_the_file_is(tmp_path):
    from modeling_emert.video_emert import read_frames

    path = _video(tmp_path / "clip.mp4")
    for found, expected in zip(read_frames(path.read_bytes(), 4), read_frames(path, 4), strict=True):
        assert np.array_equal(found, expected)


def test_a_model_in_half_precision_answers_much_the_same(pipe):
    half = pipeline(TASK, model=tiny_model().to(torch.bfloat16), processor=pipe.processor, device="cpu")
    for found, expected in zip(half(_clips(), batch_size=5), pipe(_clips()), strict=True):
        assert found["tasks"]["er7"] == pytest.approx(expected["tasks"]["er7"], abs=0.02)


def test_what_is_no_recording_is_refused_by_the_processor(pipe):
    with pytest.raises(EmertInputError, match="expected a Recording, or several, got str; `load` makes one"):
        pipe.processor("clip.mp4")
    with pytest.raises(EmertInputError, match="expected a Recording or a row, or several, got none"):
        pipe.processor([])
