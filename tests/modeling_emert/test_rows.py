"""Rows of a data set, in every format that `datasets` gives, with `datasets` and the model folder alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiny_emert import face_track, gaze, tiny_config, tiny_model
from transformers import pipeline

from dataset_scripts.dataset.rows import to_row
from dataset_scripts.dataset.schema import row_features
from dataset_scripts.sources.base import Entry
from modeling_emert import EmertInputError, EmertProcessor, Recording
from modeling_emert.rows_emert import from_row

_RECORDINGS = [
    Recording(face_track(seed=1), gaze(seed=1)),
    Recording(None, gaze(seed=2, samples=90)),
    Recording(face_track(frames=3, seed=3), None),
    Recording(face_track(seed=4), gaze(seed=4, eye_movements=None, times_ms=None)),
]


@pytest.fixture(scope="module")
def data() -> Dataset:
    entries = [Entry(f"r{number}", f"p{number}", "s0", labels={"er7": "fear"}) for number in range(len(_RECORDINGS))]
    rows = [to_row(entry, item, "test", 1, 1) for entry, item in zip(entries, _RECORDINGS, strict=True)]
    return Dataset.from_list([{**row, "er7": 2} for row in rows], features=row_features())


@pytest.fixture(scope="module")
def processor() -> EmertProcessor:
    return EmertProcessor.for_config(tiny_config(), image_size=32)


def _assert_equal(found, expected) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("form", [None, "numpy", "torch", "pandas", "arrow"])
def test_rows_in_every_format_give_the_numbers_of_our_own_reader(data, processor, form):
    expected = processor([from_row(row) for row in data])
    assert set(expected) == {"pixel_values", "face_mask", "eye_movements", "eye_movements_mask", "fixations", "fixations_mask"}
    rows = data.with_format(form)
    _assert_equal(processor([rows[number] for number in range(4)]), expected)
    whole = rows.select([0, 1])  # in plain form `datasets` itself fails on a batch in which some arrays are null
    _assert_equal(processor(whole[:2]), processor([from_row(data[0]), from_row(data[1])]))
    if form is not None:
        _assert_equal(processor(rows[:4]), expected)
    _assert_equal(processor(rows), expected)
    _assert_equal(processor(rows.to_iterable_dataset()), expected)
    for number in range(4):
        _assert_equal(processor(rows[number]), processor(from_row(data[number])))
        _assert_equal(processor(rows[number : number + 1]), processor(from_row(data[number])))
    few = rows.select_columns(["eye_movements", "eye_times_ms"]).select([0, 1])  # no name by which a batch is known
    _assert_equal(processor(few[:2]), processor([few[0], few[1]]))


def test_tables_of_polars_are_rows(data, processor):
    """Without faces, on whose images `datasets` 5.2 itself fails in this format."""
    data = data.select_columns([name for name in data.column_names if not name.startswith("face")])
    rows = data.with_format("polars")
    _assert_equal(processor(rows[:2]), processor(data.select([0, 1])))
    _assert_equal(processor(rows[3]), processor(data[3]))


def test_map_takes_the_processor(data, processor):
    data = data.select([0, 1])
    found = data.map(lambda rows: dict(processor(rows, return_tensors="np")), batched=True, remove_columns=data.column_names)
    expected = processor(data)
    for name, value in expected.items():
        assert torch.equal(torch.as_tensor(np.array(found[name]), dtype=value.dtype), value), name


def test_pipelines_take_rows_batches_and_data_sets(data, processor):
    pipe = pipeline("emotion-recognition", model=tiny_model(), processor=processor, device="cpu")
    expected = [pipe(from_row(row)) for row in data]
    assert [answer["modalities"] for answer in expected][1:3] == [["eye_movements", "fixations"], ["face"]]
    assert pipe(data.with_format("pandas")[:2]) == list(pipe(data.with_format("arrow").select([0, 1]))) == expected[:2]
    for rows in (data, data.with_format("torch")):
        assert pipe(rows[0]) == expected[0]
        assert pipe([rows[0], rows[1]]) == pipe(rows[:2]) == expected[:2]
        assert list(pipe(rows)) == list(pipe(rows.to_iterable_dataset())) == expected
        assert len(list(pipe(rows, batch_size=3))) == 4


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"eye_movements": [[0.0] * 5] * 60}, r"row r0: its eye_movements have 5 columns, expected the 39"),
        ({"eye_movements": [[0.0] * 39, [0.0] * 5] * 30}, r"row r0: it is no row .*inhomogeneous"),
        ({"eye_times_ms": [0.0, 1.0]}, r"row r0: it has 60 of eye_movements, 2 of eye_times_ms, expected equally many"),
        ({"fixation_y": [0.5]}, r"row r0: it has \d+ of fixation_x, 1 of fixation_y, "),
        ({"face_detected": [True]}, r"row r0: it has 5 of face, 5 of face_times_ms, 1 of face_detected, "),
        ({"face": [{"bytes": None, "path": "a.png"}] * 5}, r"row r0: it is no row"),
        ({"face": 5}, r"row r0: it is no row"),
        ({"stimulus_emotion": 99}, r"row r0: it is no row"),
        (dict.fromkeys(("face", "eye_movements", "fixation_x")), "nothing that the model takes: no face, eye movements"),
    ],
)
def test_a_broken_row_is_told_by_its_name(data, processor, changed, reason):
    with pytest.raises(EmertInputError, match=reason):
        processor(data[0] | changed)


def test_what_is_no_whole_row_is_told(data, processor):
    row = data[0]
    with pytest.raises(EmertInputError, match=r"a list of pictures.*give the row itself, `processor\(row\)`"):
        processor.load(video=row["face"], gaze=np.array(row["eye_movements"]))
    assert "fixations are left out" in processor.load(gaze=np.array(row["eye_movements"])).notes[-1]
    with pytest.raises(EmertInputError, match="face but no face_times_ms"):
        processor({name: value for name, value in row.items() if name != "face_times_ms"})
    with pytest.raises(EmertInputError, match=r"got a dictionary of er7, source"):
        processor({"er7": 2, "source": "test"})


# Runs where no room of the project can be imported: `datasets`, transformers and the model folder are all that there is.
_FRESH = """
import json, sys
for room in ("modeling_emert", "dataset_scripts", "training", "wrapt"):
    sys.modules[room] = None
