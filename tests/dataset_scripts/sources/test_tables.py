"""`recordings.csv`: what is taken, and the sentences for what is not."""

import pytest

from dataset_scripts.sources import open_source
from dataset_scripts.sources.tables import check_columns, note_unread_columns, read_recordings_table
from modeling_emert.errors_emert import EmertInputError
from modeling_emert.tasks_emert import EMER_TASKS

HEADER = "recording_id,participant,stimulus,video,gaze,er7,er_valence"
ROWS = ["b,p1,s1,v.mp4,g.csv,fear,-0.5", "a,p2,s1,,g.csv,,"]


@pytest.fixture
def table(tmp_path):
    """Writes the lines of a table, with the two files that its rows name, and gives its path."""

    def write(*lines, encoding="utf-8"):
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for name in ("v.mp4", "g.csv"):
            (folder / name).write_text("something")
        (folder / "recordings.csv").write_text("\n".join(lines) + "\n" if lines else "", encoding=encoding)
        return folder / "recordings.csv"

    return write


def refusal(path, *parts) -> None:
    """Refused in one line that names the file and these parts."""
    with pytest.raises(EmertInputError) as caught:
        read_recordings_table(path, EMER_TASKS)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *parts):
        assert part in message


def test_a_table_gives_its_entries_sorted_by_id(table):
    path = table(HEADER, *ROWS)
    first, second = read_recordings_table(path, EMER_TASKS)
    assert (first.recording_id, first.participant, first.stimulus, first.video) == ("a", "p2", "s1", None)
    assert first.labels == {}
    assert second.labels == {"er7": "fear", "er_valence": -0.5}
    assert second.video == path.parent / "v.mp4"
    assert second.location == (str(path.parent / "g.csv"), "", "")


def test_names_are_text_as_they_stand_in_the_file(table):
    path = table(HEADER, "007,010,NA,,g.csv,,", "1e3,null,00,,g.csv,,")
    entries = read_recordings_table(path, EMER_TASKS)
    assert [(one.recording_id, one.participant, one.stimulus) for one in entries] == [
        ("007", "010", "NA"),
        ("1e3", "null", "00"),
    ]


def test_labels_of_other_tasks_are_not_read(table):
    (entry,) = read_recordings_table(table(HEADER, ROWS[0]), ("er_va",))
    assert entry.labels == {"er_valence": -0.5}


def test_spaces_around_a_name_make_no_other_person(table):
    path = table(HEADER, "a,p1,s1,,g.csv,,", "b,p1 ,  s1,,g.csv,,")
    assert {(entry.participant, entry.stimulus) for entry in read_recordings_table(path, EMER_TASKS)} == {("p1", "s1")}


@pytest.mark.parametrize("column", ["recording_id", "participant", "stimulus"])
def test_a_missing_column_is_named_with_those_that_are_there(table, column):
    refusal(table(HEADER.replace(column, "other"), *ROWS), f"column {column} is missing", "other", "er_valence")


def test_a_table_without_any_file_is_refused_and_one_kind_of_files_is_enough(table):
    refusal(table("recording_id,participant,stimulus", "a,p1,s1"), "neither a column video nor gaze")
    path = table("recording_id;participant;stimulus;gaze", "a;p1;s1;g.csv")
    (entry,) = read_recordings_table(path, EMER_TASKS)
    assert (entry.video, entry.location[0]) == (None, str(path.parent / "g.csv"))


def test_an_id_that_comes_twice_is_named(table):
    refusal(table(HEADER, *ROWS, "b,p3,s2,,g.csv,,"), "'b' comes twice")


@pytest.mark.parametrize("name", ["a/b", "../a", "a b", "", "ä", "a.b"])
def test_an_id_with_other_characters_is_named(table, name):
    refusal(table(HEADER, f"{name},p1,s1,,g.csv,,"), repr(name), "only letters")


@pytest.mark.parametrize(("row", "column"), [("a,,s1,,g.csv,,", "participant"), ("a,p1,  ,,g.csv,,", "stimulus")])
def test_an_empty_participant_or_stimulus_is_refused_since_splits_need_it(table, row, column):
    refusal(table(HEADER, ROWS[0], row), "recording a", f"{column} is empty")


@pytest.mark.parametrize("name", ["../outside.csv", "folder/../../outside.csv", "/etc/passwd", "link.csv"])
@pytest.mark.parametrize("kind", ["video", "gaze"])
def test_a_file_outside_the_folder_is_refused(table, tmp_path, name, kind):
    (tmp_path / "outside.csv").write_text("secret")
    files = f"{name}," if kind == "video" else f",{name}"
    path = table(HEADER, f"a,p1,s1,{files},,")
    (path.parent / "link.csv").symlink_to(tmp_path / "outside.csv")
    refusal(
        path,
        "a: ",
        f"{kind} '{name}'",
        "outside the folder" + (": it is a link that leads outside of it; put" if "link" in name else ";"),
    )


def test_a_linked_folder_outside_is_said_once_with_its_place_and_remedy(table, tmp_path):
    elsewhere = tmp_path / "other disk"
    elsewhere.mkdir()
    rows = [f"r{number},p{number},s1,videos/P{number:02}.mp4,,," for number in range(12)]
    for number in range(12):
        (elsewhere / f"P{number:02}.mp4").write_text("video")
    path = table(HEADER, *rows)
    (path.parent / "videos").symlink_to(elsewhere, target_is_directory=True)
    refusal(
        path,
        "12 errors: line 2: r0: video 'videos/P00.mp4' lies outside the folder: 'videos' is a link that leads to "
        f"'{elsewhere}', outside of it; put the files themselves or hard links there, or give as --path the folder that holds "
        "them all [12 times, also line 3: r1 ('videos/P01.mp4'), line 4: r2 ('videos/P02.mp4')]; correct the table",
    )


