"""Source `folder`: a user's own recordings with a table and, beside it, what is known of them."""

import shutil

import numpy as np
import pytest
from places import ROOT

from dataset_scripts.build.build import build
from dataset_scripts.dataset.reader import EmertData
from dataset_scripts.sources import SOURCES, find_source, open_source
from dataset_scripts.sources.tables import check_columns, known_columns
from modeling_emert.columns_emert import COLUMN_INDEX
from modeling_emert.errors_emert import EmertInputError
from training.cli import main

OWN_CSV = "time_ms,gaze_x,gaze_y\n0,0.1,0.2\n10,0.2,0.2\n20,0.3,0.2\n"
STUDIO = "ParticipantName,MediaName,RecordingResolution,RecordingTimestamp,GazePointX(ADCSpx),GazePointY(ADCSpx)\n"
DESCRIBED = """
name: reading_study
licence: CC-BY-4.0
redistributable: true
citation: Doe 2025
collection: Some people read.
lacks: It has no faces.
surprise_polarity: positive
big_five_range: [1, 5]
"""


@pytest.fixture
def folder(tmp_path):
    """Three people, two stimuli, one gaze file each; labels of er3 and er_va; openness 1..5."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "g.csv").write_text(OWN_CSV)
    rows = [f"p{p}-s{s},p{p},s{s},,g.csv,positive,0.{s},{p}" for p in (1, 2, 3) for s in (1, 2)]
    (path / "recordings.csv").write_text(
        "\n".join(["recording_id,participant,stimulus,video,gaze,er3,er_valence,openness", *rows]) + "\n"
    )
    (path / "source.yaml").write_text(DESCRIBED)
    return path


def rewrite(folder, text, new):
    table = folder / "recordings.csv"
    assert text in table.read_text()
    table.write_text(table.read_text().replace(text, new))


def test_columns_that_the_files_hold_wrongly_are_left_out(folder):
    source = open_source("folder", folder)
    entry = source.entries()[0]
    before = source.believed_gaze(entry).eye_movements
    (folder / "source.yaml").write_text(f"{DESCRIBED}leave_out: [gaze_y]\n")
    after = open_source("folder", folder).believed_gaze(entry).eye_movements
    column = COLUMN_INDEX["gaze_y"]
    assert np.isfinite(before[:, column]).all()
    assert np.isnan(after[:, column]).all()
    np.testing.assert_array_equal(np.delete(after, column, 1), np.delete(before, column, 1))
    (folder / "source.yaml").write_text(f"{DESCRIBED}leave_out: [gaze_z]\n")
    with pytest.raises(EmertInputError, match="leave_out"):
        open_source("folder", folder)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_another_separator_is_named(folder, mark):
    table = folder / "recordings.csv"
    table.write_text(table.read_text().replace(",", mark))
    with pytest.raises(EmertInputError, match=r"recordings.csv.*separated by .* save it as CSV with commas"):
        open_source("folder", folder)


def test_it_builds_under_the_users_own_name_and_terms(folder, tmp_path):
    data = EmertData.open(build(open_source("folder", folder), tmp_path / "out", num_workers=1))
    told = data.metadata
    assert (told.source, told.licence, told.redistributable) == ("reading_study", "CC-BY-4.0", True)
    assert (told.citation, told.collection, told.lacks) == ("Doe 2025", "Some people read.", "It has no faces.")
    assert (told.tasks, told.surprise_polarity) == (("er3", "er_va"), "positive")
    shares = dict(zip(data.ids["recording_id"], data.table["openness"].to_pylist(), strict=True))
    assert shares["p1-s1"] == 0
    assert shares["p3-s2"] == 0.5
    assert data.recording(0).gaze.times_ms.tolist() == [0, 10, 20]


def test_columns_that_are_not_read_are_named_in_the_data_set_and_not_in_it(folder, tmp_path):
    table = folder / "recordings.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{header},diagnosis", *(f"{row},secret-{n}" for n, row in enumerate(rows))]) + "\n")
    out = build(open_source("folder", folder), tmp_path / "out", num_workers=1)
    data = EmertData.open(out)
    assert data.metadata.notes[0] == "columns of recordings.csv that a data set does not take: 'diagnosis'"
    assert data.metadata.notes[0] in (out / "README.md").read_text()
    assert "diagnosis" not in data.table.column_names
    assert "secret" not in str(data.table.to_pylist())
    assert not any(b"secret" in file.read_bytes() for file in out.rglob("*") if file.is_file())


def test_without_a_description_nothing_may_be_published(folder):
    (folder / "source.yaml").unlink()
    rewrite(folder, ",openness", ",stimulus_frame")
    rewrite(folder, "positive,0.1,1", "positive,0.1,")
    source = open_source("folder", folder)
    assert (source.name, source.licence, source.redistributable) == ("folder", "not stated", False)


def test_contradicting_labels_are_kept_and_noted(folder, tmp_path):
    rewrite(folder, "er_valence,openness", "er7,openness")
    for stimulus in (1, 2):
        rewrite(folder, f"positive,0.{stimulus},", "positive,fear," if stimulus == 1 else "positive,surprise,")
    data = EmertData.open(build(open_source("folder", folder), tmp_path / "out", num_workers=1))
    assert len(data) == 6
    notes = " ".join(data.metadata.notes)
    assert all(f"p{person}-s1: er3 is positive where er7 is fear" in notes for person in (1, 2, 3))
    assert "s2" not in notes


def test_all_mistakes_of_the_description_come_at_once(folder):
    (folder / "source.yaml").write_text(
        "name: my study\nlicense: MIT\nredistributable: maybe\nbig_five_range: [5, 1]\nlacks: 3\n"
    )
    with pytest.raises(EmertInputError) as caught:
        open_source("folder", folder)
    for part in (
        "source.yaml has 5 ",
        "name is 'my study'",
        "unknown key license ('MIT'); did you mean licence?",
        "redistributable is 'maybe'",
        "big_five_range",
        "lacks",
    ):
        assert part in str(caught.value)


def test_a_table_without_labels_is_refused(folder):
    rewrite(folder, "er3,er_valence,openness", "gaze_participant,gaze_stimulus,stimulus_emotion")
    with pytest.raises(EmertInputError, match="no column of labels; add at least one of er3, er7"):
        open_source("folder", folder)


@pytest.fixture
def shared(folder):
    """One gaze file for all, in which the people are called A1, A2, A3; p1 alone is named in the table."""
    rows = [f"A{p},s{s},100x100,{time},{10 * p + s},50" for p in (1, 2, 3) for s in (1, 2) for time in (0, 10)]
    (folder / "g.csv").write_text(STUDIO + "\n".join(rows) + "\n")
    rewrite(folder, "er_valence,openness", "gaze_participant,er_valence")
    for person in (1, 2, 3):
        for stimulus in (1, 2):
            rewrite(folder, f"positive,0.{stimulus},{person}\n", f"positive,{f'A{person}' if person == 1 else ''},0.5\n")
    return folder


def test_of_several_recordings_in_a_file_the_one_is_taken_that_the_columns_name(shared):
    source = open_source("folder", shared)
    entries = {entry.recording_id: entry for entry in source.entries()}
    for stimulus in (1, 2):
        gaze = source.load_gaze(entries[f"p1-s{stimulus}"])
        assert gaze.column("gaze_x").tolist() == pytest.approx([0.1 + stimulus / 100] * 2)
    with pytest.raises(EmertInputError, match=r"no participant 'p2'; it has A1, A2, A3; give one as gaze_participant in"):
        source.load_gaze(entries["p2-s1"])


def test_the_page_names_the_tables_columns():
    page = (ROOT / "docs" / "your_data.md").read_text()
    assert check_columns(page.partition("```csv\n")[2].splitlines()[0].split(",")) == []
    assert all(f"`{name}`" in page for name in known_columns())


def test_the_table_names_a_stimulus_without_the_ending_of_its_file(shared):
    file = shared / "g.csv"
    file.write_text(file.read_text().replace(",s1,", ",s1.mp4,").replace(",s2,", ",film.mp4,"))
    source = open_source("folder", shared)
    entries = {entry.recording_id: entry for entry in source.entries()}
    assert source.load_gaze(entries["p1-s1"]).stimulus == "s1.mp4"
    with pytest.raises(EmertInputError, match=r"no recording of .*'A1' of stimulus 's2'.*#2 film.mp4 give.*gaze_stimulus in"):
        source.load_gaze(entries["p1-s2"])


def test_where_a_file_knows_no_participants_the_stimulus_decides(shared):
    file = shared / "g.csv"
    lines = [line for line in file.read_text().splitlines() if line.startswith(("ParticipantName", "A1"))]
    file.write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    source = open_source("folder", shared)
    entry = next(entry for entry in source.entries() if entry.recording_id == "p2-s2")
    assert source.load_gaze(entry).column("gaze_x").tolist() == pytest.approx([0.12, 0.12])


def test_another_description_may_be_given(folder, tmp_path):
    other = shutil.move(folder / "source.yaml", tmp_path / "other.yaml")
    assert open_source("folder", folder, other).name == "reading_study"


def test_the_command_takes_a_mapping_and_refuses_it_for_sources_that_know(folder, tmp_path, capsys):
    other = shutil.move(folder / "source.yaml", tmp_path / "other.yaml")
    arguments = ["data", "build", "--path", str(folder), "--mapping", str(other), "--num-workers", "1"]
    arguments += ["--out", str(tmp_path / "out")]
    assert main([*arguments, "--source", "uniss_fgd"]) == 2
    assert "takes no mapping file" in capsys.readouterr().err
    assert main([*arguments, "--source", "folder"]) == 0
    assert EmertData.open(tmp_path / "out").metadata.source == "reading_study"


def test_every_source_is_printed_with_its_licence_and_what_it_lacks(capsys):
    assert main(["data", "sources"]) == 0
    printed = capsys.readouterr().out
    for source in map(find_source, SOURCES):
        for part in (f"{source.name}: ", source.licence, source.lacks):
            assert part in printed
    with pytest.raises(SystemExit):
        main(["data", "build", "--help"])
    helped = " ".join(capsys.readouterr().out.split())
    assert all(name in helped for name in SOURCES)
