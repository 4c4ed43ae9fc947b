"""`emert data`: what a user sees. Refusals are one line on stderr, exit code 2, and nothing written."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.generator.writing import write_video
from modeling_emert.columns_emert import COLUMN_NAMES
from modeling_emert.tasks_emert import TASKS
from training.cli import main

GENERATE = ["data", "generate", "--participants", "1", "--stimuli", "2", "--seconds", "1", "--num-workers", "1", "--out"]


def build_arguments(path, out, *more, source="synthetic") -> list[str]:
    return ["data", "build", "--source", source, "--path", str(path), "--out", str(out), "--num-workers", "1", *more]


def files_under(folder) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def change(recordings, recording, column, value) -> None:
    """Sets one cell of `recordings.csv`."""
    table = pd.read_csv(recordings / "recordings.csv", dtype=str, keep_default_na=False)
    table.loc[table["recording_id"] == recording, column] = value
    table.to_csv(recordings / "recordings.csv", index=False)


@pytest.fixture
def refusal(tmp_path, capsys):
    """Runs a command that must be refused and leave everything under `tmp_path` as it is; gives the sentence."""

    def run(arguments) -> str:
        before = files_under(tmp_path)
        capsys.readouterr()
        assert main(arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        sentence = printed.err.splitlines()[-1]
        assert sentence.startswith("emert: ")
        assert "Traceback" not in printed.err
        assert printed.err.count("emert: ") == 1
        assert files_under(tmp_path) == before
        return sentence

    return run


def test_columns_prints_all_39_in_order(capsys):
    assert main(["data", "columns"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == [f"`{name}`" for name in COLUMN_NAMES]
    assert len(rows) == 39


def test_generate_and_build_say_what_to_do_next(tmp_path, few_recordings, capsys):
    assert main([*GENERATE, str(tmp_path / "new"), "--seed", "3"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "new/recordings.csv")) == 2
    out, table = tmp_path / "out", few_recordings / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},emotion", *(f"{row},fear" for row in rows)]) + "\n")
    assert main(build_arguments(few_recordings, out, "--faces", "1")) == 0
    printed = capsys.readouterr().out
    assert "note: columns of recordings.csv that a data set does not take: 'emotion'" in printed
    assert f'load_dataset("{out}", "er3-fold1")' in printed
    assert str(out / "README.md") in printed
    assert pq.read_table(out / "data/p1-s1.parquet", columns=["face_times_ms"]).to_pylist() == [{"face_times_ms": [0.0]}]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("participants", "0"), ("stimuli", "-1"), ("seconds", "0.5"), ("disagreement", "1.5"), ("disagreement", "nan")],
        *[("noise", "-1"), ("seed", "-1")],
    ],
)
def test_generate_refuses_a_wrong_setting_by_name(tmp_path, refusal, option, value):
    assert option in refusal([*GENERATE, str(tmp_path / "new"), f"--{option}", value])


def test_generate_refuses_an_existing_folder_and_one_that_can_not_be_made(tmp_path, refusal):
    assert "already exists" in refusal([*GENERATE, str(tmp_path)])
    (tmp_path / "file").touch()
    assert "can't be written" in refusal([*GENERATE, str(tmp_path / "file/new")])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--faces", "0"], "faces"),
        (["--faces", "-1"], "faces"),
        (["--seed", "-1"], "seed"),
        (["--seed", "99999999999"], "seed"),
    ],
)
def test_build_refuses_a_wrong_setting_by_name(few_recordings, tmp_path, refusal, arguments, part):
    assert part in refusal(build_arguments(few_recordings, tmp_path / "out", *arguments))


def test_build_refuses_an_unknown_source_and_a_folder_that_is_none(few_recordings, tmp_path, refusal):
    assert "known sources: synthetic" in refusal(build_arguments(few_recordings, tmp_path / "out", source="other"))
    assert "no such folder" in refusal(build_arguments(tmp_path / "none", tmp_path / "out"))
    for source in ("synthetic", "uniss_fgd", "ceap_360vr"):
        assert str(tmp_path) in refusal(build_arguments(few_recordings / "gaze", tmp_path / "out", source=source))


@pytest.mark.parametrize(
    ("column", "value", "parts"),
    [
        ("er7", "joy", ("p001-s002", "er7", "'joy'", "happiness, sadness")),
        ("er3", "0", ("p001-s002", "er3", "positive, negative, neutral")),
        ("er_valence", "1.2", ("p001-s002", "er_valence", "1.2", "[-1, 1]")),
        ("fer_intensity", "nan", ("p001-s002", "fer_intensity", "[0, 3]")),
        ("fer_arousal", "high", ("p001-s002", "fer_arousal", "'high'", "number")),
        ("participant", "", ("p001-s002", "participant is empty")),
        ("gaze", "../few.csv", ("p001-s002", "outside the folder")),
        ("video", "videos/none.mp4", ("p001-s002", "does not exist")),
    ],
)
def test_build_names_the_recording_and_the_cell_that_is_wrong(few_recordings, tmp_path, refusal, column, value, parts):
    change(few_recordings, "p001-s002", column, value)
    sentence = refusal(build_arguments(few_recordings, tmp_path / "out"))
    for part in parts:
        assert part in sentence


def test_build_refuses_fewer_than_three_participants(few_recordings, tmp_path, refusal):
    for clip in range(3):
        change(few_recordings, f"p002-s00{clip}", "participant", "p000")
    words = refusal(build_arguments(few_recordings, tmp_path / "out"))
    assert f"{few_recordings}: train, validation and test need at least 3 participants, found " in words
    assert "; add recordings of others" in words


def test_unreadable_recordings_are_all_named_and_nothing_appears(few_recordings, tmp_path, capsys):
    (few_recordings / "gaze/p000-s001.csv").write_text("no table at all")
    (few_recordings / "videos/p002-s000.mp4").write_bytes(b"no video")
    (few_recordings / "gaze/p001-s001.csv").write_bytes(b"")
    assert main(build_arguments(few_recordings, tmp_path / "out")) == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    for part in ("3 recordings can't be read", "p000-s001: ", "p002-s000: ", "p001-s001: "):
        assert part in sentence
    assert not (tmp_path / "out").exists()


def test_a_mended_recording_lets_the_build_go_on(few_recordings, tmp_path):
    gaze = few_recordings / "gaze/p000-s001.csv"
    content = gaze.read_bytes()
    gaze.write_text("no table at all")
    assert main(build_arguments(few_recordings, tmp_path / "out")) == 2
    gaze.write_bytes(content)
    assert main(build_arguments(few_recordings, tmp_path / "out")) == 0
    assert len(EmertData.open(tmp_path / "out")) == 9


def test_what_out_holds_is_refused_before_anything_is_written(few_recordings, tmp_path, refusal):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    assert "already holds something" in refusal(build_arguments(few_recordings, tmp_path / "out"))
    assert "already holds something" in refusal(build_arguments(few_recordings, tmp_path / "out/mine.txt"))
    assert "can't be written" in refusal(build_arguments(few_recordings, tmp_path / "out/mine.txt/new"))


def test_an_empty_out_is_taken(few_recordings, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    assert main(build_arguments(few_recordings, ".", "--faces", "1")) == 0
    assert (tmp_path / "out/README.md").is_file()


def test_overwrite_replaces_a_data_set_and_load_dataset_gives_the_new_one(few_recordings, tmp_path, cache):
    out = tmp_path / "out"
    assert main(build_arguments(few_recordings, out)) == 0
    for new in ("sadness", "anger"):
        change(few_recordings, "p000-s000", "er7", new)
        assert main(build_arguments(few_recordings, out, "--overwrite")) == 0
        rows = load_dataset(str(out), "all", split="train", cache_dir=cache).select_columns(["recording_id", "er7"])
        assert {"recording_id": "p000-s000", "er7": TASKS["er7"].labels.index(new)} in list(rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few", "out"]


@pytest.mark.slow
def test_another_data_set_in_a_folder_of_the_same_name_is_not_taken_for_this_one(few_recordings, tmp_path, cache):
    """`datasets` keeps what it has loaded under the last name of the folder."""
    for new in ("sadness", "anger"):
        change(few_recordings, "p000-s000", "er7", new)
        folder = tmp_path / new / "dataset"
        assert main(build_arguments(few_recordings, folder, "--faces", "1")) == 0
        for config in ("all", "er7-fold1"):
            data = load_dataset(str(folder), config, cache_dir=cache)
            rows = [row for part in data.values() for row in part.select_columns(["recording_id", "er7"])]
            assert {"recording_id": "p000-s000", "er7": TASKS["er7"].labels.index(new)} in rows


def test_a_failing_build_with_overwrite_leaves_the_old_data_set(few_recordings, tmp_path):
    out = tmp_path / "out"
    assert main(build_arguments(few_recordings, out)) == 0
    before = files_under(out)
    (few_recordings / "gaze/p000-s001.csv").write_text("no table at all")
    assert main(build_arguments(few_recordings, out, "--overwrite")) == 2
    assert files_under(out) == before


def test_overwrite_never_replaces_the_recordings_or_what_is_no_data_set(few_recordings, tmp_path, refusal):
    for out in (few_recordings, tmp_path):
        assert "holds the recordings" in refusal(build_arguments(few_recordings, out, "--overwrite"))
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/mine.txt").write_text("mine")
    for out in (few_recordings / "videos", tmp_path / "papers"):
        assert "something else than a data set" in refusal(build_arguments(few_recordings, out, "--overwrite"))
    assert main(build_arguments(few_recordings, tmp_path / "data")) == 0
    (tmp_path / "data/notes.txt").write_text("mine")
    assert "holds notes.txt" in refusal(build_arguments(few_recordings, tmp_path / "data", "--overwrite"))


def test_recordings_that_lack_a_part_are_kept_and_noted(few_recordings, tmp_path):
    write_video(few_recordings / "videos/p000-s000.mp4", np.full((2, 96, 96, 3), 90, np.uint8), 2)  # nobody in the picture
    write_video(few_recordings / "videos/p001-s001.mp4", np.full((2, 96, 96, 3), 90, np.uint8), 2)
    change(few_recordings, "p001-s001", "gaze", "")
    change(few_recordings, "p002-s002", "gaze", "")
    change(few_recordings, "p002-s001", "video", "")
    assert main(build_arguments(few_recordings, tmp_path / "out")) == 0
    data = EmertData.open(tmp_path / "out")
    parts = {name: data.recording(row) for row, name in enumerate(data.ids["recording_id"])}
    assert len(parts) == 8
    assert {name for name, one in parts.items() if one.face is None} == {"p000-s000", "p002-s001"}
    assert {name for name, one in parts.items() if one.gaze is None} == {"p002-s002"}
    notes = (tmp_path / "out/README.md").read_text().split("## Left out when it was built")[1]
    assert "p000-s000: no face was found in p000-s000.mp4" in notes
    assert "p001-s001: neither a face nor" in notes
    assert "p002" not in notes


def test_a_source_of_which_nothing_can_be_used_is_refused(few_recordings, tmp_path, capsys):
    table = pd.read_csv(few_recordings / "recordings.csv", dtype=str, keep_default_na=False)
    table.assign(gaze="", video="").to_csv(few_recordings / "recordings.csv", index=False)
    shutil.rmtree(few_recordings / "videos")
    assert main(build_arguments(few_recordings, tmp_path / "out")) == 2
    assert "no recording has anything that can be used" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