folder, data, clip = sys.argv[1:]
from datasets import load_dataset
from transformers import AutoModelForVideoClassification, AutoProcessor, pipeline

rows = load_dataset(data, split="train")
pipe = pipeline("emotion-recognition", model=folder, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForVideoClassification.from_pretrained(folder, trust_remote_code=True).eval()
labels = pipeline("video-classification", model=folder, trust_remote_code=True)
print(json.dumps({
    "answer": pipe(rows[0]), "inputs": {name: value.double().sum().item() for name, value in processor(rows[0]).items()},
    "logits": model(**processor(rows[:2])).logits["er7"].tolist(),
    "labels": labels(rows[0], top_k=2), "felt": labels(rows[0], head="er7", top_k=1), "batch": len(labels(rows[:2])),
}))
try:
    labels(clip)
except Exception as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.slow
def test_three_lines_are_enough_without_the_package(data, processor, tmp_path, monkeypatch):
    model = tiny_model()
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    (tmp_path / "data").mkdir()
    data.to_parquet(tmp_path / "data" / "train.parquet")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    arguments = [str(tmp_path / "model"), str(tmp_path / "data"), str(tmp_path / "absent.mp4")]
    done = subprocess.run([sys.executable, "-I", "-c", _FRESH, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, refusal = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    pipe = pipeline("emotion-recognition", model=str(tmp_path / "model"), device="cpu")
    assert found["answer"] == pipe(from_row(data[0]))
    assert found["inputs"] == {name: value.double().sum().item() for name, value in processor(from_row(data[0])).items()}
    expected = model(**processor([from_row(data[0]), from_row(data[1])])).logits["er7"]
    torch.testing.assert_close(torch.tensor(found["logits"]), expected)
    best = sorted(found["answer"]["tasks"]["fer7"].items(), key=lambda one: -one[1])[:2]
    assert found["labels"] == [{"score": score, "label": f"fer7/{label}"} for label, score in best]
    assert found["felt"][0]["label"].startswith("er7/")
    assert found["batch"] == 2
    assert refusal.endswith("no such video file; correct its path")


def _shown(pipe, clip) -> list[dict]:
    shown = pipe(clip)["tasks"]["fer7"].items()
    return [{"score": score, "label": f"fer7/{label}"} for label, score in sorted(shown, key=lambda one: -one[1])]


def test_video_classification_gives_the_labels_of_one_task(data, processor, tmp_path: Path):
    model = tiny_model()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    whole = pipeline("emotion-recognition", model=str(tmp_path), device="cpu")
    pipe = pipeline("video-classification", model=str(tmp_path), device="cpu", top_k=3)
    assert pipe(data[0]) == _shown(whole, data[0])[:3]
    assert pipe(video=face_track(), top_k=7) == _shown(whole, {"video": face_track()})
    assert pipe([data[0], data[1]], batch_size=2, top_k=1) == [_shown(whole, row)[:1] for row in (data[0], data[1])]
    assert {one["label"] for one in pipe(data[0], top_k=9)} <= set(model.config.id2label.values())
    assert [one["label"] for one in pipe(data[0], head="er_va")] == ["er_va/valence", "er_va/arousal"]
    with pytest.raises(EmertInputError, match="head 'er9': the model answers er3, er7"):
        pipe(data[0], head="er9")
    given = pipeline("video-classification", model=tiny_model(), processor=processor, device="cpu")
    assert given(data[0]) == _shown(whole, data[0])[:5]
    with pytest.raises(ValueError, match="needs pipeline"):
        pipeline("video-classification", model=tiny_model(), device="cpu")


def test_video_classification_of_other_models_is_transformers_own():
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor
    from transformers.pipelines import VideoClassificationPipeline

    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16}
    other = VideoMAEForVideoClassification(VideoMAEConfig(image_size=32, num_frames=2, **sizes, decoder_hidden_size=16))
    pipe = pipeline("video-classification", model=other, image_processor=VideoMAEImageProcessor(), device="cpu")
    assert isinstance(pipe, VideoClassificationPipeline)
    assert pipe.model is other


def test_lists_of_files_are_clips(data, processor, monkeypatch):
    seen = []

    def load(self, video=None, gaze=None, **kwargs):
        seen.append((video, gaze))
        return from_row(data[0])

    monkeypatch.setattr(EmertProcessor, "load", load)
    pipe = pipeline("emotion-recognition", model=tiny_model(), processor=processor, device="cpu")
    assert len(pipe(video=["a.mp4", "b.mp4"], gaze=["a.csv", None])) == 2
    assert len(pipe(["c.mp4"])) == 1
    assert pipe("d.mp4")["modalities"]
    assert seen == [("a.mp4", "a.csv"), ("b.mp4", None), ("c.mp4", None), ("d.mp4", None)]
    with pytest.raises(EmertInputError, match="one entry for each clip"):
        pipe(video=["a.mp4", "b.mp4"], gaze=["a.csv"])
    with pytest.raises(EmertInputError, match="one entry for each clip"):
        pipe(video=["a.mp4"], gaze="a.csv")
