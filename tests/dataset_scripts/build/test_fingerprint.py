"""What a build is made of: the same on every machine, and another one where a recording or a setting is another."""

import shutil
from dataclasses import replace

from dataset_scripts.build.fingerprint import take_fingerprint
from dataset_scripts.sources import open_source


def test_the_identity_is_that_of_the_recordings_wherever_they_lie(few_recordings, tmp_path):
    other = shutil.copytree(few_recordings, tmp_path / "elsewhere/under/another/name", copy_function=shutil.copy)

    def of(path, faces=1, seed=0):
        source = open_source("synthetic", path)
        return take_fingerprint(source, source.entries(), faces, seed)

    here, there = of(few_recordings), of(other)
    assert here.content == there.content
    assert here.freshness != there.freshness
    assert of(few_recordings, seed=1).content != here.content
    gaze = sorted((other / "gaze").iterdir())
    gaze[0].write_text(gaze[0].read_text() + "\n")
    assert of(other).content != here.content


def test_a_folder_of_frames_counts_with_all_that_is_in_it(few_recordings):
    frames = few_recordings / "frames"
    frames.mkdir()
    (frames / "1.jpg").write_bytes(b"one")
    source = open_source("synthetic", few_recordings)
    entries = [replace(entry, video=frames) for entry in source.entries()]
    before = take_fingerprint(source, entries, 1, 0)
    assert take_fingerprint(source, entries, 1, 0) == before
    (frames / "2.jpg").write_bytes(b"two")
    assert take_fingerprint(source, entries, 1, 0).content != before.content