def test_a_link_that_stays_in_the_folder_is_followed(table):
    path = table(HEADER, "a,p1,s1,,link.csv,,")
    (path.parent / "link.csv").symlink_to(path.parent / "g.csv")
    (entry,) = read_recordings_table(path, EMER_TASKS)
    assert entry.location == (str(path.parent / "g.csv"), "", "")


@pytest.mark.parametrize("name", ["none.csv", "x" * 300, "a\0b", "."])
def test_a_file_that_is_not_there_is_named(table, name):
    refusal(table(HEADER, f"a,p1,s1,,{name},,"), "a: gaze", "does not exist")


@pytest.mark.parametrize(
    ("lines", "encoding"), [((), "utf-8"), ((HEADER, '"open'), "utf-8"), ((HEADER, "ä"), "latin-1"), ((HEADER,), "utf-16")]
)
def test_a_file_that_is_no_table_is_refused(table, lines, encoding):
    refusal(table(*lines, encoding=encoding))


def test_rows_with_more_cells_than_columns_are_refused(table):
    """pandas would take the first column for an index and move all names by one."""
    refusal(table(HEADER, *(row + "," for row in ROWS)))


def test_a_row_cut_short_is_refused_by_its_line_and_not_read_as_one_without_labels(table):
    refusal(table(HEADER, ROWS[0], "c,p3,s1,,g.csv", "", "d,p3,s2,,g.csv,,"), "line 3: 5 cells, where the header has 7")


def test_all_mistakes_of_a_table_come_at_once(table):
    rows = [f"id {number},,s1,none.mp4,g.csv,," for number in range(5)]
    parts = (
        "line 2: recording_id 'id 0'",
        "[5 times, also line 3 ('id 1'), line 4 ('id 2')]",
        "line 2: id 0: video 'none.mp4'",
    )
    refusal(table(HEADER, *rows), "15 errors", *parts, "line 2: recording id 0: participant is empty")


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("er_7", "er7"),
        ("ER7", "er7"),
        ("Gaze", "gaze"),
        ("er valence", "er_valence"),
        ("Openness", "openness"),
        ("arousal", "er_arousal"),
        ("extroversion", "extraversion"),
        ("Images", "image"),
    ],
)
def test_a_column_that_looks_like_a_known_one_is_refused_since_it_may_be_a_label(table, column, meant):
    path = table(f"{HEADER},{column}", "a,p1,s1,,g.csv,,,fear")
    refusal(path, f"column {column!r} is unknown (did you mean {meant!r}?)")
    refusal(table(HEADER.replace("participant", "partcipant"), *ROWS), "'partcipant' is unknown (did you mean 'participant'?)")


def test_other_columns_are_not_read_and_are_named(table):
    others = ["age", "notes", "trial_order", "participant_age", "stimulus_id", "session", "label", "gender", "valence", ""]
    columns = [*HEADER.split(","), *others, "", "age"]
    assert check_columns(columns) == []
    (note,) = note_unread_columns(columns)
    assert note.endswith("does not take: " + ", ".join(map(repr, others)))
    assert note_unread_columns(HEADER.split(",")) == ()
    entries = read_recordings_table(table(f"{HEADER},age,notes", *(f"{row},41,secret" for row in ROWS)), EMER_TASKS)
    assert entries == read_recordings_table(table(HEADER, *ROWS), EMER_TASKS)


def test_context_columns_are_read_in_shares_of_the_scale(table):
    path = table(f"{HEADER},openness,neuroticism,stimulus_emotion,stimulus_frame", "a,p1,s1,,g.csv,,,5,2,fear,v.mp4")
    (entry,) = read_recordings_table(path, EMER_TASKS, big_five_range=(1, 5))
    assert entry.context == {"openness": 1.0, "neuroticism": 0.25, "stimulus_emotion": "fear"}
    assert entry.stimulus_frame == path.parent / "v.mp4"
    refusal(path, "line 2: openness is '5', where a number in [0, 1]", "neuroticism is '2'")


@pytest.mark.parametrize("emotion", ["joy", "Fear", "3"])
def test_an_unknown_stimulus_emotion_is_named(table, emotion):
    refusal(table(f"{HEADER},stimulus_emotion", f"a,p1,s1,,g.csv,,,{emotion}"), f"stimulus_emotion is {emotion!r}", "happiness")


def test_a_folder_that_was_not_generated_is_refused_with_the_command_that_helps(tmp_path):
    with pytest.raises(EmertInputError, match=r"settings.json is missing.*emert data generate"):
        open_source("synthetic", tmp_path).entries()


def test_settings_without_a_table_are_refused(tmp_path):
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(EmertInputError, match=r"recordings.csv: no such file"):
        open_source("synthetic", tmp_path).entries()


def test_an_unknown_source_and_an_absent_folder_are_named(tmp_path):
    with pytest.raises(EmertInputError, match=r"unknown source 'other'; known sources: synthetic, folder, emer"):
        open_source("other", tmp_path)
    with pytest.raises(EmertInputError, match=r"none: no such folder"):
        open_source("synthetic", tmp_path / "none")
